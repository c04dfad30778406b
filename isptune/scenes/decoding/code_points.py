"""Colours by the code points of video (ITU-T H.273): in PNG's cICP, and in the colr boxes of AVIF and HEIC."""

import functools

from isptune.errors import SceneError
from isptune.scenes.decoding.colour_space import (
    BT470_M,
    BT601_525,
    BT601_625,
    BT709,
    BT2020,
    DCI_P3,
    DISPLAY_P3,
    Conversion,
    Curve,
    power_curve,
    rgb_conversion,
    srgb_curve,
    to_xyz_d50,
)

_PRIMARIES = {
    1: ("BT.709", BT709),
    4: ("BT.470 M", BT470_M),
    5: ("BT.601 625", BT601_625),
    6: ("BT.601 525", BT601_525),
    7: ("SMPTE 240M", BT601_525),
    9: ("BT.2020", BT2020),
    11: ("DCI P3", DCI_P3),
    12: ("Display P3", DISPLAY_P3),
}
_UNSPECIFIED = 2

# The camera curves of video (1, 6, 14, 15) are taken for sRGB's: that is how screens show pictures that are tagged so.
_CURVES: dict[int, Curve] = {
    1: srgb_curve,
    4: power_curve(2.2),
    5: power_curve(2.8),
    6: srgb_curve,
    8: power_curve(1.0),
    13: srgb_curve,
    14: srgb_curve,
    15: srgb_curve,
}
_HDR = {16: "PQ", 18: "HLG"}


def refuse_hdr(transfer: int, name: str) -> None:
    """Raises SceneError for the curves of HDR: what is white in them depends on the screen."""
    if transfer in _HDR:
        raise SceneError(
            f"{name}: is HDR ({_HDR[transfer]}); tone-map it to sRGB first, as you would show it"
        )


def code_points_conversion(primaries: int, transfer: int, name: str) -> Conversion | None:
    """The conversion to sRGB; None for sRGB itself and where nothing is said.

    Raises:
        SceneError: it is HDR, or a code point is none that is known.
    """
    refuse_hdr(transfer, name)
    if _UNSPECIFIED in (primaries, transfer):
        return None
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        raise SceneError(
            f"{name}: says that its colours are of H.273's primaries {primaries} and transfer {transfer}, which cannot "
            "be read; convert it to sRGB"
        )
    return _conversion(primaries, transfer)


@functools.lru_cache(maxsize=32)
def _conversion(primaries: int, transfer: int) -> Conversion | None:
    spoken, chromaticities = _PRIMARIES[primaries]
    named = f"{spoken} (H.273's code points {primaries}/{transfer})"
    return rgb_conversion(named, to_xyz_d50(chromaticities), [_CURVES[transfer]] * 3)
