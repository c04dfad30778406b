"""Distortions of colour: saturation in four spaces, colours that spread or slip from their places."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.color_8bit import saturation_hsv_8bit, saturation_ycrcb
from isptune.distortions.companions import companions
from isptune.distortions.draws import Draws
from isptune.distortions.imagewise import imagewise, per_image, pointwise
from isptune.distortions.kernels import convolve_separable, gaussian_taps
from isptune.distortions.sources import ARNIQA, IMAGENET_C
from isptune.scenes.color import lab_to_rgb, luma, rgb_to_lab

SATURATE = ((1.0, 0.0), (0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2))
"""Factor and shift of HSV saturation at severities 0 (none) to 5 (ImageNet-C)."""

_MASK_SIGMA_PX = 4.0


@distortion(
    group="color", unit="relative change", low=-1.0, high=3.0, signed=True, reach=0,
    source="linear interpolation from the luma (Haeberli and Voorhies 1994, Image Processing by Interpolation "
    "and Extrapolation); luma: ITU-R BT.601",
)  # fmt: skip
def saturation(images: Images, level: Tensor) -> Images:
    """Colour strength: every pixel moves away from its BT.601 luma, or towards it.

    Args:
        images: [batch, 3, H, W].
        level: -1 is grey, 0 the image, 1 twice the distance from grey. Luma stays, but where colours are
            clipped at the end.
    """
    return torch.lerp(luma(images), images, per_image(level + 1))


def _diffusion_sigma(amount: float) -> float:
    return 1.5 * amount + 2


@distortion(
    group="color", unit="amount", low=0.0, high=20.0, reach=lambda amount: math.ceil(2 * _diffusion_sigma(amount)),
    source=f"{ARNIQA} (colour diffusion)",
)  # fmt: skip
def color_diffusion(
    images: Images, level: Tensor, swap_red_blue: bool = False, eight_bit: bool = False
) -> Images:
    """Colours run: a and b of Lab are blurred with sigma 1.5 level + 2 pixels and multiplied by the level.

    So colours fade below level 1, by definition, and there is a jump from level 0, the image, to just above
    it, a grey image.

    Args:
        images: [batch, 3, H, W].
        level: the amount, [batch].
        swap_red_blue: take red for blue on the way to Lab and back, as ARNIQA's code does.
        eight_bit: truncate the result to steps of 1/255, as ARNIQA's code does.
    """
    lab = pointwise(_to_lab_swapped if swap_red_blue else rgb_to_lab, images)
    sigmas = [_diffusion_sigma(amount) for amount in level.tolist()]
    blurred = convolve_separable(lab, [gaussian_taps(sigma, math.ceil(2 * sigma)) for sigma in sigmas])
    blurred[:, :1] = lab[:, :1]

    def finish(lab: Images, amount: Tensor) -> Images:
        lab[:, 1:] *= per_image(amount)
        return _from_lab(lab, swap_red_blue, eight_bit)

    return pointwise(finish, blurred, level)


@distortion(group="color", unit="px", low=0.0, high=20.0, stochastic=True, source=f"{ARNIQA} (colour shift)")
def color_shift(images: Images, level: Tensor, draws: Draws, as_coded: bool = False) -> Images:
    """Green slips by the level, down and to the right, where there are edges nearby.

    The shift is the level times a random direction in the first quadrant (a normalised pair of uniform
    numbers), rounded to whole pixels by definition. A mask, the smoothed gradient magnitude of the luma
    scaled to [0, 1], blends it in. KADID-10k means to clamp the mask at its 1st and 99th percentile; there is no
    clamp here.

    Args:
        images: [batch, 3, H, W].
        level: the amount, [batch].
        draws: of the direction.
        as_coded: do what ARNIQA's code does beside that. It clamps the mask by the indices of its sorted rows, which
            makes two pixels a row 0 and 1, and pads rows by the shift of columns and columns by that of rows, so that
            where one of the shifts is larger, its first pixels come from the far side of the picture.
    """
    direction = draws.uniform(2, device=images.device)
    direction = direction / direction.norm(dim=1, keepdim=True).clamp(min=1e-12)
    shift = (direction * level[:, None]).round().long()
    return imagewise(_shift_green_as_coded if as_coded else _shift_green, images, shift)


@distortion(
    group="color", unit="factor", low=-1.0, high=64.0, identity=1.0, signed=True, reach=0,
    source=f"{ARNIQA} (colour saturation 1); HSV: Smith 1978, doi:10.1145/800248.807361",
)  # fmt: skip
def saturation_hsv(images: Images, level: Tensor) -> Images:
    """HSV saturation times a factor, at most 1; a negative factor gives the opposite hue.

    With hue and value fixed, every channel x moves to V - (V - x) S'/S: no hue needs to be computed, and
    whether red and blue are swapped (as ARNIQA's code does) makes no difference.
    """

    def scale(image: Images, factor: Tensor) -> Images:
        value, gap = _value_and_gap(image)
        spread = gap.amax(1, keepdim=True)
        most = value / spread.clamp(min=1e-12)  # 1 / S
        return value - gap * torch.minimum(per_image(factor), most)

    return imagewise(scale, images, level)


@distortion(
    group="color",
    unit="factor",
    low=0.0,
    high=12.0,
    identity=1.0,
    signed=True,
    reach=0,
    source=f"{ARNIQA} (colour saturation 2)",
)
def saturation_lab(
    images: Images, level: Tensor, swap_red_blue: bool = False, eight_bit: bool = False
) -> Images:
    """Lab's a and b times a factor.

    Args:
        images: [batch, 3, H, W].
        level: the factor, [batch].
        swap_red_blue: take red for blue on the way to Lab and back, as ARNIQA's code does.
        eight_bit: truncate the result to steps of 1/255, as ARNIQA's code does (also at its first level, a
            factor of 1, which leaves the image untouched here).
    """

    def scale(image: Images, factor: Tensor) -> Images:
        lab = _to_lab_swapped(image) if swap_red_blue else rgb_to_lab(image)
        lab[:, 1:] *= per_image(factor)
        return _from_lab(lab, swap_red_blue, eight_bit)

    return pointwise(scale, images, level)


@distortion(group="color", unit="severity", low=0.0, high=5.0, reach=0, source=f"{IMAGENET_C} (saturate)")
def saturate(images: Images, level: Tensor) -> Images:
    """HSV saturation times a factor plus a shift, from the published pairs. Not monotone.

    The pairs are (0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2): severities 1 and 2 fade the image, 3 to 5
    strengthen it, and 2.47 passes by the image itself; linear between them, from (1, 0) at severity 0.
    Greys have hue 0, so the shift of severities above 3 tints them red.
    """

    def change(image: Images, severity: Tensor) -> Images:
        factor, shift = companions(severity, SATURATE)
        value, gap = _value_and_gap(image)
        spread = gap.amax(1, keepdim=True)
        strength = (spread / value.clamp(min=1e-12) * factor + shift).clamp(0, 1)
        red_hue = torch.tensor([0.0, 1.0, 1.0], device=image.device).view(1, 3, 1, 1)
        share = torch.where(spread > 0, gap / spread.clamp(min=1e-12), red_hue)
        return value - value * strength * share

    return imagewise(change, images, level)


def _value_and_gap(images: Images) -> tuple[Float[Tensor, "batch 1 height width"], Images]:
    """HSV's value, and how far every channel is below it."""
    value = images.amax(1, keepdim=True)
    return value, value - images


