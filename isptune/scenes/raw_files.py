"""Raw files on disk as captures: DNG, CR2, NEF, ARW, RAF and whatever else LibRaw reads with a Bayer sensor."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isptune.errors import SceneError
from isptune.scenes.raw_capture import IDENTITY, MIN_SIDE, Matrix, Optics, RawCapture

SUFFIXES = frozenset(
    (
        ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".gpr", ".iiq", ".k25", ".kdc", ".mef", ".mos",
        ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
    )
)  # fmt: skip
"""What raw files are called. A file with another name is read as a picture."""

_SRGB_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)

_CAMERA_MATRIX_IS_SET = 0.125
"""LibRaw's own test for a matrix from the file: its first number."""

_QUARTER_TURNS = {0: 0, 3: 2, 5: 1, 6: -1}
"""LibRaw's `flip`, and how many quarter turns against the clock undo it."""


def is_raw(path: str | os.PathLike[str]) -> bool:
    """Whether a file is called like a raw file."""
    return Path(path).suffix.lower() in SUFFIXES


def looks_like_raw(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as most raw files do, whatever it is called: as a TIFF, RAF, ORF, RW2 or CR3."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith((b"II*\0", b"MM\0*", b"FUJIFILM", b"IIRO", b"IIU\0")) or head[4:] == b"ftypcrx "


def read_raw(
    path: str | os.PathLike[str],
    matrix: Matrix | None = None,
    white_balance: tuple[float, float, float] | str | None = None,
) -> tuple[RawCapture, dict[str, Any]]:
    """Read a raw file with a Bayer sensor, turned upright, from its first red sample on.

    Args:
        path: the file.
        matrix: from white-balanced camera RGB to linear sRGB, instead of the file's.
        white_balance: multipliers of R, G and B, or `grey` (the mean of the picture is grey), instead of the
            camera's.

    Returns:
        The capture (baseline_ev 0, noise unknown), and what else is known: file, path, origin (where in the
        upright picture its first sample lies: x, y), white_balance (where it comes from), iso.

    Raises:
        SceneError: the file is missing, empty, damaged or no raw file; its sensor is no Bayer sensor; it has no
            colour matrix or no white balance and none was given.
    """
    path = Path(path)
    if not path.exists():
        raise SceneError(f"{path}: no such file")
    if path.is_dir():
        raise SceneError(f"{path}: is a folder, not a raw file")
    if path.stat().st_size == 0:
        raise SceneError(f"{path}: the file is empty")
    import rawpy
    from rawpy._rawpy import LibRawError, LibRawFileUnsupportedError

    try:
        with _silent_native_code(), rawpy.imread(str(path)) as raw:
            return _to_capture(raw, path, matrix, white_balance)
    except LibRawFileUnsupportedError as error:
        raise SceneError(f"{path}: is not a raw file that LibRaw reads") from error
    except (LibRawError, OSError) as error:
        reason = error.args[0] if error.args else error
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise SceneError(
            f"{path}: cannot be read as a raw file; it is cut off or damaged ({reason})"
        ) from error


@contextmanager
def _silent_native_code() -> Iterator[None]:
    """LibRaw prints what it finds wrong past Python; we say it once, in the exception."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _to_capture(
    raw: Any, path: Path, matrix: Matrix | None, white_balance: tuple[float, float, float] | str | None
) -> tuple[RawCapture, dict[str, Any]]:
    letters = _filter_letters(raw, path)
    turns = _QUARTER_TURNS.get(raw.sizes.flip, 0)
    samples = np.rot90(np.asarray(raw.raw_image_visible, dtype=np.float32), turns)
    letters = np.rot90(_tile(letters, raw.raw_image_visible.shape), turns)[:2, :2]
    top, left = (int(place[0]) for place in np.nonzero(letters == "R"))
    height, width = ((n - start) // 2 * 2 for n, start in zip(samples.shape, (top, left), strict=True))
    if min(height, width) < MIN_SIDE:
        raise SceneError(f"{path}: {samples.shape[1]}x{samples.shape[0]} samples are too few")
    optics = Optics(
        samples.shape[1] / 2 - left, samples.shape[0] / 2 - top, float(np.hypot(*samples.shape)) / 2
    )
    samples = np.ascontiguousarray(samples[top : top + height, left : left + width])
    mosaic = torch.from_numpy(samples)[None, None]
    red, green, blue, other_green = raw.black_level_per_channel
    black = (float(red), float(green), float(other_green), float(blue))
    white = float(raw.white_level)
    if not max(black) < white:
        raise SceneError(f"{path}: its white level {white:g} is not above its black level {max(black):g}")
    chosen = matrix or _matrix(raw, path)
    balance, where = _white_balance(raw, path, white_balance, mosaic, black, white)
    facts: dict[str, Any] = {
        "file": path.name,
        "path": str(path.resolve()),
        "origin": (left, top),
        "white_balance": where,
    }
    if raw.other.iso_speed > 0:
        facts["iso"] = float(raw.other.iso_speed)
    return RawCapture(mosaic, black, white, balance, chosen, optics=optics), facts


def _filter_letters(raw: Any, path: Path) -> np.ndarray:
    """The colours of the first 2x2 visible samples as letters; refuses every other kind of sensor."""
    kind = None
    if raw.raw_type.name != "Flat":
        kind = "has three or four colours at every pixel (a linear or layered raw file)"
    elif raw.num_colors == 1 or raw.raw_pattern is None:
        kind = "comes from a sensor without colour filters (monochrome)"
    elif raw.raw_pattern.shape != (2, 2):
        rows, columns = raw.raw_pattern.shape
        kind = f"has a colour filter array of {columns}x{rows} (X-Trans)"
    else:
        names = raw.color_desc.decode()
        letters = np.array([[names[i] for i in row] for row in raw.raw_colors_visible[:2, :2]])
        diagonals = sorted("".join(sorted(d)) for d in (letters.diagonal(), letters[:, ::-1].diagonal()))
        if diagonals == ["BR", "GG"]:
            return letters
        kind = f"has the colour filters {'/'.join(''.join(row) for row in letters)}"
    raise SceneError(f"{path}: {kind}; only Bayer sensors (RGGB in any order) can be used")


def _tile(letters: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The letters of a frame of this shape, by a view where only the parity of the sides matters."""
    return np.tile(letters, (2, 2))[: 2 + shape[0] % 2, : 2 + shape[1] % 2]


def _matrix(raw: Any, path: Path) -> Matrix:
    """From white-balanced camera RGB to linear sRGB, as LibRaw chooses and computes it."""
    found = np.asarray(raw.color_matrix)[:3, :3]
    if found[0, 0] <= _CAMERA_MATRIX_IS_SET:
        camera_from_srgb = np.asarray(raw.rgb_xyz_matrix)[:3] @ _SRGB_TO_XYZ
        sums = camera_from_srgb.sum(axis=1, keepdims=True)
        if not (sums > 1e-5).all():
            raise SceneError(
                f"{path}: has no colour matrix, and LibRaw knows none for this camera; "
                f"'raw:{path.name}?matrix=identity' takes the camera's colours for sRGB"
            )
        found = np.linalg.inv(camera_from_srgb / sums)
    return _rows(found)


def _rows(numbers: np.ndarray) -> Matrix:
    """Three rows, each scaled to sum to 1: white stays white."""
    red, green, blue = (tuple(float(x) for x in row / row.sum()) for row in numbers)
    return (red[0], red[1], red[2]), (green[0], green[1], green[2]), (blue[0], blue[1], blue[2])


def _white_balance(
    raw: Any,
    path: Path,
    given: tuple[float, float, float] | str | None,
    mosaic: torch.Tensor,
    black: tuple[float, float, float, float],
    white: float,
) -> tuple[tuple[float, float, float], str]:
    """Multipliers with green 1, and where they come from."""
    if isinstance(given, tuple):
        return (given[0] / given[1], 1.0, given[2] / given[1]), "given"
    if given == "grey":
        cells = torch.nn.functional.pixel_unshuffle(mosaic, 2) - torch.tensor(black).view(1, 4, 1, 1)
        unclipped = (cells < 0.98 * (white - max(black))).all(1, keepdim=True)
        red, green, other, blue = (float(c[unclipped[:, 0]].mean()) for c in cells.unbind(1))
        return ((green + other) / 2 / red, 1.0, (green + other) / 2 / blue), "grey mean"
    if given is not None:
        raise SceneError(f"white_balance = {given!r} is neither R,G,B nor grey")
    for source, values in (("camera", raw.camera_whitebalance), ("daylight", raw.daylight_whitebalance)):
        red, green, blue = values[:3]
        unset = source == "daylight" and red == green == blue  # LibRaw's way to say that it knows nothing
        if min(red, green, blue) > 1e-5 and not unset:
            return (red / green, 1.0, blue / green), source
    raise SceneError(
        f"{path}: has no white balance, and LibRaw knows none for this camera; "
        f"give one: 'raw:{path.name}?white_balance=R,G,B', or grey"
    )


def parse_matrix(text: str) -> Matrix:
    """`identity`, or nine numbers row by row, whose rows are scaled to sum to 1. Raises SceneError."""
    if text == "identity":
        return IDENTITY
    try:
        numbers = np.array([float(part) for part in text.split(",")]).reshape(3, 3)
    except ValueError:
        numbers = np.zeros((3, 3))
    if not (np.isfinite(numbers).all() and (numbers.sum(1) > 0.01).all()):
        raise SceneError(
            f"matrix = {text!r} is neither identity nor nine numbers whose rows have positive sums"
        )
    return _rows(numbers)


def parse_white_balance(text: str) -> tuple[float, float, float] | str:
    """`grey`, or three positive numbers. Raises SceneError."""
    if text == "grey":
        return text
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        red = green = blue = 0.0
    if not all(np.isfinite(x) and x > 0 for x in (red, green, blue)):
        raise SceneError(f"white_balance = {text!r} is neither grey nor three positive numbers R,G,B")
    return red, green, blue
