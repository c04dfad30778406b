"""What optimizers are told: checked, and with failed trials ranked last."""

import numpy as np
from jaxtyping import Float64

from isptune.arrays import Losses
from isptune.errors import ConfigError
from isptune.space import Candidate


def check_told(asked: list[Candidate] | None, population: list[Candidate], losses: Losses) -> None:
    """Raise ConfigError unless this is the population last asked for, with one row of losses for each."""
    if asked is None:
        raise ConfigError("an optimizer was told losses before it was asked for a population")
    if population != asked:
        raise ConfigError("an optimizer was told of another population than the one that it last proposed")
    if losses.ndim != 2 or len(losses) != len(population) or losses.shape[1] < 1:
        raise ConfigError(f"losses for {len(population)} candidates have the shape {losses.shape}")


def failed(losses: Losses) -> np.ndarray:
    """Which rows are failed trials: those with a NaN. Shape [candidates], boolean."""
    return np.asarray(np.isnan(losses).any(axis=1))


def rankable(losses: Losses) -> Float64[np.ndarray, " candidates"]:
    """The first objective's losses as finite numbers in the same order, failed trials last.

    An infinite loss is a value (a PSNR of identical pictures is infinite): it is placed beyond the finite
    ones, by their range; a failed trial is placed beyond those by the range again.
    """
    values = np.where(failed(losses), np.nan, losses[:, 0]).astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    beyond = (high - low) if high > low else max(abs(high), 1.0)
    return np.nan_to_num(values, nan=high + 2 * beyond, posinf=high + beyond, neginf=low - beyond)


class BestSeen:
    """Remembers the candidate with the smallest loss; under noise, that is the luckiest one."""

    def __init__(self, default: Candidate):
        self.candidate, self.loss = dict(default), np.inf

    def see(self, population: list[Candidate], losses: Losses) -> None:
        """Take note of a population; failed trials are passed over."""
        values = np.where(failed(losses), np.inf, losses[:, 0])
        best = int(np.argmin(values))
        if values[best] < self.loss:
            self.candidate, self.loss = dict(population[best]), float(values[best])