def _to_lab_swapped(images: Images) -> Images:
    return rgb_to_lab(images.flip(1))


def _from_lab(lab: Images, swap_red_blue: bool, eight_bit: bool) -> Images:
    images = lab_to_rgb(lab).clamp_(0, 1)
    if eight_bit:
        images = images.mul_(255).trunc_().div_(255)
    return images.flip(1) if swap_red_blue else images


def _shift_green(images: Images, shift: Tensor) -> Images:
    """Blend shifted green in at edges; `shift` is rows and columns, [batch, 2]."""
    height, width = images.shape[2:]
    green = images[:, 1]
    rows = (torch.arange(height, device=images.device) - shift[:, :1]).clamp(min=0)
    columns = (torch.arange(width, device=images.device) - shift[:, 1:]).clamp(min=0)
    index = torch.arange(len(images), device=images.device)[:, None, None]
    shifted = green[index, rows[:, :, None], columns[:, None, :]]
    result = images.clone()
    result[:, 1] = torch.lerp(green, shifted, _edge_mask(images))
    return result


def _shift_green_as_coded(images: Images, shift: Tensor) -> Images:
    """`_shift_green` with the two slips of ARNIQA's code."""
    green, mask = images[:, 1], _edge_mask(images)
    rows, columns = (
        _rolled(size, by, padding)
        for size, by, padding in (
            (images.shape[2], shift[:, :1], shift[:, 1:]),
            (images.shape[3], shift[:, 1:], shift[:, :1]),
        )
    )
    index = torch.arange(len(images), device=images.device)[:, None, None]
    shifted = green[index, rows[:, :, None], columns[:, None, :]]
    lowest, highest = mask.argsort(2) == 0, (1 - mask).argsort(2) == 0
    mask = torch.where(highest, 1.0, torch.where(lowest, 0.0, mask))
    result = images.clone()
    result[:, 1] = torch.lerp(green, shifted, mask)
    return result


def _rolled(size: int, by: Tensor, padding: Tensor) -> Tensor:
    """Where each place of an axis comes from that is padded by its ends, rolled, and cut again, [batch, size]."""
    place = torch.arange(size, device=by.device) + padding - by
    return (place.remainder(size + 2 * padding) - padding).clamp(0, size - 1)


def _edge_mask(images: Images) -> Float[Tensor, "batch height width"]:
    """Smoothed gradient magnitude of the luma, stretched to [0, 1]; 0 where the image is flat."""
    padded = F.pad(luma(images), (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    edges = _smooth(torch.hypot(across, down) / 2)[:, 0]
    low, high = edges.amin((1, 2), keepdim=True), edges.amax((1, 2), keepdim=True)
    return (edges - low) / torch.where(high > low, high - low, 1.0)


def _smooth(planes: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
    # Shift and add: full float32 on every device, which convolutions of a GPU library are not by default.
    taps = gaussian_taps(_MASK_SIGMA_PX, math.ceil(2 * _MASK_SIGMA_PX)).tolist()
    radius = len(taps) // 2
    for axis, border in ((2, (0, 0, radius, radius)), (3, (radius, radius, 0, 0))):
        size = planes.shape[axis]
        padded = F.pad(planes, border, mode="replicate")
        planes = torch.zeros_like(planes)
        for start, tap in enumerate(taps):
            planes.add_(padded.narrow(axis, start, size), alpha=tap)
    return planes


DISTORTIONS = (
    saturation,
    color_diffusion,
    color_shift,
    saturation_hsv,
    saturation_hsv_8bit,
    saturation_lab,
    saturation_ycrcb,
    saturate,
)
