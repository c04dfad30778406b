"""A chart of QR codes and ArUco markers in falling sizes and contrasts, made by code: `chart:codes`.

Rows fall in contrast, columns in size. Where each code is and what it says stands in the scene's regions: of a QR code
`code.qr.TEXT`, of a marker `code.aruco.NUMBER`, with the corners of what it needs: the code and its quiet zone.

Sources: ISO/IEC 18004 (QR codes); Garrido-Jurado, Munoz-Salinas, Madrid-Cuevas and Marin-Jimenez 2014, Automatic
generation and detection of highly reliable fiducial markers under occlusion, doi:10.1016/j.patcog.2014.01.005 (ArUco).
Both are made by OpenCV.
"""

import cv2
import numpy as np
import torch

from isptune.scenes.color import linear_to_srgb
from isptune.scenes.scene import Scene, photograph
from objectives.charts.drawing import BACKGROUND, FINER, Part, Plane, gathered

QR, ARUCO = "code.qr.", "code.aruco."
"""How the names of regions begin."""

DICTIONARY = "4x4_50"
"""The family of markers of the chart."""

INK_AND_PAPER = ((0.02, 0.8), (0.06, 0.5), (0.1, 0.36), (0.13, 0.27), (0.15, 0.22))
"""Relative luminance, a row each: contrasts of 40, 8, 3.6, 2.1 and 1.5 to 1."""

QR_MODULES_PX = (4.0, 3.0, 2.5, 2.0)
MARKER_MODULES_PX = (6.0, 4.0, 3.0, 2.0)
"""Sides of a module, pixels, a column each."""

_QR_SIDE, _MARKER_SIDE = 21, 6
QUIET = {_QR_SIDE: 4, _MARKER_SIDE: 2}
"""Modules of paper around each; ISO/IEC 18004 asks for four around a QR code."""

GAP = 6
ROW_PX = 122


def codes_chart(scale: int, seed: int) -> Scene:
    """The chart as a scene that is its own reference.

    Args:
        scale: 1 to 4: of all sizes.
        seed: of what the codes say.
    """
    columns = [(px, _QR_SIDE) for px in QR_MODULES_PX] + [(px, _MARKER_SIDE) for px in MARKER_MODULES_PX]
    sides = [round(px * (modules + 2 * QUIET[modules])) for px, modules in columns]
    width = (sum(sides) + GAP * (len(sides) + 1) + 1) // 2 * 2
    height = ROW_PX * len(INK_AND_PAPER) + 2 * GAP
    light = np.full((height * scale, width * scale), BACKGROUND)
    regions = {}
    said = np.random.default_rng(seed).permutation(50)[: len(INK_AND_PAPER) * len(MARKER_MODULES_PX)]
    for row, (ink, paper) in enumerate(INK_AND_PAPER):
        left = GAP
        for column, ((px, modules), side) in enumerate(zip(columns, sides, strict=True)):
            number = int(said[row * len(MARKER_MODULES_PX) + column % len(MARKER_MODULES_PX)])
            part = Part(left, GAP + row * ROW_PX + (ROW_PX - side) // 2, side, side)
            name, code = _code(modules, number)
            light[part.at(scale)] = paper + (ink - paper) * _drawn(code, px * scale, side * scale)
            regions[name] = part.corners(scale)
            left += side + GAP
    linear = torch.from_numpy(light)[None, None].expand(1, 3, -1, -1)
    return photograph("codes", linear_to_srgb(linear).float().clamp(0, 1).contiguous(), regions=regions)


def dictionary(name: str) -> "cv2.aruco.Dictionary":
    """A family of markers, such as `4x4_50`. Raises AttributeError for one that OpenCV has not."""
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{name.upper()}"))


def _code(modules: int, number: int) -> tuple[str, Plane]:
    """The name of its region, and its modules: 1 where there is ink, 0 for paper, without a quiet zone."""
    if modules == _MARKER_SIDE:
        drawn = cv2.aruco.generateImageMarker(dictionary(DICTIONARY), number, modules, borderBits=1)
        return f"{ARUCO}{number}", (drawn == 0).astype(np.float64)
    settings = cv2.QRCodeEncoder_Params()  # pyright: ignore[reportAttributeAccessIssue] - its name in the stubs is another
    settings.version, settings.correction_level = 1, cv2.QRCodeEncoder_CORRECT_LEVEL_M
    text = f"ISP{number:02d}"
    ink = cv2.QRCodeEncoder.create(settings).encode(text) == 0
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    code = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert code.shape == (modules, modules), code.shape
    return f"{QR}{text}", code.astype(np.float64)


def _drawn(code: Plane, px: float, side: int) -> Plane:
    """A code in its quiet zone as `side` pixels gather it, one of its modules `px` wide."""
    with_zone = np.pad(code, QUIET[len(code)])
    places = (np.arange(side * FINER) + 0.5) / FINER / px
    at = np.minimum(places.astype(int), len(with_zone) - 1)
    return gathered(with_zone[np.ix_(at, at)], FINER)
