"""How large a picture may be: asked of its header, before anything is decoded."""

from pathlib import Path

from isptune.errors import SceneError

MOST_BYTES = 1 << 30
"""A picture's samples take so much memory at most when they are decoded: 1 GiB, 350 megapixels of 8-bit RGB."""

LONGEST_SIDE = 65_535
"""Of a picture that is decoded, pixels: what JPEG can say."""

LARGEST_FILE = 1 << 32
"""Bytes of a file that is opened: 4 GiB."""


def check_size(name: str, width: int, height: int, bytes_per_pixel: float) -> None:
    """Refuse a picture by what its header says.

    Raises:
        SceneError: it has no pixels, or more than can be decoded in bounded memory.
    """
    if width < 1 or height < 1:
        raise SceneError(f"{name}: a picture of {width}x{height} has no pixels to use")
    if max(width, height) > LONGEST_SIDE:
        raise SceneError(
            f"{name}: {width}x{height} is larger than {LONGEST_SIDE} pixels a side; cut it first"
        )
    if width * height * bytes_per_pixel > MOST_BYTES:
        size = width * height * bytes_per_pixel / (1 << 30)
        raise SceneError(
            f"{name}: {width}x{height} would take {size:.1f} GiB decoded; at most 1 GiB; cut it first"
        )


def check_stored(name: str, stored: int, least: float) -> None:
    """Refuse a file that holds fewer bytes than any picture of its size takes, before memory is asked for.

    Raises:
        SceneError: it does.
    """
    if stored < least:
        raise SceneError(
            f"{name}: is cut off or damaged: it has {stored} bytes, and its size takes {least:.0f} at least"
        )


def check_file(path: Path) -> None:
    """Raises SceneError where there is no plain file, nothing in it, or too much."""
    if not path.exists():
        raise SceneError(f"{path}: no such file")
    if path.is_dir():
        raise SceneError(f"{path}: is a folder, not a picture")
    if not path.is_file():
        raise SceneError(f"{path}: is no plain file")
    size = path.stat().st_size
    if size == 0:
        raise SceneError(f"{path}: the file is empty")
    if size > LARGEST_FILE:
        raise SceneError(f"{path}: the file has {size / (1 << 30):.1f} GiB; at most 4 GiB can be a picture")
