"""Tuning by eye: an evolution strategy that is led by votes on pairs of pictures, without any metric.

CMA-ES needs no scores, only the order of the candidates of a generation. Votes on pairs of them give it: a scale is
fitted to the votes of the generation (Thurstone's Case V, as for a study), and the order is its order. Candidates that
nobody could tell apart share a rank.

Sources: Hansen and Ostermeier 2001, Completely derandomized self-adaptation in evolution strategies,
doi:10.1162/106365601750190398; Thurstone 1927, A law of comparative judgment, doi:10.1037/h0070288.
"""

from collections.abc import Sequence
from typing import final

import numpy as np
from jaxtyping import Float64

from isptune.optimizers.cma import CovarianceMatrixAdaptation
from isptune.space import Candidate, Space
from isptune.study.plan import designs
from isptune.study.plan.designs import IndexPair
from isptune.study.scale.scale import fit
from isptune.study.votes.comparisons import SHARE, Comparisons
from isptune.study.votes.votes import Answer

POPULATION, PAIRS_EACH = 10, 3
"""Candidates in a generation, at least, and the pairs in which each of them stands: 15 votes a generation. Of the sizes
that were tried in simulation (6 to 20 candidates in 2 to 7 pairs) those that need the fewest votes, by a little; see
experiments/studies/votes_by_eye.md."""

PRIOR_JOD = 2.0
"""Of the scale of a generation, whose candidates are few and not far apart."""

SMALLEST_SPREAD = 0.02
"""Of the candidates, as a share of each param's range: below it pictures can hardly be told apart."""


def population_for(space: Space) -> int:
    """Candidates in a generation: more for many params, and an even number, so that all stand in as many pairs."""
    return max(POPULATION, 2 * -(-(len(space.numeric) + 2) // 2))


@final
class EyeSearch:
    """Generations of candidates, and the pairs of each that are to be voted on.

    The same space, sizes, seed and answers give the same search: to resume is to tell it the answers again.

    Attributes:
        generation: the number of the one to vote on now, from 0.
        candidates: of this generation.
        pairs: what to ask of it, as indices into `candidates`; the first one is on the left.
        scores: of the generation before, in JOD about their mean; zeros before the first.

    Args:
        space: what is tuned, from its default on.
        population: candidates in a generation.
        pairs_each: in how many pairs each candidate stands; where that is all others, all pairs are asked.
        seed: of candidates and pairs.
    """

    def __init__(self, space: Space, population: int, pairs_each: int, seed: int):
        self._space, self._pairs_each, self._seed = space, pairs_each, seed
        self._descent = CovarianceMatrixAdaptation(space, space.default, population, seed + 1)
        self._spread = np.inf
        self.scores = np.zeros(population)
        self.generation = -1
        self._next_generation()

    def tell(self, answers: Sequence[Answer]) -> None:
        """Take the answers to all of `pairs`, in their order, and go on to the next generation."""
        if len(answers) != len(self.pairs):
            raise ValueError(f"{len(answers)} answers to {len(self.pairs)} pairs")
        # pycma takes a best loss that stays the same for a stall: every generation's ranks lie below the last one's.
        self._descent.update(self._ranks(answers) - self.generation * len(self.candidates))
        self._next_generation()

    def recommend(self) -> Candidate:
        """The middle of the distribution, which averages over what was voted."""
        return self._descent.centre()

    @property
    def stop_reason(self) -> str | None:
        """Why there is nothing left to vote on; None while there is."""
        if self._spread < SMALLEST_SPREAD:
            return f"the candidates differ by less than {SMALLEST_SPREAD:.0%} of every parameter's range"
        return self._descent.stopped()

    def _next_generation(self) -> None:
        self.generation += 1
        self.candidates = self._descent.sample()
        units = np.array([self._space.to_unit(candidate) for candidate in self.candidates])
        self._spread = float(units.std(axis=0).max())
        rng = np.random.default_rng([self._seed, self.generation])
        drawn = designs.every_image_in(self._pairs_each, len(self.candidates), rng)
        self.pairs: list[IndexPair] = [
            (j, i) if rng.random() < 0.5 else (i, j)
            for i, j in (drawn[k] for k in rng.permutation(len(drawn)))
        ]

    def _ranks(self, answers: Sequence[Answer]) -> Float64[np.ndarray, " candidates"]:
        """0 for the best; candidates of equal scores share the mean of their ranks."""
        from scipy.stats import rankdata

        first, second = (np.array(side, dtype=np.int64) for side in zip(*self.pairs, strict=True))
        table = Comparisons(
            scene="generation",
            conditions=tuple(str(k) for k in range(len(self.candidates))),
            observers=(1,),
            observer=np.zeros(len(answers), dtype=np.int64),
            first=first,
            second=second,
            share=np.array([SHARE[answer] for answer in answers], dtype=np.float64),
        )
        self.scores = fit(table, ties="half", prior_jod=PRIOR_JOD).scores
        return rankdata(-np.round(self.scores, 6)).astype(np.float64) - 1
