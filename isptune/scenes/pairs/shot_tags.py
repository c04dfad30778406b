"""What a raw file says of how it was taken: the camera, the exposure and the lens."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isptune.scenes.tiff_tags import tiff_tags

_TAGS = {
    "exposure_s": ("ExposureTime",),
    "aperture": ("FNumber",),
    "iso": ("PhotographicSensitivity", "ISOSpeedRatings"),
    "focal_mm": ("FocalLength",),
}
"""By field the names of its EXIF tag (EXIF 2.32; TIFF/EP has them in the first directory)."""


@dataclass(frozen=True)
class ShotTags:
    """How a shot was taken; None where the file does not say, 0 where it says 0.

    Attributes:
        camera: maker and model.
        iso: sensitivity.
        exposure_s: seconds.
        aperture: f-number.
        focal_mm: of the lens.
    """

    camera: str | None = None
    iso: float | None = None
    exposure_s: float | None = None
    aperture: float | None = None
    focal_mm: float | None = None

    @property
    def exposure(self) -> float | None:
        """Brightness at which the same light is recorded, ISO x time / aperture^2; None where a tag lacks or is 0."""
        if not self.iso or not self.exposure_s or not self.aperture:
            return None
        return self.iso * self.exposure_s / self.aperture**2

    @property
    def zeros(self) -> list[str]:
        """The exposure tags that say 0, in words."""
        named = {"ISO": self.iso, "exposure time": self.exposure_s, "aperture": self.aperture}
        return [name for name, value in named.items() if value == 0]


def read_tags(path: Path) -> ShotTags:
    """The tags of a raw file. A file that is no TIFF (CR3, RAF) is asked by LibRaw, which does not say the camera."""
    found = tiff_tags(path)
    return _by_libraw(path) if found is None else _of_tags(found)


def _of_tags(found: Mapping[str, Any]) -> ShotTags:
    values = {field: _number(found, names) for field, names in _TAGS.items()}
    words = [str(found.get(name) or "").strip("\0 ") for name in ("Make", "Model")]
    maker, model = words
    camera = model if maker and model.startswith(maker) else f"{maker} {model}".strip()
    return ShotTags(camera or None, **values)


def _number(found: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    for name in names:
        value = found.get(name)
        with suppress(TypeError, ValueError, IndexError):
            if isinstance(value, tuple) and len(value) == 2 and name != "ISOSpeedRatings":
                return float(value[0]) / float(value[1]) if value[1] else 0.0
            value = value[0] if isinstance(value, tuple) else value
            if value is not None:
                return max(0.0, float(value))
    return None


def _by_libraw(path: Path) -> ShotTags:
    """What LibRaw knows; it says 0 of what it does not know."""
    import rawpy
    from rawpy._rawpy import LibRawError

    try:
        with rawpy.imread(str(path)) as raw:
            other = raw.other
            iso, time, aperture = other.iso_speed, other.shutter_speed, other.aperture
            return ShotTags(None, iso or None, time or None, aperture or None, other.focal_length or None)
    except (LibRawError, OSError, AttributeError):
        return ShotTags()
