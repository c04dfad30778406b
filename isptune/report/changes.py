"""The recommended set against the default, knob by knob."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isptune.runs.answer import Answer
from isptune.runs.record import RunRecord
from isptune.space import Choice, Param, Value, existing_names, in_words, unit_of

AT_BOUND = 0.005
"""A value within this share of its range from either end counts as lying on it."""


@dataclass(frozen=True)
class Change:
    """One knob.

    Attributes:
        share: the change as a share of the range (of its logarithm, where that is searched), signed; of a
            choice 1 if it changed, else 0.
        places: where default and recommended lie in the range, from 0 to 1; None for a choice.
        note: what an engineer should know: it sits on a bound, it is searched logarithmically, it does not exist with
            the choices of one or of both.
    """

    param: Param
    default: Value
    recommended: Value
    share: float
    places: tuple[float, float] | None
    note: str


def changes(record: RunRecord, answer: Answer) -> list[Change]:
    """Every tuned knob, the largest change first."""
    tuned = {param.name for param in record.params}
    return [c for c in between(record.space, answer.default, answer.params) if c.param.name in tuned]


def between(params: Sequence[Param], old: Mapping[str, Value], new: Mapping[str, Value]) -> list[Change]:
    """The changes of these knobs, the largest first. Raises SpaceError for values out of range."""
    existing = existing_names(params, old), existing_names(params, new)
    found = [
        _change(p, p.check(old[p.name]), p.check(new[p.name]), *(p.name in names for names in existing))
        for p in params
    ]
    return sorted(found, key=lambda change: (-abs(change.share), change.param.name))


def bounds_reached(found: list[Change]) -> list[str]:
    """The names of the knobs whose recommended value lies on a bound of their range."""
    return [change.param.name for change in found if "bound" in change.note]


def _change(param: Param, default: Value, recommended: Value, was: bool, is_there: bool) -> Change:
    notes = [] if was and is_there else [_absence(param, was, is_there)]
    if isinstance(param, Choice):
        return Change(param, default, recommended, float(default != recommended), None, ", ".join(notes))
    before, after = (unit_of(param, float(value)) for value in (default, recommended))
    notes += ["log scale"] if param.log else []
    if not is_there:
        pass  # nobody looks at it
    elif after <= AT_BOUND:
        notes.append("on its lower bound")
    elif after >= 1 - AT_BOUND:
        notes.append("on its upper bound")
    return Change(param, default, recommended, after - before, (before, after), ", ".join(notes))


def _absence(param: Param, was: bool, is_there: bool) -> str:
    where = {(False, False): "used in neither", (True, False): "no longer used", (False, True): "used now"}
    return f"{where[was, is_there]}: only with {in_words(param.when)}"
