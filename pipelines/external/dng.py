"""Captures as DNG files, which LibRaw and what is built on it read back.

Adobe, "Digital Negative (DNG) Specification", version 1.4 (2012): an uncompressed mosaic with the tags without which
readers guess. Every number that a capture holds is in the file; LibRaw uses all but the noise and the brightness.
"""

import os
import struct
from pathlib import Path

import numpy as np

from isptune.errors import DiskError, SceneError
from isptune.scenes.raw_capture import RawCapture
from isptune.system.disk import replacing
from pipelines.external.camera_tags import TakenWith

_CFA, _EXIF_DIRECTORY, _LINEAR_VERSION = 32803, 34665, (1, 4, 0, 0)
_FILTERS = {"R": 0, "G": 1, "B": 2}

_XYZ_TO_SRGB = np.linalg.inv(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
"""The same rounded numbers as LibRaw's, so that the matrix comes back as it was."""


def write_dng(
    path: str | os.PathLike[str],
    capture: RawCapture,
    order: str = "RGGB",
    camera: str = "isptune",
    taken: TakenWith | None = None,
) -> None:
    """Write a capture as a DNG of 16 bits.

    Args:
        path: where to; an existing file is replaced.
        capture: its samples are rounded to whole numbers.
        order: the colours of the first two rows in the file; another one than RGGB shifts the first row or column
            of the mosaic out: the picture is two samples narrower or lower, and reads back from its first red.
        camera: the name of the camera's model. LibRaw may know better than the file what it knows by name.
        taken: with which camera and exposure, in place of `camera`.

    Raises:
        SceneError: the capture is mono, a level does not fit into 16 bits, the order is unknown, or the disk refuses.
    """
    import tifffile

    if capture.mono:
        raise SceneError(
            "a capture without colour filters (MONO) cannot be written as a mosaic; use --pipeline raw"
        )
    if order not in _OFFSETS:
        raise SceneError(f"order {order!r} is none of {', '.join(_OFFSETS)}")
    top, left = _OFFSETS[order]
    samples = capture.mosaic[0, 0].detach().cpu().numpy()
    if not (min(capture.black) >= 0 and capture.white <= 65535):
        raise SceneError(f"levels {capture.black} to {capture.white:g} do not fit into a DNG of 16 bits")
    height, width = samples.shape
    samples = samples[top : height - top, left : width - left]
    pixels = np.ascontiguousarray(np.clip(np.rint(samples), 0, 65535).astype(np.uint16))
    try:
        taken = taken or TakenWith()
        tags = _tags(capture, order, taken.model or camera, taken.make or "isptune")
        tags += [(_EXIF_DIRECTORY - 1, 4, 1, 0, True)] if taken.exif else []
        with replacing(Path(path)) as temporary:
            tifffile.imwrite(
                temporary,
                pixels,
                photometric=_CFA,
                extratags=tags,
                metadata=None,
                software=False,
                byteorder="<",
            )
            if taken.exif:
                _append_exif(temporary, taken)
    except DiskError as error:
        raise SceneError(str(error)) from error


def _append_exif(path: Path, taken: TakenWith) -> None:
    """Put the directory of the exposure at the end of a file, and into the tag that was kept free for it.

    tifffile writes no tag that points elsewhere, so that it was given the code before.
    """
    import tifffile

    with tifffile.TiffFile(path) as written:
        tag = written.pages.first.tags[_EXIF_DIRECTORY - 1].offset
    with open(path, "r+b") as file:
        offset = file.seek(0, os.SEEK_END)
        file.write(taken.exif_directory(offset))
        file.seek(tag)
        file.write(struct.pack("<HHII", _EXIF_DIRECTORY, 4, 1, offset))


_OFFSETS = {"RGGB": (0, 0), "GRBG": (0, 1), "GBRG": (1, 0), "BGGR": (1, 1)}
"""How many rows and columns before the first red sample."""


def _tags(
    capture: RawCapture, order: str, camera: str, make: str = "isptune"
) -> list[tuple[int, int, int, object, bool]]:
    """Code, type, count, value; types: 1 byte, 2 text, 3 short, 5 rational, 10 signed rational, 12 double."""
    neutral = [1 / gain for gain in capture.white_balance]
    top, left = _OFFSETS[order]
    black = np.roll(np.reshape(capture.black, (2, 2)), (-top, -left), (0, 1))
    tags: list[tuple[int, int, int, object, bool]] = [
        (271, 2, 0, make, True),
        (272, 2, 0, camera, True),
        (274, 3, 1, 1, True),  # upright
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes(_FILTERS[letter] for letter in order), True),
        (50706, 1, 4, bytes(_LINEAR_VERSION), True),
        (50707, 1, 4, bytes((1, 1, 0, 0)), True),
        (50708, 2, 0, camera, True),
        (50713, 3, 2, (2, 2), True),
        (50714, 5, 4, _rationals(black), True),
        (50717, 4, 1, round(capture.white), True),
        (50721, 10, 9, _rationals(_camera_from_xyz(capture).ravel()), True),
        (50728, 5, 3, _rationals(neutral), True),
        (50730, 10, 1, _rationals([capture.baseline_ev]), True),
        (50778, 3, 1, 21, True),  # calibrated under D65
    ]
    if capture.noise is not None:
        tags.append((51041, 12, 6, (capture.noise.shot, capture.noise.read) * 3, True))
    return tags


def _camera_from_xyz(capture: RawCapture) -> np.ndarray:
    """The DNG's ColorMatrix: from XYZ to the camera's own RGB, before white balance."""
    camera_from_srgb = np.linalg.inv(np.array(capture.matrix))
    return (camera_from_srgb / np.array(capture.white_balance)[:, None]) @ _XYZ_TO_SRGB


def _rationals(values: object, denominator: int = 1_000_000) -> tuple[int, ...]:
    flat = np.asarray(values, dtype=np.float64).ravel()
    return tuple(part for value in flat for part in (round(float(value) * denominator), denominator))
