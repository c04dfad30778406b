"""Pictures on disk: read into [1, 3, H, W] float tensors, write back as 8- or 16-bit PNG."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from isptune.arrays import Images
from isptune.errors import SceneError
from isptune.scenes.decoding.reading import read_stored
from isptune.scenes.decoding.stored import Stored, unit_pixels, upright_stored
from isptune.system.disk import replacing

MAX_PIXELS = 8192 * 8192
"""Of a picture that is accepted: 8K squared, 0.8 GB."""

MAX_SIDE = 32_766
"""The longest side of a picture that is accepted, pixels: OpenCV moves no further ones."""

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".bmp", ".ppm", ".pgm",
)  # fmt: skip
"""What pictures are called that are looked for in folders."""

Window = tuple[int, int, int, int]
"""Left, top, width and height of a part."""

Cut = Callable[[int, int], Window]
"""Which part is used of a picture of this width and height."""


@dataclass(frozen=True, eq=False)
class ReadPicture:
    """A picture, and what its reader did to it or found odd: lines that name the file.

    Turning upright what was stored lying is no line: every viewer does it.
    """

    image: Images
    told: tuple[str, ...] = ()
    turned: bool = False


def read_image(path: str | os.PathLike[str]) -> Images:
    """Read a picture as upright sRGB in [0, 1], shape [1, 3, H, W].

    What the file says of its pixels counts: EXIF's orientation, ICC profile, the number for white. Grey is repeated
    over the three channels; alpha is refused, since what lies behind is unknown.

    Raises:
        SceneError: the file is missing, empty, no picture, damaged, too large, has alpha that is used or NaN, is HDR,
            or says of itself what cannot be followed.
    """
    return read_picture(path).image


def read_picture(path: str | os.PathLike[str], cut: Cut | None = None) -> ReadPicture:
    """`read_image`, or a part of it, with what there is to say. Raises SceneError as that does, or as `cut` does."""
    path = Path(path)
    try:
        lying = read_stored(path)
    except OSError as error:
        raise SceneError(f"{path}: cannot be read: {error.strerror or error}") from error
    stored = upright_stored(lying)
    height, width = stored.samples.shape[:2]
    if cut is not None:
        left, top, width, height = cut(width, height)
        stored = replace(stored, samples=stored.samples[top : top + height, left : left + width])
    colour = () if stored.colour is None else (stored.colour.told,)
    told = tuple(f"{path}: {line}" for line in (*stored.told, *colour))
    return ReadPicture(_to_tensor(stored, str(path)), told, lying.orientation != 1)


def read_fitting(path: str | os.PathLike[str]) -> ReadPicture:
    """`read_picture`, of a larger picture than is accepted its middle, which is said. Raises SceneError."""
    said: list[str] = []

    def cut(width: int, height: int) -> Window:
        window = middle(width, height)
        if window[2:] != (width, height):
            said.append(f"{path}: is {width}x{height}; its middle, {window[2]}x{window[3]}, is used")
        return window

    found = read_picture(path, cut)
    return replace(found, told=(*said, *found.told))


def middle(width: int, height: int) -> Window:
    """The largest part in the middle that is accepted: of a longer side less than of the other."""
    shorter = min(width, height, 8192)
    longer = min(MAX_PIXELS // shorter, MAX_SIDE)
    across, down = (longer, shorter) if width >= height else (shorter, longer)
    across, down = min(width, across), min(height, down)
    return (width - across) // 2, (height - down) // 2, across, down


def refuse_too_large(name: str, width: int, height: int, mend: str = "crop it") -> None:
    """Raises SceneError for a picture that is not accepted whole."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise SceneError(
            f"{name}: {width}x{height} is larger than {MAX_PIXELS >> 20} megapixels (8192x8192) or {MAX_SIDE} pixels a "
            f"side; {mend}"
        )


def to_images(pixels: np.ndarray, name: str, clips: bool = False) -> Images:
    """An array [H, W] or [H, W, 1 to 4] as images [1, 3, H, W].

    Args:
        pixels: 8 or 16 bits, or floats in [0, 1]: sRGB, upright.
        name: for messages.
        clips: whether floats far outside of [0, 1] are clipped, instead of refused.

    Raises:
        SceneError: it is of another type or shape, too large, has alpha that is used, or NaN.
    """
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise SceneError(f"{name}: a picture of shape {pixels.shape} has no pixels to use")
    if pixels.dtype in (np.uint8, np.uint16):
        white = float(np.iinfo(pixels.dtype).max)
    elif pixels.dtype.kind in "bf":
        white = 1.0
    else:
        raise SceneError(
            f"{name}: pixels of type {pixels.dtype} are not supported; use 8 or 16 bits, or floats"
        )
    return _to_tensor(Stored(pixels, white, clips=clips), name)


def _to_tensor(stored: Stored, name: str) -> Images:
    height, width = stored.samples.shape[:2]
    refuse_too_large(name, width, height)
    planes = np.ascontiguousarray(unit_pixels(stored, name).transpose(2, 0, 1))
    return torch.from_numpy(planes).unsqueeze(0)


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
