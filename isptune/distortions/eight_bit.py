"""Definitions in 8-bit arithmetic: images rounded to bytes, changed, and back to k/255.

On the CPU the bytes of each image go through OpenCV or Pillow in a thread pool; on other devices
integer tensors do the same arithmetic for the whole batch.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.threads import map_images

Bytes = Int32[Tensor, "batch 3 height width"]
"""Whole numbers in [0, 255], as int32 so that arithmetic has room."""

Tables = Float32[np.ndarray, "batch channels 256"]
"""What becomes of every byte, in [0, 1]."""


def map_bytes(function: Callable[[np.ndarray, int], np.ndarray], images: Images) -> Images:
    """Apply `function(pixels, i)` to every image of a CPU batch as uint8 [H, W, 3], in a thread pool."""

    def work(planes: np.ndarray, i: int) -> None:
        pixels = cv2.merge([cv2.convertScaleAbs(plane, alpha=255) for plane in planes])
        for plane, changed in zip(planes, cv2.split(function(pixels, i)), strict=True):
            np.divide(changed, np.float32(255), out=plane, dtype=np.float32)

    return map_images(work, images)


def replace_bytes(pixels: np.ndarray, tables: Mapping[int, np.ndarray]) -> np.ndarray:
    """uint8 [H, W, 3] with the bytes of some channels looked up in tables, uint8 [256]."""
    same = np.arange(256, dtype=np.uint8)
    return cv2.LUT(pixels, np.stack([tables.get(channel, same) for channel in range(3)], 1)[None])


def map_tables(tables: Tables, images: Images) -> Images:
    """Every byte of image i replaced by an entry of its channel's table i, on the images' device.

    Args:
        tables: the values in [0, 1], [batch, 3, 256], or [batch, 1, 256] for the same in all channels.
        images: [batch, 3, H, W], rounded to bytes first.
    """
    tables = np.ascontiguousarray(np.broadcast_to(tables, (len(images), 3, 256)))
    if images.device.type != "cpu":
        entries = to_bytes(images).flatten(2).long()
        return torch.from_numpy(tables).to(images.device).gather(2, entries).view_as(images)

    def work(planes: np.ndarray, i: int) -> None:
        for plane, table in zip(planes, tables[i], strict=True):
            plane[:] = cv2.LUT(cv2.convertScaleAbs(plane, alpha=255), table)

    return map_images(work, images)


def count_bytes(images: Images) -> Int64[np.ndarray, "batch 3 256"]:
    """How often every byte occurs in each channel of each image, once rounded."""
    if images.device.type == "cpu":
        planes = images.flatten(0, 1).contiguous().numpy()
        bytes_of = (cv2.convertScaleAbs(plane, alpha=255).ravel() for plane in planes)
        return np.stack([np.bincount(plane, minlength=256) for plane in bytes_of]).reshape(-1, 3, 256)
    return _count_tensor(images)


def _count_tensor(images: Images) -> Int64[np.ndarray, "batch 3 256"]:
    pixels = to_bytes(images).flatten(2).flatten(0, 1).to(torch.int64)
    row = 256 * torch.arange(len(pixels), device=images.device)
    counts = torch.bincount((pixels + row[:, None]).flatten(), minlength=256 * len(pixels))
    return counts.view(-1, 3, 256).cpu().numpy()


def to_bytes(images: Images) -> Bytes:
    """Images rounded to whole 255ths."""
    return images.mul(255).round_().clamp_(0, 255).to(torch.int32)


def from_bytes(pixels: Bytes) -> Images:
    """Whole 255ths as images."""
    return pixels.to(torch.float32) / 255


def grey_bytes(pixels: Bytes) -> Int32[Tensor, "batch height width"]:
    """BT.601 luma in 16-bit fixed point, as Pillow converts RGB to L."""
    red, green, blue = pixels.unbind(1)
    return (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16


def hsv_bytes(pixels: Bytes) -> Bytes:
    """HSV as OpenCV has it for bytes: hue in [0, 180), saturation and value in [0, 255].

    Divisions are multiplications by reciprocals in 12-bit fixed point, as in OpenCV's `cvtColor`.
    """
    red, green, blue = pixels.unbind(1)
    value = pixels.amax(1)
    spread = value - pixels.amin(1)
    saturation = (spread * _reciprocals(255, value) + 2048) >> 12
    offset = torch.where(
        value == red,
        green - blue,
        torch.where(value == green, blue - red + 2 * spread, red - green + 4 * spread),
    )
    hue = (offset * _reciprocals(30, spread) + 2048) >> 12
    return torch.stack((torch.where(hue < 0, hue + 180, hue), saturation, value), 1)


def rgb_bytes(hsv: Bytes) -> Bytes:
    """RGB of OpenCV's HSV bytes: in float32, then truncated.

    OpenCV rounds instead in the last columns, which do not fill a vector register: the last (width mod 32) on
    a processor with AVX2. They are truncated like the others here, so differ by 1 in a third of samples.
    """
    hue, saturation, value = (part.to(torch.float32) for part in hsv.unbind(1))
    sixth = hue * (6 / 180)
    sector = sixth.floor()
    share = sixth - sector
    saturation, value = saturation * (1 / 255), value * (1 / 255)
    low = value * (1 - saturation)
    falling = value * (1 - saturation * share)
    rising = value * (1 - saturation * (1 - share))
    ramp = torch.stack((value, low, falling, rising), 1)
    order = torch.tensor(_SECTORS, device=hsv.device)[sector.long() % 6].movedim(-1, 1)
    return (ramp.gather(1, order) * 255).clamp_(0, 255).to(torch.int32)


def ycrcb_bytes(pixels: Bytes) -> Bytes:
    """Y, Cr, Cb of bytes, in OpenCV's 14-bit fixed point."""
    red, green, blue = pixels.unbind(1)
    y = (4899 * red + 9617 * green + 1868 * blue + 8192) >> 14
    middle = (128 << 14) + 8192
    cr, cb = (11682 * (red - y) + middle) >> 14, (9241 * (blue - y) + middle) >> 14
    return torch.stack((y, cr, cb), 1).clamp_(0, 255)


def rgb_bytes_of_ycrcb(ycrcb: Bytes) -> Bytes:
    """RGB of Y, Cr, Cb bytes, in OpenCV's 14-bit fixed point."""
    y, cr, cb = ycrcb[:, 0], ycrcb[:, 1] - 128, ycrcb[:, 2] - 128
    red = y + ((22987 * cr + 8192) >> 14)
    green = y + ((-11698 * cr - 5636 * cb + 8192) >> 14)
    blue = y + ((29049 * cb + 8192) >> 14)
    return torch.stack((red, green, blue), 1).clamp_(0, 255)


# Which of (V, V(1-S), V(1-Sf), V(1-S(1-f))) is red, green and blue in each sixth of the hue circle.
_SECTORS = ((0, 3, 1), (2, 0, 1), (1, 0, 3), (1, 2, 0), (3, 1, 0), (0, 1, 2))


def _reciprocals(scale: int, divisors: Tensor) -> Tensor:
    """round(4096 * scale / divisor), 0 for a divisor of 0."""
    table = torch.arange(256, dtype=torch.float64, device=divisors.device)
    table = torch.where(table > 0, (scale << 12) / table.clamp(min=1), 0.0)
    return table.round_().to(torch.int32)[divisors.long()]
