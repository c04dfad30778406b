"""Mosaics that somebody saved as a grey picture (PNG, PGM, TIFF) or as a NumPy array: bare numbers."""

from pathlib import Path

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.decoding.reading import read_stored
from isptune.scenes.raw_frame import Frame, check_file, retagged
from isptune.scenes.raw_tags import Tags
from isptune.system.quiet import silenced

_STARTS = (b"\x89PNG", b"P5", b"\x93NUMPY")
_DNG_VERSION = 50706
_CFA = 32803


def is_mosaic_picture(path: Path) -> bool:
    """Whether a file is called and begins as a PNG, PGM or NumPy array, or is a plain TIFF, unknown to LibRaw."""
    try:
        with open(path, "rb") as file:
            start = file.read(8)
    except OSError:
        return False
    suffix = path.suffix.lower()
    if suffix in (".png", ".pgm", ".npy"):
        return start.startswith(_STARTS)
    return suffix in (".tif", ".tiff") and start[:4] in (b"II*\0", b"MM\0*") and _is_plain_tiff(path)


def _is_plain_tiff(path: Path) -> bool:
    import tifffile

    try:
        with silenced("tifffile"), tifffile.TiffFile(path) as tiff:
            tags = tiff.pages.first.tags
            photometric = tags[262].value if 262 in tags else None
            return (
                _DNG_VERSION not in tags and photometric != _CFA and 271 not in tags
            )  # 271: the maker of a camera
    except Exception:  # tifffile stumbles over a damaged file in many ways; LibRaw then says what is wrong
        return False


def read_mosaic_picture(path: Path, tags: Tags) -> Frame:
    """Read a frame from a grey picture: black is 0, white what a PGM says or the largest number; or as tags say.

    Raises:
        SceneError: the file cannot be read or is not grey, or the order of the filters was not given.
    """
    check_file(path)
    samples, white = _array(path), None
    if samples is None:
        stored = read_stored(path)
        samples, white = stored.samples, stored.white
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[:, :, 0]
    if samples.ndim != 2 or samples.dtype not in (np.uint8, np.uint16):
        shape = "x".join(map(str, samples.shape))
        raise SceneError(
            f"{path}: holds {shape} numbers of type {samples.dtype}; a mosaic is one grey picture of 8 or 16 bits"
        )
    if tags.cfa is None:
        raise SceneError(
            f"{path}: is a picture; as a mosaic it needs the order of its filters: cfa=RGGB or the like"
        )
    frame = Frame(
        path.name,
        samples,
        tags.cfa,
        (0.0, 0.0, 0.0, 0.0),
        white or float(np.iinfo(samples.dtype).max),
        bare=True,
    )
    return retagged(frame, tags)


def _array(path: Path) -> np.ndarray | None:
    """The numbers of a NumPy array; None for other files."""
    if path.suffix.lower() != ".npy":
        return None
    try:
        return np.load(
            path, mmap_mode="r", allow_pickle=False
        )  # a header that claims too much takes no memory
    except (OSError, ValueError, EOFError) as error:
        raise SceneError(f"{path}: is not a NumPy array that can be read: {error}") from error
