"""Progress of a run: a bar with the time left, on a terminal; a line that changes, in a notebook; else plain lines."""

import time
from typing import TYPE_CHECKING, Any, final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from isptune.library.forecast import Plan, RunClock
from isptune.system.durations import in_time_words

if TYPE_CHECKING:
    from isptune.tuning.status import Status

PLAIN_EVERY_S = 2.0
"""Not on a terminal, at most one line in this many seconds, and the last one."""

PLAIN_PART_EVERY_S = 30.0
"""The same for what is done of a generation, and of the hand-over."""

WORTH_SAYING_S = 60.0
"""A run that takes less needs no forecast in words."""

SURE_AFTER_S = 5.0
"""Evaluations are timed for so long, or for a generation, before a forecast is made of them."""


@final
class RunProgress:
    """A context manager whose `update`, `part` and `hand_over` are given to `isptune.tuning.run.run`.

    Args:
        console: where to show it.
        label: of the bar.
        plan: what the run has before it.
    """

    def __init__(self, console: Console, label: str, plan: Plan):
        self.console, self.label = console, label
        self.clock = RunClock(plan)
        self._last = self._last_part = time.monotonic()
        self._replayed = 0
        self._done = 0
        self._text = self._searched = ""
        self._said = False
        self._bar: Progress | None = None
        self._line: Any = None
        self._task: Any = None

    def __enter__(self) -> "RunProgress":
        if self.console.is_terminal:
            columns = [
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[text]}"),
                TextColumn("{task.fields[left]}"),
            ]
            self._bar = Progress(*columns, console=self.console)
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=None, text="", left="")
        elif self.console.is_jupyter and not self.console.quiet:
            from IPython.display import display  # pyright: ignore[reportMissingImports] - a notebook has it

            self._line = display({"text/plain": self.label}, raw=True, display_id=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._text, self.clock.handed_over = self._searched, self.clock.plan.hand_over
        self._show(self._done)
        if self._bar:
            self._bar.stop()

    def update(self, status: "Status") -> None:
        """Show an `isptune.tuning.status.Status`."""
        if status.replayed:
            self._replayed = status.generation
            self.clock.replayed(status.evaluations)
        elif self._replayed:
            self.console.print(f"going on after generation {self._replayed}", highlight=False, soft_wrap=True)
            self._replayed = 0
        self._done = status.evaluations
        self.clock.done = status.evaluations
        self._last_part = time.monotonic()
        self._text = self._searched = _in_words(status)
        if not status.replayed:
            self._forecast()
        self._show(status.evaluations)
        if not self._bar and not self._line and not status.replayed and self._due(status):
            self.console.print(
                f"generation {status.generation}: {self._text}", highlight=False, soft_wrap=True
            )

    def part(self, done: float, total: int) -> None:
        """Show that so many trials of a generation are done; not on a terminal only where it takes long."""
        self.clock.done = self._done + done
        if self.clock.elapsed_s >= SURE_AFTER_S:
            self._forecast()
        self._show(self._done + done)
        self._now_and_then(done, total, "trials of this generation")

    def hand_over(self, done: float, total: int) -> None:
        """Show that so many evaluations of what the search found are done."""
        self.clock.handed_over = done
        self._text = f"choosing among the best: {done:.0f} of {total} evaluations"
        self._show(self._done + done)
        self._now_and_then(done, total, "evaluations to choose among the best")

    def _show(self, completed: float) -> None:
        left_s = self.clock.left_s
        left = "" if left_s is None else f"{in_time_words(left_s)} left"
        if self._bar:
            plan = self.clock.plan
            if self.console.width >= 100:  # first to go where room is short
                left = f"{in_time_words(self.clock.elapsed_s)} so far  {left}"
            self._bar.update(
                self._task,
                completed=completed,
                total=plan.trials + plan.hand_over,
                text=self._text,
                left=left,
            )
        elif self._line:
            self._line.update({"text/plain": f"{self.label}: {self._text}  {left}"}, raw=True)

    def _forecast(self) -> None:
        """Say once what a long run will take."""
        text, left_s = self.clock.in_words(), self.clock.left_s
        if self._said or self._line or text is None or left_s is None:
            return
        self._said = True
        if left_s >= WORTH_SAYING_S:
            self.console.print(text, highlight=False, soft_wrap=True)

    def _now_and_then(self, done: float, total: int, what: str) -> None:
        if self._bar or self._line or done >= total:
            return
        if time.monotonic() - self._last_part >= PLAIN_PART_EVERY_S:
            self._last_part = time.monotonic()
            left_s = self.clock.left_s
            left = "" if left_s is None else f", about {in_time_words(left_s)} left"
            self.console.print(f"{done:.0f} of {total} {what}{left}", highlight=False, soft_wrap=True)

    def _due(self, status: "Status") -> bool:
        now = time.monotonic()
        if now - self._last < PLAIN_EVERY_S and status.evaluations < status.budget:
            return False
        self._last = now
        return True


def _in_words(status: "Status") -> str:
    text = f"{status.evaluations}/{status.budget} trials"
    if status.best is not None:
        text += f"  score {status.best:.4g}"
    if status.l1_normalised is not None:
        text += f"  level error {status.l1_normalised:.4f}"
    if status.failed:
        text += f"  {status.failed} failed"
    return text
