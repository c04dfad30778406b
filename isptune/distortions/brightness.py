"""Distortions of brightness: tone curves, shifts, gammas, dark corners."""

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.eight_bit import (
    from_bytes,
    hsv_bytes,
    map_bytes,
    map_tables,
    replace_bytes,
    rgb_bytes,
    to_bytes,
)
from isptune.distortions.imagewise import imagewise, per_image, pointwise
from isptune.distortions.sources import ARNIQA, DEPICTQA, IMAGENET_C
from isptune.distortions.threads import map_images
from isptune.scenes.color import lab_to_rgb, rgb_to_lab


@distortion(group="brightness", unit="amount", low=0.0, high=1.5, reach=0, source=f"{ARNIQA} (brighten)")
def brighten(images: Images, level: Tensor, swap_red_blue: bool = False) -> Images:
    """A tone curve lifts RGB (two thirds of the result) and the lightness of Lab (one third).

    The curve is the parabola through (0, 0), (1/2, 1/2 + level/2) and (1, 1), clipped to [0, 1]; it is no
    longer monotone above level 1/2.

    Args:
        images: [batch, 3, H, W].
        level: the amount, [batch].
        swap_red_blue: take red for blue on the way to Lab and back, as ARNIQA's code does.
    """

    def lift(image: Images, amount: Tensor) -> Images:
        lab = rgb_to_lab(image.flip(1) if swap_red_blue else image)
        lab[:, :1] = _parabola(lab[:, :1] / 100, amount) * 100
        light = lab_to_rgb(lab).clamp_(0, 1)
        return (2 * _parabola(image, amount) + (light.flip(1) if swap_red_blue else light)) / 3

    return pointwise(lift, images, level)


@distortion(group="brightness", unit="amount", low=0.0, high=1.2, reach=0, source=f"{ARNIQA} (darken)")
def darken(images: Images, level: Tensor) -> Images:
    """A tone curve lowers RGB: the parabola through (0, 0), (1/2, 1/2 - level/2) and (1, 1), clipped.

    Not monotone above level 1/2.
    """
    return imagewise(_parabola, images, -level)


@distortion(
    group="brightness", unit="shift", low=-1.0, high=1.0, signed=True, reach=0,
    source=f"{ARNIQA} (mean shift); {DEPICTQA} (shift RGB)",
)  # fmt: skip
def mean_shift(images: Images, level: Tensor) -> Images:
    """The same amount added to every sample."""
    return images + per_image(level)


@distortion(
    group="brightness", unit="shift", low=-1.0, high=1.0, signed=True, reach=0,
    source=f"{DEPICTQA} (shift HSV); {IMAGENET_C} (brightness)",
)  # fmt: skip
def value_shift(images: Images, level: Tensor, clip_value: bool = False) -> Images:
    """An amount added to HSV's value, with hue and saturation kept.

    Every channel x moves to V' - (V - x) V'/V; black becomes the grey V'.

    Args:
        images: [batch, 3, H, W].
        level: the amount, [batch].
        clip_value: clip the value before going back to RGB (ImageNet-C), so that light colours keep their
            saturation; without it RGB is clipped (DepictQA), so that they become white.
    """

    if images.device.type != "cpu":
        return _shift_value_tensor(images, level, clip_value)
    amounts = level.tolist()

    def shift(planes: np.ndarray, i: int) -> None:
        hsv = cv2.cvtColor(cv2.merge(list(planes)), cv2.COLOR_RGB2HSV)
        value = cv2.add(hsv[:, :, 2], amounts[i])
        hsv[:, :, 2] = value.clip(0, 1) if clip_value else value
        planes[:] = cv2.split(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))

    return map_images(shift, images)


