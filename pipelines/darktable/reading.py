"""darktable's sidecars (.xmp) read back: the knobs that the modules of a history stand for.

A sidecar is a file from elsewhere: of its XML only elements and attributes are read, a document type (which could name
entities) is refused, and compressed parameters may not grow beyond what a module has.
"""

import base64
import binascii
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.space import Candidate
from pipelines.darktable.modules import DEMOSAIC, GREENS, HIGHLIGHTS, SPACE, modules_of

_DARKTABLE = "http://darktable.sf.net/"
_ITEM = "http://www.w3.org/1999/02/22-rdf-syntax-ns# li"
_MOST_BYTES = 1 << 16

_FLOATS: Mapping[str, Mapping[str, int]] = {
    "rawdenoise": {"raw.denoise": 0},
    "hotpixels": {"raw.hot_pixels": 0, "raw.hot_pixel_threshold": 4},
    "exposure": {"exposure.black": 4, "exposure.ev": 8},
    "sigmoid": {"tone.contrast": 0, "tone.skew": 4, "tone.hue_preservation": 20},
    "hazeremoval": {"haze.strength": 0},
    "shadhi": {"tone.radius": 4, "tone.shadows": 8, "tone.highlights": 16},
    "bilat": {"local_contrast.detail": 12},
    "colorbalancergb": {
        "color.contrast": 124, "color.chroma": 68, "color.saturation": 76, "color.vibrance": 116,
        "color.brilliance": 96,
    },
    "channelmixerrgb": {"white_balance.red": 0, "white_balance.blue": 40},
    "denoiseprofile": {
        "denoise.strength": 8, "denoise.preserve_shadows": 12, "denoise.luma": 340, "denoise.chroma": 368,
    },
    "sharpen": {"sharpen.radius": 0, "sharpen.amount": 4, "sharpen.threshold": 8},
}  # fmt: skip
"""By module: where in its struct a knob's float stands, bytes."""

_WORDS: Mapping[str, Mapping[str, tuple[int, Mapping[str, int]]]] = {
    "demosaic": {"demosaic.match_greens": (0, GREENS), "demosaic.method": (12, DEMOSAIC)},
    "highlights": {"highlights.mode": (0, HIGHLIGHTS)},
}
"""By module: where a choice stands, and its numbers."""

_OFF: Mapping[str, Candidate] = {
    "rawdenoise": {"raw.denoise": 0.0},
    "hotpixels": {"raw.hot_pixels": 0.0},
    "hazeremoval": {"haze.strength": 0.0},
    "shadhi": {"tone.shadows": 0.0, "tone.highlights": 0.0},
    "bilat": {"local_contrast.detail": 0.0},
    "colorbalancergb": {
        f"color.{n}": 0.0 for n in ("contrast", "chroma", "saturation", "vibrance", "brilliance")
    },
    "channelmixerrgb": {"white_balance.red": 1.0, "white_balance.blue": 1.0},
    "denoiseprofile": {"denoise.luma": 0.0, "denoise.chroma": 0.0},
    "sharpen": {"sharpen.amount": 0.0},
}
"""What a module that is off, or not in the history, stands for. Its other knobs have no effect then."""

_EVERYTHING: Candidate = SPACE.complete(
    {
        "raw.denoise": 0.01, "raw.hot_pixels": 0.5, "denoise.luma": 0.5, "haze.strength": 0.1, "tone.shadows": 1.0,
        "local_contrast.detail": 0.1, "color.chroma": 0.1, "white_balance.red": 1.1, "sharpen.amount": 0.5,
    }
)  # fmt: skip
"""A candidate that turns every module on: their versions and sizes are what is understood here."""

_UNDERSTOOD: Mapping[str, tuple[int, int]] = {
    module.operation: (module.version, len(module.params)) for module in modules_of(_EVERYTHING)
}


