"""A test chart made by code, as a scene with known truth: `chart:`.

It shows slanted edges, a Siemens star, dead leaves, grey steps, a ColorChecker and text. Where each part is stands in
the scene's metadata under `regions`, so that the objectives on charts find it. All of it is drawn in linear light
several times finer than the picture and averaged, as a pixel gathers light, then encoded as sRGB.
"""

import math
from collections.abc import Mapping

import cv2
import numpy as np
import torch

from isptune.errors import ConfigError, one_line
from isptune.scenes.color import linear_to_srgb, srgb_to_linear
from isptune.scenes.scene import Corner, Scene, photograph
from objectives.charts.codes_chart import codes_chart
from objectives.charts.colour import COLUMNS, published_patches
from objectives.charts.drawing import BACKGROUND, FINER, Part, Plane, gathered, whole_number
from objectives.options import parse_options

WIDTH, HEIGHT = 768, 576
TILT_DEGREES = 5.0
EDGE_SIDES = (0.1, 0.4)
"""Luminance inside and outside the tilted square: a contrast of 4 to 1, as ISO 12233 has it since 2014."""
GREY_STEPS = 12
LEAVES = 6000
LEAF_RADII_PX = (1.0, 48.0)
WORDS = "Hamburgefonts 0123456789 quick brown fox jumps over a lazy dog"

CHECKER = Part(24, 24, 288, 192)
SQUARE = Part(336, 16, 208, 208)
STAR = Part(560, 24, 184, 184)
DEAD_LEAVES = Part(24, 240, 240, 240)
TEXT = Part(288, 248, 456, 224)
STEPS = Part(24, 504, 720, 56)
EDGES = {
    "edge.left": Part(348, 72, 64, 96),
    "edge.right": Part(468, 72, 64, 96),
    "edge.top": Part(392, 28, 96, 64),
    "edge.bottom": Part(392, 148, 96, 64),
}
"""Cuts across the four sides of the tilted square."""
SIDE = 120
"""Of the tilted square, pixels: its corners stay clear of the cuts, which are 96 long."""


def chart(argument: str | None = None) -> list[Scene]:
    """A chart as a scene that is its own reference: `chart:`, `chart:scale=2`, `chart:seed=7`, `chart:codes`.

    Args:
        argument: `codes`: the chart of QR codes and markers of `objectives.charts.codes_chart`. `scale`: 1 (768 x 576
            pixels) to 4. `seed`: of the dead leaves, or of what the codes say.

    Raises:
        ConfigError: an unknown option, or a value that is not allowed.
    """
    options = parse_options("chart", argument, {"scale": "1", "seed": "0", "which": ""}, first="which")
    scale = whole_number("scale", options["scale"], 1, 4)
    seed = whole_number("seed", options["seed"], 0, 2**31 - 1)
    if options["which"] == "codes":
        return [codes_chart(scale, seed)]
    if options["which"]:
        raise ConfigError(
            f"chart: {one_line(options['which'][:80])!r} is no chart: there are chart: and chart:codes"
        )
    light = np.full((HEIGHT * scale, WIDTH * scale, 3), BACKGROUND, dtype=np.float64)
    for part, drawn in _parts(scale, seed).items():
        light[part.at(scale)] = drawn if drawn.ndim == 3 else drawn[:, :, None]
    linear = torch.from_numpy(light).permute(2, 0, 1)[None]
    return [photograph("chart", linear_to_srgb(linear).float().clamp(0, 1), regions=regions(scale))]


def regions(scale: int) -> Mapping[str, tuple[Corner, Corner, Corner, Corner]]:
    """Where the parts are, by name; see `isptune.scenes.scene.Regions`. Grey steps come without their borders."""
    named = {**EDGES, "star": STAR, "dead_leaves": DEAD_LEAVES, "colorchecker": CHECKER, "text": TEXT}
    width = STEPS.width // GREY_STEPS
    for step in range(GREY_STEPS):
        place = Part(STEPS.left + step * width + 6, STEPS.top + 4, width - 12, STEPS.height - 8)
        # The darkest and the brightest are for looking at: noise is cut off there.
        name = f"grey.{step}" if 1 <= step < GREY_STEPS - 1 else f"end.{step}"
        named[name] = place
    return {name: part.corners(scale) for name, part in named.items()}


def grey_steps() -> np.ndarray:
    """Relative luminance of the grey steps, equal steps of lightness L* from 8 to 96."""
    lightness = np.linspace(8, 96, GREY_STEPS)
    return np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness * (3 / 29) ** 3)


