"""How long a run will take, measured before it begins."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from isptune.tuning.bench import Bench

SLOW_S = 1.0
"""A trial that takes less needs no announcement: batches make it shorter still."""


def announce(bench: "Bench", folder: Path, console: Console, workers: str | None) -> None:
    """Evaluate the start, and say what all trials will take if one takes long."""
    from isptune.errors import one_line
    from isptune.runs.log import RunLog
    from isptune.system.durations import in_time_words, parse_duration

    trial_s, error = _measure(bench)
    if error is not None:
        console.print(f"the start cannot be evaluated: {one_line(error)}", highlight=False, soft_wrap=True)
    if trial_s < SLOW_S:
        return
    settings = bench.settings
    done = sum(len(generation.trials) for generation in RunLog(folder).generations())
    left = max(0, settings.budget * settings.repeats - done)
    at_once = int(workers) if workers and workers.isdigit() else 1
    total_s = left * trial_s / at_once
    text = f"a trial takes about {in_time_words(trial_s)}: "
    text += f"{left} trials, {at_once} at a time, about {in_time_words(total_s)}"
    limit_s = None if settings.budget_time is None else parse_duration(settings.budget_time, "budget_time")
    if limit_s is None:
        text += " (--workers N for more at a time, --budget-time for a limit)"
    elif limit_s < total_s:
        text += (
            f"; the time budget of {settings.budget_time} is enough for about {int(left * limit_s / total_s)}"
        )
    console.print(text, highlight=False, soft_wrap=True)


def _measure(bench: "Bench") -> tuple[float, str | None]:
    """Seconds of one trial, and why it failed; the second of two where the first may have paid for a start."""
    evaluator = bench.evaluator
    seconds, error = 0.0, None
    for _ in range(2):
        start = time.perf_counter()
        (evaluation,) = evaluator.evaluate([bench.space.complete({})], bench.seeds.to_confirm()[0])
        seconds, error = time.perf_counter() - start, evaluation.error
        if seconds < SLOW_S or error is not None:
            break
    return seconds, error
