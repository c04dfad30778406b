"""A camera's colours as a calibration found them: a TOML file with a matrix and a white balance."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.raw_capture import Matrix
from isptune.system.disk import write_atomically
from isptune.system.records import convert, optional, parse_toml, read_bytes
from isptune.system.toml_text import inline

LARGEST = 1 << 20
"""Bytes of a profile."""

Three = tuple[float, float, float]


@dataclass(frozen=True)
class ColourProfile:
    """What `raw:FILE?matrix=profile.toml&white_balance=profile.toml` takes.

    Attributes:
        matrix: from white-balanced camera RGB to linear sRGB; its rows sum to 1.
        white_balance: multipliers of R, G and B under the light of the calibration.
        note: for people: where it comes from.
    """

    matrix: tuple[Three, Three, Three]
    white_balance: Three | None = optional(None)
    note: str = optional("")


def read_profile(path: Path) -> ColourProfile:
    """A profile from its file, rows scaled to sum to 1. Raises SceneError."""
    said = parse_toml(read_bytes(path, SceneError, LARGEST), str(path), SceneError)
    profile = convert(said, ColourProfile, str(path), SceneError)
    rows = np.array(profile.matrix, dtype=np.float64)
    if not (rows.sum(1) > 0.01).all():
        raise SceneError(f"{path}: the rows of its matrix have no positive sums")
    if profile.white_balance is not None and min(profile.white_balance) <= 0:
        raise SceneError(f"{path}: white_balance = {list(profile.white_balance)} is not positive")
    return ColourProfile(white_kept(rows), profile.white_balance, profile.note)


def write_profile(path: Path, profile: ColourProfile) -> None:
    """Write a profile. Raises DiskError."""
    lines = [f"note = {inline(profile.note)}"] if profile.note else []
    lines.append("# From white-balanced camera RGB to linear sRGB, row by row.")
    lines.append(f"matrix = {inline([[round(x, 6) for x in row] for row in profile.matrix])}")
    if profile.white_balance is not None:
        lines.append(f"white_balance = {inline([round(x, 6) for x in profile.white_balance])}")
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def white_kept(numbers: np.ndarray) -> Matrix:
    """Three rows, each scaled to sum to 1: white stays white."""
    red, green, blue = (tuple(float(x) for x in row / row.sum()) for row in numbers)
    return (red[0], red[1], red[2]), (green[0], green[1], green[2]), (blue[0], blue[1], blue[2])
