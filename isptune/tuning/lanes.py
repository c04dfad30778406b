"""Optimisations in lockstep."""

from dataclasses import dataclass, field

from isptune.interfaces import Optimizer
from isptune.space import Candidate


@dataclass
class Lane:
    """One of the lockstep optimisations: its optimizer and what it has used of its budget."""

    optimizer: Optimizer
    budget: int
    used: int = 0
    population: list[Candidate] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return self.used < self.budget and self.optimizer.stop_reason is None

    @property
    def stop_reason(self) -> str:
        return self.optimizer.stop_reason or f"budget of {self.budget} evaluations used"
