"""AVIF, by Pillow, and HEIC, by pillow-heif where that is installed; both in 8 bits, turned as their boxes say."""

import io
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.decoding.code_points import code_points_conversion, refuse_hdr
from isptune.scenes.decoding.exif import Said, said_by
from isptune.scenes.decoding.icc import profile_conversion
from isptune.scenes.decoding.limits import check_size
from isptune.scenes.decoding.stored import Stored

_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

DEEPEST = 6
"""Boxes lie inside of each other so deep at most: meta, iprp, ipco, colr."""

MOST_BOXES = 10_000

_INSIDE = {b"meta": 4, b"iprp": 0, b"ipco": 0}
"""Boxes with boxes in them on the way to what counts, and what stands before those, bytes (ISO/IEC 14496-12)."""


class Boxes(NamedTuple):
    """Of every picture in the file, thumbnails and tiles too: sizes, and colours by H.273's code points."""

    sizes: list[tuple[int, int]]
    code_points: list[tuple[int, int]]


def brand_of(start: bytes) -> str | None:
    """`AVIF` or `HEIC` by the brands of a file's first box, else None."""
    if start[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(start[:4], "big"), len(start))
    brands = {start[8:12], *(start[at : at + 4] for at in range(16, length - 3, 4))}
    return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIC else None


def read_avif(data: bytes, name: str) -> Stored:
    """Raises SceneError for a file that is damaged, too large or HDR, and where Pillow reads no AVIF."""
    from PIL import features
    from PIL.AvifImagePlugin import AvifImageFile

    if not features.check("avif"):
        raise SceneError(f"{name}: is AVIF, which this Pillow does not read; its wheels from 11.3 on do")
    return _read(data, name, "AVIF", AvifImageFile)


def read_heic(data: bytes, name: str) -> Stored:
    """Raises SceneError for a file that is damaged, too large or HDR, and without pillow-heif."""
    try:
        from pillow_heif import HeifImageFile  # pyright: ignore[reportMissingImports] - an extra
    except ImportError as error:
        raise SceneError(
            f"{name}: is HEIC, which needs pillow-heif: pip install 'isptune[heif]', or save it as JPEG or PNG"
        ) from error
    return _read(data, name, "HEIC", HeifImageFile)


def _read(data: bytes, name: str, kind: str, opener: Any) -> Stored:
    boxes = _boxes(data)
    for width, height in boxes.sizes:
        check_size(name, width, height, 4)
    for _, transfer in boxes.code_points:
        refuse_hdr(transfer, name)
    try:
        picture = opener(io.BytesIO(data))
        picture.load()
        samples = np.asarray(
            picture if picture.mode in ("L", "LA", "RGB", "RGBA") else picture.convert("RGBA")
        )
    except Exception as error:  # codecs raise in many ways over damaged files
        raise SceneError(
            f"{name}: is not a picture that can be read: it starts as {kind} and is cut off or damaged"
        ) from error
    exif = said_by(picture.info["exif"]) if picture.info.get("exif") else Said()
    colour = exif.colour
    if profile := picture.info.get("icc_profile"):
        colour = profile_conversion(profile, "GRAY" if picture.mode in ("L", "LA") else "RGB", name)
    elif boxes.code_points:
        colour = code_points_conversion(*boxes.code_points[0], name)
    return Stored(samples, 255.0, exif.orientation, colour)


def _boxes(data: bytes) -> Boxes:
    found = Boxes([], [])
    for number, (kind, body) in enumerate(_walk(data, 0, len(data), 0)):
        if number >= MOST_BOXES:
            break
        if kind == b"ispe" and len(body) >= 12:
            width, height = struct.unpack(">II", body[4:12])
            found.sizes.append((width, height))
        if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            primaries, transfer = struct.unpack(">HH", body[4:8])
            found.code_points.append((primaries, transfer))
    return found


def _walk(data: bytes, at: int, end: int, depth: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= end and depth < DEEPEST:
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        head = 8
        if length == 1 and at + 16 <= end:
            (length,) = struct.unpack(">Q", data[at + 8 : at + 16])
            head = 16
        stop = end if length == 0 else at + length
        if length != 0 and (length < head or stop > end):
            return
        if kind in _INSIDE:
            yield from _walk(data, at + head + _INSIDE[kind], stop, depth + 1)
        elif kind in (b"ispe", b"colr"):
            yield kind, data[at + head : stop]
        at = stop
