"""A frame as a raw file stores it, and how it becomes a capture: binned, turned upright, cut to its first red."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from isptune.errors import SceneError
from isptune.scenes.camera_profile import CameraProfile, noise_at_iso
from isptune.scenes.decoding.orientation import upright
from isptune.scenes.raw_capture import IDENTITY, MIN_SIDE, Matrix, NoiseModel, Optics, RawCapture
from isptune.scenes.raw_tags import MONO, QUAD, Tags

Balance = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Frame:
    """What a file holds, with its own tags or those that were given instead.

    Attributes:
        name: of the file, for messages.
        samples: [H, W], digital numbers.
        cfa: the colours of the first 2x2 samples, row by row; `QUAD-` before an order where each filter covers 2x2
            samples; MONO without filters.
        black: levels of no light at the first 2x2 samples, row by row.
        white: the level at which samples clip.
        orientation: EXIF's number, 1 to 8.
        matrix: from white-balanced camera RGB to linear sRGB.
        white_balance: multipliers of R, G and B, or `grey`: the mean of the picture is grey.
        white_balance_from: where that comes from.
        noise: of the samples; None where it is not known.
        iso: None where it is not known.
        bare: whether the file says nothing but samples.
    """

    name: str
    samples: np.ndarray
    cfa: str
    black: tuple[float, float, float, float]
    white: float
    orientation: int = 1
    matrix: Matrix = IDENTITY
    white_balance: Balance | str = "grey"
    white_balance_from: str = "grey mean"
    noise: NoiseModel | None = None
    iso: float | None = None
    bare: bool = False

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the frame when it is turned upright."""
        height, width = self.samples.shape
        return (height, width) if self.orientation >= 5 else (width, height)


def check_file(path: Path) -> None:
    """Raises SceneError where there is no file, or nothing in it."""
    if not path.exists():
        raise SceneError(f"{path}: no such file")
    if path.is_dir():
        raise SceneError(f"{path}: is a folder, not a raw file")
    if path.stat().st_size == 0:
        raise SceneError(f"{path}: the file is empty")


def retagged(frame: Frame, tags: Tags) -> Frame:
    """The frame with what is said in place of its tags. Raises SceneError for a profile of noise without an ISO."""
    given = {
        key: value
        for key in ("cfa", "black", "white", "orientation", "matrix", "noise", "iso")
        if (value := getattr(tags, key)) is not None
    }
    balance = tags.white_balance
    if balance is not None:
        given["white_balance"] = balance
        given["white_balance_from"] = "grey mean" if isinstance(balance, str) else "given"
    if isinstance(tags.noise, CameraProfile):
        iso = tags.iso or frame.iso
        if iso is None:
            raise SceneError(
                f"{frame.name}: knows no ISO, by which a profile knows its noise; give it: iso=N"
            )
        given["noise"] = noise_at_iso(tags.noise.noise, iso, "the profile of noise=").model
    return replace(frame, **given)


def binned(frame: Frame) -> Frame:
    """A quad Bayer frame as a Bayer frame of half the size: the mean of four samples behind one filter.

    Their noise averages out: its variance falls to a quarter.
    """
    if not frame.cfa.startswith(QUAD):
        return frame
    height, width = (n // 2 for n in frame.samples.shape)
    four = frame.samples[: 2 * height, : 2 * width].astype(np.float32).reshape(height, 2, width, 2)
    black = sum(frame.black) / 4
    noise = frame.noise and NoiseModel(frame.noise.shot / 4, frame.noise.read / 4)
    return replace(
        frame,
        samples=four.mean((1, 3)),
        cfa=frame.cfa.removeprefix(QUAD),
        black=(black, black, black, black),
        noise=noise,
    )


def to_capture(frame: Frame) -> tuple[RawCapture, tuple[int, int]]:
    """The capture, upright and from its first red sample on, and where in the upright frame that is (x, y).

    Args:
        frame: of a Bayer or a mono sensor; see `binned`.

    Raises:
        SceneError: too few samples, or a white level that is not above black.
    """
    samples = upright(np.asarray(frame.samples, dtype=np.float32), frame.orientation)
    letters = _upright_cell(np.array(list(frame.cfa if frame.cfa != MONO else "RGGB")), frame)
    black = _upright_cell(np.array(frame.black), frame)
    top, left = (0, 0) if frame.cfa == MONO else (int(place[0]) for place in np.nonzero(letters == "R"))
    black = np.roll(black, (-top, -left), (0, 1))
    height, width = ((n - start) // 2 * 2 for n, start in zip(samples.shape, (top, left), strict=True))
    if min(height, width) < MIN_SIDE:
        raise SceneError(f"{frame.name}: {samples.shape[1]}x{samples.shape[0]} samples are too few")
    if not black.max() < frame.white:
        levels = f"its white level {frame.white:g} is not above its black level {black.max():g}"
        raise SceneError(f"{frame.name}: {levels}; give them: raw:FILE?black=N&white=N")
    optics = Optics(
        samples.shape[1] / 2 - left, samples.shape[0] / 2 - top, float(np.hypot(*samples.shape)) / 2
    )
    samples = np.ascontiguousarray(samples[top : top + height, left : left + width])
    levels = tuple(float(level) for level in black.flat)
    capture = RawCapture(
        torch.from_numpy(samples)[None, None],
        (levels[0], levels[1], levels[2], levels[3]),
        frame.white,
        (1.0, 1.0, 1.0),
        frame.matrix,
        noise=frame.noise,
        optics=optics,
        mono=frame.cfa == MONO,
    )
    return _balanced(capture, frame), (left, top)


def _upright_cell(cell: np.ndarray, frame: Frame) -> np.ndarray:
    """What holds at the first 2x2 samples of the upright frame: only the parity of the frame's sides matters."""
    rows, columns = (2 + n % 2 for n in frame.samples.shape)
    return upright(np.tile(cell.reshape(2, 2), (2, 2))[:rows, :columns], frame.orientation)[:2, :2]


def _balanced(capture: RawCapture, frame: Frame) -> RawCapture:
    """The capture with its white balance; green has 1."""
    if capture.mono:
        return replace(capture, matrix=IDENTITY)
    if not isinstance(frame.white_balance, str):
        red, green, blue = frame.white_balance
        return replace(capture, white_balance=(red / green, 1.0, blue / green))
    cells = torch.nn.functional.pixel_unshuffle(capture.mosaic, 2)
    cells = cells - torch.tensor(capture.black).view(1, 4, 1, 1)
    unclipped = (cells < 0.98 * (capture.white - max(capture.black))).all(1, keepdim=True)
    red, green, other, blue = (float(c[unclipped[:, 0]].mean()) for c in cells.unbind(1))
    green = (green + other) / 2
    if not min(red, green, blue) > 0:  # NaN where all is clipped
        raise SceneError(
            f"{frame.name}: there is no light above black to balance white by; give white_balance=R,G,B"
        )
    return replace(capture, white_balance=(green / red, 1.0, green / blue))
