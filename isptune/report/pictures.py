"""Before and after at 1:1: the place where default and recommended differ most, cut from the saved pictures."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isptune.errors import RunFolderError
from isptune.runs.files import image_path

if TYPE_CHECKING:
    from PIL.Image import Image

CROP_PX = 256
OVERVIEW_PX = 260
FRAME = (213, 94, 0)
SHOWN = 8
"""Scenes on the page at most, so that it stays small enough to send; those that differ most."""


@dataclass(frozen=True)
class BeforeAfter:
    """One scene's pictures as PNG bytes, cut at the same place.

    Attributes:
        scene: its name.
        box: left, top, width, height of the place in the full picture, pixels.
        size: width, height of the full picture, pixels.
        difference: mean absolute difference of default and recommended there, in 8-bit steps.
        crops: by what they show (`default`, `recommended`, `reference`), as far as there are pictures.
        overview: the whole recommended picture, made smaller, with the place framed.
    """

    scene: str
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    difference: float
    crops: dict[str, bytes]
    overview: bytes


def before_after(folder: Path, scenes: list[str]) -> tuple[list[BeforeAfter], int]:
    """Those scenes whose pictures differ most, and how many more there are.

    Raises:
        RunFolderError: a picture cannot be read, or default and recommended differ in size.
    """
    found = [
        _scene(folder, scene) for scene in scenes if _kinds(folder, scene)[:2] == ["default", "recommended"]
    ]
    found.sort(key=lambda part: -part.difference)
    return found[:SHOWN], max(0, len(found) - SHOWN)


def largest_difference(first: np.ndarray, second: np.ndarray, side: int) -> tuple[int, int, int, int]:
    """The square in which two pictures [H, W, 3] differ most; what differs is near its middle.

    The difference is summed over the square and, again, over two smaller ones at its centre.

    Returns:
        left, top, width, height; the whole side where the picture is smaller than the square.
    """
    difference = np.abs(first.astype(np.int16) - second.astype(np.int16)).sum(axis=2, dtype=np.int64)
    height, width = min(side, difference.shape[0]), min(side, difference.shape[1])
    sums = np.pad(difference.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    total = _inner_sums(sums, height, width, 1)
    for part in (2, 4):
        total = total + _inner_sums(sums, height, width, part)
    top, left = np.unravel_index(total.argmax(), total.shape)
    return int(left), int(top), width, height


def _inner_sums(sums: np.ndarray, height: int, width: int, part: int) -> np.ndarray:
    """Sums over the central 1/part of every window, from the integral image; one for each window."""
    inner_height, inner_width = max(1, height // part), max(1, width // part)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    rows, columns = sums.shape[0] - height, sums.shape[1] - width
    upper, lower = (slice(y, y + rows) for y in (top, top + inner_height))
    near, far = (slice(x, x + columns) for x in (left, left + inner_width))
    return sums[lower, far] - sums[upper, far] - sums[lower, near] + sums[upper, near]


def _kinds(folder: Path, scene: str) -> list[str]:
    return [
        kind for kind in ("default", "recommended", "reference") if image_path(folder, scene, kind).exists()
    ]


def _scene(folder: Path, scene: str) -> BeforeAfter:
    pictures = {kind: _read(image_path(folder, scene, kind)) for kind in _kinds(folder, scene)}
    default, recommended = (np.asarray(pictures[kind]) for kind in ("default", "recommended"))
    if default.shape != recommended.shape:
        raise RunFolderError(f"{folder}: the default and recommended pictures of {scene} differ in size")
    left, top, width, height = box = largest_difference(default, recommended, CROP_PX)
    place = (left, top, left + width, top + height)
    cut = [
        pixels[top : top + height, left : left + width].astype(np.int16) for pixels in (default, recommended)
    ]
    return BeforeAfter(
        scene=scene,
        box=box,
        size=pictures["recommended"].size,
        difference=float(np.abs(cut[0] - cut[1]).mean()),
        crops={kind: _png(picture.crop(place)) for kind, picture in pictures.items()},
        overview=_overview(pictures["recommended"], place),
    )


def _overview(picture: "Image", place: tuple[int, int, int, int]) -> bytes:
    from PIL import Image, ImageDraw

    scale = min(1.0, OVERVIEW_PX / picture.width, CROP_PX / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = picture.resize(size, Image.Resampling.LANCZOS)
    left, top, right, bottom = (round(edge * scale) for edge in place)
    corners = left, top, min(right, size[0]) - 1, min(bottom, size[1]) - 1
    draw = ImageDraw.Draw(small)
    if corners[2] > left and corners[3] > top:
        draw.rectangle(corners, outline=(255, 255, 255), width=4)
        draw.rectangle(corners, outline=FRAME, width=2)
    return _png(small)


def _read(path: Path) -> "Image":
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}") from error


def _png(picture: "Image") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()
