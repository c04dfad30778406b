"""A set of the raw ISP written into a tuning file of libcamera, of which all that was not tuned keeps every byte.

A tuning file is calibrated for one sensor: it is the template, and stands for what the search started from. Strengths
of denoising and sharpening have other units on that hardware: the template's number is multiplied by what the search
multiplied the knob by. A gamma curve is changed as the tone knobs change the raw ISP's: what the template's curve makes
of light is taken back by the curve that the search started from, and led through the one that it found.
`pipelines.raw.libcamera.tuning_file` says which numbers there are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import final

import numpy as np
import torch

from isptune.errors import ConfigError
from isptune.facts import EditedFile
from isptune.space import Candidate
from pipelines.in_place.members import added_members
from pipelines.in_place.nodes import Node
from pipelines.in_place.numbers import in_style_of
from pipelines.in_place.text import Edit, Span, with_edits
from pipelines.raw.libcamera.tuning_file import FULL, WANTED, Slot, TuningFile
from pipelines.raw.stages.tone import HEADROOM, KNOTS, tone_curve

LUMA = (0.299, 0.587, 0.114)
"""What saturation leaves as it is, as in libcamera's colour matrix controller and in the raw ISP (BT.601)."""

CARRIED = (
    "black.offset", "raw_denoise.luma", "raw_denoise.chroma", "denoise.chroma", "tone.*", "matrix.strength",
    "colour.saturation", "sharpen.amount", "sharpen.threshold", "sharpen.halo",
)  # fmt: skip
"""What of a set a tuning file can hold. Radii, local contrast, vibrance, hue and exposure have no place in it."""


def to_libcamera(
    candidate: Candidate,
    start: Mapping[str, object],
    default: Candidate,
    template: bytes | None,
    at: Callable[[float], Candidate] | None = None,
) -> EditedFile:
    """The template with what a search changed.

    Args:
        candidate: complete candidate of the raw ISP.
        start: what the template stands for; knobs that it lacks stand at their default.
        default: of the raw ISP.
        template: the tuning file of the sensor.
        at: of a series, the candidate at the ISOs of lists by ISO; else they change as the candidate says.

    Raises:
        ConfigError: no template, or one that is no tuning file, or whose numbers are none.
    """
    if template is None:
        raise ConfigError("the format libcamera needs --template FILE: the tuning file of your sensor")
    file = TuningFile(template, "the template")
    before: Candidate = {name: start.get(name, value) for name, value in default.items()}  # pyright: ignore[reportAssignmentType]
    changed = [name for name in default if candidate[name] != before[name]]
    writer = _Writer(file, candidate, before, default)
    for slot in file.slots:
        own = candidate if at is None or slot.iso is None else at(slot.iso)
        if own[slot.knob] != before[slot.knob]:
            writer.set_slot(slot, own)
    if file.curve and any(name.startswith("tone.") for name in changed):
        writer.set_curve()
    if file.matrices and {"matrix.strength", "colour.saturation"} & set(changed):
        writer.set_matrices()
    notes = [*_without_place(file, changed, candidate, before), *writer.notes]
    return EditedFile(file.source.encoded(with_edits(file.text, writer.all_edits())), tuple(notes))


