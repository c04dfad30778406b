"""An optimizer for a space with rules: what it asks for is moved to where they are kept, and it is told as if not."""

from typing import final

from isptune.interfaces import Losses, Optimizer, ParetoOptimizer
from isptune.space import Candidate, Space


def keeping_rules(optimizer: Optimizer, space: Space) -> Optimizer:
    """The optimizer itself where the space has no rules."""
    if not space.has_rules:
        return optimizer
    if isinstance(optimizer, ParetoOptimizer):
        return KeepingRulesOfFront(optimizer, space)
    return KeepingRules(optimizer, space)


class _Asked:
    """Of the last population, what was asked for, and what it was moved to."""

    def __init__(self, space: Space):
        self.space = space
        self.asked: list[Candidate] = []

    def moved(self, population: list[Candidate]) -> list[Candidate]:
        self.asked = population
        return [self.space.kept(candidate) for candidate in population]


@final
class KeepingRules:
    """One objective; see the module."""

    def __init__(self, optimizer: Optimizer, space: Space):
        self.optimizer, self._last = optimizer, _Asked(space)
        self.stop_reason = optimizer.stop_reason

    def ask(self) -> list[Candidate]:
        """The next population, in which every candidate keeps the rules."""
        asked = self._last.moved(self.optimizer.ask())
        self.stop_reason = self.optimizer.stop_reason
        return asked

    def tell(self, population: list[Candidate], losses: Losses) -> None:
        """The losses of that population, which the optimizer takes for those of what it asked for."""
        self.optimizer.tell(self._last.asked, losses)
        self.stop_reason = self.optimizer.stop_reason

    def recommend(self) -> Candidate:
        """The optimizer's estimate, moved to where the rules are kept."""
        return self._last.space.kept(self.optimizer.recommend())


@final
class KeepingRulesOfFront:
    """Several objectives; see the module."""

    def __init__(self, optimizer: Optimizer, space: Space):
        self.single, self.optimizer, self._space = KeepingRules(optimizer, space), optimizer, space
        self.stop_reason = optimizer.stop_reason

    def ask(self) -> list[Candidate]:
        """As `KeepingRules.ask`."""
        asked = self.single.ask()
        self.stop_reason = self.single.stop_reason
        return asked

    def tell(self, population: list[Candidate], losses: Losses) -> None:
        """As `KeepingRules.tell`."""
        self.single.tell(population, losses)
        self.stop_reason = self.single.stop_reason

    def recommend(self) -> Candidate:
        """As `KeepingRules.recommend`."""
        return self.single.recommend()

    def front(self) -> list[Candidate]:
        """The front, moved to where the rules are kept."""
        assert isinstance(self.optimizer, ParetoOptimizer)
        return [self._space.kept(candidate) for candidate in self.optimizer.front()]
