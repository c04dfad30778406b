"""Saturation as DepictQA changes it: on bytes, in OpenCV's HSV and YCrCb."""

import cv2
import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.eight_bit import (
    from_bytes,
    hsv_bytes,
    map_bytes,
    replace_bytes,
    rgb_bytes,
    rgb_bytes_of_ycrcb,
    to_bytes,
    ycrcb_bytes,
)
from isptune.distortions.imagewise import per_image
from isptune.distortions.sources import DEPICTQA


@distortion(
    group="color", unit="factor", low=0.0, high=64.0, identity=1.0, signed=True, reach=0,
    source=f"{DEPICTQA} (saturate by HSV); OpenCV's HSV of bytes",
)  # fmt: skip
def saturation_hsv_8bit(images: Images, level: Tensor) -> Images:
    """OpenCV's 8-bit HSV saturation times a factor, at most 255.

    The image is rounded to bytes and hue to steps of 2 degrees, so a level just beside 1 already shows
    that rounding; `saturation_hsv` does not.
    """
    if images.device.type != "cpu":
        return _hsv_tensor(images, level)
    factors = level.tolist()

    def change(pixels: np.ndarray, i: int) -> np.ndarray:
        hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
        return cv2.cvtColor(replace_bytes(hsv, {1: _scaled(factors[i], 0)}), cv2.COLOR_HSV2RGB)

    return map_bytes(change, images)


@distortion(
    group="color", unit="factor", low=0.0, high=16.0, identity=1.0, signed=True, reach=0,
    source=f"{DEPICTQA} (saturate by YCrCb); OpenCV's YCrCb of bytes",
)  # fmt: skip
def saturation_ycrcb(images: Images, level: Tensor) -> Images:
    """OpenCV's 8-bit Cr and Cb, times a factor about 128; the image is rounded to bytes."""
    if images.device.type != "cpu":
        return _ycrcb_tensor(images, level)
    factors = level.tolist()

    def change(pixels: np.ndarray, i: int) -> np.ndarray:
        ycrcb = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
        table = _scaled(factors[i], 128)
        return cv2.cvtColor(replace_bytes(ycrcb, {1: table, 2: table}), cv2.COLOR_YCrCb2RGB)

    return map_bytes(change, images)


def _scaled(factor: float, centre: int) -> np.ndarray:
    """Bytes times the factor about a centre, clipped and truncated, as a table."""
    values = np.float32(centre) + (np.arange(256, dtype=np.float32) - centre) * np.float32(factor)
    return np.clip(values, 0, 255).astype(np.uint8)


def _scale_tensor(values: Tensor, level: Tensor, centre: int) -> Tensor:
    scaled = centre + (values - centre).to(torch.float32) * per_image(level)
    return scaled.clamp_(0, 255).to(torch.int32)


def _hsv_tensor(images: Images, level: Tensor) -> Images:
    hsv = hsv_bytes(to_bytes(images))
    hsv[:, 1:2] = _scale_tensor(hsv[:, 1:2], level, 0)
    return from_bytes(rgb_bytes(hsv))


def _ycrcb_tensor(images: Images, level: Tensor) -> Images:
    ycrcb = ycrcb_bytes(to_bytes(images))
    ycrcb[:, 1:] = _scale_tensor(ycrcb[:, 1:], level, 128)
    return from_bytes(rgb_bytes_of_ycrcb(ycrcb))
