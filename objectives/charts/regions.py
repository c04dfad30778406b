"""Where the parts of a test chart are, and what all objectives on charts share."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, ScoreError
from isptune.facts import ObjectiveFacts
from isptune.scenes.color import srgb_to_linear
from isptune.scenes.scene import Corner, Scene
from objectives.no_reference.objective import score_finite

Quad = tuple[Corner, Corner, Corner, Corner]
"""Corners of a part, clockwise from its top left one: (x, y) in pixels from the picture's top left corner."""

Luminance = Float[Tensor, "batch height width"]
"""Relative luminance Y of linear light, [0, 1]."""

Cut = Float[Tensor, "batch 3 rows columns"]
"""The pixels of a part."""

LUMINANCE_BT709 = (0.2126, 0.7152, 0.0722)
"""Linear R, G and B in relative luminance (ITU-R BT.709; sRGB has the same primaries)."""

ScorePart = Callable[[Images, Quad, Scene], Scores]


@final
@dataclass(frozen=True, eq=False)
class OnChart:
    """An objective that measures known parts of a test chart; the score is the mean over these parts.

    Attributes:
        name: as registered, for messages.
        facts: see `isptune.facts`.
        part: what it looks at, for messages.
        regions: name in the scene's regions, or the beginning of several names.
        score_part: images [batch, 3, H, W], one part and the scene, to scores [batch]; NaN where it finds nothing.
        given: the part, where the spec says where it is; else the scene must know.
    """

    name: str
    facts: ObjectiveFacts
    part: str
    regions: str
    score_part: ScorePart
    given: Quad | None = None

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image; the same whatever else is in the batch. NaN in an image gives NaN.

        Raises:
            ScoreError: the scene does not know where the part is, or it lies outside the picture.
        """
        parts = self._parts(images, scene)
        return score_finite(
            lambda x: torch.stack([self.score_part(x, part, scene).float() for part in parts]).mean(0), images
        )

    def _parts(self, images: Images, scene: Scene) -> list[Quad]:
        height, width = images.shape[-2:]
        if self.given is not None:
            if not all(0 <= x <= width and 0 <= y <= height for x, y in self.given):
                raise ScoreError(f"{self.name}: {self.part} at {self.given} is not inside {width}x{height}")
            return [self.given]
        known = scene.metadata.get("regions", {})
        found = [quad for name, quad in known.items() if name.split(".")[0] == self.regions]
        if not found:
            raise ScoreError(
                f"{self.name} measures {self.part}, and {scene.name!r} is not known to show one: use --scene chart:, "
                f"or say where it is, as in {self.name}:{EXAMPLES[self.regions]}"
            )
        own_height, own_width = scene.image.shape[-2:]
        if (own_height, own_width) != (height, width):
            raise ScoreError(
                f"{self.name}: the parts of {scene.name!r} are known in a picture of {own_width}x{own_height}, "
                f"and the images are {width}x{height}"
            )
        return found


EXAMPLES = {
    "edge": "box=80x120+310+40",
    "grey": "box=64x64+100+500",
    "dead_leaves": "box=200x200+40+300",
    "colorchecker": "corners=12/10/612/14/608/410/9/404",
}
"""How a spec says where a part is: WxH+X+Y, or x/y of the corners clockwise from the top left one."""


def parse_box(name: str, text: str) -> Quad | None:
    """`WxH+X+Y` as corners; nothing for no text. Raises ConfigError."""
    if not text:
        return None
    match = re.fullmatch(r"(\d+)x(\d+)\+(\d+)\+(\d+)", text)
    if match is None or "0" in match.groups()[:2]:
        raise ConfigError(f"{name}: box={text} is not WxH+X+Y, as in {name}:box=80x120+310+40")
    width, height, left, top = map(float, match.groups())
    right, bottom = left + width, top + height
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def parse_corners(name: str, text: str) -> Quad | None:
    """`x/y/x/y/x/y/x/y` as corners; nothing for no text. Raises ConfigError."""
    if not text:
        return None
    try:
        numbers = [float(part) for part in text.split("/")]
    except ValueError:
        numbers = []
    if len(numbers) != 8:
        raise ConfigError(
            f"{name}: corners={text} is not x/y of four corners, clockwise from the top left one, as in "
            f"{name}:{EXAMPLES['colorchecker']}"
        )
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return (pairs[0], pairs[1], pairs[2], pairs[3])


def cut_box(images: Images, quad: Quad) -> Cut:
    """The whole pixels inside the box around a part, views of the images."""
    columns, rows = [x for x, _ in quad], [y for _, y in quad]
    left, right = -int(-min(columns) // 1), int(max(columns) // 1)
    top, bottom = -int(-min(rows) // 1), int(max(rows) // 1)
    return images[..., top:bottom, left:right]


def luminance(images: Images) -> Luminance:
    """Relative luminance of encoded sRGB, float64: differences of tiny patches are what counts here."""
    light = srgb_to_linear(images.double())
    red, green, blue = LUMINANCE_BT709
    return red * light[:, 0] + green * light[:, 1] + blue * light[:, 2]


def clipped(part: Images) -> Tensor:
    """Which images have over 1 % of a part's samples at black or white, [batch]: there noise is cut off, not gone."""
    at_end = (part <= 0.5 / 255) | (part >= 254.5 / 255)
    return at_end.flatten(1).double().mean(1) > 0.01
