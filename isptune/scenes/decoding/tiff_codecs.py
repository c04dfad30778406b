"""The compressions of TIFF: a strip or tile as its bytes were before, of a known length, or refused."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence

from isptune.system.quiet import silent_native_code

NAMES = {
    1: "none",
    5: "LZW",
    8: "deflate",
    32946: "deflate",
    32773: "PackBits",
    7: "JPEG",
    2: "CCITT",
    3: "CCITT",
    4: "CCITT",
}

Codec = Callable[[Sequence[bytes], int], list[bytes]]
"""From several strips or tiles as they are stored to so many bytes each. Raises ValueError where one has fewer."""


def decompressed(compression: int, stored: Sequence[bytes], lengths: Sequence[int]) -> list[bytes]:
    """All strips or tiles of a page; those of one length at once.

    Raises:
        ValueError: one is broken, or holds fewer bytes than it must.
    """
    found: list[bytes] = [b""] * len(lengths)
    for length in set(lengths):
        places = [place for place, own in enumerate(lengths) if own == length]
        plain = CODECS[compression]([stored[place] for place in places], length)
        for place, one in zip(places, plain, strict=True):
            found[place] = one
    return found


def _plain(stored: Sequence[bytes], length: int) -> list[bytes]:
    if any(len(one) < length for one in stored):
        raise ValueError("a part of it is cut off")
    return [one[:length] for one in stored]


def _deflate(stored: Sequence[bytes], length: int) -> list[bytes]:
    return [_inflated(one, length) for one in stored]


def _inflated(stored: bytes, length: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(stored, length)
        stream.decompress(stream.unconsumed_tail, 1)  # what follows is the checksum
    except zlib.error as error:
        raise ValueError(f"its deflate stream is broken ({error})") from error
    if len(found) < length:
        raise ValueError("its deflate stream is cut off")
    return found


def _by_libtiff(compression: int) -> Codec:
    """A codec of the libtiff in Pillow: each strip is to it a row of grey bytes; it says if one is broken."""

    def codec(stored: Sequence[bytes], length: int) -> list[bytes]:
        from PIL.TiffImagePlugin import TiffImageFile

        try:
            with silent_native_code():
                found = TiffImageFile(io.BytesIO(_rows_of_grey(stored, length, compression))).tobytes()
        except (OSError, ValueError, SyntaxError, MemoryError) as error:
            raise ValueError(f"its {NAMES[compression]} stream is broken or cut off") from error
        return [found[at : at + length] for at in range(0, len(found), length)]

    return codec


def _rows_of_grey(stored: Sequence[bytes], width: int, compression: int) -> bytes:
    """A TIFF of 8-bit grey whose every strip is one row."""
    offsets, at = [], 8
    for one in stored:
        offsets.append(at)
        at += len(one)
    count = len(stored)
    lists = struct.pack(f"<{2 * count}I", *offsets, *map(len, stored))
    padding = b"\0" * (at % 2)
    at += len(padding)
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, count),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, count, offsets[0] if count == 1 else at),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, count, len(stored[0]) if count == 1 else at + 4 * count),
    ]
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    start = struct.pack("<I", at + len(lists))
    return b"".join((b"II*\0", start, *stored, padding, lists, table, b"\0\0\0\0"))


CODECS: Mapping[int, Codec] = {
    1: _plain,
    5: _by_libtiff(5),
    8: _deflate,
    32946: _deflate,
    32773: _by_libtiff(32773),
}
"""By the number in the tag Compression."""

WHOLE_BY_PILLOW = (2, 3, 4, 7)
"""Compressions of pictures, not of bytes: CCITT's of black and white, and JPEG."""
