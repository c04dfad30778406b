"""Steps at the borders of JPEG's blocks.

Source: Wang, Sheikh and Bovik 2002, No-reference perceptual quality assessment of JPEG compressed images,
doi:10.1109/ICIP.2002.1038064 (B of equation 1 and A of equation 2, up to their weights); the ratio is ours.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.no_reference.cells import JPEG_BLOCK
from objectives.no_reference.objective import NoReference, luma_levels
from objectives.options import refuse_argument

BLOCKINESS_FLOOR = 1.0
"""Levels of 255 added to the mean differences, so that a flat image has a blockiness of 0 and not 0/0."""


def blockiness(argument: str | None = None) -> NoReference:
    """How much larger the steps between 8x8 blocks are than those within: (B - A) / (B + A + 1).

    B is the mean absolute difference of luma across the borders of blocks, A that of all other neighbours,
    in levels of 255, both directions. Near 0 without blocks, towards 1 where only the borders are left. The
    blocks are taken to begin in the upper left corner: a cropped or resized JPEG is not seen.
    """
    refuse_argument("blockiness", argument)
    return NoReference(
        name="blockiness",
        facts=ObjectiveFacts(
            direction="minimize",
            by_regions=True,
            range=(-1.0, 1.0),
            unit="ratio",
            source="after Wang, Sheikh and Bovik 2002, No-reference perceptual quality assessment of JPEG "
            "compressed images, doi:10.1109/ICIP.2002.1038064",
        ),
        score_portion=_score,
        smallest_side=2 * JPEG_BLOCK,
    )


def _score(images: Images) -> Scores:
    luma = luma_levels(images)
    across = (luma[:, :, 1:] - luma[:, :, :-1]).abs_().mean(1)
    down = (luma[:, 1:, :] - luma[:, :-1, :]).abs_().mean(2)
    (border_across, within_across), (border_down, within_down) = map(_at_borders_and_within, (across, down))
    b, a = (border_across + border_down) / 2, (within_across + within_down) / 2
    return (b - a) / (b + a + BLOCKINESS_FLOOR)


def _at_borders_and_within(
    differences: Float[Tensor, "batch places"],
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Mean differences at every eighth place, between blocks, and at the places between."""
    at_border = torch.arange(differences.shape[1], device=differences.device) % JPEG_BLOCK == JPEG_BLOCK - 1
    return differences[:, at_border].mean(1), differences[:, ~at_border].mean(1)
