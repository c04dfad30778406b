"""rawpy's keyword arguments, as `isptune export --format rawpy` writes them, read back as a set of `libraw`.

Files of isptune before 0.2 were JSON, and are read as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from isptune.parameter_set import ParameterSet
from isptune.space import Candidate
from isptune.system.records import convert, parse_json
from pipelines.libraw.arguments import from_python, is_python

_NUMBERS: Mapping[str, str] = {
    "dcb_iterations": "demosaic.dcb_iterations",
    "median_filter_passes": "demosaic.median_passes",
    "adjust_maximum_thr": "sensor.adjust_maximum",
    "auto_bright_thr": "exposure.auto_bright_clip",
    "bright": "exposure.bright",
    "exp_shift": "exposure.shift",
    "exp_preserve_highlights": "exposure.preserve_highlights",
    "noise_thr": "denoise.wavelet",
}
_PAIRS: Mapping[str, tuple[str, str]] = {
    "chromatic_aberration": ("lens.red_scale", "lens.blue_scale"),
    "gamma": ("tone.gamma", "tone.toe_slope"),
}
_SWITCHES: Mapping[str, tuple[str, str, str]] = {  # the words for true and false
    "dcb_enhance": ("demosaic.dcb_enhance", "on", "off"),
    "four_color_rgb": ("demosaic.four_color", "on", "off"),
    "no_auto_bright": ("exposure.auto_bright", "off", "on"),
}
_LEVELS: Mapping[str, str] = {
    "black_level_plus_of_range": "sensor.black_offset",
    "white_level_times": "sensor.white_scale",
}
_HIGHLIGHTS = ("clip", "ignore", "blend")


Number = float | int


@dataclass(frozen=True)
class _Arguments:
    """The keyword arguments of `rawpy.RawPy.postprocess` that are knobs, or that say nothing of the picture's look."""

    dcb_iterations: Number | None = None
    median_filter_passes: Number | None = None
    adjust_maximum_thr: Number | None = None
    auto_bright_thr: Number | None = None
    bright: Number | None = None
    exp_shift: Number | None = None
    exp_preserve_highlights: Number | None = None
    noise_thr: Number | None = None
    chromatic_aberration: tuple[Number, Number] | None = None
    gamma: tuple[Number, Number] | None = None
    dcb_enhance: bool | None = None
    four_color_rgb: bool | None = None
    no_auto_bright: bool | None = None
    demosaic_algorithm: str | None = None
    fbdd_noise_reduction: str | None = None
    highlight_mode: Annotated[int, Meta(ge=0, le=9)] | None = None
    output_bps: Any = None
    use_camera_wb: Any = None
    output_color: Any = None
    half_size: bool = False


@dataclass(frozen=True)
class _File:
    postprocess: _Arguments
    black_level_plus_of_range: Number | None = None
    white_level_times: Number | None = None
    camera_whitebalance_times: Annotated[tuple[Number, ...], Meta(min_length=2, max_length=4)] | None = None


def read_set(data: bytes, path: Path, template: bytes | None = None) -> ParameterSet | None:
    """The set that a file of keyword arguments stands for; None for any other file.

    What is not there has no effect (`noise_thr` without denoising) or its default.

    Raises:
        ConfigError: an argument that is no knob, or a value that is none.
    """
    python = is_python(data)
    if not python and (b'"postprocess"' not in data or not data.lstrip().startswith(b"{")):
        return None
    table = from_python(data, path) if python else parse_json(data, str(path))
    if not isinstance(table, dict) or not isinstance(table.get("postprocess"), dict):
        return None
    held = convert(table, _File, str(path), known_only=True)
    options = {"half_size": True} if held.postprocess.half_size else {}
    return ParameterSet(
        path.stem, {**_of_arguments(held.postprocess), **_of_the_file(held)}, "libraw", options
    )


def _of_arguments(arguments: _Arguments) -> Candidate:
    given = {key: value for key, value in vars(arguments).items() if value is not None}
    values: Candidate = {"denoise.wavelet": 0.0}
    values |= {knob: given[key] for key, knob in _NUMBERS.items() if key in given}
    for key, knobs in _PAIRS.items():
        values |= zip(knobs, given.get(key, ()), strict=key in given)
    for key, (knob, true, false) in _SWITCHES.items():
        if key in given:
            values[knob] = true if given[key] else false
    for key, knob in (("demosaic_algorithm", "demosaic.algorithm"), ("fbdd_noise_reduction", "denoise.fbdd")):
        if key in given:
            values[knob] = given[key].lower()
    if arguments.highlight_mode is not None:
        mode = arguments.highlight_mode
        values["highlights.mode"] = _HIGHLIGHTS[mode] if mode < len(_HIGHLIGHTS) else "reconstruct"
        if mode >= len(_HIGHLIGHTS):
            values["highlights.reconstruct_to"] = mode
    return values


def _of_the_file(held: _File) -> Candidate:
    values: Candidate = {
        knob: getattr(held, key) for key, knob in _LEVELS.items() if getattr(held, key) is not None
    }
    times = held.camera_whitebalance_times
    if times is not None:  # red and blue, or as JSON had them: red, green, blue, other green
        values |= {"white_balance.red": times[0], "white_balance.blue": times[2 if len(times) > 2 else 1]}
    return values
