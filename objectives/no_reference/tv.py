"""Total variation.

Source: Rudin, Osher and Fatemi 1992, Nonlinear total variation based noise removal algorithms,
doi:10.1016/0167-2789(92)90242-F.
"""

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.no_reference.objective import NoReference
from objectives.options import refuse_argument


def tv(argument: str | None = None) -> NoReference:
    """Mean absolute difference between horizontal and between vertical neighbours, added, over RGB.

    The anisotropic form, for images in [0, 1]: a ramp that rises by s a pixel has s.
    """
    refuse_argument("tv", argument)
    return NoReference(
        name="tv",
        facts=ObjectiveFacts(
            direction="minimize",
            by_regions=True,
            range=(0.0, 2.0),
            unit="mean absolute difference of neighbours, [0, 1] images",
            source="Rudin, Osher and Fatemi 1992, Nonlinear total variation based noise removal algorithms, "
            "doi:10.1016/0167-2789(92)90242-F",
        ),
        score_portion=_score,
    )


def _score(images: Images) -> Scores:
    across = (images[..., 1:] - images[..., :-1]).abs_().mean((1, 2, 3))
    down = (images[..., 1:, :] - images[..., :-1, :]).abs_().mean((1, 2, 3))
    return across + down
