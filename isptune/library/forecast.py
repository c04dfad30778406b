"""How long a run will still take, from what it took so far: one clock for the bar and for what is said."""

import time
from dataclasses import dataclass
from typing import final

from isptune.system.durations import in_time_words, parse_duration


@dataclass(frozen=True)
class Plan:
    """What a run has before it.

    Attributes:
        trials: of the search, of all sessions.
        hand_over: evaluations after it, about.
        budget_time: the limit of the search as it was given, or None.
        advice: what makes a long run of this pipeline shorter.
    """

    trials: int
    hand_over: int = 0
    budget_time: str | None = None
    advice: str = ""


@final
class RunClock:
    """Elapsed and left: the pace is that of all evaluations of this session, in the batches that it really uses.

    Attributes:
        done: trials of the search that are done, with those of earlier sessions.
        handed_over: evaluations that are done after it.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self.done = self.handed_over = 0.0
        self._replayed = 0.0
        self._began = time.monotonic()

    def replayed(self, done: float) -> None:
        """So many trials are of earlier sessions; the pace is taken from now on."""
        self.done = self._replayed = done
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    @property
    def pace_s(self) -> float | None:
        """Seconds an evaluation; None before the first."""
        count = self.done - self._replayed + self.handed_over
        return self.elapsed_s / count if count > 0 else None

    @property
    def left_s(self) -> float | None:
        """Seconds to the end of the hand-over; None before the first evaluation."""
        pace_s = self.pace_s
        if pace_s is None:
            return None
        search_s = 0.0 if self.handed_over else max(0.0, self.plan.trials - self.done) * pace_s
        whole_s = search_s + max(0.0, self.plan.hand_over - self.handed_over) * pace_s
        limit_s = self._limit_s
        return (
            whole_s
            if limit_s is None or self.handed_over
            else min(whole_s, max(0.0, limit_s - self.elapsed_s))
        )

    def in_words(self) -> str | None:
        """What is left, what that takes, and what would make it shorter; None before the first evaluation."""
        pace_s = self.pace_s
        if pace_s is None:
            return None
        left, after = round(self.plan.trials - self.done), self.plan.hand_over
        whole_s = (left + after) * pace_s
        text = f"about {in_time_words(whole_s)} to go: {left} trials and {after} evaluations of what they found, "
        text += f"{in_time_words(pace_s)} each"
        limit_s = self._limit_s
        if limit_s is not None and limit_s - self.elapsed_s < whole_s:
            count = max(0, round((limit_s - self.elapsed_s) / pace_s) - after)
            return f"{text}; the time budget of {self.plan.budget_time} is enough for about {count} trials"
        return f"{text} ({self.plan.advice})" if self.plan.advice else text

    @property
    def _limit_s(self) -> float | None:
        return None if self.plan.budget_time is None else parse_duration(self.plan.budget_time, "budget_time")
