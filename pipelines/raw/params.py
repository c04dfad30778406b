"""The params of the raw ISP, stage by stage in their order: what each is, its unit, range and default.

They stand apart from what the stages do, so that they can be listed without loading torch.
"""

from collections.abc import Mapping
from typing import Any

from isptune.errors import ConfigError
from isptune.space import Choice, Integer, Param, Real, Space

METHODS = ("bilinear", "malvar2004", "menon2007")
"""Of demosaicing."""

HIGHLIGHT_METHODS = ("clip", "neutral")
"""What becomes of clipped pixels."""

PARAMS: Mapping[str, tuple[Param, ...]] = {
    "black": (
        Real("black.offset", -0.01, 0.02, 0.0, unit="share of range", help="added to the sensor's black level"),
    ),
    "defects": (
        Real("defects.threshold", 0.05, 1.0, 0.3, unit="share of range, square root",
             help="how far a pixel must stand out from its neighbours to be corrected; 1 is never"),
    ),
    "shading": (
        Real("shading.gain", 0.0, 1.5, 0.0, unit="share", help="how much corners are brightened"),
        Real("shading.power", 1.5, 6.0, 2.0, help="how late towards the corners that sets in"),
    ),
    "raw_denoise": (
        Real("raw_denoise.luma", 0.0, 3.0, 0.6, unit="sigma of the sensor's noise",
             help="denoising of brightness in the mosaic"),
        Real("raw_denoise.chroma", 0.0, 5.0, 1.2, unit="sigma of the sensor's noise",
             help="denoising of colour differences in the mosaic"),
    ),
    "white_balance": (
        Real("white_balance.red", 0.5, 2.0, 1.0, log=True, unit="factor", help="red over the camera's balance"),
        Real("white_balance.blue", 0.5, 2.0, 1.0, log=True, unit="factor", help="blue over the camera's balance"),
    ),
    "demosaic": (
        Choice("demosaic.method", METHODS, "menon2007", help="how missing colours are interpolated"),
        Integer("demosaic.median_passes", 0, 3, 0, help="median filters against false colours at edges"),
    ),
    "highlights": (
        Choice("highlights.method", HIGHLIGHT_METHODS, "clip",
               help="clipped pixels: cut to white, or fade to grey and keep brightness above white"),
        Real("highlights.threshold", 0.6, 0.99, 0.9, unit="share of clipping", help="where fading to grey begins"),
    ),
    "matrix": (
        Real("matrix.strength", 0.0, 1.5, 1.0, help="the colour matrix: 0 is camera colours, 1 as calibrated"),
    ),
    "exposure": (
        Real("exposure.bias", -2.0, 2.0, 0.0, unit="EV", help="brightness over the capture's own"),
    ),
    "tone": (
        Real("tone.white", 1.0, 4.0, 1.0, log=True, unit="times white",
             help="the light that becomes white; above 1, highlights roll off"),
        Real("tone.black", -0.05, 0.1, 0.0, unit="share of white", help="the encoded value that becomes black"),
        Real("tone.gamma", 0.5, 2.0, 1.0, log=True, help="above 1 brightens midtones"),
        Real("tone.shadows", -1.0, 1.0, 0.0, help="lifts the darker half"),
        Real("tone.highlights", -1.0, 1.0, 0.0, help="lifts the brighter half"),
        Real("tone.contrast", -1.0, 1.0, 0.0, help="S curve about the middle"),
    ),
    "local": (
        Real("local.compression", 0.0, 0.9, 0.0, help="how much regions approach the mean brightness"),
        Real("local.detail", -0.5, 1.5, 0.0, help="contrast of what is finer than regions"),
        Real("local.radius", 8.0, 128.0, 32.0, log=True, unit="px", help="the size of a region"),
    ),
    "denoise": (
        Real("denoise.luma", 0.0, 0.1, 0.0, unit="share of white", help="noise taken out of brightness"),
        Integer("denoise.luma_scales", 1, 5, 3, help="how coarse that noise is at most: 1 is single pixels"),
        Real("denoise.detail", 0.0, 0.8, 0.1, unit="share", help="fine structure that stays at least"),
        Real("denoise.chroma", 0.0, 0.1, 0.005, unit="share of white", help="noise taken out of colour"),
        Integer("denoise.chroma_scales", 1, 5, 4, help="how coarse that noise is at most"),
    ),
    "sharpen": (
        Real("sharpen.amount", 0.0, 3.0, 0.5, help="how much of the difference from a blurred copy is added"),
        Real("sharpen.radius", 0.4, 3.0, 0.8, log=True, unit="px", help="sigma of that blur"),
        Real("sharpen.threshold", 0.0, 0.05, 0.005, unit="share of white", help="differences up to this are noise"),
        Real("sharpen.halo", 0.0, 1.0, 0.3, unit="share", help="overshoot beyond the neighbours that stays"),
    ),
    "colour": (
        Real("colour.saturation", 0.0, 2.0, 1.0, unit="factor", help="strength of all colours"),
        Real("colour.vibrance", -1.0, 1.0, 0.0, help="strength of pale colours"),
        Real("colour.hue", -30.0, 30.0, 0.0, unit="degrees", help="a turn of all hues"),
    ),
    "jpeg": (
        Integer("jpeg.quality", 30, 100, 100, help="libjpeg's scale; 100 is no compression"),
    ),
}  # fmt: skip
"""By stage; two stages, from and to luma and chroma, have none."""


def space(argument: str | None, **options: Any) -> Space:
    """What `raw` can tune. Raises ConfigError for an argument or options: it takes none."""
    refuse_any(argument, options)
    return Space(tuple(param for params in PARAMS.values() for param in params))


def refuse_any(argument: str | None, options: Mapping[str, Any]) -> None:
    """Raise ConfigError for an argument or options of the raw ISP, which takes none."""
    if argument or options:
        given = argument or ", ".join(options)
        raise ConfigError(
            f"the raw ISP takes no argument and no options, not {given!r}; its params are tuned"
        )
