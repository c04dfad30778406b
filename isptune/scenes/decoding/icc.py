"""ICC profiles: what colours a file's numbers stand for (ICC.1:2022)."""

import functools
import io
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.decoding.colour_space import (
    BT709,
    Conversion,
    Curve,
    Matrix,
    SrgbPixels,
    UnitPixels,
    changes_nothing,
    power_curve,
    rgb_conversion,
    to_xyz_d50,
)

LARGEST = 1 << 24
"""Bytes of a profile: those of printers have a few millions."""

_PIXELS = {"RGB": "RGB", "GRAY": "grey", "CMYK": "CMYK"}


class BrokenProfile(ValueError):
    """A profile that cannot be followed; says why."""


def profile_conversion(data: bytes, pixels: str, name: str) -> Conversion | None:
    """How pixels with this profile become sRGB; None for profiles of sRGB itself.

    Args:
        data: the profile.
        pixels: what they are: `RGB`, `GRAY` or `CMYK`.
        name: of the file, for the message.

    Raises:
        SceneError: the profile is broken, or is one for other pixels.
    """
    try:
        return _conversion(data, pixels)
    except BrokenProfile as error:
        raise SceneError(
            f"{name}: its ICC profile {error}; convert the picture to sRGB, or take the profile out if it is sRGB"
        ) from error


@functools.lru_cache(maxsize=32)
def _conversion(data: bytes, pixels: str) -> Conversion | None:
    """Worked out once for each profile, however many files have it."""
    from PIL import ImageCms

    if len(data) > LARGEST:
        raise BrokenProfile(f"has {len(data)} bytes, more than {LARGEST}")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        facts: Any = profile.profile
        space = facts.xcolor_space.strip()
        described = " ".join((facts.profile_description or "").split()) or "a space without a name"
    except (OSError, TypeError, ValueError, ImageCms.PyCMSError) as error:
        raise BrokenProfile("is broken and cannot be read") from error
    if space not in _PIXELS or (space != pixels and (space, pixels) != ("RGB", "GRAY")):
        raise BrokenProfile(
            f"({described}) is one of {_PIXELS.get(space, space)}, and the pixels are {_PIXELS[pixels]}"
        )
    named = f"{described!r} (its ICC profile)"
    tags = _tags(data)
    if space == "GRAY" and b"kTRC" in tags and b"A2B0" not in tags:
        curve = _curve(tags[b"kTRC"])
        return rgb_conversion(
            named, to_xyz_d50(BT709), [curve] * 3
        )  # three equal channels: only the curve counts
    if space == "RGB" and facts.is_matrix_shaper and b"A2B0" not in tags:
        return rgb_conversion(
            named, _colorants(facts), [_curve(tags[t]) for t in (b"rTRC", b"gTRC", b"bTRC")]
        )
    return _by_littlecms(profile, space, named)


def _colorants(profile: Any) -> Matrix:
    columns = [profile.red_colorant, profile.green_colorant, profile.blue_colorant]
    if None in columns:
        raise BrokenProfile("does not say what its primaries are")
    matrix = np.array([column[0] for column in columns], np.float64).T
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-6:
        raise BrokenProfile("has primaries that lie on one line")
    return matrix


def _by_littlecms(profile: Any, space: str, named: str) -> Conversion | None:
    """By tables of the profile, in 8 bits: Pillow hands littlecms no more."""
    from PIL import Image, ImageCms

    mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[space]
    intent = profile.profile.rendering_intent
    try:
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB", intent)
    except (OSError, ValueError, ImageCms.PyCMSError) as error:
        raise BrokenProfile("has no table by which its colours could be converted") from error

    def convert(pixels: UnitPixels) -> SrgbPixels:
        eight = np.ascontiguousarray((pixels * 255 + np.float32(0.5)).astype(np.uint8))
        shown = Image.fromarray(eight[..., 0] if mode == "L" else eight, mode=mode)
        converted = ImageCms.applyTransform(shown, transform)
        assert converted is not None, "only transforms in place give nothing"
        return np.asarray(converted, np.float32) / np.float32(255)

    conversion = Conversion(f"{named}, in 8 bits", convert, 4 if space == "CMYK" else 3)
    return None if space == "RGB" and changes_nothing(conversion) else conversion


def _tags(data: bytes) -> Mapping[bytes, bytes]:
    """The tags of a profile by their signatures (section 7.3)."""
    count = min(int.from_bytes(data[128:132], "big"), 200)
    found: dict[bytes, bytes] = {}
    for number in range(count):
        entry = data[132 + 12 * number : 144 + 12 * number]
        if len(entry) == 12:
            offset, size = struct.unpack(">II", entry[4:])
            found[entry[:4]] = data[offset : offset + size]
    return found


def _curve(tag: bytes) -> Curve:
    """A curve of the types `curv` and `para` (sections 10.6 and 10.18)."""
    try:
        if tag[:4] == b"curv":
            return _sampled(tag)
        if tag[:4] == b"para":
            return _parametric(tag)
    except struct.error as error:
        raise BrokenProfile("has a curve that is cut off") from error
    raise BrokenProfile("has a curve of an unknown kind")


def _sampled(tag: bytes) -> Curve:
    (count,) = struct.unpack(">I", tag[8:12])
    if count == 0:
        return power_curve(1.0)
    if count > len(tag) // 2:
        raise BrokenProfile("has a curve that is cut off")
    values = np.frombuffer(tag, ">u2", count, 12).astype(np.float64)
    if count == 1:
        return power_curve(_positive(float(values[0]) / 256))
    places = np.linspace(0, 1, count)
    return lambda encoded: np.interp(encoded, places, values / 65535)


_PARAMETERS = (1, 3, 4, 5, 7)
"""How many numbers each of the five kinds of function has."""


def _parametric(tag: bytes) -> Curve:
    kind = int.from_bytes(tag[8:10], "big")
    if kind >= len(_PARAMETERS):
        raise BrokenProfile("has a curve of an unknown kind")
    fixed = struct.unpack(f">{_PARAMETERS[kind]}i", tag[12 : 12 + 4 * _PARAMETERS[kind]])
    g, *others = (value / 65536 for value in fixed)
    _positive(g)
    a, b, c, d, e, f = (*others, *(0.0,) * (6 - len(others))) if kind else (1.0, *(0.0,) * 5)
    # Table 68, all as (a x + b)^g + e from d on, c x + f below.
    if kind == 1:
        c, d, e, f = 0.0, (-b / a if a else 0.0), 0.0, 0.0
    elif kind == 2:
        c, d, e, f = 0.0, (-b / a if a else 0.0), others[2], others[2]
    elif kind == 3:
        e = f = 0.0
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)


def _positive(gamma: float) -> float:
    if not 0.1 <= gamma <= 10:
        raise BrokenProfile(f"has a curve with the power {gamma:g}")
    return gamma
