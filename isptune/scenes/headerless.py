"""Samples without a header, as cameras' drivers write them: `raw:FILE?size=WxH&format=SRGGB10P&stride=...`.

Formats are named as libcamera and Video4Linux name them (Linux kernel, V4L2 documentation, "Raw Bayer Formats" and
"Luma-Only Formats"): SRGGB10, SBGGR10_CSI2P, pBAA, R8; or by bits alone, RAW8 to RAW16, where the bytes of the file say
whether they are packed; or as GenICam's PFNC names them: BayerRG12p.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.raw_frame import Frame, check_file, retagged
from isptune.scenes.raw_tags import MONO, Tags
from isptune.spec import refuse_unknown

LAYOUT_OPTIONS = {
    "size": "WxH, of a file without a header",
    "format": "SRGGB8, SGBRG10, SBGGR10P, pBAA, RAW12, RAW10P, R8, ... of a file without a header",
    "endian": "little or big: the order of the bytes of a sample",
    "offset": "bytes before the first line",
    "stride": "bytes from one line to the next",
}
"""The keys, and what they take."""

MAX_SAMPLES = 1 << 28
"""Of a frame: 268 megapixels."""

_PACKINGS = {
    "bytes": (1, 1),
    "words": (1, 2),
    "csi2-10": (4, 5), "csi2-12": (2, 3), "csi2-14": (4, 7),
    "bits-10": (4, 5), "bits-12": (2, 3), "bits-14": (4, 7),
    "gev-12": (2, 3),
    "ipu3-10": (25, 32),
}  # fmt: skip
"""How samples lie in a line: so many of them in so many bytes."""

_CODES = {
    8: {"BA81": "BGGR", "GBRG": "GBRG", "GRBG": "GRBG", "RGGB": "RGGB", "GREY": MONO},
    10: {"BG10": "BGGR", "GB10": "GBRG", "BA10": "GRBG", "RG10": "RGGB"},
    12: {"BG12": "BGGR", "GB12": "GBRG", "BA12": "GRBG", "RG12": "RGGB"},
    14: {"BG14": "BGGR", "GB14": "GBRG", "GR14": "GRBG", "RG14": "RGGB"},
    16: {"BYR2": "BGGR", "GB16": "GBRG", "GR16": "GRBG", "RG16": "RGGB"},
}
_PACKED_CODES = {
    "csi2-10": {"pBAA": "BGGR", "pGAA": "GBRG", "pgAA": "GRBG", "pRAA": "RGGB"},
    "csi2-12": {"pBCC": "BGGR", "pGCC": "GBRG", "pgCC": "GRBG", "pRCC": "RGGB"},
    "csi2-14": {"pBEE": "BGGR", "pGEE": "GBRG", "pgEE": "GRBG", "pREE": "RGGB"},
    "ipu3-10": {"ip3b": "BGGR", "ip3g": "GBRG", "ip3G": "GRBG", "ip3r": "RGGB"},
}
"""Four-character codes of Video4Linux (videodev2.h)."""

_BITS = r"(?P<bits>8|9|10|11|12|13|14|15|16)"
_NAME = re.compile(
    rf"S?(?P<cfa>RGGB|GRBG|GBRG|BGGR|RAW|R|Y|MONO){_BITS}[_-]?(?P<kind>P|CSI2P|CSI2|PACKED|IPU3|LE|BE)?",
    re.IGNORECASE,
)
_GENICAM = re.compile(rf"(?P<cfa>BayerRG|BayerGR|BayerGB|BayerBG|Mono){_BITS}(?P<kind>p|Packed)?")
_GENICAM_ORDERS = {
    "BayerRG": "RGGB", "BayerGR": "GRBG", "BayerGB": "GBRG", "BayerBG": "BGGR", "Mono": MONO
}  # fmt: skip

_PLAIN_NAMES = {"bytes": "RAW8", "words": "RAW16 (or fewer bits in two bytes)", "ipu3-10": "SRGGB10_IPU3"}

_SHAPES = ((4, 3), (16, 9), (3, 2), (1, 1), (5, 4), (16, 10), (17, 9))
"""Ratios of sides that sensors have."""


@dataclass(frozen=True)
class Format:
    """How samples are stored.

    Attributes:
        bits: of a sample.
        packing: one of those above; None where the bytes of the file have to say it.
        cfa: None where the name says none.
        big: whether the high byte of a word comes first.
    """

    bits: int
    packing: str | None
    cfa: str | None
    big: bool = False

    def line(self, width: int) -> int:
        """Bytes of a line without padding."""
        assert self.packing is not None
        samples, size = _PACKINGS[self.packing]
        return -(-width // samples) * size


@dataclass(frozen=True)
class _Place:
    """What is said of where the samples lie."""

    width: int
    height: int
    offset: int
    stride: int | None


def read_headerless(path: Path, options: Mapping[str, str], tags: Tags) -> Frame:
    """Read a frame from a file without a header.

    Args:
        path: the file.
        options: size, format and, where needed, endian, offset, stride.
        tags: the order of the filters where the format does not say it, levels and the like.

    Returns:
        A frame that is black at 0 and white at the largest number of its bits, unless tags say otherwise.

    Raises:
        SceneError: an option is wrong or missing, or the bytes of the file are not those of such a frame.
    """
    refuse_unknown("a file without a header", options, LAYOUT_OPTIONS)
    check_file(path)
    if "format" not in options:
        raise SceneError(f"{path}: format= is missing; {LAYOUT_OPTIONS['format']}")
    layout = _with_endian(parse_format(options["format"]), options.get("endian"))
    cfa = tags.cfa or layout.cfa
    if cfa is None:
        raise SceneError(
            f"{path}: the format {options['format']} does not say the order of the colour filters; "
            "add cfa=RGGB, GRBG, GBRG, BGGR or MONO"
        )
    place = _place(path, options, layout)
    layout = _fitting(path, layout, place)
    samples = _read(path, layout, place)
    frame = Frame(path.name, samples, cfa, (0.0, 0.0, 0.0, 0.0), float(2**layout.bits - 1), bare=True)
    return retagged(frame, tags)


def parse_format(text: str) -> Format:
    """A format by its name. Raises SceneError."""
    for bits, codes in _CODES.items():
        if text in codes:
            return Format(bits, "bytes" if bits == 8 else "words", codes[text])
    for packing, codes in _PACKED_CODES.items():
        if text in codes:
            return Format(int(packing.partition("-")[2]), packing, codes[text])
    known = _by_libcamera(text) or _by_genicam(text)
    if known is None or known.packing not in (None, *_PACKINGS):
        raise SceneError(
            f"format = {text!r} is not known; there are SRGGB8 to SRGGB16 in each order of filters, packed as "
            "SRGGB10P, 12P, 14P (or _CSI2P) and SRGGB10_IPU3, RAW8 to RAW16, RAW10P, R8 to R16, Video4Linux's codes "
            "(pBAA), and BayerRG12p"
        )
    return known


def _by_libcamera(text: str) -> Format | None:
    found = _NAME.fullmatch(text)
    if found is None:
        return None
    bits, name, kind = int(found["bits"]), found["cfa"].upper(), (found["kind"] or "").upper()
    cfa = None if name == "RAW" else MONO if name in ("R", "Y", "MONO") else name
    if kind == "IPU3":
        return Format(bits, f"ipu3-{bits}", cfa)
    if kind in ("", "LE", "BE"):
        packing = "bytes" if bits == 8 else None if name == "RAW" and not kind else "words"
        return Format(bits, packing, cfa, kind == "BE")
    return Format(bits, "bytes" if bits == 8 else f"csi2-{bits}", cfa)


def _by_genicam(text: str) -> Format | None:
    found = _GENICAM.fullmatch(text)
    if found is None:
        return None
    bits, kind = int(found["bits"]), found["kind"]
    packing = f"bits-{bits}" if kind == "p" else f"gev-{bits}" if kind else "bytes" if bits == 8 else "words"
    return Format(bits, packing, _GENICAM_ORDERS[found["cfa"]])


def _with_endian(layout: Format, endian: str | None) -> Format:
    if endian is None:
        return layout
    if endian not in ("little", "big"):
        raise SceneError(f"endian = {endian!r} is neither little nor big")
    if layout.packing not in (None, "words"):
        raise SceneError(
            f"endian = {endian} is for samples in two bytes each; those of this format have another order"
        )
    return replace(layout, packing="words", big=endian == "big")


def _place(path: Path, options: Mapping[str, str], layout: Format) -> _Place:
    offset = _whole(options, "offset", 0)
    stride = _whole(options, "stride", 1) if "stride" in options else None
    length = path.stat().st_size
    if offset >= length:
        raise SceneError(f"{path}: has {length} bytes, none behind offset = {offset}")
    if "size" not in options:
        fitting = ", ".join(_sizes(length - offset, layout)) or "none of the usual shapes"
        raise SceneError(
            f"{path}: size=WxH is missing; sizes that fit its {length} bytes as {options['format']}: {fitting}"
        )
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", options["size"].lower())
    width, height = (int(part) for part in found.groups()) if found else (0, 0)
    if not width * height or width * height > MAX_SAMPLES:
        raise SceneError(f"size = {options['size']!r} is not WxH of at most {MAX_SAMPLES} samples")
    return _Place(width, height, offset, stride)


def _whole(options: Mapping[str, str], key: str, least: int) -> int:
    text = options.get(key, str(least))
    if not re.fullmatch(r"\d{1,12}", text) or int(text) < least:
        raise SceneError(f"{key} = {text!r} is not a whole number of bytes, {least} or more")
    return int(text)


def _fitting(path: Path, layout: Format, place: _Place) -> Format:
    """The format, its packing settled, if the file has as many bytes as it needs. Raises SceneError: what would fit.

    A line may be padded, and all but the last line then is. What lies behind the last line is no fault where a stride
    is said: buffers end on whole pages, and files hold several frames.
    """
    length = path.stat().st_size - place.offset
    tried = [replace(layout, packing=packing) for packing in _packings(layout)]
    for one in tried:
        if _fits(one, place, length):
            return one
    needed = " or ".join(str(_stride(one, place) * place.height) for one in tried)
    offset = f" behind its offset of {place.offset}" if place.offset else ""
    fitting = "; ".join(_what_fits(tried[0], place, length)) or "no usual size or format"
    raise SceneError(
        f"{path}: has {length} bytes{offset}, and {place.width}x{place.height} needs {needed}; what fits: {fitting}"
    )


def _packings(layout: Format) -> list[str]:
    """How samples may lie: as the format says, or else in words or packed."""
    possible = (layout.packing,) if layout.packing else ("words", f"csi2-{layout.bits}")
    return [packing for packing in possible if packing in _PACKINGS]


def _stride(layout: Format, place: _Place) -> int:
    return place.stride or layout.line(place.width)


def _fits(layout: Format, place: _Place, length: int) -> bool:
    line, stride = layout.line(place.width), _stride(layout, place)
    if stride < line:
        return False
    least, whole = stride * (place.height - 1) + line, stride * place.height
    return length >= least if place.stride else length in (least, whole)


def _what_fits(layout: Format, place: _Place, length: int) -> Iterator[str]:
    """What could be meant instead, in the words of the options."""
    width, height = place.width, place.height
    line = layout.line(width)
    for packing in _PACKINGS:
        bits = int(packing.partition("-")[2] or (8 if packing == "bytes" else 16))
        other = replace(layout, bits=bits, packing=packing)
        usual = packing.startswith(("bytes", "words", "csi2", "ipu3")) and packing != layout.packing
        if usual and _fits(other, replace(place, stride=None), length):
            yield f"format={_PLAIN_NAMES.get(packing, f'RAW{bits}P')}"
    if length % height == 0 and line < length // height < 2 * line:
        yield f"stride={length // height}"
    if length % line == 0 and length // line != height:
        yield f"size={width}x{length // line}"
    if line * height < length < line * height + (1 << 16):
        yield f"offset={place.offset + length - line * height} for a header"
    yield from (f"size={size}" for size in _sizes(length, layout))


def _sizes(length: int, layout: Format) -> list[str]:
    """Sizes of the usual shapes with exactly so many bytes."""
    found = []
    for packing in _packings(layout):
        samples, size = _PACKINGS[packing]
        pixels = length * samples // size
        for across, down in _SHAPES:
            height = round((pixels * down / across) ** 0.5)
            for tall in range(max(2, height - 8), height + 9):
                wide = pixels // tall
                exact = wide * tall == pixels and abs(wide / tall - across / down) < 0.02
                if exact and wide % samples == 0 and wide % 2 == 0 and tall % 2 == 0:
                    found.append(f"{wide}x{tall}")
    return list(dict.fromkeys(found))[:6]


def _read(path: Path, layout: Format, place: _Place) -> np.ndarray:
    """The samples, [H, W], unsigned integers; only the bytes of the frame are read."""
    line, stride = layout.line(place.width), _stride(layout, place)
    count = stride * (place.height - 1) + line
    try:
        data = np.fromfile(path, np.uint8, count, offset=place.offset)
    except OSError as error:
        raise SceneError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) < count:
        raise SceneError(f"{path}: has become shorter while it was read")
    lines = np.lib.stride_tricks.as_strided(data, (place.height, line), (stride, 1), writeable=False)
    return _unpacked(lines, layout)[:, : place.width]


def _unpacked(lines: np.ndarray, layout: Format) -> np.ndarray:
    """Lines of bytes [H, bytes] as samples [H, at least W]."""
    packing = layout.packing or ""
    if packing == "bytes":
        return lines
    if packing == "words":
        return np.ascontiguousarray(lines).view(">u2" if layout.big else "<u2").astype(np.uint16)
    samples, size = _PACKINGS[packing]
    groups = lines.reshape(len(lines), -1, size)
    kind, _, bits = packing.partition("-")
    unpack = {"csi2": _csi2, "gev": _gev}.get(kind, _bit_stream)
    return unpack(groups, samples, int(bits)).reshape(len(lines), -1)


def _csi2(groups: np.ndarray, samples: int, bits: int) -> np.ndarray:
    """MIPI CSI-2: first the high eight bits of each sample, then the low ones of all, from the lowest bit on."""
    low = bits - 8
    rest = _bit_stream(groups[..., samples:], samples, low)
    return (groups[..., :samples].astype(np.uint16) << low) | rest


def _gev(groups: np.ndarray, samples: int, bits: int) -> np.ndarray:
    """GigE Vision's Packed, 12 bits: the low four bits of two samples share the byte between their high ones."""
    first, middle, second = (groups[..., i].astype(np.uint16) for i in range(3))
    return np.stack(((first << 4) | (middle & 15), (second << 4) | (middle >> 4)), -1)


def _bit_stream(groups: np.ndarray, samples: int, bits: int) -> np.ndarray:
    """Samples one behind the other, each and all from the lowest bit on."""
    wide = np.pad(groups, [(0, 0)] * (groups.ndim - 1) + [(0, 3)]).astype(np.uint32)
    taken = []
    for index in range(samples):
        byte, shift = divmod(index * bits, 8)
        value = wide[..., byte] | (wide[..., byte + 1] << 8) | (wide[..., byte + 2] << 16)
        taken.append((value >> shift) & (2**bits - 1))
    return np.stack(taken, -1).astype(np.uint16)
