"""What a person with a simple taste looks at: plain measurements of pictures, for synthetic tastes.

Tastes are trained on over the first five. The last two, `HELD_OUT`, are for experiments alone.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from isptune.arrays import Images, Scores
from isptune.scenes.color import luma

FLOOR = 1e-3
"""Added before logarithms: a quarter of a level of 255."""


def sharpness(images: Images) -> Scores:
    """Logarithm of the mean magnitude of luma's differences at a distance of two pixels, after a mean of 2x2."""
    smooth = functional.avg_pool2d(luma(images), 2, 1)
    across = (smooth[..., 2:] - smooth[..., :-2]).abs().mean((1, 2, 3))
    down = (smooth[..., 2:, :] - smooth[..., :-2, :]).abs().mean((1, 2, 3))
    return (across + down + FLOOR).log()


def noise(images: Images) -> Scores:
    """Logarithm of the lower quartile, over cells of 8x8, of what Immerkær's mask finds (1996, Fast noise variance)."""
    x = luma(images)
    across = x[..., 2:] + x[..., :-2] - 2 * x[..., 1:-1]
    found = (across[..., 2:, :] + across[..., :-2, :] - 2 * across[..., 1:-1, :]).abs()
    return (functional.avg_pool2d(found, 8).flatten(1).quantile(0.25, dim=1) + FLOOR).log()


def saturation(images: Images) -> Scores:
    """Mean difference between the largest and the smallest of red, green and blue."""
    return (images.amax(1) - images.amin(1)).mean((1, 2))


def contrast(images: Images) -> Scores:
    """Standard deviation of luma."""
    return luma(images).flatten(1).std(1)


def brightness(images: Images) -> Scores:
    """Mean luma."""
    return luma(images).mean((1, 2, 3))


def warmth(images: Images) -> Scores:
    """Mean red minus mean blue."""
    return (images[:, 0] - images[:, 2]).mean((1, 2))


def falloff(images: Images) -> Scores:
    """Mean luma of the middle ninth minus that of the rest: a taste for the light in the middle, a local one."""
    plane = luma(images)[:, 0]
    height, width = plane.shape[-2:]
    top, left = height // 3, width // 3
    middle = plane[:, top : height - top, left : width - left]
    rest = (plane.sum((1, 2)) - middle.sum((1, 2))) / (plane[0].numel() - middle[0].numel())
    return middle.mean((1, 2)) - rest


TASTES: Mapping[str, Callable[[Images], Scores]] = {
    "sharpness": sharpness,
    "noise": noise,
    "saturation": saturation,
    "contrast": contrast,
    "brightness": brightness,
}
"""What tastes are trained on."""

HELD_OUT: Mapping[str, Callable[[Images], Scores]] = {"warmth": warmth, "falloff": falloff}
"""What no taste of the training looks at."""


def measured(images: Images) -> Float[Tensor, "batch tastes"]:
    """All of `TASTES`, then all of `HELD_OUT`."""
    return torch.stack([measure(images) for measure in (*TASTES.values(), *HELD_OUT.values())], 1)
