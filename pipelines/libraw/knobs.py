"""The knobs of LibRaw and the pipeline's options, apart from what renders: they are listed without loading torch."""

from collections.abc import Mapping
from typing import Any

from isptune.errors import ConfigError
from isptune.space import Choice, Integer, Real, Space
from pipelines.external.installed import copy_option, timeout_option

_OFF_ON = ("off", "on")
_DEMOSAIC = ("linear", "vng", "ppg", "ahd", "dcb", "dht", "aahd")
FBDD = {"off": "Off", "light": "Light", "full": "Full"}
HIGHLIGHTS = {"clip": 0, "ignore": 1, "blend": 2}

SPACE = Space(
    (
        Real("sensor.black_offset", -0.01, 0.01, 0.0, unit="of the range",
             help="added to the file's black level: higher takes haze out, too high clips shadows"),
        Real("sensor.white_scale", 0.8, 1.0, 1.0, help="times the file's white level: lower clips highlights earlier"),
        Real("sensor.adjust_maximum", 0.0, 1.0, 0.75,
             help="the brightest sample becomes the white level where it lies above so much of it; 0: never"),
        Real("white_balance.red", 0.5, 2.0, 1.0, log=True, help="times the camera's gain of red"),
        Real("white_balance.blue", 0.5, 2.0, 1.0, log=True, help="times the camera's gain of blue"),
        Real("lens.red_scale", 0.998, 1.002, 1.0, help="size of the red picture, against lateral colour fringes"),
        Real("lens.blue_scale", 0.998, 1.002, 1.0, help="size of the blue picture, against lateral colour fringes"),
        Choice("demosaic.algorithm", _DEMOSAIC, "ahd", help="how colours are filled in; linear is the softest"),
        Integer("demosaic.dcb_iterations", 0, 8, 0, help="passes of correction, of dcb only"),
        Choice("demosaic.dcb_enhance", _OFF_ON, "off", help="refinement of colours, of dcb only"),
        Choice("demosaic.four_color", _OFF_ON, "off", help="the two greens as colours of their own, against mazes"),
        Integer("demosaic.median_passes", 0, 5, 0, help="median filters on colour differences, against colour specks"),
        Choice("denoise.fbdd", tuple(FBDD), "off", help="noise removal before demosaicing"),
        Real("denoise.wavelet", 0.0, 1000.0, 0.0, unit="of 65535", help="threshold of wavelet denoising; 0 is none"),
        Real("exposure.shift", 0.25, 8.0, 1.0, log=True, help="linear gain before everything else"),
        Real("exposure.preserve_highlights", 0.0, 1.0, 0.0, help="how far a gain above 1 spares highlights"),
        Choice("exposure.auto_bright", _OFF_ON, "on", help="brightens until some pixels clip"),
        Real("exposure.auto_bright_clip", 0.0001, 0.1, 0.01, log=True, unit="of the pixels",
             help="how many may clip when auto_bright is on"),
        Real("exposure.bright", 0.25, 4.0, 1.0, log=True, help="linear gain at the end"),
        Choice("highlights.mode", (*HIGHLIGHTS, "reconstruct"), "clip", help="what becomes of clipped highlights"),
        Integer("highlights.reconstruct_to", 3, 9, 5, help="of reconstruct only: 3 favours white, 9 colour"),
        Real("tone.gamma", 1.0, 4.0, 2.222, help="power of the encoding: higher lifts shadows and mid-tones"),
        Real("tone.toe_slope", 1.0, 20.0, 4.5, help="slope of the encoding at black: lower deepens shadows"),
    )
)  # fmt: skip
"""After rawpy's documentation of `Params` and LibRaw's of `libraw_output_params_t`."""


def space(argument: str | None, **options: Any) -> Space:
    """What `libraw` can tune. Raises ConfigError as `options_of`."""
    options_of(argument, options)
    return SPACE


def options_of(argument: str | None, options: Mapping[str, Any]) -> tuple[float, bool, bool]:
    """`timeout_s`, `half_size` and `copy`. Raises ConfigError for an argument or an option that is not allowed."""
    if argument:
        raise ConfigError(
            f"libraw takes no argument, not {argument!r}; its options are half_size, copy and timeout_s"
        )
    copy, rest = copy_option(options)
    half_size = rest.pop("half_size", False)
    timeout_s = timeout_option("libraw", rest, "half_size", "copy")
    if not isinstance(half_size, bool):
        raise ConfigError(f"half_size = {half_size!r} must be true or false")
    return timeout_s, half_size, copy
