"""From scores to what optimizers see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isptune.arrays import Losses
from isptune.facts import Direction
from isptune.runs.constraints import Constraint, violation
from isptune.space import Space, Value

BROKEN = 1e6
"""The loss of a candidate that just breaks a limit: far above any score's."""


@dataclass(frozen=True)
class LossRule:
    """Scores as losses, which are minimised, and what a candidate's distance from the start costs.

    Attributes:
        directions: of the objectives, in order.
        space: of what is tuned.
        constraints: limits; whoever keeps them is better than whoever does not.
        stay_near: what moving every knob through its whole range costs, in the objective's unit.
    """

    directions: Mapping[str, Direction]
    space: Space
    stay_near: float = 0.0
    constraints: tuple[Constraint, ...] = ()

    def losses(self, scores: Sequence[Mapping[str, float]]) -> Losses:
        """One row a candidate; a candidate without scores has failed: a row of NaN."""
        signs = {name: 1.0 if way == "minimize" else -1.0 for name, way in self.directions.items()}
        rows = [
            [penalty if penalty else signs[name] * row.get(name, np.nan) for name in signs]
            for row, penalty in zip(scores, map(self.penalty, scores), strict=True)
        ]
        return np.array(rows, dtype=np.float64).reshape(len(scores), len(signs))

    def penalty(self, scores: Mapping[str, float]) -> float:
        """The loss of a candidate that breaks limits: the more, the greater, and above all others; 0 if it keeps them.

        Source: Deb 2000, An efficient constraint handling method for genetic algorithms,
        doi:10.1016/S0045-7825(99)00389-8: feasible ones first, the others by how far they are from it.
        """
        broken = violation(self.constraints, scores)
        return BROKEN + broken if broken > 0 else 0.0

    def cost(self, candidate: Mapping[str, Value]) -> float:
        """What the candidate's distance from the start costs it: 0 unless `stay_near` is set."""
        if not self.stay_near:
            return 0.0
        return self.stay_near * self.space.distance(self.space.default, candidate)
