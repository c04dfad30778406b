"""A smooth global mapping, fitted to each picture before it is compared: `ssim?fit=curve`.

Where a user does not tune tone or colour, a picture that is all lighter than its reference is not wrong. With `fit` the
mapping of one kind that brings the picture nearest to its reference, by least squares, is applied first. All are fitted
to and applied to encoded values, in which the objectives compare:

| fit | mapping | what no longer counts |
|---|---|---|
| none | none | nothing |
| gain | one factor a channel | brightness and white balance, about |
| curve | one monotone curve for all three channels | brightness, contrast, tone |
| affine | a matrix of 3 x 4 | brightness, contrast, white balance, saturation, hue |

They are fitted on means of blocks of 8 x 8 pixels: of single pixels the noise would flatten the mapping (regression
dilution). The picture is mapped and not the reference, so that a picture without contrast gains nothing. Blocks that
are masked (`Scene.masked`) have no say.

Sources: Eilers and Marx 1996, Flexible smoothing with B-splines and penalties, doi:10.1214/ss/1038425655 (the curve, of
degree 1); to map colours by least squares before comparing is an old habit of the evaluation of restoration.
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from isptune.arrays import Images

Fit = Literal["none", "gain", "curve", "affine"]

BLOCK = 8
"""Pixels a side. Smaller pictures are one block."""

KNOTS = 17
"""Of the curve, evenly over [0, 1]."""

STIFFNESS = 1e-4
"""Of the curve: the weight of its squared second differences, in parts of the blocks."""

_RIDGE = 1e-8  # towards no change, for pictures that say nothing

Samples = Float64[Tensor, "batch 3 blocks"]


def fitted(
    images: Images,
    reference: Tensor,
    fit: Fit,
    masked: Bool[Tensor, "1 1 height width"] | None = None,
) -> Images:
    """Each picture under the mapping that brings it nearest to the reference, clipped to [0, 1]; NaN stays NaN.

    Args:
        images: [batch, 3, H, W], in [0, 1].
        reference: [1, 3, H, W].
        fit: the kind of mapping; `none` gives the images themselves.
        masked: where nothing is compared: there the result is the reference.
    """
    if fit == "none":
        return images
    weights = _weights(images, masked)
    theirs = _samples(reference) if weights is None else _samples(reference)[..., weights]
    mapped = []
    for part in images.split(
        1 if images.device.type == "cpu" else len(images)
    ):  # no sum depends on the batch
        ours = _samples(part) if weights is None else _samples(part)[..., weights]
        mapped.append(_MAPPINGS[fit](part, ours, theirs.expand(len(part), -1, -1)).clamp(0, 1))
    result = torch.cat(mapped)
    return result if masked is None else torch.where(masked, reference, result)


def _samples(images: Images) -> Samples:
    side = min(BLOCK, *images.shape[-2:])
    return torch.nn.functional.avg_pool2d(images.double(), side).flatten(2)


def _weights(images: Images, masked: Tensor | None) -> Tensor | None:
    """Which blocks hold no masked pixel; None for all, also where none is left."""
    if masked is None or masked.shape[-2:] != images.shape[-2:]:
        return None
    side = min(BLOCK, *images.shape[-2:])
    free = (torch.nn.functional.avg_pool2d(masked.double(), side) == 0).flatten()
    return free if bool(free.any()) else None


def _by_gain(images: Images, ours: Samples, theirs: Samples) -> Images:
    ridge = _RIDGE * ours.shape[-1]
    gain = ((ours * theirs).sum(2) + ridge) / (ours.square().sum(2) + ridge)
    return images * gain.to(images.dtype)[..., None, None]


def _by_matrix(images: Images, ours: Samples, theirs: Samples) -> Images:
    design = torch.cat((ours, torch.ones_like(ours[:, :1])), 1)
    ridge = _RIDGE * ours.shape[-1] * torch.eye(4, dtype=ours.dtype, device=ours.device)
    same = torch.eye(4, 3, dtype=ours.dtype, device=ours.device)
    normal = design @ design.mT + ridge
    matrix = torch.linalg.solve(normal, design @ theirs.mT + ridge @ same).mT.to(
        images.dtype
    )  # [batch, 3, 4]
    mixed = torch.einsum("bij,bjhw->bihw", matrix[..., :3], images)
    return mixed + matrix[..., 3, None, None]


def _by_curve(images: Images, ours: Samples, theirs: Samples) -> Images:
    """Of the hats at the knots: least squares, then the nearest monotone curve."""
    hats = _hats(ours.flatten(1))  # [batch, samples, knots]
    bends = torch.zeros(KNOTS - 2, KNOTS, dtype=ours.dtype, device=ours.device)
    for i in range(KNOTS - 2):
        bends[i, i : i + 3] = torch.tensor([1.0, -2.0, 1.0])
    count = hats.shape[1]
    line = torch.linspace(0, 1, KNOTS, dtype=ours.dtype, device=ours.device)
    ridge = _RIDGE * count * torch.eye(KNOTS, dtype=ours.dtype, device=ours.device)
    normal = hats.mT @ hats + STIFFNESS * count * bends.mT @ bends + ridge
    right = hats.mT @ theirs.flatten(1)[..., None] + (ridge @ line)[:, None]
    curve = _monotone(torch.linalg.solve(normal, right)[..., 0])
    return _at(curve.to(images.dtype), images)


def _hats(x: Float64[Tensor, "batch samples"]) -> Float64[Tensor, "batch samples knots"]:
    knots = torch.arange(KNOTS, dtype=x.dtype, device=x.device)
    return (1 - (x[..., None] * (KNOTS - 1) - knots).abs()).clamp(min=0)


def _monotone(curve: Tensor) -> Tensor:
    """The mean of the lowest curve above and the highest below that never fall."""
    above = curve.cummax(1).values
    below = curve.flip(1).cummin(1).values.flip(1)
    return (above + below) / 2


def _at(curve: Tensor, images: Images) -> Images:
    """The curve's values at those of the images, straight between knots; NaN stays NaN."""
    place = images.clamp(0, 1) * (KNOTS - 1)
    left = place.nan_to_num(0).floor().clamp(max=KNOTS - 2)
    index = left.long().flatten(1)
    low, high = (curve.gather(1, index + step).view_as(images) for step in (0, 1))
    return low + (high - low) * (place - left)


_MAPPINGS: dict[str, Callable[[Images, Samples, Samples], Images]] = {
    "gain": _by_gain,
    "curve": _by_curve,
    "affine": _by_matrix,
}
