"""Matrices of counts as tables of votes, as pwcmp and ASAP have them: [i, j] is how often i was preferred to j."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64

from isptune.errors import ConfigError, one_line
from isptune.system.records import read_bytes
from isptune.system.tables import Row, number

Winner = Literal["rows", "columns"]


@dataclass(frozen=True, eq=False)
class CountMatrix:
    """Of one scene.

    Attributes:
        scene: its name; empty for the file's own.
        names: of the conditions.
        wins: [i, j], how often i was preferred to j; halves are of votes for no difference.
    """

    scene: str
    names: tuple[str, ...]
    wins: Float64[np.ndarray, "images images"]


def matrix_of_rows(rows: Sequence[Row], separator: str, path: Path) -> CountMatrix | None:
    """A square of numbers, with names over it and beside it or without; None for another table.

    Raises:
        ConfigError: a count is negative, or a picture is counted against itself.
    """
    cells = [row.cells for row in rows]
    if len(cells) < 2:
        return None
    head: Sequence[str] = ()
    if any(cell and number(cell, separator) is None for cell in cells[0]):
        head, cells = cells[0], cells[1:]
        if all(number(row[0], separator) is None for row in cells):  # names beside it
            head = head[1:] if len(head) == len(cells) + 1 else head
            cells = [row[1:] for row in cells]
    size = len(cells)
    if size < 2 or any(len(row) != size for row in cells) or (head and len(head) != size):
        return None
    values = [[number(cell, separator) if cell else 0.0 for cell in row] for row in cells]
    if any(value is None for row in values for value in row):
        return None
    return CountMatrix("", tuple(head) or _numbered(size), _checked(np.array(values, dtype=np.float64), path))


def matrices_of_array(path: Path) -> list[CountMatrix]:
    """Of a NumPy file (.npy): [images, images], or [scenes, images, images]. Raises ConfigError."""
    import io

    shown = one_line(str(path))
    try:
        array = np.load(io.BytesIO(read_bytes(path)), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ConfigError(f"{shown}: is no array that can be read: {one_line(str(error))}") from error
    if array.ndim not in (2, 3) or array.shape[-1] != array.shape[-2] or array.dtype.kind not in "iuf":
        raise ConfigError(
            f"{shown}: is {array.shape} of {array.dtype}; counts are [images, images] or [scenes, images, images]"
        )
    several = array.astype(np.float64).reshape(-1, *array.shape[-2:])
    names = _numbered(array.shape[-1])
    return [
        CountMatrix(f"scene_{k:02d}" if array.ndim == 3 else "", names, _checked(one, path))
        for k, one in enumerate(several, 1)
    ]


def _numbered(size: int) -> tuple[str, ...]:
    return tuple(f"c{k:0{len(str(size))}d}" for k in range(1, size + 1))


def _checked(wins: np.ndarray, path: Path) -> np.ndarray:
    shown = one_line(str(path))
    if not np.isfinite(wins).all() or (wins < 0).any():
        raise ConfigError(f"{shown}: counts of wins are finite numbers from 0 on")
    if np.diag(wins).any():
        k = int(np.flatnonzero(np.diag(wins))[0]) + 1
        raise ConfigError(
            f"{shown}: row {k} has {wins[k - 1, k - 1]:g} wins over itself; the diagonal must be 0"
        )
    return wins
