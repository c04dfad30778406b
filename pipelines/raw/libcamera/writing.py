"""A set of the raw ISP as a tuning file of libcamera for the Raspberry Pi (JSON, version 2.0).

A tuning file is calibrated for one sensor: it is the template, and only these numbers in it change:

==================  ===========================================  ==================================================
algorithm           keys                                         from the raw ISP's
==================  ===========================================  ==================================================
rpi.black_level     black_level, 16 bits                         black.offset, added
rpi.denoise         sdn: deviation..., strength                  raw_denoise.luma, as a factor over its default
(or rpi.sdn)        cdn: deviation, strength                     raw_denoise.chroma, denoise.chroma, the same way
rpi.contrast        gamma_curve: its values                      all of tone.*, as the curve itself
rpi.ccm             every matrix                                 matrix.strength and colour.saturation
rpi.sharpen         strength, threshold, limit                   sharpen.amount, .threshold, .halo, as factors
==================  ===========================================  ==================================================

Strengths of denoising and sharpening have other units on that hardware: the template's number stands for the raw
ISP's default, and is multiplied by what the search multiplied it by. All else is kept byte for byte.

Source: Raspberry Pi camera algorithm and tuning guide; the tuning files and controllers of libcamera (BSD-2-Clause).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from isptune.errors import ConfigError
from isptune.space import Candidate
from pipelines.raw.libcamera.json_text import JsonText, Span
from pipelines.raw.stages.tone import tone_curve

FULL = 65535
"""White of libcamera's 16-bit scale."""

LUMA = (0.299, 0.587, 0.114)
"""What saturation leaves as it is, as in libcamera's colour matrix controller and in the raw ISP (BT.601)."""

SHARPEN_DEFAULTS = {"strength": 1.0, "threshold": 1.0, "limit": 1.0}
"""What libcamera takes for keys that a tuning file does not have."""

CARRIED = (
    "black.offset", "raw_denoise.luma", "raw_denoise.chroma", "denoise.chroma", "tone.*", "matrix.strength",
    "colour.saturation", "sharpen.amount", "sharpen.threshold", "sharpen.halo",
)  # fmt: skip
"""What of a set a tuning file can hold. Radii, local contrast, vibrance, hue and exposure have no place in it."""


def to_libcamera(candidate: Candidate, default: Candidate, template: bytes | None) -> bytes:
    """The template with a candidate's values set in it.

    Args:
        candidate, default: complete candidates of the raw ISP.
        template: the tuning file of the sensor.

    Raises:
        ConfigError: no template, or one that is no tuning file of version 2.0 or lacks an algorithm.
    """
    if template is None:
        raise ConfigError("the format libcamera needs --template FILE: the tuning file of your sensor")
    try:
        text = template.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"the template is no tuning file: {error}") from error
    file = JsonText(text, "the template")
    algorithms = algorithms_of(file)
    factor = _factors(candidate, default)
    _set_black_level(file, _one_of(algorithms, "rpi.black_level"), float(candidate["black.offset"]))
    _set_denoise(file, _one_of(algorithms, "rpi.denoise", "rpi.sdn"), factor)
    _set_gamma(file, _one_of(algorithms, "rpi.contrast"), candidate)
    _set_matrices(file, _one_of(algorithms, "rpi.ccm"), candidate)
    _set_sharpen(file, _one_of(algorithms, "rpi.sharpen"), factor)
    return file.edited().encode()


def algorithms_of(file: JsonText) -> dict[str, Span]:
    """The algorithms by name. Raises ConfigError for what is no tuning file of version 2.0."""
    table = file.value if isinstance(file.value, dict) else {}
    listed = table.get("algorithms")
    if table.get("version") != 2.0 or not isinstance(listed, list):
        version = table.get("version")
        raise ConfigError(
            f"the template is no tuning file of version 2.0 (version {version!r}); "
            "it has 'version', 'target' and a list of 'algorithms'"
        )
    found: dict[str, Span] = {}
    for item in file.items(file.members(file.whole)["algorithms"]):
        found |= file.members(item)
    return found


def _one_of(algorithms: Mapping[str, Span], *names: str) -> Span:
    for name in names:
        if name in algorithms:
            return algorithms[name]
    raise ConfigError(
        f"the template has no algorithm {' or '.join(names)}, which a set of the raw ISP sets; "
        f"it has: {', '.join(algorithms) or 'none'}"
    )


def _factors(candidate: Candidate, default: Candidate) -> dict[str, float]:
    """By what the search multiplied the strengths."""
    names = (
        "raw_denoise.luma",
        "raw_denoise.chroma",
        "denoise.chroma",
        *(f"sharpen.{n}" for n in ("amount", "threshold", "halo")),
    )
    return {name: float(candidate[name]) / float(default[name]) for name in names}


def _number(file: JsonText, span: Span, what: str) -> float:
    value = file.read(span)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"the template's {what} is {value!r}, not a number")
    return float(value)


