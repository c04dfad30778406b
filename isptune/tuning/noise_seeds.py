"""Seeds of noise fields: of generations, of choosing, and of confirming, none of which another one sees."""

from dataclasses import dataclass

import numpy as np

SELECTION_SEEDS = 4
"""Noise fields under which contenders for the recommendation are compared."""

_CONFIRMATION = 2**31
_SELECTION = 2**31 + 2**30


@dataclass(frozen=True)
class NoiseSeeds:
    """All noise of a run, from its seed.

    Attributes:
        seed: of the run.
        confirm: on how many noise fields a recommendation is confirmed.
        drawn: whether the pipeline draws noise at all; where it does not, one seed stands for all.
    """

    seed: int
    confirm: int
    drawn: bool = True

    def of_generation(self, index: int) -> int:
        """The seed of a generation's noise field."""
        return int(np.random.SeedSequence([self.seed, index]).generate_state(1, np.uint64)[0] >> 1)

    def to_confirm(self) -> list[int]:
        """Noise that no generation sees."""
        return self._from(_CONFIRMATION, self.confirm)

    def to_select(self) -> list[int]:
        """Noise to choose by what is then confirmed on other noise."""
        return self._from(_SELECTION, SELECTION_SEEDS)

    def _from(self, index: int, count: int) -> list[int]:
        return [self.of_generation(index + i) for i in range(count if self.drawn else 1)]
