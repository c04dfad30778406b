"""When the candidates of a population were evaluated."""

import time
from collections.abc import Iterable, Sequence
from typing import final

from isptune.runs.times import Span
from isptune.tuning.memory import Key


@final
class Spans:
    """Collects what parts took, by candidate and scene; what was known already took nothing."""

    def __init__(self) -> None:
        self._began = time.time()
        self._found: dict[Key, Span] = {}

    def add(self, keys: Sequence[Key], took_s: float) -> None:
        """A part of these candidates has just come back after so long."""
        now = time.time()
        for key in keys:
            self._found[key] = Span(max(self._began, now - took_s), now, took_s / len(keys))

    def of(self, keys: Iterable[Key]) -> Span:
        """Of a candidate, over all of its scenes."""
        parts = [self._found[key] for key in keys if key in self._found]
        if not parts:
            return Span(self._began, self._began, 0.0)
        return Span(
            min(part.began for part in parts),
            max(part.ended for part in parts),
            sum(part.took_s for part in parts),
        )