def _parts(scale: int, seed: int) -> dict[Part, Plane]:
    steps = np.repeat(grey_steps(), STEPS.width // GREY_STEPS * scale)
    return {
        CHECKER: _checker(scale),
        SQUARE: _square(scale),
        STAR: _star(scale),
        DEAD_LEAVES: _leaves(scale, seed),
        TEXT: _text(scale),
        STEPS: np.broadcast_to(steps, (STEPS.height * scale, len(steps))).copy(),
    }


def _checker(scale: int) -> Plane:
    """24 patches with a dark border around each."""
    colours = srgb_to_linear(published_patches())[0].flatten(1).T.numpy()
    picture = np.full((CHECKER.height * scale, CHECKER.width * scale, 3), 0.03)
    pitch, border = CHECKER.width // COLUMNS * scale, 3 * scale
    for index, colour in enumerate(colours):
        top, left = index // COLUMNS * pitch, index % COLUMNS * pitch
        picture[top + border : top + pitch - border, left + border : left + pitch - border] = colour
    return picture


def _square(scale: int) -> Plane:
    """A dark square on a bright ground, tilted."""
    finer = 2 * FINER
    side = SQUARE.width * scale * finer
    places = (np.arange(side) + 0.5) / finer / scale - SQUARE.width / 2
    turn = math.radians(TILT_DEGREES)
    x, y = places[None, :], places[:, None]
    across, down = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    inside = (np.abs(across) < SIDE / 2) & (np.abs(down) < SIDE / 2)
    dark, bright = EDGE_SIDES
    return gathered(np.where(inside, dark, bright).astype(np.float32), finer).astype(np.float64)


def _star(scale: int) -> Plane:
    """A Siemens star: 36 sinusoidal spokes between 5 and 40 % of white."""
    side = STAR.width * scale * FINER
    places = (np.arange(side) + 0.5) / FINER / scale - STAR.width / 2
    angle, radius = np.arctan2(places[:, None], places[None, :]), np.hypot(places[:, None], places[None, :])
    spokes = 0.225 + 0.175 * np.sin(36 * angle)
    return gathered(np.where(radius < STAR.width / 2 - 4, spokes, BACKGROUND), FINER)


def _leaves(scale: int, seed: int) -> Plane:
    """Discs that hide each other, radii falling off by the third power: the same at every scale, as nature is.

    Source: Cao, Guichard and Hornung 2009, Measuring texture sharpness of a digital camera.
    """
    random = np.random.default_rng(seed)
    low, high = LEAF_RADII_PX
    share = random.random(LEAVES)
    # The inverse of the distribution whose density is r^-3 between the two radii.
    radii = 1 / np.sqrt(1 / low**2 - share * (1 / low**2 - 1 / high**2))
    radii[: LEAVES // 20] = high  # at the back, so that no ground is left to be seen
    places = random.random((LEAVES, 2)) * (DEAD_LEAVES.width + 2 * high) - high
    greys = random.uniform(0.08, 0.45, LEAVES)
    fine = np.full((DEAD_LEAVES.height * scale * FINER,) * 2, BACKGROUND, dtype=np.float32)
    sixteenths = 16 * scale * FINER
    for (x, y), radius, grey in zip(places, radii, greys, strict=True):
        middle = (round(x * sixteenths), round(y * sixteenths))
        cv2.circle(fine, middle, round(radius * sixteenths), float(grey), -1, cv2.LINE_8, 4)
    return gathered(fine, FINER).astype(np.float64)


def _text(scale: int) -> Plane:
    """Lines of letters in falling sizes, dark on bright and bright on dark."""
    shape = (TEXT.height * scale * FINER, TEXT.width * scale * FINER)
    letters = np.zeros(shape, dtype=np.uint8)
    for half in (0, TEXT.height // 2):
        baseline = half + 6
        for size in (22, 16, 12, 9, 7, 5):
            baseline += size + 5
            words = WORDS[: int(TEXT.width / (0.8 * size))]
            grown = size * scale * FINER / 22
            place = (8 * scale * FINER, baseline * scale * FINER)
            cv2.putText(
                letters, words, place, cv2.FONT_HERSHEY_SIMPLEX, grown, 255, max(1, round(grown * 1.6))
            )
    upper = np.arange(shape[0])[:, None] < shape[0] // 2
    ground, ink = np.where(upper, 0.6, 0.05), np.where(upper, 0.04, 0.7)
    return gathered(np.where(letters > 0, ink, ground), FINER)
