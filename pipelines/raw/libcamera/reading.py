"""A tuning file of libcamera read as a set of the raw ISP.

A file by itself is what is started from: its numbers stand for the raw ISP's defaults. Beside the template that it was
made from it says what was changed: strengths are factors on the template's numbers. A gamma curve is a drawing, not six
numbers: the tone knobs are those whose change of the template's curve comes closest to it, which need not be the ones
that drew it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.space import Candidate, Real
from pipelines.in_place.nodes import Node
from pipelines.raw.libcamera.tuning_file import FULL, Slot, TuningFile, may_be_tuning_file
from pipelines.raw.libcamera.writing import curve_of, light_of, matrix_of
from pipelines.raw.params import space

_SPACE = space(None)
_TONES = tuple(param for param in _SPACE if param.name.startswith("tone.") and isinstance(param, Real))
_COLOURS = tuple(
    param
    for name in ("matrix.strength", "colour.saturation")
    for param in _SPACE
    if param.name == name and isinstance(param, Real)
)


def read_set(data: bytes, path: Path, template: bytes | None = None) -> ParameterSet | None:
    """What a tuning file changes in its template, in the raw ISP's knobs; None for what is no tuning file.

    Without a template nothing is changed: the file itself is the default, and all of its knobs stand there.

    Raises:
        ConfigError: the file cannot be read, or was not made from the template.
    """
    if not may_be_tuning_file(data):
        return None
    new = TuningFile(data, str(path))
    old = new if template is None else TuningFile(template, "the template")
    if _shape(new) != _shape(old):
        raise ConfigError(
            f"{path}: was not made from this template: its algorithms, its gamma curve or its matrices are others"
        )
    default = _SPACE.default
    values: Candidate = {name: default[name] for name in new.knobs(list(default))}
    for knob, before, after in _pairs(new, old):
        values[knob] = _moved(knob, new, before, old, after)
    if new.curve:
        values |= _tones(new, old)
    if new.matrices:
        values |= _colours(new, old)
    return ParameterSet(
        path.stem,
        {name: _inside(name, float(v)) for name, v in values.items()},
        "raw",
        without_place=tuple(name for name in default if name not in values),
    )


def _shape(file: TuningFile) -> tuple[object, ...]:
    places = tuple(file.number(place, "gamma_curve") for place, _ in file.curve)
    return places, len(file.matrices), sorted(file.algorithms)


def _pairs(new: TuningFile, old: TuningFile) -> list[tuple[str, Slot, Slot]]:
    """Of each knob the first number that both files know, in both, and that is not 0 in the template."""
    known = {slot.what: slot for slot in old.slots}
    found: dict[str, tuple[str, Slot, Slot]] = {}
    for slot in new.slots:
        other = known.get(slot.what)
        if other is not None and slot.knob not in found and (slot.full is not None or _value(old, other)):
            found[slot.knob] = (slot.knob, slot, other)
    return list(found.values())


def _value(file: TuningFile, slot: Slot) -> float:
    if slot.node is None:
        assert slot.missing is not None, slot
        return slot.missing
    return file.number(slot.node, slot.what)


def _moved(knob: str, new: TuningFile, slot: Slot, old: TuningFile, other: Slot) -> float:
    """A knob that leads from the template's number to the file's."""
    default = float(_SPACE.default[knob])
    if slot.full is not None:
        return default + (_value(new, slot) - _value(old, other)) / slot.full
    return _value(new, slot) / _value(old, other) * default


def _tones(new: TuningFile, old: TuningFile) -> Candidate:
    """The tone knobs that change the template's curve to what comes closest to that of the file."""
    before, after = (
        np.array([file.number(value, "gamma_curve") for _, value in file.curve]) / FULL for file in (old, new)
    )
    if np.array_equal(before, after):
        return {}
    light = light_of(before, _SPACE.default)

    def misses(values: np.ndarray) -> np.ndarray:
        knobs = dict(zip((p.name for p in _TONES), values, strict=True))
        return curve_of(light, knobs) - after

    return _closest(_TONES, misses)


def _colours(new: TuningFile, old: TuningFile) -> Candidate:
    """Strength and saturation, from all matrices together."""
    pairs = list(zip(_matrices(old), _matrices(new), strict=True))

    def misses(values: np.ndarray) -> np.ndarray:
        strength, saturation = (float(v) for v in values)
        return np.concatenate([(matrix_of(a, strength, saturation) - b).ravel() for a, b in pairs])

    return _closest(_COLOURS, misses)


def _matrices(file: TuningFile) -> list[np.ndarray]:
    def numbers(nodes: Sequence[Node]) -> np.ndarray:
        return np.array([file.number(node, "ccm") for node in nodes]).reshape(3, 3)

    return [numbers(nodes) for nodes in file.matrices]


def _closest(params: Sequence[Real], misses: Callable[[np.ndarray], np.ndarray]) -> Candidate:
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
