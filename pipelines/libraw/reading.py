"""rawpy's keyword arguments, as `isptune export --format rawpy` writes them, read back as a set of `libraw`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.space import Candidate, Value

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
_PASSED_ON = {"output_bps", "use_camera_wb", "output_color", "half_size", "demosaic_algorithm", "highlight_mode",
              "fbdd_noise_reduction"}  # fmt: skip


def read_set(data: bytes, path: Path, template: bytes | None = None) -> ParameterSet | None:
    """The set that a file of keyword arguments stands for; None for any other file.

    What is not there has no effect (`noise_thr` without denoising) or its default.

    Raises:
        ConfigError: an argument that is no knob, or a value that is none.
    """
    if b'"postprocess"' not in data or not data.lstrip().startswith(b"{"):
        return None
    try:
        table = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not JSON that can be read: {error}") from error
    arguments = table.get("postprocess") if isinstance(table, dict) else None
    if not isinstance(arguments, dict):
        return None
    known = {*_NUMBERS, *_PAIRS, *_SWITCHES, *_PASSED_ON}
    unknown = sorted({*arguments} - known) + sorted(
        {*table} - {*_LEVELS, "postprocess", "camera_whitebalance_times"}
    )
    if unknown:
        raise ConfigError(
            f"{path}: {unknown[0]!r} is no knob of libraw; there are: {', '.join(sorted(known))}"
        )
    values = {**_of_arguments(arguments, path), **_of_the_file(table, path)}
    options = {"half_size": True} if arguments.get("half_size") is True else {}
    return ParameterSet(path.stem, values, "libraw", options)


def _of_arguments(arguments: Mapping[str, Any], path: Path) -> Candidate:
    values: Candidate = {"denoise.wavelet": 0.0}
    for key, knob in _NUMBERS.items():
        if key in arguments:
            values[knob] = _number(arguments[key], f"{path}: {key}")
    for key, knobs in _PAIRS.items():
        if key in arguments:
            values |= zip(knobs, _several(arguments[key], 2, f"{path}: {key}"), strict=True)
    for key, (knob, true, false) in _SWITCHES.items():
        if key in arguments:
            values[knob] = true if arguments[key] is True else false
    for key, knob in (("demosaic_algorithm", "demosaic.algorithm"), ("fbdd_noise_reduction", "denoise.fbdd")):
        if key in arguments:
            values[knob] = str(arguments[key]).lower()
    if "highlight_mode" in arguments:
        mode = arguments["highlight_mode"]
        if isinstance(mode, bool) or mode not in range(10):
            raise ConfigError(f"{path}: highlight_mode = {mode!r} is no whole number from 0 to 9")
        values["highlights.mode"] = _HIGHLIGHTS[mode] if mode < len(_HIGHLIGHTS) else "reconstruct"
        if mode >= len(_HIGHLIGHTS):
            values["highlights.reconstruct_to"] = int(mode)
    return values


def _of_the_file(table: Mapping[str, Any], path: Path) -> Candidate:
    values: Candidate = {
        knob: _number(table[key], f"{path}: {key}") for key, knob in _LEVELS.items() if key in table
    }
    if "camera_whitebalance_times" in table:
        times = _several(table["camera_whitebalance_times"], 4, f"{path}: camera_whitebalance_times")
        values |= {"white_balance.red": times[0], "white_balance.blue": times[2]}
    return values


def _several(value: Any, count: int, what: str) -> Sequence[Value]:
    if not isinstance(value, list) or len(value) != count:
        raise ConfigError(f"{what} = {value!r} is no list of {count} numbers")
    return [_number(number, what) for number in value]


def _number(value: Any, what: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{what} = {value!r} is no number")
    return value
