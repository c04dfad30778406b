"""Several distortions one after another."""

from collections.abc import Sequence

import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import Distortion

PIXELS_A_PIECE = 2_500_000
"""On a CPU: a piece of a batch, as a tensor, stays below 32 MB, up to which the C library keeps freed memory. Above
it every stage would pay for the pages of its result again, which costs as much as the stage itself."""


def distort_in_turn(
    images: Images, steps: Sequence[tuple[Distortion, Tensor]], seeds: Sequence[int]
) -> Images:
    """Apply the distortions in their order, all images of the batch under the same random fields.

    Args:
        images: [batch, 3, H, W]; may be an expanded view of one image. Not written to.
        steps: distortions with their levels [batch], in the catalogue's units.
        seeds: of each step's random field.

    Raises:
        ConfigError: a level outside the range of its distortion.
    """
    piece = len(images)
    if images.device.type == "cpu":
        piece = max(1, PIXELS_A_PIECE // (images.shape[-2] * images.shape[-1]))
    if piece >= len(images):
        return _in_turn(images, steps, seeds)
    result = torch.empty(images.shape, dtype=images.dtype)
    for start in range(0, len(images), piece):
        part = slice(start, start + piece)
        result[part] = _in_turn(images[part], [(d, level[part]) for d, level in steps], seeds)
    return result


def _in_turn(images: Images, steps: Sequence[tuple[Distortion, Tensor]], seeds: Sequence[int]) -> Images:
    for (distortion, level), seed in zip(steps, seeds, strict=True):
        images = distortion(images, level, torch.Generator().manual_seed(seed), shared=True)
    return images
