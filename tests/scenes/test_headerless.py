"""Samples without a header: every format is read as its definition packs it, and only where the bytes are enough."""

import numpy as np
import pytest

from isptune.errors import SceneError
from isptune.scenes.headerless import parse_format
from isptune.scenes.raw_files import read_raw
from isptune.scenes.scene import load_scenes

WIDTH, HEIGHT = 100, 24


def samples(bits, seed=0):
    return np.random.default_rng(seed).integers(0, 2**bits, (HEIGHT, WIDTH), dtype=np.uint16)


def csi2(values, bits):
    """Sample by sample, as the V4L2 pages for SRGGB10P, 12P and 14P draw the bytes."""
    lines = []
    for row in values.tolist():
        line = bytearray()
        group = {10: 4, 12: 2, 14: 4}[bits]
        for start in range(0, WIDTH, group):
            four = row[start : start + group]
            line += bytes(value >> (bits - 8) for value in four)
            low = sum((value & (2 ** (bits - 8) - 1)) << ((bits - 8) * i) for i, value in enumerate(four))
            line += low.to_bytes(group * (bits - 8) // 8, "little")
        lines.append(bytes(line))
    return lines


def bit_stream(values, bits, group, size):
    return [
        b"".join(
            sum(v << (bits * i) for i, v in enumerate(row[s : s + group])).to_bytes(size, "little")
            for s in range(0, WIDTH, group)
        )
        for row in values.tolist()
    ]


def words(values, order="<"):
    return [row.astype(f"{order}u2").tobytes() for row in values]


def gigabit(values):
    return [
        b"".join(
            bytes((a >> 4, (a & 15) | ((b & 15) << 4), b >> 4))
            for a, b in zip(row[::2], row[1::2], strict=True)
        )
        for row in values.tolist()
    ]


CASES = {
    "SRGGB8": (8, lambda v: [row.astype(np.uint8).tobytes() for row in v]),
    "SRGGB10": (10, words), "RG12": (12, words), "SRGGB14": (14, words), "RAW16": (16, words),
    "SRGGB12_BE": (12, lambda v: words(v, ">")), "RAW10": (10, words), "R12": (12, words), "RAW11": (11, words),
    "RGGB10P": (10, lambda v: csi2(v, 10)), "SRGGB10_CSI2P": (10, lambda v: csi2(v, 10)),
    "pRAA": (10, lambda v: csi2(v, 10)), "RAW10P": (10, lambda v: csi2(v, 10)), "RAW12": (12, lambda v: csi2(v, 12)),
    "pRCC": (12, lambda v: csi2(v, 12)), "SRGGB14_CSI2P": (14, lambda v: csi2(v, 14)),
    "SRGGB10_IPU3": (10, lambda v: bit_stream(v, 10, 25, 32)), "BayerRG12p": (12, lambda v: bit_stream(v, 12, 2, 3)),
    "BayerRG10p": (10, lambda v: bit_stream(v, 10, 4, 5)), "BayerRG12Packed": (12, gigabit),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_format_is_read_as_it_is_packed(name, tmp_path):
    bits, pack = CASES[name]
    values = samples(bits)
    path = tmp_path / "frame.raw"
    path.write_bytes(b"".join(pack(values)))
    query = {"size": f"{WIDTH}x{HEIGHT}", "format": name, "cfa": "RGGB", "white_balance": "1,1,1"}
    capture, _ = read_raw(path, query)
    assert np.array_equal(capture.mosaic[0, 0], values)
    assert (capture.black, capture.white) == ((0,) * 4, 2**bits - 1)
    # The same behind a header, in padded lines, with more behind the last one.
    padded = b"".join(line + b"\xaa" * 28 for line in pack(values))
    path.write_bytes(b"h" * 37 + padded + b"\xbb" * 999)
    stride = len(pack(values)[0]) + 28
    again, _ = read_raw(path, {**query, "offset": "37", "stride": str(stride)})
    assert np.array_equal(again.mosaic[0, 0], values)


def test_big_endian_is_said_by_a_key(tmp_path):
    path, values = tmp_path / "frame.bin", samples(12)
    path.write_bytes(b"".join(words(values, ">")))
    query = {"size": f"{WIDTH}x{HEIGHT}", "format": "RAW12", "cfa": "RGGB", "white_balance": "1,1,1"}
    assert np.array_equal(read_raw(path, {**query, "endian": "big"})[0].mosaic[0, 0], values)


@pytest.mark.parametrize(
    ("name", "order", "bits"),
    [
        ("BGGR10P", "BGGR", 10), ("SBGGR10_CSI2P", "BGGR", 10), ("pBAA", "BGGR", 10), ("pgAA", "GRBG", 10),
        ("pGAA", "GBRG", 10), ("SGBRG10", "GBRG", 10), ("BA81", "BGGR", 8), ("BYR2", "BGGR", 16), ("GREY", "MONO", 8),
        ("Y10P", "MONO", 10), ("BayerGB8", "GBRG", 8), ("sgrbg12", "GRBG", 12), ("RAW14", None, 14),
    ],
)  # fmt: skip
def test_names_say_bits_and_filters(name, order, bits):
    assert (parse_format(name).bits, parse_format(name).cfa) == (bits, order)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("size=100x24&format=SRGGB10", "needs 4800; what fits: format=RAW10P"),
        ("size=100x23&format=SRGGB10P", "size=100x24"),
        ("size=98x24&format=SRGGB8", "stride=125"),
        ("size=100x12&format=SRGGB16&stride=10", "needs 120"),
        ("format=SRGGB10P", "size=WxH is missing"),
        ("size=100x24", "format= is missing"),
        ("size=100x24&format=RAW10P", "add cfa=RGGB"),
        ("size=100x24&format=SRGGB11Q", "is not known"),
        ("size=99999x99999&format=SRGGB8", "at most"),
        ("size=0x24&format=SRGGB8", "is not WxH"),
        ("size=100x24&format=SRGGB10P&endian=big", "another order"),
        ("size=100x24&format=SRGGB10P&offset=-1", "whole number"),
        ("size=100x24&format=SRGGB10P&offset=999999", "none behind offset"),
    ],
)
def test_what_does_not_fit_the_bytes_is_refused_with_what_would(query, message, tmp_path):
    path = tmp_path / "frame.raw"
    path.write_bytes(b"".join(csi2(samples(10), 10)))
    with pytest.raises(SceneError, match=message):
        load_scenes([f"raw:{path}?{query}"])


def test_the_sizes_of_the_usual_shapes_are_offered(tmp_path):
    path = tmp_path / "frame.raw"
    path.write_bytes(bytes(640 * 480 * 2))
    with pytest.raises(SceneError, match="640x480"):
        read_raw(path, {"format": "SRGGB10"})
    path.write_bytes(bytes(1234))
    with pytest.raises(SceneError, match=r"size=WxH&format="):
        load_scenes([str(path)])
