"""PBM, PGM and PPM, plain and raw (Netpbm): whole numbers up to what the header says is white."""

import re

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.decoding.limits import check_size
from isptune.scenes.decoding.stored import Stored

KINDS = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")

_NUMBER = rb"(?:\s+|\s*#[^\r\n]*[\r\n])+(\d{1,9})"

LONGEST_HEADER = 1 << 16
"""Bytes, comments included."""


def is_pnm(start: bytes) -> bool:
    """By the first three bytes."""
    return start[:2] in KINDS and start[2:3] in (b" ", b"\n", b"\r", b"\t", b"#")


def read_pnm(data: bytes, name: str) -> Stored:
    """Raises SceneError for a file that is cut off, damaged or too large."""
    kind = data[:2]
    bilevel, plain = kind in (b"P1", b"P4"), kind in KINDS[:3]
    header = re.match(kind + _NUMBER * (2 if bilevel else 3), data[:LONGEST_HEADER])
    if header is None:
        raise SceneError(f"{name}: is not a picture that can be read: its header is no {kind.decode()}'s")
    width, height, white = (*map(int, header.groups()), 1)[:3]
    if not 1 <= white <= 65535:
        raise SceneError(f"{name}: says that white is {white}; that is 1 to 65535")
    channels = 3 if kind in (b"P3", b"P6") else 1
    check_size(name, width, height, channels * 2)
    body = memoryview(data)[header.end() + (0 if plain else 1) :]
    samples = (_plain if plain else _raw)(body, kind, (height, width, channels), white)
    if samples is None:
        raise SceneError(f"{name}: is not a picture that can be read: it is cut off or damaged")
    if samples.max() > white:
        raise SceneError(f"{name}: has samples above {white}, which it says is white")
    return Stored(1 - samples if bilevel else samples, float(white))  # 1 is ink


def _raw(body: memoryview, kind: bytes, shape: tuple[int, int, int], white: int) -> np.ndarray | None:
    height, width, channels = shape
    row = -(-width // 8) if kind == b"P4" else width * channels * (1 if white < 256 else 2)
    if len(body) < row * height:
        return None
    stored = np.frombuffer(body, np.uint8, row * height).reshape(height, row)
    if kind == b"P4":
        return np.unpackbits(stored, axis=1)[:, :width, None]
    return stored.reshape(shape) if white < 256 else stored.view(">u2").astype(np.uint16).reshape(shape)


def _plain(body: memoryview, kind: bytes, shape: tuple[int, int, int], white: int) -> np.ndarray | None:
    count = shape[0] * shape[1] * shape[2]
    text = re.sub(rb"#[^\r\n]*", b"", bytes(body))
    words = re.findall(rb"[01]", text) if kind == b"P1" else text.split()
    if len(words) < count or not all(word.isdigit() and len(word) < 6 for word in words[:count]):
        return None
    return np.array(words[:count]).astype(np.uint32).reshape(shape)
