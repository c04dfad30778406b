"""Progress of a run: a bar with the time left, on a terminal; a line that changes, in a notebook; else plain lines."""

import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from isptune.tuning.status import Status

PLAIN_EVERY_S = 2.0
"""Not on a terminal, at most one line in this many seconds, and the last one."""

PLAIN_PART_EVERY_S = 30.0
"""The same for what is done of a generation."""


class RunProgress:
    """A context manager whose `update` is given to `isptune.tuning.run.run`."""

    def __init__(self, console: Console, label: str):
        self.console, self.label = console, label
        self._last = 0.0
        self._replayed = 0
        self._done = 0
        self._began = time.monotonic()
        self._bar: Progress | None = None
        self._line: Any = None
        self._task: Any = None

    def __enter__(self) -> "RunProgress":
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[text]}"),
            )
            left = (TextColumn("left"), TimeRemainingColumn())
            elapsed = (
                (TimeElapsedColumn(),) if self.console.width >= 100 else ()
            )  # first to go where room is short
            self._bar = Progress(*columns, *elapsed, *left, console=self.console)
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=None, text="")
        elif self.console.is_jupyter and not self.console.quiet:
            from IPython.display import display  # pyright: ignore[reportMissingImports] - a notebook has it

            self._line = display({"text/plain": self.label}, raw=True, display_id=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, status: "Status") -> None:
        """Show an `isptune.tuning.status.Status`."""
        if status.replayed:
            self._replayed = status.generation
        elif self._replayed:
            self.console.print(f"going on after generation {self._replayed}", highlight=False)
            self._replayed = 0
        self._done = status.evaluations
        self._began = time.monotonic()
        text = f"{status.evaluations}/{status.budget} trials"
        if status.best is not None:
            text += f"  score {status.best:.4g}"
        if status.l1_normalised is not None:
            text += f"  level error {status.l1_normalised:.4f}"
        if status.failed:
            text += f"  {status.failed} failed"
        if self._bar:
            self._bar.update(self._task, completed=status.evaluations, total=status.budget, text=text)
        elif self._line:
            self._line.update({"text/plain": f"{self.label}: {text}"}, raw=True)
        elif not status.replayed and self._due(status):
            self.console.print(f"generation {status.generation}: {text}", highlight=False, soft_wrap=True)

    def part(self, done: float, total: int) -> None:
        """Show that so many trials of a generation are done; not on a terminal only where it takes long."""
        if self._bar:
            self._bar.update(self._task, completed=self._done + done)
        elif not self._line and done < total and time.monotonic() - self._began >= PLAIN_PART_EVERY_S:
            self._began = time.monotonic()
            self.console.print(f"{done:.0f} of {total} trials of this generation", highlight=False)

    def _due(self, status: "Status") -> bool:
        now = time.monotonic()
        if now - self._last < PLAIN_EVERY_S and status.evaluations < status.budget:
            return False
        self._last = now
        return True
