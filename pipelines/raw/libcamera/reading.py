"""A tuning file of libcamera read back as a set of the raw ISP, beside the template that it was made from.

Only the two together say what was changed: strengths are factors on the template's numbers. A gamma curve is a drawing,
not six numbers: the tone knobs are those whose curve comes closest to it, which need not be the ones that drew it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.space import Candidate, Real, Space
from pipelines.raw.libcamera.json_text import JsonText
from pipelines.raw.libcamera.writing import FULL, SHARPEN_DEFAULTS, algorithms_of, curve_of, matrix_of
from pipelines.raw.stages_in_order import STAGES

_SPACE = Space(tuple(param for stage in STAGES for param in stage.params))
_TONES = tuple(param for param in _SPACE if param.name.startswith("tone.") and isinstance(param, Real))
_COLOURS = tuple(
    param
    for param in _SPACE
    if param.name in ("matrix.strength", "colour.saturation") and isinstance(param, Real)
)


def read_set(data: bytes, path: Path, template: bytes | None = None) -> ParameterSet | None:
    """What a tuning file changes in its template, in the raw ISP's knobs; None for what is no tuning file.

    Raises:
        ConfigError: no template, or one that the file was not made from.
    """
    if b'"algorithms"' not in data or b'"rpi.' not in data:
        return None
    if template is None:
        raise ConfigError(
            f"{path}: a tuning file holds factors on the numbers of its template; give that one too, by "
            "isptune import --template FILE, or import the set as TOML or JSON"
        )
    new, old = _numbers(data, str(path)), _numbers(template, "the template")
    if new["places"] != old["places"] or len(new["matrices"]) != len(old["matrices"]):
        raise ConfigError(f"{path}: was not made from this template: its gamma curve or matrices are others")
    values: Candidate = {"black.offset": (new["black"] - old["black"]) / FULL}
    for knob in ("raw_denoise.luma", "raw_denoise.chroma", "denoise.chroma",
                 "sharpen.amount", "sharpen.threshold", "sharpen.halo"):  # fmt: skip
        if old.get(knob) and knob in new:
            values[knob] = new[knob] / old[knob] * float(_SPACE.default[knob])
    values |= _tones(new) | _colours(new["matrices"], old["matrices"])
    return ParameterSet(path.stem, {name: _inside(name, float(v)) for name, v in values.items()}, "raw")


def _numbers(data: bytes, what: str) -> Mapping[str, Any]:
    """The numbers of a tuning file that a set may change."""
    try:
        file = JsonText(data.decode("utf-8"), what)
        found = {name: file.read(span) for name, span in algorithms_of(file).items()}
        curve = np.array(found["rpi.contrast"]["gamma_curve"], dtype=np.float64).reshape(-1, 2)
        matrices = np.array([entry["ccm"] for entry in found["rpi.ccm"]["ccms"]], dtype=np.float64)
        sharpen = {**SHARPEN_DEFAULTS, **found["rpi.sharpen"]}
        denoise = found["rpi.denoise"] if "rpi.denoise" in found else found["rpi.sdn"]
        mode = denoise.get("normal", denoise)
        strengths = {
            "raw_denoise.luma": mode.get("sdn", {"deviation": 3.2, **denoise}).get("deviation"),
            "raw_denoise.chroma": mode.get("cdn", {}).get("deviation"),
            "denoise.chroma": mode.get("cdn", {}).get("strength"),
            "sharpen.amount": sharpen["strength"],
            "sharpen.threshold": sharpen["threshold"],
            "sharpen.halo": sharpen["limit"],
        }
        return {
            "black": float(found["rpi.black_level"]["black_level"]),
            "places": curve[:, 0].tolist(),
            "curve": curve[:, 1],
            "matrices": matrices.reshape(-1, 3, 3),
            **{knob: float(value) for knob, value in strengths.items() if value is not None},
        }
    except (KeyError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{what}: is no tuning file that the raw ISP can set: {error!r}") from error


def _tones(new: Mapping[str, Any]) -> Candidate:
    """The tone knobs whose curve comes closest to that of the file."""
    places = np.array(new["places"]) / FULL

    def misses(values: np.ndarray) -> np.ndarray:
        return (
            curve_of(places, dict(zip((p.name for p in _TONES), values, strict=True))) - new["curve"] / FULL
        )

    return _closest(_TONES, misses)


def _colours(new: np.ndarray, old: np.ndarray) -> Candidate:
    """Strength and saturation, from all matrices together."""

    def misses(values: np.ndarray) -> np.ndarray:
        strength, saturation = (float(v) for v in values)
        return np.concatenate(
            [(matrix_of(a, strength, saturation) - b).ravel() for a, b in zip(old, new, strict=True)]
        )

    ordered = sorted(_COLOURS, key=lambda param: param.name != "matrix.strength")
    return _closest(ordered, misses)


def _closest(params: Any, misses: Any) -> Candidate:
    """The values with the least squares of what they miss, from the defaults; those, where they miss nothing."""
    start = np.array([param.default for param in params])
    bounds = np.array([[param.low, param.high] for param in params]).T
    if np.abs(misses(start)).max() < 1 / FULL:
        return {param.name: param.default for param in params}
    inside = np.clip(start, bounds[0] + 1e-6, bounds[1] - 1e-6)
    found = least_squares(misses, inside, bounds=tuple(bounds), diff_step=1e-3, x_scale=bounds[1] - bounds[0])
    return {param.name: float(value) for param, value in zip(params, found.x, strict=True)}


def _inside(name: str, value: float) -> float:
    """Rounding may lead a little past the end of a range."""
    (param,) = (param for param in _SPACE if param.name == name)
    assert isinstance(param, Real)
    slack = 1e-4 * (param.high - param.low)
    close = param.low - slack <= value <= param.high + slack
    return min(max(value, param.low), param.high) if close else value