def _set_black_level(file: JsonText, span: Span, offset: float) -> None:
    members = file.members(span)
    for key in ("black_level", "black_level_r", "black_level_g", "black_level_b"):
        if key in members:
            level = _number(file, members[key], key) + offset * FULL
            file.replace(members[key], min(max(round(level), 0), FULL))
    if "black_level" not in members:
        raise ConfigError("the template's rpi.black_level has no black_level, which is in units of 16 bits")


def _set_denoise(file: JsonText, span: Span, factor: Mapping[str, float]) -> None:
    """Of the mode `normal`, where there are modes; temporal denoising is left alone."""
    members = file.members(span)
    mode = file.members(members["normal"]) if "normal" in members else members
    luma, chroma = factor["raw_denoise.luma"], factor["raw_denoise.chroma"]
    if "sdn" in mode:
        _scale(file, mode["sdn"], {"deviation": luma, "deviation2": luma, "deviation_no_tdn": luma})
    else:  # the older algorithm holds its two numbers itself; 3.2 and 0.25 are what it takes without them
        _scale(file, span, {"deviation": luma}, {"deviation": 3.2})
    if "cdn" in mode:
        _scale(
            file,
            mode["cdn"],
            {"deviation": chroma, "strength": factor["denoise.chroma"]},
            most={"strength": 1.0},
        )


def _set_sharpen(file: JsonText, span: Span, factor: Mapping[str, float]) -> None:
    factors = {key: factor[f"sharpen.{name}"] for key, name in
               (("strength", "amount"), ("threshold", "threshold"), ("limit", "halo"))}  # fmt: skip
    _scale(file, span, factors, SHARPEN_DEFAULTS)


def _scale(
    file: JsonText,
    span: Span,
    factors: Mapping[str, float],
    defaults: Mapping[str, float] | None = None,
    most: Mapping[str, float] | None = None,
) -> None:
    """Multiply members; one that is not there starts at its default, and is added where that changes it."""
    members, added = file.members(span), []
    for key, factor in factors.items():
        if key in members:
            value = _number(file, members[key], key) * factor
            file.replace(members[key], _rounded(min(value, (most or {}).get(key, value))))
        elif defaults and key in defaults and factor != 1.0:
            added.append((key, _rounded(defaults[key] * factor)))
    if added:
        file.add(span, added)


def _set_gamma(file: JsonText, span: Span, candidate: Candidate) -> None:
    """The values of the curve, at the places that the template has."""
    members = file.members(span)
    points = file.items(members["gamma_curve"]) if "gamma_curve" in members else []
    if len(points) < 4 or len(points) % 2:
        raise ConfigError("the template's rpi.contrast has no gamma_curve of pairs of numbers")
    places = np.array([_number(file, point, "gamma_curve") for point in points[::2]])
    for point, value in zip(points[1::2], curve_of(places / FULL, candidate), strict=True):
        file.replace(point, round(float(value) * FULL))


def curve_of(light: np.ndarray, candidate: Candidate) -> np.ndarray:
    """The raw ISP's tone curve at light in [0, 1]; it never falls."""
    grey = torch.from_numpy(light).float().clamp(0, 1).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    names = ("white", "black", "gamma", "shadows", "highlights", "contrast")
    knobs = {name: torch.tensor([float(candidate[f"tone.{name}"])]) for name in names}
    return np.maximum.accumulate(tone_curve(grey, **knobs)[0, 0, 0].double().numpy())


def _set_matrices(file: JsonText, span: Span, candidate: Candidate) -> None:
    strength, saturation = float(candidate["matrix.strength"]), float(candidate["colour.saturation"])
    members = file.members(span)
    entries = [file.members(item) for item in file.items(members["ccms"])] if "ccms" in members else []
    matrices = [file.items(entry["ccm"]) for entry in entries if "ccm" in entry]
    if not matrices or any(len(numbers) != 9 for numbers in matrices):
        raise ConfigError("the template's rpi.ccm has no ccms of nine numbers each")
    for numbers in matrices:
        given = np.array([_number(file, number, "ccm") for number in numbers]).reshape(3, 3)
        changed = matrix_of(given, strength, saturation).flatten()
        if not np.allclose(changed, given.flatten(), rtol=0, atol=1e-9):
            for number, value in zip(numbers, changed.tolist(), strict=True):
                file.replace(number, round(value, 5))


def matrix_of(given: np.ndarray, strength: float, saturation: float) -> np.ndarray:
    """A colour matrix [3, 3] at a strength (0: camera colours), then saturation; grey stays grey."""
    grey = np.repeat(np.array([LUMA]), 3, axis=0)
    return (grey + saturation * (np.eye(3) - grey)) @ (np.eye(3) + strength * (given - np.eye(3)))


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def left_out(names: Sequence[str]) -> list[str]:
    """The parameters that a tuning file has no place for."""
    stages = tuple(name[:-1] for name in CARRIED if name.endswith("*"))
    return [name for name in names if name not in CARRIED and not name.startswith(stages)]
