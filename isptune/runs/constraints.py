"""Limits that a candidate must keep, whatever it scores: `overshoot<=0.1`."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from isptune.errors import ConfigError

_CONSTRAINT = re.compile(r"^(?P<objective>.+?)\s*(?P<sense><=|>=)\s*(?P<limit>[^<>=]+)$")


@dataclass(frozen=True)
class Constraint:
    """A limit on a score.

    Attributes:
        objective: spec of what is measured.
        sense: on which side of the limit it must stay.
        limit: in the objective's unit.
    """

    objective: str
    sense: str
    limit: float

    def violation(self, score: float) -> float:
        """How far a score is beyond the limit; 0 where it is kept."""
        beyond = score - self.limit if self.sense == "<=" else self.limit - score
        return max(0.0, beyond)

    def __str__(self) -> str:
        return f"{self.objective}{self.sense}{self.limit:g}"


def parse_constraint(text: str) -> Constraint:
    """`SPEC<=LIMIT` or `SPEC>=LIMIT`. Raises ConfigError."""
    found = _CONSTRAINT.match(text.strip())
    try:
        limit = float(found["limit"]) if found else math.nan
    except ValueError:
        limit = math.nan
    if found is None or not math.isfinite(limit):
        raise ConfigError(
            f"constraint {text!r} is no OBJECTIVE<=LIMIT or OBJECTIVE>=LIMIT, as in overshoot<=10"
        )
    return Constraint(found["objective"], found["sense"], limit)


def violation(constraints: Iterable[Constraint], scores: Mapping[str, float]) -> float:
    """By how much all of them together are broken; 0 where all are kept. Scores that are not there break nothing."""
    return sum(one.violation(scores[one.objective]) for one in constraints if one.objective in scores)