@distortion(
    group="brightness",
    unit="gamma",
    low=0.1,
    high=6.0,
    identity=1.0,
    signed=True,
    reach=0,
    source=f"{DEPICTQA} (gamma HSV)",
)
def value_gamma(images: Images, level: Tensor, eight_bit: bool = False) -> Images:
    """HSV's value to the power of gamma, with hue and saturation kept; above 1 is darker.

    Args:
        images: [batch, 3, H, W].
        level: gamma, [batch].
        eight_bit: go through OpenCV's HSV of bytes, as DepictQA does; hue then has steps of 2 degrees.
    """
    if eight_bit:
        return _value_gamma_bytes(images, level)

    def bend(image: Images, gamma: Tensor) -> Images:
        value = image.amax(1, keepdim=True)
        return _with_value(image, value, value ** per_image(gamma))

    return imagewise(bend, images, level)


@distortion(
    group="brightness",
    unit="gamma",
    low=0.1,
    high=6.0,
    identity=1.0,
    signed=True,
    reach=0,
    source=f"{DEPICTQA} (gamma RGB)",
)
def gamma(images: Images, level: Tensor, eight_bit: bool = False) -> Images:
    """Every sample to the power of gamma; above 1 is darker.

    Args:
        images: [batch, 3, H, W].
        level: gamma, [batch].
        eight_bit: round the image to bytes and truncate the result, as DepictQA does.
    """
    if eight_bit:
        return map_tables(_gamma_tables(level)[:, None] / np.float32(255), images)
    return imagewise(lambda image, power: image ** per_image(power), images, level)


@distortion(
    group="brightness",
    unit="exponent",
    low=0.0,
    high=3.0,
    source=f"{DEPICTQA} (vignette, implemented, unused)",
)
def vignette(images: Images, level: Tensor) -> Images:
    """Dark corners: a factor (1 - r)^level, where r goes from 0 at the centre to 1 in the corners."""
    height, width = images.shape[2:]
    down = torch.arange(height, device=images.device, dtype=torch.float64) - height // 2
    across = torch.arange(width, device=images.device, dtype=torch.float64) - width // 2
    radius = torch.hypot(down[:, None], across) / (np.hypot(height, width) / 2)
    rest = (1 - radius).clamp(min=0).to(images.dtype)
    return imagewise(lambda image, power: image * rest ** per_image(power), images, level)


def _parabola(values: Tensor, amount: Tensor) -> Tensor:
    """The curve through (0, 0), (1/2, 1/2 + amount/2), (1, 1) at values [batch, ...], clipped."""
    return (values + 2 * per_image(amount) * values * (1 - values)).clamp_(0, 1)


def _shift_value_tensor(images: Images, level: Tensor, clip_value: bool) -> Images:
    value = images.amax(1, keepdim=True)
    target = value + per_image(level)
    return _with_value(images, value, target.clamp(0, 1) if clip_value else target)


def _with_value(images: Images, value: Tensor, target: Tensor) -> Images:
    """Images with HSV's value [batch, 1, H, W] replaced, hue and saturation kept."""
    gain = torch.where(value > 0, target / value.clamp(min=1e-12), 0.0)
    return target - (value - images) * gain


def _gamma_tables(level: Tensor) -> UInt8[np.ndarray, "batch 256"]:
    """Bytes to the power of gamma, truncated, for every image."""
    powers = (np.arange(256) / 255) ** level.double().cpu().numpy()[:, None]
    return (np.clip(powers, 0, 1) * 255).astype(np.uint8)


def _value_gamma_bytes(images: Images, level: Tensor) -> Images:
    tables = _gamma_tables(level)
    if images.device.type != "cpu":
        return _value_gamma_tensor(images, torch.from_numpy(tables).to(images.device))

    def change(pixels: np.ndarray, i: int) -> np.ndarray:
        hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
        return cv2.cvtColor(replace_bytes(hsv, {2: tables[i]}), cv2.COLOR_HSV2RGB)

    return map_bytes(change, images)


def _value_gamma_tensor(images: Images, tables: Tensor) -> Images:
    hsv = hsv_bytes(to_bytes(images))
    value = tables.gather(1, hsv[:, 2].flatten(1).long()).view(hsv[:, 2].shape)
    hsv[:, 2] = value.to(torch.int32)
    return from_bytes(rgb_bytes(hsv))


DISTORTIONS = (brighten, darken, mean_shift, value_shift, value_gamma, gamma, vignette)
