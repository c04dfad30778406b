"""Small ICC profiles (v2, matrix and curves) that tests put into pictures."""

import struct

import numpy as np

from isptune.scenes.decoding.colour_space import Chromaticities, to_xyz_d50


def _fixed(values) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def matrix_profile(primaries: Chromaticities, curve: bytes, name: str = "test space") -> bytes:
    """An RGB profile; the curve is a whole tag, see `gamma_tag` and `parametric_tag`."""
    columns = to_xyz_d50(primaries).T
    xyz = [b"XYZ \0\0\0\0" + _fixed(column) for column in columns]
    tags = {
        b"desc": _description(name),
        b"wtpt": b"XYZ \0\0\0\0" + _fixed((0.9642, 1.0, 0.8249)),
        b"rXYZ": xyz[0],
        b"gXYZ": xyz[1],
        b"bXYZ": xyz[2],
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _profile(b"RGB ", tags)


def grey_profile(curve: bytes, name: str = "test grey") -> bytes:
    white = b"XYZ \0\0\0\0" + _fixed((0.9642, 1.0, 0.8249))
    return _profile(b"GRAY", {b"desc": _description(name), b"wtpt": white, b"kTRC": curve})


def cmyk_profile(name: str = "test inks") -> bytes:
    """Inks that stop a share of light each, in a table of two steps an ink: to Lab, in 8 bits."""
    grid = np.stack(np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij"), -1).reshape(-1, 4)
    lightness = 100 * (1 - grid[:, :3].mean(1)) * (1 - grid[:, 3])
    chroma = np.stack([40 * (grid[:, 1] - grid[:, 0]), 40 * (grid[:, 2] - grid[:, 0])], 1) * (1 - grid[:, 3:])
    lab = np.column_stack([lightness * 255 / 100, chroma + 128]).round().clip(0, 255).astype(np.uint8)
    ramp = bytes(range(256))
    table = (
        b"mft1\0\0\0\0"
        + bytes((4, 3, 2, 0))
        + _fixed(np.eye(3).ravel())
        + ramp * 4
        + lab.tobytes()
        + ramp * 3
    )
    return _profile(b"CMYK", {b"desc": _description(name), b"A2B0": table}, b"Lab ", b"prtr")


def gamma_tag(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def parametric_tag(kind: int, *numbers: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(numbers)


SRGB_TAG = parametric_tag(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _description(name: str) -> bytes:
    text = name.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78


def _profile(
    space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ", kind: bytes = b"mntr"
) -> bytes:
    offset, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        padded = tag + b"\0" * (-len(tag) % 4)
        table += name + struct.pack(">II", offset + len(body), len(tag))
        body += padded
    header = bytearray(128)
    header[:4] = struct.pack(">I", 128 + len(table) + len(body))
    header[8:12] = b"\x02\x40\0\0"
    header[12:24] = kind + space + connection
    header[36:40] = b"acsp"
    header[68:80] = _fixed((0.9642, 1.0, 0.8249))
    return bytes(header) + table + body
