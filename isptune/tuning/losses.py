"""From scores to what optimizers see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isptune.arrays import Losses
from isptune.facts import Direction
from isptune.space import Space, Value


@dataclass(frozen=True)
class LossRule:
    """Scores as losses, which are minimised, and what a candidate's distance from the start costs.

    Attributes:
        directions: of the objectives, in order.
        space: of what is tuned.
        stay_near: what moving every knob through its whole range costs, in the objective's unit.
    """

    directions: Mapping[str, Direction]
    space: Space
    stay_near: float = 0.0

    def losses(self, scores: Sequence[Mapping[str, float]]) -> Losses:
        """One row a candidate; a candidate without scores has failed: a row of NaN."""
        signs = {name: 1.0 if way == "minimize" else -1.0 for name, way in self.directions.items()}
        rows = [[signs[name] * row.get(name, np.nan) for name in signs] for row in scores]
        return np.array(rows, dtype=np.float64).reshape(len(scores), len(signs))

    def cost(self, candidate: Mapping[str, Value]) -> float:
        """What the candidate's distance from the start costs it: 0 unless `stay_near` is set."""
        if not self.stay_near:
            return 0.0
        return self.stay_near * self.space.distance(self.space.default, candidate)
