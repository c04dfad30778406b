"""Where the knobs stand in the structs of darktable's modules, in those versions of a module that have them there.

Of older and newer versions those are understood whose fields are the same up to the last knob. Of older ones that is
what the `legacy_params` of darktable 4.2.1 make of them; of newer ones, how darktable 5.2 writes them.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isptune.space import Candidate, Value
from pipelines.darktable.modules import DEMOSAIC, GREENS, HIGHLIGHTS, number_of, word_of

FLOATS: Mapping[str, Mapping[str, int]] = {
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
    "denoiseprofile": {"denoise.strength": 8, "denoise.preserve_shadows": 12},
    "sharpen": {"sharpen.radius": 0, "sharpen.amount": 4, "sharpen.threshold": 8},
}  # fmt: skip
"""By module: where in its struct a knob's float stands, bytes."""

WORDS: Mapping[str, Mapping[str, tuple[int, Mapping[str, int]]]] = {
    "demosaic": {"demosaic.match_greens": (0, GREENS), "demosaic.method": (12, DEMOSAIC)},
    "highlights": {"highlights.mode": (0, HIGHLIGHTS)},
}
"""By module: where a choice stands, and its numbers."""

INTEGERS: Mapping[str, Mapping[str, int]] = {"demosaic": {"demosaic.color_smoothing": 8}}

CURVES: Mapping[str, Mapping[str, int]] = {"denoiseprofile": {"denoise.luma": 340, "denoise.chroma": 368}}
"""By module: where the seven heights of a curve over the scales stand, which a knob lifts and lowers as a whole."""

_SCALES = 7

OFF: Mapping[str, Candidate] = {
    "rawdenoise": {"raw.denoise": 0.0},
    "hotpixels": {"raw.hot_pixels": 0.0},
    "exposure": {"exposure.black": 0.0, "exposure.ev": 0.0},
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

SIZES: Mapping[str, Mapping[int, int]] = {
    "rawdenoise": {1: 4, 2: 164},
    "hotpixels": {1: 16},
    "exposure": {4: 20, 5: 20, 6: 24, 7: 28},
    "sigmoid": {1: 24},
    "hazeremoval": {1: 8, 2: 12},
    "shadhi": {3: 40, 4: 44, 5: 48},
    "bilat": {2: 16, 3: 20},
    "colorbalancergb": {4: 128, 5: 132},
    "channelmixerrgb": {1: 160, 2: 160, 3: 160},
    "denoiseprofile": {10: 408, 11: 412},
    "sharpen": {1: 12},
    "demosaic": {3: 20, 4: 24, 6: 48},
    "highlights": {3: 44, 4: 48},
}
"""By module and version: the size of the struct, bytes."""

ADAPTED_TO_RGB = 4
"""The adaptation of a channel mixer whose rows are gains of red, green and blue."""


@dataclass(frozen=True)
class Ruling:
    """A field that decides whether knobs have a say: where it stands, the number that it must be, and what it is."""

    offset: int
    number: int
    name: str
    knobs: tuple[str, ...]


RULINGS: Mapping[str, tuple[Ruling, ...]] = {
    "exposure": (Ruling(0, 0, "mode", ("exposure.ev", "exposure.black")),),
    "channelmixerrgb": (Ruling(132, ADAPTED_TO_RGB, "adaptation", ("white_balance.red", "white_balance.blue")),),
    "denoiseprofile": (
        Ruling(56, 1, "mode", ("denoise.luma", "denoise.chroma")),
        Ruling(408, 1, "colour mode", ("denoise.luma", "denoise.chroma")),
    ),
}  # fmt: skip


def knobs_of(operation: str) -> list[str]:
    """The names of a module's knobs."""
    return [name for kind in (FLOATS, CURVES, INTEGERS, WORDS) for name in kind.get(operation, {})]


def understood(operation: str, version: str, size: int) -> bool:
    """Whether the knobs of a module stand where they are looked for."""
    return version.isdecimal() and SIZES.get(operation, {}).get(int(version)) == size


def overruled(operation: str, params: bytes) -> dict[str, str]:
    """The knobs that have no say with these parameters, each with the reason."""
    found = {}
    for ruling in RULINGS.get(operation, ()):
        if ruling.offset + 4 > len(params):  # a version without that choice
            number: int | None = None
        else:
            number = struct.unpack_from("<i", params, ruling.offset)[0]
        if number != ruling.number:
            why = f"{operation} has the {ruling.name} {'of an older version' if number is None else number}"
            found |= dict.fromkeys(ruling.knobs, why)
    return found


def read(operation: str, params: bytes) -> Candidate:
    """The knobs that parameters hold; numbers as the floats of 32 bits that stand there. What is none is left out."""
    found: Candidate = {}
    for knob, offset in FLOATS.get(operation, {}).items():
        found[knob] = _shortest(_float(params, offset))
    for knob, offset in CURVES.get(operation, {}).items():
        heights = _heights(params, offset)
        found[knob] = _shortest(
            heights[0] if (heights == heights[0]).all() else heights.mean(dtype=np.float32)
        )
    for knob, offset in INTEGERS.get(operation, {}).items():
        found[knob] = int(struct.unpack_from("<i", params, offset)[0])
    for knob, (offset, numbers) in WORDS.get(operation, {}).items():
        found[knob] = word_of(struct.unpack_from("<i", params, offset)[0], numbers)
    return {name: value for name, value in found.items() if isinstance(value, str) or math.isfinite(value)}


def write(operation: str, params: bytes, changed: Mapping[str, Value]) -> bytes:
    """The same parameters with some knobs set; a curve keeps its shape."""
    data = bytearray(params)
    for knob, offset in FLOATS.get(operation, {}).items():
        if knob in changed:
            struct.pack_into("<f", data, offset, float(changed[knob]))
    for knob, offset in CURVES.get(operation, {}).items():
        if knob in changed:
            heights = _heights(params, offset)
            flat = (heights == heights[0]).all()
            moved = (
                np.full(_SCALES, changed[knob]) if flat else heights + float(changed[knob]) - heights.mean()
            )
            data[offset : offset + 4 * _SCALES] = moved.clip(0, 1).astype("<f4").tobytes()
    for knob, offset in INTEGERS.get(operation, {}).items():
        if knob in changed:
            struct.pack_into("<i", data, offset, int(changed[knob]))
    for knob, (offset, numbers) in WORDS.get(operation, {}).items():
        if knob in changed:
            struct.pack_into("<i", data, offset, number_of(str(changed[knob]), numbers))
    return bytes(data)


def _float(params: bytes, offset: int) -> np.float32:
    return np.frombuffer(params, "<f4", count=1, offset=offset)[0]


def _heights(params: bytes, offset: int) -> np.ndarray:
    return np.frombuffer(params, "<f4", count=_SCALES, offset=offset)


def _shortest(number: np.float32) -> float:
    """The shortest digits that make this float: 0.1, not 0.10000000149. str() another package may change."""
    return float(np.format_float_positional(number, unique=True, trim="-"))
