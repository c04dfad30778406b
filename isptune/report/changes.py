"""The recommended set against the default, knob by knob."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isptune.runs.answer import Answer
from isptune.runs.record import RunRecord
from isptune.space import Choice, Param, Space, Value

AT_BOUND = 0.005
"""A value within this share of its range from either end counts as lying on it."""


@dataclass(frozen=True)
class Change:
    """One knob.

    Attributes:
        share: the change as a share of the range (of its logarithm, where that is searched), signed; of a
            choice 1 if it changed, else 0.
        places: where default and recommended lie in the range, from 0 to 1; None for a choice.
        note: what an engineer should know: it sits on a bound, it is searched logarithmically.
    """

    param: Param
    default: Value
    recommended: Value
    share: float
    places: tuple[float, float] | None
    note: str


def changes(record: RunRecord, answer: Answer) -> list[Change]:
    """Every tuned knob, the largest change first."""
    return between(record.params, answer.default, answer.params)


def between(params: Sequence[Param], old: Mapping[str, Value], new: Mapping[str, Value]) -> list[Change]:
    """The changes of these knobs, the largest first. Raises SpaceError for values out of range."""
    found = [_change(p, p.check(old[p.name]), p.check(new[p.name])) for p in params]
    return sorted(found, key=lambda change: (-abs(change.share), change.param.name))


def bounds_reached(found: list[Change]) -> list[str]:
    """The names of the knobs whose recommended value lies on a bound of their range."""
    return [change.param.name for change in found if "bound" in change.note]


def _change(param: Param, default: Value, recommended: Value) -> Change:
    if isinstance(param, Choice):
        return Change(param, default, recommended, float(default != recommended), None, "")
    before, after = (float(Space((param,)).to_unit({param.name: v})[0]) for v in (default, recommended))
    notes = ["log scale"] if param.log else []
    if after <= AT_BOUND:
        notes.append("on its lower bound")
    elif after >= 1 - AT_BOUND:
        notes.append("on its upper bound")
    return Change(param, default, recommended, after - before, (before, after), ", ".join(notes))
