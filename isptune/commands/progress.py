"""Progress of things that are counted: a bar on a terminal, else plain lines."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_COUNT_EVERY_S = 10.0
"""Not on a terminal, at most one line in this many seconds."""


@contextmanager
def counting(label: str, things: str, done: int = 0) -> Iterator[Callable[[float, int], None]]:
    """Tell how many of how many things are done, on the standard error.

    Args:
        label: of the bar, and before each line.
        things: what is counted, for the lines.
        done: how many are before it begins.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    last = time.monotonic()
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(label, total=None, completed=done)

        def show(done: float, total: int) -> None:
            nonlocal last
            bar.update(task, completed=int(done), total=total)
            if not console.is_terminal and time.monotonic() - last >= PLAIN_COUNT_EVERY_S:
                last = time.monotonic()
                console.print(f"{label}: {int(done):,} of {total:,} {things}", markup=False, soft_wrap=True)

        yield show
