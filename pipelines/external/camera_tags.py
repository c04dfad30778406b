"""What a raw file says of its camera and exposure, for copies of it: developers choose noise profiles and lenses by it.

Of files that are built as TIFFs (DNG, NEF, CR2, ARW, PEF ...) the tags themselves; of others what LibRaw reads of the
exposure. Makers' notes stay behind: what they point to is not in the copy.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

from isptune.scenes.tiff_tags import tiff_tags

_SHORT, _RATIONAL, _TEXT = 3, 5, 2
_EXIF: Mapping[str, tuple[int, int]] = {
    "ExposureTime": (33434, _RATIONAL),
    "FNumber": (33437, _RATIONAL),
    "ExposureProgram": (34850, _SHORT),
    "ISOSpeedRatings": (34855, _SHORT),
    "DateTimeOriginal": (36867, _TEXT),
    "DateTimeDigitized": (36868, _TEXT),
    "Flash": (37385, _SHORT),
    "FocalLength": (37386, _RATIONAL),
    "FocalLengthIn35mmFilm": (41989, _SHORT),
    "BodySerialNumber": (42033, _TEXT),
    "LensMake": (42035, _TEXT),
    "LensModel": (42036, _TEXT),
}
"""Exif 2.3 (CIPA DC-008), table 4 and 8: code and type."""


@final
@dataclass(frozen=True)
class TakenWith:
    """A camera and an exposure.

    Attributes:
        make, model: as the file has them; None where it does not say.
        exif: value by code and type, rationals as pairs of whole numbers.
    """

    make: str | None = None
    model: str | None = None
    exif: Mapping[tuple[int, int], Any] = field(default_factory=dict)

    def at_iso(self, iso: float | None) -> "TakenWith":
        """The same with what is known of its ISO besides; of one that the tag cannot hold, or of None, as it is."""
        if iso is None or not 1 <= round(iso) < 1 << 16:
            return self
        return replace(self, exif={**self.exif, _EXIF["ISOSpeedRatings"]: round(iso)})

    def exif_directory(self, offset: int) -> bytes:
        """The tags as a little-endian Exif directory that stands at an offset of its file."""
        entries, values = [], b""
        start = offset + 2 + 12 * len(self.exif) + 4
        for (code, kind), value in sorted(self.exif.items()):
            count, data = _packed(kind, value)
            if len(data) > 4:
                place = start + len(values)
                values += data + b"\0" * (len(data) % 2)
                data = struct.pack("<I", place)
            entries.append(struct.pack("<HHI", code, kind, count) + data.ljust(4, b"\0"))
        return struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0" + values


def _packed(kind: int, value: Any) -> tuple[int, bytes]:
    if kind == _TEXT:
        data = str(value).encode("ascii", "replace") + b"\0"
        return len(data), data
    if kind == _RATIONAL:
        return 1, struct.pack("<II", *value)
    return 1, struct.pack("<H", value)


def taken_with(path: Path) -> TakenWith:
    """What a raw file says of its camera and exposure; nothing where it cannot be read."""
    found = _of_tiff(path)
    if found is None:
        return TakenWith(exif=_of_libraw(path))
    iso = _EXIF["ISOSpeedRatings"]  # some makers have it in their notes alone
    rest = (
        {}
        if iso in found.exif
        else {place: value for place, value in _of_libraw(path).items() if place == iso}
    )
    return replace(found, exif={**found.exif, **rest})


def _of_tiff(path: Path) -> TakenWith | None:
    told = tiff_tags(path)
    if told is None:
        return None
    return TakenWith(_text(told.get("Make")), _text(told.get("Model")), _exif(told))


def _exif(told: Mapping[str, Any]) -> dict[tuple[int, int], Any]:
    """By code and type what is told under the names of Exif's tags, as far as it says something."""
    found = {place: _usable(place[1], told.get(name)) for name, place in _EXIF.items()}
    return {place: value for place, value in found.items() if value is not None}


def _usable(kind: int, value: Any) -> Any:
    """A value of a tag's type; None for one that is of another, or says nothing (0)."""
    if kind == _TEXT:
        return _text(value)
    if isinstance(value, tuple) and kind == _SHORT and value:
        value = value[0]
    if kind == _SHORT:
        return value if isinstance(value, int) and 0 < value < 1 << 16 else None
    pair = isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, int) for part in value)
    return value if pair and all(0 < part < 1 << 32 for part in value) else None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _of_libraw(path: Path) -> dict[tuple[int, int], Any]:
    import rawpy

    try:
        with rawpy.imread(str(path)) as raw:
            told, lens = raw.other, raw.lens
    except Exception:  # the scene was read otherwise, such as samples without a header
        return {}
    numbers = {"ExposureTime": told.shutter_speed, "FNumber": told.aperture, "FocalLength": told.focal_length}
    texts = {"LensMake": lens.make, "LensModel": lens.model}
    pairs = {name: _pair(number) for name, number in numbers.items()}
    return _exif({**pairs, **texts, "ISOSpeedRatings": round(told.iso_speed)})


def _pair(number: float) -> tuple[int, int]:
    return round(number * 1_000_000), 1_000_000
