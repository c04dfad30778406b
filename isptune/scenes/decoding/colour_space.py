"""From a file's colours to sRGB: RGB of other primaries and curves, in arithmetic, without a step through 8 bits."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

UnitPixels = Float32[np.ndarray, "height width channels"]
SrgbPixels = Float32[np.ndarray, "height width 3"]
Matrix = Float64[np.ndarray, "3 3"]
Curve = Callable[[Float64[np.ndarray, " steps"]], Float64[np.ndarray, " steps"]]
"""From encoded values in [0, 1] to light in [0, 1]."""

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue (CIE 1931)."""

D65 = (0.3127, 0.3290)
BT709: Chromaticities = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
DISPLAY_P3: Chromaticities = (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
BT2020: Chromaticities = (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
ADOBE_RGB: Chromaticities = (*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
BT470_M: Chromaticities = (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08)
BT601_625: Chromaticities = (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06)
BT601_525: Chromaticities = (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)
DCI_P3: Chromaticities = (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)

ADOBE_RGB_GAMMA = 563 / 256
"""Adobe RGB (1998) Color Image Encoding, version 2005-05, section 4.3.4.2."""

STEPS = 1 << 16
"""Of the tables of curves: every number of 16 bits has its own."""

SAME = 1.5 / 255
"""A conversion that moves no colour by more is none: profiles of sRGB differ in rounding."""

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]], np.float64
)
"""Cone responses of XYZ (Lam 1985), by which ICC.1:2022, annex E adapts to another white."""

D50 = np.array([0.9642, 1.0, 0.8249])
"""The white of ICC's connection space."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """How pixels become sRGB.

    Attributes:
        name: of the colour space that they are in.
        convert: from [H, W, channels] in [0, 1] to [H, W, 3] in [0, 1].
        channels: that it takes; 3, or 4 for CMYK.
    """

    name: str
    convert: Callable[[UnitPixels], SrgbPixels]
    channels: int = 3

    @property
    def told(self) -> str:
        """The line that says so."""
        return f"its colours are in {self.name} and were converted to sRGB"


def rgb_conversion(name: str, to_xyz_d50: Matrix, curves: Sequence[Curve]) -> Conversion | None:
    """The conversion of RGB with these primaries and curves; None where it changes nothing that can be seen."""
    encoded = np.linspace(0, 1, STEPS)
    tables = [np.clip(curve(encoded), 0, 1).astype(np.float32) for curve in curves]
    matrix = (np.linalg.inv(_srgb_to_xyz_d50()) @ to_xyz_d50).astype(np.float32)
    conversion = Conversion(name, functools.partial(_by_matrix, tables=tables, matrix=matrix))
    return None if changes_nothing(conversion) else conversion


def changes_nothing(conversion: Conversion) -> bool:
    """Whether a conversion leaves colours of a grid over RGB where they are, see `SAME`."""
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3)
    return bool(np.abs(conversion.convert(grid) - grid).max() <= SAME)


def to_xyz_d50(primaries: Chromaticities) -> Matrix:
    """The matrix from linear RGB to XYZ, white adapted to D50.

    Raises:
        ValueError: these are no chromaticities: a y is 0, or the primaries lie on one line.
    """
    points = np.array(primaries).reshape(4, 2)
    if not (points[:, 1] > 0).all():
        raise ValueError("a chromaticity has a y of 0")
    white, *corners = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in points)
    columns = np.stack(corners, 1)
    if abs(np.linalg.det(columns)) < 1e-6:
        raise ValueError("the primaries lie on one line")
    matrix = columns * np.linalg.solve(columns, white)
    gains = (_BRADFORD @ D50) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ matrix


def srgb_curve(encoded: Float64[np.ndarray, " steps"]) -> Float64[np.ndarray, " steps"]:
    """IEC 61966-2-1:1999."""
    return np.where(encoded > 0.04045, ((encoded + 0.055) / 1.055) ** 2.4, encoded / 12.92)


def power_curve(gamma: float) -> Curve:
    """Light is the encoded value to this power."""
    return lambda encoded: encoded**gamma


@functools.cache
def _srgb_to_xyz_d50() -> Matrix:
    return to_xyz_d50(BT709)


@functools.cache
def _encoding() -> Float32[np.ndarray, " steps"]:
    """sRGB's encoded values at even steps of the square root of light, where the curve is nowhere steep."""
    light = np.linspace(0, 1, STEPS) ** 2
    return np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, light * 12.92).astype(np.float32)


def _by_matrix(
    pixels: UnitPixels, tables: Sequence[Float32[np.ndarray, " steps"]], matrix: Float32[np.ndarray, "3 3"]
) -> SrgbPixels:
    index = (pixels * np.float32(STEPS - 1) + np.float32(0.5)).astype(np.uint16)
    light = np.stack([table[index[..., k]] for k, table in enumerate(tables)], -1)
    light = np.clip(light @ matrix.T, 0, 1)
    np.sqrt(light, out=light)
    return _encoding()[(light * np.float32(STEPS - 1) + np.float32(0.5)).astype(np.uint16)]
