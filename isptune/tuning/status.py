"""How far a run is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """What a progress bar shows after a generation.

    `best` is the best score so far of the first objective, or of the generation where scores do not compare with
    those of others; `l1_normalised` that trial's level error.
    """

    generation: int
    evaluations: int
    budget: int
    best: float | None
    l1_normalised: float | None
    failed: int
    replayed: bool


OnGeneration = Callable[[Status], None]
"""Told after each generation, also after those that are replayed from the log."""
