"""Too much sharpening."""

import cv2
import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.eight_bit import from_bytes, map_bytes, to_bytes
from isptune.distortions.imagewise import per_image, pointwise
from isptune.distortions.kernels import convolve_separable, gaussian_taps
from isptune.distortions.sources import ARNIQA, DEPICTQA
from isptune.scenes.color import lab_to_rgb, rgb_to_lab

_BINOMIAL = (1, 4, 6, 4, 1)
"""Sixteenths: OpenCV's Gaussian of 5 pixels when no sigma is given, close to a sigma of 1.1."""


@distortion(group="sharpness", unit="amount", low=0.0, high=20.0, reach=6, source=f"{ARNIQA} (high sharpen)")
def unsharp_lab(images: Images, level: Tensor, swap_red_blue: bool = False) -> Images:
    """Unsharp masking of Lab's lightness: level times its difference from a Gaussian blur.

    The blur has a sigma of 6 pixels and ends 6 pixels from the centre, at one sigma: the published code
    passes the radius of its kernel as the sigma.

    Args:
        images: [batch, 3, H, W].
        level: the amount, [batch].
        swap_red_blue: take red for blue on the way to Lab and back, as ARNIQA's code does.
    """
    lab = pointwise(lambda image: rgb_to_lab(image.flip(1) if swap_red_blue else image), images)
    blurred = convolve_separable(lab, [gaussian_taps(6.0, 6)] * len(lab))
    lab[:, :1] += per_image(level) * (lab[:, :1] - blurred[:, :1])

    def finish(lab: Images) -> Images:
        sharp = lab_to_rgb(lab)
        return sharp.flip(1) if swap_red_blue else sharp

    return pointwise(finish, lab)


@distortion(group="sharpness", unit="amount", low=0.0, high=12.0, reach=2, source=f"{DEPICTQA} (oversharpen)")
def oversharpen(images: Images, level: Tensor, eight_bit: bool = False) -> Images:
    """Unsharp masking of RGB: level times the difference from a 5x5 binomial blur.

    Args:
        images: [batch, 3, H, W].
        level: the amount, [batch].
        eight_bit: round the image, the blur and the result to bytes, as OpenCV does; rounding the blur
            shows, since it is amplified.
    """
    if eight_bit:
        return _oversharpen_bytes(images, level)
    taps = np.array(_BINOMIAL, dtype=np.float32) / 16
    blurred = convolve_separable(images, [taps] * len(images), "reflect")
    return torch.lerp(blurred, images, per_image(1 + level))


def _oversharpen_bytes(images: Images, level: Tensor) -> Images:
    if images.device.type != "cpu":
        return _oversharpen_tensor(images, level)
    amounts = level.tolist()

    def sharpen(pixels: np.ndarray, i: int) -> np.ndarray:
        blurred = cv2.GaussianBlur(pixels, (5, 5), 0)
        return cv2.addWeighted(pixels, 1 + amounts[i], blurred, -amounts[i], 0)

    return map_bytes(sharpen, images)


def _oversharpen_tensor(images: Images, level: Tensor) -> Images:
    pixels = to_bytes(images)
    blurred = pixels
    for axis in (2, 3):
        last = blurred.shape[axis] - 1
        places = torch.arange(-2, last + 3, device=images.device).abs()
        padded = blurred.index_select(axis, last - (last - places).abs())
        parts = [weight * padded.narrow(axis, k, last + 1) for k, weight in enumerate(_BINOMIAL)]
        blurred = torch.stack(parts).sum(0, dtype=torch.int32)
    blurred = (blurred + 128) >> 8
    amount = per_image(level)
    sharp = pixels * (1 + amount) + blurred * -amount
    return from_bytes(sharp.round_().clamp_(0, 255).to(torch.int32))


DISTORTIONS = (unsharp_lab, oversharpen)