def _without_place(
    file: TuningFile, changed: Sequence[str], candidate: Candidate, start: Candidate
) -> list[str]:
    """What the file cannot hold: by name the algorithms that it lacks, and the changes that have no place for it."""
    lost = [name for name in changed if name not in file.knobs(list(changed))]
    notes = [
        f"the template has no place for a change of {n}: {_shown(start[n])} -> {_shown(candidate[n])}"
        for n in lost
    ]
    if file.is_raspberry_pi:
        missing = [
            n
            for n in WANTED
            if n not in file.algorithms and not (n == "rpi.denoise" and "rpi.sdn" in file.algorithms)
        ]
        if missing:
            notes.append(f"the template has no {', '.join(missing)}")
    return notes


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@final
class _Writer:
    """Collects the edits of one file."""

    def __init__(self, file: TuningFile, candidate: Candidate, start: Candidate, default: Candidate):
        self.file, self.candidate, self.start, self.default = file, candidate, start, default
        self.edits: list[Edit] = []
        self.notes: list[str] = []
        self._added: dict[Span, tuple[Node, list[tuple[str, str]]]] = {}

    def set_slot(self, slot: Slot, own: Candidate) -> None:
        """Change one number by its knob; one that is not there is added, from what libcamera takes without it."""
        old = slot.missing if slot.node is None else self.file.number(slot.node, slot.what)
        assert old is not None, slot
        if slot.full is not None:
            shift = float(own[slot.knob]) - float(self.start[slot.knob])
            new: float | int = min(max(round(old + shift * slot.full), 0), slot.full)
        else:
            new = float(f"{old * self._factor(slot.knob, own):.6g}")
            new = new if slot.most is None else min(new, max(slot.most, old))
            if old == 0:
                self.notes.append(
                    f"{slot.what} is 0, which no factor changes: {slot.knob} does not act there"
                )
        if slot.node is None:
            self._add(slot, new)
        else:
            self._replace(slot.node, new)

    def _factor(self, knob: str, own: Candidate) -> float:
        """By what the search multiplied a knob; from 0, which has no factor, over its default."""
        start = float(self.start[knob]) or float(self.default[knob])
        return float(own[knob]) / start

    def set_curve(self) -> None:
        """The values of the curve, at the places that the template has."""
        values = np.array([self.file.number(value, "gamma_curve") for _, value in self.file.curve])
        new = curve_of(light_of(values / FULL, self.start), self.candidate)
        for (_, node), value in zip(self.file.curve, new, strict=True):
            self._replace(node, round(float(value) * FULL))

    def set_matrices(self) -> None:
        names = ("matrix.strength", "colour.saturation")
        old, new = ([float(values[name]) for name in names] for values in (self.start, self.candidate))
        if 0 in old:
            self.notes.append(
                "the search started without colours, from which no matrix of the template can be changed"
            )
            return
        for numbers in self.file.matrices:
            given = np.array([self.file.number(number, "ccm") for number in numbers]).reshape(3, 3)
            calibrated = matrix_of(matrix_of(given, 1.0, 1 / old[1]), 1 / old[0], 1.0)
            changed = matrix_of(calibrated, *new).flatten()
            for number, value in zip(numbers, changed.tolist(), strict=True):
                self._replace(number, round(value, 5))

    def _replace(self, node: Node, number: float | int) -> None:
        token = self.file.text[node.span.start : node.span.end]
        new = in_style_of(token, number)
        if new != token:
            self.edits.append(Edit(node.span, new))

    def _add(self, slot: Slot, number: float | int) -> None:
        token = in_style_of("1.0" if slot.full is None else "1", number)
        self._added.setdefault(slot.table.span, (slot.table, []))[1].append((slot.key, token))

    def all_edits(self) -> list[Edit]:
        """What is replaced and what is added."""
        added = [
            edit
            for table, pairs in self._added.values()
            for edit in added_members(self.file.text, table, pairs)
        ]
        return [*self.edits, *added]


def light_of(values: np.ndarray, start: Mapping[str, object]) -> np.ndarray:
    """The light of which the tone curve of a start makes encoded values in [0, 1]; the darkest where there is much."""
    roots = np.linspace(0, 1, KNOTS) * HEADROOM**0.5
    known, first = np.unique(curve_of(roots**2, start), return_index=True)
    return np.interp(values, known, roots[first]) ** 2


def curve_of(light: np.ndarray, candidate: Mapping[str, object]) -> np.ndarray:
    """The raw ISP's tone curve at light in [0, HEADROOM]; for light that never falls it never falls."""
    grey = torch.from_numpy(light).float().view(1, 1, 1, -1).expand(1, 3, 1, -1)
    names = ("white", "black", "gamma", "shadows", "highlights", "contrast")
    knobs = {name: torch.tensor([float(candidate[f"tone.{name}"])]) for name in names}  # pyright: ignore[reportArgumentType]
    return np.maximum.accumulate(tone_curve(grey, **knobs)[0, 0, 0].double().numpy())


def matrix_of(given: np.ndarray, strength: float, saturation: float) -> np.ndarray:
    """A colour matrix [3, 3] at a strength (0: camera colours), then saturation; grey stays grey."""
    grey = np.repeat(np.array([LUMA]), 3, axis=0)
    return (grey + saturation * (np.eye(3) - grey)) @ (np.eye(3) + strength * (given - np.eye(3)))


def left_out(names: Sequence[str]) -> list[str]:
    """The parameters that a tuning file has no place for."""
    stages = tuple(name[:-1] for name in CARRIED if name.endswith("*"))
    return [name for name in names if name not in CARRIED and not name.startswith(stages)]
