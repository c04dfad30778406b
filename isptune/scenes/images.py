"""Pictures on disk: read into [1, 3, H, W] float tensors, write back as 8- or 16-bit PNG."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from isptune.arrays import Images
from isptune.errors import SceneError
from isptune.system.disk import replacing

MAX_SIDE = 8192
"""The longest side of a picture that is accepted, pixels (8K)."""

_TIFFFILE_READS = (1, 8, 32946, 32773)
"""TIFF compressions that tifffile reads by itself (none, two of deflate, PackBits); OpenCV reads LZW and JPEG."""


_DNG_VERSION = 50706
"""The TIFF tag that makes a DNG."""


def read_image(path: str | os.PathLike[str]) -> Images:
    """Read a picture as sRGB in [0, 1], shape [1, 3, H, W].

    8- and 16-bit integers and floats are scaled to [0, 1]; grey is repeated over the three channels;
    alpha is refused, since what lies behind is unknown.

    Raises:
        SceneError: the file is missing, empty, no picture, over 8K, has alpha that is used, or holds NaN.
    """
    path = Path(path)
    try:
        pixels = decode(path)
    except OSError as error:
        raise SceneError(f"{path}: cannot be read: {error.strerror or error}") from error
    return to_images(pixels, str(path))


def to_images(pixels: np.ndarray, name: str) -> Images:
    """A decoded array [H, W] or [H, W, 1 to 4] as images [1, 3, H, W]. Raises SceneError as `read_image`."""
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise SceneError(f"{name}: a picture of shape {pixels.shape} has no pixels to use")
    if max(pixels.shape[:2]) > MAX_SIDE:
        height, width = pixels.shape[:2]
        raise SceneError(f"{name}: {width}x{height} is larger than {MAX_SIDE} pixels a side; resize it first")
    scaled = _to_unit_range(pixels, name)
    if not np.isfinite(scaled).all():
        raise SceneError(f"{name}: has pixels that are NaN or infinite")
    scaled = _three_channels(scaled, name)
    planes = np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(planes).clamp_(0, 1).unsqueeze(0)


def orientation_of(path: str | os.PathLike[str]) -> int:
    """The EXIF orientation of a picture, 1 to 8: where its first row and column lie; 1 where it says none."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            said = picture.getexif().get(274, 1)
    except (
        Exception
    ):  # Pillow stumbles in many ways over what OpenCV or tifffile read, which then says nothing
        return 1
    return said if said in range(1, 9) else 1


def write_image(path: str | os.PathLike[str], image: Images) -> None:
    """Write one image [1, 3, H, W] as an 8-bit PNG, rounded. Raises DiskError."""
    from PIL import Image

    pixels = to_uint8(image)[0]
    with replacing(Path(path)) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", compress_level=4)


def is_whole_png(path: Path) -> bool:
    """Whether a file that `write_image` wrote is there from its beginning to its end."""
    if not path.is_file():
        return False
    data = path.read_bytes()
    return data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")


def to_uint8(images: Images) -> np.ndarray:
    """Images as uint8 arrays [batch, H, W, 3], rounded to nearest."""
    scaled = images.detach().clamp(0, 1).mul(255).round_().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).cpu().numpy())


def to_uint16(images: Images) -> np.ndarray:
    """Images as uint16 arrays [batch, H, W, 3], rounded to nearest."""
    pixels = images.detach().clamp(0, 1).mul(65535).round().cpu().numpy().astype(np.uint16)
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))


def decode(path: Path) -> np.ndarray:
    """The pixels of a picture as they are stored, [H, W] or [H, W, channels]. Raises SceneError."""
    if not path.exists():
        raise SceneError(f"{path}: no such file")
    if path.is_dir():
        raise SceneError(f"{path}: is a folder, not a picture")
    if path.stat().st_size == 0:
        raise SceneError(f"{path}: the file is empty")
    if path.suffix.lower() in (".tif", ".tiff"):
        return _decode_tiff(path)
    return _decode_any(path)


def _decode_any(path: Path) -> np.ndarray:
    import cv2

    data = np.fromfile(path, dtype=np.uint8)
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what is wrong is said once, below
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        pixels = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if pixels is None:
        raise SceneError(f"{path}: is not a picture that can be read (PNG, JPEG, TIFF, WebP, BMP, PPM)")
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        order = [2, 1, 0, 3][: pixels.shape[2]]
        pixels = pixels[:, :, order]
    return pixels


@contextmanager
def silenced(logger: str) -> Iterator[None]:
    """Keep to itself what a library says of a file that cannot be read: it is said once, in the exception."""
    import logging

    log = logging.getLogger(logger)
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _decode_tiff(path: Path) -> np.ndarray:
    import tifffile

    try:
        with silenced("tifffile"), tifffile.TiffFile(path) as tiff:
            if tiff.pages and _DNG_VERSION in tiff.pages.first.tags:
                raise SceneError(f"{path}: is a raw file (DNG); name it .dng, or give it as raw:{path.name}")
            if tiff.pages and tiff.pages.first.compression not in _TIFFFILE_READS:
                return _decode_any(path)
            return tiff.asarray()
    except (tifffile.TiffFileError, ValueError, OSError, NotImplementedError) as error:
        raise SceneError(f"{path}: is not a TIFF that can be read: {error}") from error


def _to_unit_range(pixels: np.ndarray, name: str) -> np.ndarray:
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    if pixels.dtype == np.bool_:
        return pixels.astype(np.float32)
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32)
    raise SceneError(f"{name}: pixels of type {pixels.dtype} are not supported; use 8 or 16 bits, or floats")


def _three_channels(pixels: np.ndarray, name: str) -> np.ndarray:
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    channels = pixels.shape[2]
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    if channels in (2, 4):
        if (pixels[:, :, -1] < 1).any():
            raise SceneError(f"{name}: has transparent pixels; flatten it onto a background first")
        return _three_channels(pixels[:, :, :-1], name)
    if channels == 3:
        return pixels
    raise SceneError(f"{name}: has {channels} channels; 1, 3 or 4 can be read")
