"""What counts of a scene of any source: `SPEC?weight=3&roi=200x150+40+60,64x64+0+0`.

The weight is that of its score in the mean over the scenes. Regions of interest are rectangles of the picture as it is
rendered, after crop and resize; the scene's score is the mean of theirs.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Bool, Float
from torch import Tensor

from isptune.errors import SceneError
from isptune.spec import without_options

KEYS = ("weight", "roi")

_REGION = re.compile(r"^(\d+)x(\d+)\+(\d+)\+(\d+)$")


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture, pixels from its top left corner."""

    left: int
    top: int
    width: int
    height: int

    def of(self, images: Float[Tensor, "*any _ _"] | Bool[Tensor, "*any _ _"]) -> Tensor:
        """What lies in it of pictures, or of a mask."""
        return images[..., self.top : self.top + self.height, self.left : self.left + self.width].contiguous()

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.left}+{self.top}"


def split_focus(spec: str) -> tuple[str, str | None, str | None]:
    """The spec without the keys of this module, and what they say: weight and roi."""
    if Path(spec).exists():
        return spec, None, None
    plain, taken = without_options(spec, KEYS)
    said = dict(taken)
    if len(said) < len(taken):
        twice = next(key for key in KEYS if sum(key == own for own, _ in taken) > 1)
        raise SceneError(f"{spec}: {twice} is given twice; several regions are one list: roi=WxH+X+Y,WxH+X+Y")
    return plain, said.get("weight"), said.get("roi")


def parse_focus(
    name: str, size: tuple[int, int], weight: str | None, roi: str | None
) -> dict[str, float | tuple[Region, ...]]:
    """What a scene's metadata say of it: `weight`, `roi`, as far as they are given.

    Args:
        name: of the scene, for messages.
        size: of its picture, width and height.
        weight, roi: as they were written.

    Raises:
        SceneError: a weight is no number above 0, or a region lies outside of the picture.
    """
    told: dict[str, float | tuple[Region, ...]] = {}
    if weight is not None:
        told["weight"] = _weight(name, weight)
    if roi is not None:
        told["roi"] = tuple(_region(name, size, text) for text in roi.split(","))
    return told


def _weight(name: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise SceneError(f"{name}: weight={text} is no number above 0")
    return weight


def _region(name: str, size: tuple[int, int], text: str) -> Region:
    found = _REGION.match(text.strip())
    if not found:
        raise SceneError(f"{name}: roi={text} is not WIDTHxHEIGHT+X+Y")
    width, height, left, top = map(int, found.groups())
    full_width, full_height = size
    if not width or not height or left + width > full_width or top + height > full_height:
        raise SceneError(f"{name}: {full_width}x{full_height} has no room for the region {text}")
    return Region(left, top, width, height)
