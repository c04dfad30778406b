"""The time budget of a run: how long it has searched, over all of its sessions, and whether it stopped for that."""

from typing import final

from isptune.runs.log import RunLog
from isptune.tuning.durations import parse_duration

CLOCK = "clock.json"


@final
class SearchClock:
    """Says whether another generation fits into the time budget; without one it always does.

    That a run has stopped is kept on disk: given the same command again, it ends where it ended.

    Attributes:
        stopped: why there is no further generation, or None.
    """

    def __init__(self, log: RunLog, budget: str | None):
        self._log, self._budget = log, budget
        self._limit_s = None if budget is None else parse_duration(budget, "budget_time")
        there = self._limit_s is not None and (log.folder / CLOCK).exists()
        state = log.read_json(CLOCK) if there else {}
        self._used_s = float(state.get("searched_s", 0.0))
        self._last_s = 0.0
        self.stopped: str | None = state.get("stopped")

    def allows_another(self) -> bool:
        """Whether a generation like the last one still fits; the first of a run always does."""
        if self._limit_s is None:
            return True
        if self.stopped is None and self._used_s > 0 and self._used_s + self._last_s > self._limit_s:
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
        self._log.write_json(CLOCK, {"searched_s": round(self._used_s, 3), "stopped": self.stopped})
