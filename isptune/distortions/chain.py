"""Several distortions one after another."""

from collections.abc import Sequence

import torch
from torch import Tensor

from isptune.arrays import Images, OtherImages
from isptune.distortions.catalogue import Distortion
from isptune.distortions.draws import Draws
from isptune.distortions.frame_fields import Window

PIXELS_A_PIECE = 2_500_000
"""On a CPU: a piece of a batch, as a tensor, stays below 32 MB, up to which the C library keeps freed memory. Above
it every stage would pay for the pages of its result again, which costs as much as the stage itself."""


def distort_in_turn(
    images: Images,
    steps: Sequence[tuple[Distortion, Tensor]],
    seeds: Sequence[int],
    sample: OtherImages | None = None,
    window: Window | None = None,
) -> Images:
    """Apply the distortions in their order, all images of the batch under the same random fields.

    Args:
        images: [batch, 3, H, W]; may be an expanded view of one image. Not written to.
        steps: distortions with their levels [batch], in the catalogue's units.
        seeds: of each step's random field.
        sample: [1, 3, h, w], a small image that goes through the same steps, and from which what they take from all of
            an image is taken; None for the images themselves.
        window: where the images lie in a larger frame, whose random fields they see.

    Raises:
        ConfigError: a level outside the range of its distortion.
    """
    piece = len(images)
    if images.device.type == "cpu":
        piece = max(1, PIXELS_A_PIECE // (images.shape[-2] * images.shape[-1]))
    statistics = [None] * len(steps) if sample is None else _statistics(sample, steps, seeds)
    if piece >= len(images):
        return _in_turn(images, steps, seeds, statistics, window)
    result = torch.empty(images.shape, dtype=images.dtype)
    for start in range(0, len(images), piece):
        part = slice(start, start + piece)
        own = [(d, level[part]) for d, level in steps]
        taken = [None if one is None else one[part] for one in statistics]
        result[part] = _in_turn(images[part], own, seeds, taken, window)
    return result


def _in_turn(
    images: Images,
    steps: Sequence[tuple[Distortion, Tensor]],
    seeds: Sequence[int],
    statistics: Sequence[Tensor | None],
    window: Window | None,
) -> Images:
    for (distortion, level), seed, statistic in zip(steps, seeds, statistics, strict=True):
        draws = Draws([torch.Generator().manual_seed(seed)], len(images), window)
        images = distortion(images, level, draws, statistic=statistic)
    return images


def _statistics(
    sample: OtherImages, steps: Sequence[tuple[Distortion, Tensor]], seeds: Sequence[int]
) -> list[Tensor | None]:
    """For each step what it takes from all of an image, [batch, ...], from a sample; None where that is nothing."""
    found: list[Tensor | None] = [None] * len(steps)
    taking = [place for place, (distortion, _) in enumerate(steps) if distortion.statistic is not None]
    images = sample.expand(len(steps[0][1]), -1, -1, -1)
    for place in range(max(taking, default=-1) + 1):
        distortion, level = steps[place]
        if distortion.statistic is not None:
            found[place] = distortion.statistic(images)
        images = distortion(images, level, torch.Generator().manual_seed(seeds[place]), shared=True)
    return found
