"""The time budget of a run: how long it has searched, over all of its sessions, and whether it stopped for that."""

from pathlib import Path
from typing import final

from isptune.runs.timing import Clock, read_clock, write_clock
from isptune.system.durations import parse_duration


@final
class SearchClock:
    """Says whether another generation fits into the time budget; without one it always does.

    That a run has stopped is kept on disk: given the same command again, it ends where it ended.

    Attributes:
        stopped: why there is no further generation, or None.
    """

    def __init__(self, folder: Path, budget: str | None):
        self._folder, self._budget = folder, budget
        self._limit_s = None if budget is None else parse_duration(budget, "budget_time")
        state = read_clock(folder) if self._limit_s is not None else Clock()
        self._used_s = state.searched_s
        self._last_s = 0.0
        self.stopped: str | None = state.stopped

    def go_on(self) -> None:
        """The run has another budget: what it stopped for counts no more."""
        self.stopped = None
        if self._limit_s is not None:
            self._write()

    def allows_another(self, reserve_s: float = 0.0) -> bool:
        """Whether a generation like the last one still fits before `reserve_s` are kept for the end; the first of a run
        always does."""
        if self._limit_s is None:
            return True
        if (
            self.stopped is None
            and self._used_s > 0
            and self._used_s + self._last_s + reserve_s > self._limit_s
        ):
            self.stopped = f"time budget of {self._budget} used"
            self._write()
        return self.stopped is None

    def add(self, seconds: float) -> None:
        """Count a generation that took so long."""
        if self._limit_s is not None:
            self._last_s = seconds
            self._used_s += seconds
            self._write()

    def _write(self) -> None:
        write_clock(self._folder, Clock(round(self._used_s, 3), self.stopped))
