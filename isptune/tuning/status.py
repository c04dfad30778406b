"""How far a run is."""

from collections.abc import Callable
from dataclasses import dataclass

from isptune.runs.log import Trial
from isptune.runs.times import Span


@dataclass(frozen=True)
class Status:
    """What a progress bar shows after a generation.

    `best` is the best score so far of the first objective, or of the generation where scores do not compare with
    those of others; `l1_normalised` that trial's level error. `trials` are those of the
    generation, `spans` when each was evaluated; empty where it is replayed.
    """

    generation: int
    evaluations: int
    budget: int
    best: float | None
    l1_normalised: float | None
    failed: int
    replayed: bool
    trials: tuple[Trial, ...] = ()
    spans: tuple[Span, ...] = ()


OnGeneration = Callable[[Status], None]
"""Told after each generation, also after those that are replayed from the log."""