def read_set(data: bytes, path: Path, template: bytes | None = None) -> ParameterSet | None:
    """The knobs of a sidecar; None for what is no sidecar of darktable. Other modules are not looked at.

    Numbers come back as the floats of 32 bits that stand there. Of a module that is off, only the knobs come back
    that turn it off.

    Raises:
        ConfigError: damaged XML or parameters, a document type, or a module of another version.
    """
    if b"adobe:ns:meta/" not in data or _DARKTABLE.encode() not in data:
        return None
    values: Candidate = {}
    for off in _OFF.values():
        values |= off
    for operation, attributes in _history(data, path).items():
        if attributes.get("enabled") == "1":
            values |= _knobs(operation, attributes, path)
    return ParameterSet(path.stem, values, "darktable")


def _history(data: bytes, path: Path) -> dict[str, dict[str, str]]:
    """The attributes of the last entry of each module that is understood, up to the end of the history."""
    entries: list[dict[str, str]] = []
    end = [math.inf]

    def start(tag: str, attributes: dict[str, str]) -> None:
        own = {
            key.rpartition(" ")[2]: value for key, value in attributes.items() if key.startswith(_DARKTABLE)
        }
        if "history_end" in own:
            end[0] = _whole(own["history_end"], f"{path}: history_end")
        if tag == _ITEM and "operation" in own:
            entries.append(own)

    _parse(data, path, start)
    found: dict[str, dict[str, str]] = {}
    for place, entry in enumerate(entries):
        number = _whole(entry.get("num", str(place)), f"{path}: num")
        if entry["operation"] in _UNDERSTOOD and number < end[0] and entry.get("multi_priority", "0") == "0":
            found[entry["operation"]] = entry
    return found


def _parse(data: bytes, path: Path, start: Callable[[str, dict[str, str]], None]) -> None:
    def refuse(*_: Any) -> None:
        raise ConfigError(f"{path}: has a document type, which no sidecar of darktable has")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ConfigError(f"{path}: is no sidecar that can be read: {error}") from error


def _knobs(operation: str, attributes: Mapping[str, str], path: Path) -> Candidate:
    version, size = _UNDERSTOOD[operation]
    given = attributes.get("modversion", "")
    params = _bytes_of(attributes.get("params", ""), f"{path}: the parameters of {operation}")
    if given != str(version) or len(params) != size:
        raise ConfigError(
            f"{path}: {operation} is of version {given!r} with {len(params)} bytes; only version {version} "
            f"with {size} bytes is understood"
        )
    found: Candidate = {}
    for knob, offset in _FLOATS.get(operation, {}).items():
        number = np.frombuffer(params, "<f4", count=1, offset=offset)[0]
        # The shortest digits that make this float: 0.1, not 0.10000000149. What str() gives, another package that sets
        # NumPy's printing changes.
        found[knob] = float(np.format_float_positional(number, unique=True, trim="-"))
    for knob, (offset, numbers) in _WORDS.get(operation, {}).items():
        found[knob] = _word(
            struct.unpack_from("<i", params, offset)[0], numbers, f"{path}: {operation}", knob
        )
    if operation == "demosaic":
        found["demosaic.color_smoothing"] = int(struct.unpack_from("<i", params, 8)[0])
    return found


def _word(number: int, numbers: Mapping[str, int], what: str, knob: str) -> str:
    words = {value: word for word, value in numbers.items()}
    if number not in words:
        raise ConfigError(f"{what} has the mode {number}, which {knob} has not: {', '.join(numbers)}")
    return words[number]


def _bytes_of(text: str, what: str) -> bytes:
    """Parameters in hexadecimal digits, or `gz`, two digits and base64 of what zlib made of them."""
    try:
        if not text.startswith("gz"):
            return bytes.fromhex(text)
        packed = base64.b64decode(text[4:], validate=True)
        return zlib.decompressobj().decompress(packed, _MOST_BYTES)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise ConfigError(f"{what} cannot be read: {error}") from error


def _whole(text: str, what: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ConfigError(f"{what} = {text!r} is no whole number")
    return int(text)
