"""What EXIF says of a picture: which way up it is, and whether its colours are Adobe RGB."""

from typing import Any, NamedTuple

from isptune.scenes.decoding.colour_space import (
    ADOBE_RGB,
    ADOBE_RGB_GAMMA,
    Conversion,
    power_curve,
    rgb_conversion,
    to_xyz_d50,
)
from isptune.scenes.decoding.orientation import ORIENTATION, orientation_said

_EXIF, _INTEROPERABILITY = 0x8769, 0xA005
_COLOUR_SPACE, _ADOBE_SAID = 0xA001, 2


class Said(NamedTuple):
    """What counts of it; `colour` is None for sRGB and where nothing is said."""

    orientation: int = 1
    colour: Conversion | None = None


def said_by(data: bytes) -> Said:
    """What an EXIF block says, with or without `Exif` before it; nothing where it cannot be read."""
    from PIL import Image

    exif = Image.Exif()
    try:
        exif.load(data)
        return said_by_tags(exif)
    except Exception:  # Pillow stumbles in many ways over damaged EXIF, which then says nothing
        return Said()


def said_by_tags(exif: Any) -> Said:
    """What Pillow's view of a file's EXIF says (DCF 2.0, 2010: index R03 is Adobe RGB)."""
    space = exif.get_ifd(_EXIF).get(_COLOUR_SPACE)
    index = str(exif.get_ifd(_INTEROPERABILITY).get(1, ""))
    adobe = index.startswith("R03") or space == _ADOBE_SAID
    return Said(orientation_said(exif.get(ORIENTATION, 1)), _adobe_rgb() if adobe else None)


def _adobe_rgb() -> Conversion | None:
    curve = power_curve(ADOBE_RGB_GAMMA)
    return rgb_conversion("Adobe RGB (said by EXIF)", to_xyz_d50(ADOBE_RGB), [curve] * 3)
