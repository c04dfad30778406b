"""WebP: the chunks of its container say size, orientation and colours (RFC 9649)."""

import struct
from collections.abc import Iterator

from isptune.errors import SceneError
from isptune.scenes.decoding.by_opencv import decoded
from isptune.scenes.decoding.exif import Said, said_by
from isptune.scenes.decoding.icc import profile_conversion
from isptune.scenes.decoding.limits import check_size
from isptune.scenes.decoding.stored import Stored


def is_webp(start: bytes) -> bool:
    """By the first twelve bytes."""
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def read_webp(data: bytes, name: str) -> Stored:
    """Raises SceneError for a file that is damaged, too large, or has a profile that cannot be followed."""
    chunks: dict[bytes, bytes] = {}
    for kind, body in _chunks(data):
        chunks.setdefault(kind, body)
    check_size(name, *_size(chunks, name), 4)
    exif = said_by(chunks[b"EXIF"]) if b"EXIF" in chunks else Said()
    colour = profile_conversion(chunks[b"ICCP"], "RGB", name) if b"ICCP" in chunks else exif.colour
    told = ("has several frames; the first is read",) if b"ANIM" in chunks else ()
    return Stored(decoded(data, name, "WebP"), 255.0, exif.orientation, colour, told)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack("<4sI", data[at : at + 8])
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _size(chunks: dict[bytes, bytes], name: str) -> tuple[int, int]:
    try:
        if b"VP8X" in chunks:
            body = chunks[b"VP8X"]
            width, height = (1 + int.from_bytes(body[at : at + 3], "little") for at in (4, 7))
            return width, height
        if b"VP8L" in chunks:
            (bits,) = struct.unpack("<I", chunks[b"VP8L"][1:5])
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        width, height = struct.unpack("<HH", chunks[b"VP8 "][6:10])
        return width & 0x3FFF, height & 0x3FFF
    except (KeyError, struct.error) as error:
        raise SceneError(
            f"{name}: is not a picture that can be read: it starts as WebP and is cut off or damaged"
        ) from error
