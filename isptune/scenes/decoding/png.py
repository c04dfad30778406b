"""PNG: its chunks say size, colours and orientation (PNG specification, third edition, 2025)."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.decoding.by_opencv import decoded
from isptune.scenes.decoding.code_points import code_points_conversion
from isptune.scenes.decoding.colour_space import (
    BT709,
    Chromaticities,
    Conversion,
    power_curve,
    rgb_conversion,
    srgb_curve,
    to_xyz_d50,
)
from isptune.scenes.decoding.exif import Said, said_by
from isptune.scenes.decoding.icc import LARGEST, profile_conversion
from isptune.scenes.decoding.limits import check_size, check_stored
from isptune.scenes.decoding.stored import Stored

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}  # of a palette as many as what it stands for may have

MOST_DEFLATED = 1040
"""So many bytes become one at most (zlib: 1032)."""

SRGB_GAMMA = 1 / 2.2
"""What encoders write in gAMA for sRGB; up to 5 % beside it is the same (section 13.13)."""


class _Chunks(NamedTuple):
    header: bytes
    others: dict[bytes, bytes]


def read_png(data: bytes, name: str) -> Stored:
    """Raises SceneError for a file that is damaged, too large, HDR, or has a profile that cannot be followed."""
    header, others = _chunks(data, name)
    width, height, depth, colour_type = struct.unpack(">IIBB", header[:10])
    if colour_type not in _CHANNELS:
        raise SceneError(f"{name}: is not a PNG that can be read: its colour type is {colour_type}")
    check_size(name, width, height, _CHANNELS[colour_type] * (2 if depth == 16 else 1))
    bits = width * height * (1 if colour_type == 3 else _CHANNELS[colour_type]) * depth
    check_stored(name, len(data), (bits / 8 + height) / MOST_DEFLATED)
    exif = said_by(others[b"eXIf"]) if b"eXIf" in others else Said()
    samples = decoded(data, name, "PNG")
    told = ("has several frames; the first is read",) if b"acTL" in others else ()
    pixels = "GRAY" if colour_type in (0, 4) else "RGB"
    colour = _conversion(others, pixels, name)
    return Stored(samples, float(np.iinfo(samples.dtype).max), exif.orientation, colour, told)


def _chunks(data: bytes, name: str) -> _Chunks:
    damaged = SceneError(
        f"{name}: is not a picture that can be read: it starts as PNG and is cut off or damaged"
    )
    found: dict[bytes, bytes] = {}
    for kind, body in _walk(data, damaged):
        found.setdefault(kind, body)
    if len(found.get(b"IHDR", b"")) < 10:
        raise damaged
    return _Chunks(found.pop(b"IHDR"), found)


def _walk(data: bytes, damaged: SceneError) -> Iterator[tuple[bytes, bytes]]:
    """All chunks but those of pixels. Raises `damaged` for one that would reach beyond the file."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if at + 12 + length > len(data):  # decoders ask for its memory first
            raise damaged
        if kind != b"IDAT":
            yield kind, data[at + 8 : at + 8 + min(length, LARGEST)]
        if kind == b"IEND":
            return
        at += 12 + length


def _conversion(chunks: dict[bytes, bytes], pixels: str, name: str) -> Conversion | None:
    """Of several chunks on colour the first of cICP, iCCP, sRGB, and gAMA with cHRM counts (section 4.3)."""
    try:
        if b"cICP" in chunks:
            primaries, transfer = struct.unpack(">BB", chunks[b"cICP"][:2])
            return code_points_conversion(primaries, transfer, name)
        if b"iCCP" in chunks:
            return profile_conversion(_profile(chunks[b"iCCP"]), pixels, name)
        if b"sRGB" in chunks or not {b"gAMA", b"cHRM"} & chunks.keys():
            return None
        return _by_numbers(chunks)
    except (struct.error, zlib.error, ValueError) as error:
        raise SceneError(
            f"{name}: what it says of its colours is damaged ({error}); convert it to sRGB"
        ) from error


def _profile(chunk: bytes) -> bytes:
    _, _, packed = chunk.partition(b"\0")
    return zlib.decompressobj().decompress(packed[1:], LARGEST)


def _by_numbers(chunks: dict[bytes, bytes]) -> Conversion | None:
    gamma = struct.unpack(">I", chunks[b"gAMA"][:4])[0] / 100_000 if b"gAMA" in chunks else SRGB_GAMMA
    if not 0.01 <= gamma <= 10:
        raise ValueError(f"a gamma of {gamma:g}")
    usual = abs(gamma / SRGB_GAMMA - 1) <= 0.05
    primaries: Chromaticities = BT709
    if b"cHRM" in chunks:
        wx, wy, rx, ry, gx, gy, bx, by = (v / 100_000 for v in struct.unpack(">8I", chunks[b"cHRM"][:32]))
        primaries = (wx, wy, rx, ry, gx, gy, bx, by)
    curve = srgb_curve if usual else power_curve(1 / gamma)
    said = f"RGB of its own primaries and a gamma of {gamma:.4g} (cHRM, gAMA)"
    return rgb_conversion(said, to_xyz_d50(primaries), [curve] * 3)
