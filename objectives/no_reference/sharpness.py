"""Sharpness as the variance of the Laplacian.

Source: Pech-Pacheco, Cristóbal, Chamorro-Martínez and Fernández-Valdivia 2000, Diatom autofocusing in brightfield
microscopy: a comparative study, doi:10.1109/ICPR.2000.903548.
"""

import torch

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.no_reference.objective import NoReference, luma_levels
from objectives.options import refuse_argument


def sharpness(argument: str | None = None) -> NoReference:
    """Variance of the Laplacian of luma, on the scale 0 to 255.

    The four-neighbour Laplacian with the border mirrored about the outer pixels. Noise counts as sharpness.
    """
    refuse_argument("sharpness", argument)
    return NoReference(
        name="sharpness",
        facts=ObjectiveFacts(
            direction="maximize",
            by_regions=True,
            range=(0.0, (4 * 255.0) ** 2),
            unit="levels^2 of 255",
            source="Pech-Pacheco, Cristóbal, Chamorro-Martínez and Fernández-Valdivia 2000, Diatom "
            "autofocusing in brightfield microscopy: a comparative study, doi:10.1109/ICPR.2000.903548",
        ),
        score_portion=_score,
    )


def _score(images: Images) -> Scores:
    luma = luma_levels(images)
    padded = torch.nn.functional.pad(luma.unsqueeze(1), (1, 1, 1, 1), mode="reflect")[:, 0]
    laplacian = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    laplacian += padded[:, :-2, 1:-1]
    laplacian += padded[:, 2:, 1:-1]
    laplacian.sub_(luma, alpha=4)
    return laplacian.var((1, 2), correction=0)
