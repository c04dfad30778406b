"""What a user says of a raw file in place of its own tags: `raw:FILE?cfa=BGGR&black=64&white=4095&...`, from text."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.camera_profile import CameraProfile, read_camera_profile
from isptune.scenes.colour_profile import read_profile, white_kept
from isptune.scenes.raw_capture import IDENTITY, Matrix, NoiseModel

BAYER = ("RGGB", "GRBG", "GBRG", "BGGR")
"""The four orders of the first two rows of a mosaic."""

MONO, QUAD = "MONO", "QUAD-"
"""A sensor without colour filters; what stands before the order of one whose filters cover 2x2 samples each."""

ORIENTATIONS = {
    "normal": 1, "mirror": 2, "rotate180": 3, "flip": 4, "transpose": 5, "rotate90": 6, "transverse": 7, "rotate270": 8,
    "top-left": 1, "top-right": 2, "bottom-right": 3, "bottom-left": 4, "left-top": 5, "right-top": 6,
    "right-bottom": 7, "left-bottom": 8,
}  # fmt: skip
"""What is done to a frame to show it upright (clockwise), or where its first row and column lie (TIFF 6.0), as EXIF's
number."""

TAG_OPTIONS = {
    "cfa": "RGGB, GRBG, GBRG, BGGR, QUAD-RGGB and the like, or MONO",
    "black": "N, or four numbers, one a position of the first 2x2 samples",
    "white": "N",
    "noise": "SCALE,OFFSET as a DNG's NoiseProfile, six numbers, a pair for R, G and B, or a profile's TOML file",
    "iso": "N",
    "orientation": "1 to 8 as in EXIF, or normal, mirror, rotate90 and the like",
    "matrix": "identity, nine numbers from white-balanced camera RGB to sRGB, or a profile's TOML file",
    "white_balance": "R,G,B, grey, or a profile's TOML file",
}
"""The keys, and what they take."""


@dataclass(frozen=True)
class Tags:
    """What is said in place of a file's tags; None leaves the file's own.

    Attributes:
        cfa: an order of BAYER, `QUAD-` and an order, or MONO.
        black: levels of no light at the first 2x2 samples of the frame as it is stored, row by row.
        white: the level at which samples clip.
        noise: of the sensor's samples, or a profile that knows it by ISO.
        iso: at which it was taken.
        orientation: EXIF's number.
        matrix: from white-balanced camera RGB to linear sRGB.
        white_balance: multipliers of R, G and B, or `grey` (the mean of the picture is grey).
    """

    cfa: str | None = None
    black: tuple[float, float, float, float] | None = None
    white: float | None = None
    noise: NoiseModel | CameraProfile | None = None
    iso: float | None = None
    orientation: int | None = None
    matrix: Matrix | None = None
    white_balance: tuple[float, float, float] | str | None = None


def parse_tags(options: Mapping[str, str]) -> Tags:
    """The tags among options; other keys are left alone. Raises SceneError for a value that is none."""
    readers = {
        "cfa": parse_cfa,
        "black": _parse_black,
        "white": _parse_white,
        "noise": parse_noise,
        "iso": _parse_iso,
        "orientation": parse_orientation,
        "matrix": parse_matrix,
        "white_balance": parse_white_balance,
    }
    return Tags(**{key: read(options[key]) for key, read in readers.items() if key in options})


def parse_cfa(text: str) -> str:
    """`BGGR`, `QUAD-RGGB` or `MONO`, in any case. Raises SceneError."""
    cfa = text.upper()
    if cfa == MONO or cfa.removeprefix(QUAD) in BAYER:
        return cfa
    raise SceneError(f"cfa = {text!r} is none of {', '.join(BAYER)}, one of these behind {QUAD}, or {MONO}")


def parse_noise(text: str) -> NoiseModel | CameraProfile:
    """`SCALE,OFFSET`: the variance of a sample x in [0, 1] is SCALE x + OFFSET; one for R, G, B each; a profile."""
    if text.lower().endswith(".toml"):
        return read_camera_profile(Path(text))
    numbers = _numbers(text)
    if len(numbers) not in (2, 6) or min(numbers) < 0:
        raise SceneError(
            f"noise = {text!r} is neither SCALE,OFFSET nor six such numbers, none below 0, nor a profile (.toml)"
        )
    return mean_noise(numbers)


def mean_noise(profile: list[float]) -> NoiseModel:
    """One model for all samples of a mosaic from pairs of scale and offset: one, or one a plane (G counts twice)."""
    pairs = np.array(profile, dtype=np.float64).reshape(-1, 2)
    weights = [1, 2, 1] if len(pairs) == 3 else [1] * len(pairs)
    shot, read = np.average(pairs, axis=0, weights=weights)
    return NoiseModel(float(shot), float(read))


def parse_orientation(text: str) -> int:
    """EXIF's number, from itself or a word. Raises SceneError."""
    word = text.lower()
    number = int(word) if word in tuple("12345678") else ORIENTATIONS.get(word)
    if number is None:
        raise SceneError(f"orientation = {text!r} is neither 1 to 8 nor one of {', '.join(ORIENTATIONS)}")
    return number


def parse_matrix(text: str) -> Matrix:
    """`identity`, nine numbers row by row, or a profile's TOML file; rows are scaled to sum to 1. Raises SceneError."""
    if text == "identity":
        return IDENTITY
    if text.lower().endswith(".toml"):
        return read_profile(Path(text)).matrix
    numbers = _numbers(text)
    return _checked(numbers, f"matrix = {text!r} is neither identity nor a profile (.toml) nor")


def _not_there(path: str, key: str) -> NoReturn:
    raise SceneError(f"{path}: has no {key}")


def _checked(numbers: list[float], what: str) -> Matrix:
    rows = np.array(numbers).reshape(3, 3) if len(numbers) == 9 else np.zeros((3, 3))
    if not (np.isfinite(rows).all() and (rows.sum(1) > 0.01).all()):
        raise SceneError(f"{what} nine numbers whose rows have positive sums")
    return white_kept(rows)


def parse_white_balance(text: str) -> tuple[float, float, float] | str:
    """`grey`, three positive numbers, or a TOML file with `white_balance`. Raises SceneError."""
    if text == "grey":
        return text
    if text.lower().endswith(".toml"):
        return read_profile(Path(text)).white_balance or _not_there(text, "white_balance")
    numbers = _numbers(text)
    if len(numbers) != 3 or min(numbers) <= 0:
        raise SceneError(
            f"white_balance = {text!r} is neither grey nor a profile (.toml) nor three positive numbers R,G,B"
        )
    return numbers[0], numbers[1], numbers[2]


def _parse_black(text: str) -> tuple[float, float, float, float]:
    numbers = _numbers(text)
    if len(numbers) not in (1, 4) or min(numbers) < 0:
        raise SceneError(f"black = {text!r} is neither one number nor four, none below 0")
    first, second, third, fourth = numbers * (4 // len(numbers))
    return first, second, third, fourth


def _parse_iso(text: str) -> float:
    numbers = _numbers(text)
    if len(numbers) != 1 or not 1 <= numbers[0] <= 1e7:
        raise SceneError(f"iso = {text!r} is not a number from 1 to 10000000")
    return numbers[0]


def _parse_white(text: str) -> float:
    numbers = _numbers(text)
    if len(numbers) != 1 or not 0 < numbers[0] < 2**32:
        raise SceneError(f"white = {text!r} is not a positive number")
    return numbers[0]


def _numbers(text: str) -> list[float]:
    """Numbers parted by commas; none where one of them is no number."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []
