"""One run from its settings to its end: the room behind both doors, the command line and Python."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from isptune.errors import one_line
from isptune.library.forecast import Plan
from isptune.library.progress import RunProgress
from isptune.library.writing import Writing, written_run
from isptune.runs.files import RECOMMENDED
from isptune.runs.log import RunLog
from isptune.tuning.bench import Bench
from isptune.tuning.handover import evaluations_of
from isptune.tuning.regions import in_words
from isptune.tuning.run import run
from isptune.tuning.same_run import warnings_of
from isptune.tuning.status import Status


def run_with_progress(
    bench: Bench,
    folder: Path,
    console: Console,
    workers: str | None,
    extend: bool = False,
    write_to: Sequence[str] = (),
) -> None:
    """Run to the end, saying what is done and how long it takes; a finished run is only said to be finished.

    Args:
        bench: what is run.
        folder: of the run; one that was cut off goes on.
        console: where to tell it; a quiet one tells nothing.
        workers: how many there are, for advice.
        extend: whether a run that is there goes on with a larger budget.
        write_to: specs of writers that are told of it, see `isptune.interfaces.RunWriter`.

    Raises:
        IsptuneError: as `isptune.tuning.run.run`.
    """
    name = " + ".join(bench.objectives)
    if (folder / RECOMMENDED).exists() and not extend:
        console.print(
            f"{folder} is finished already; another --seed or --out starts a new run",
            highlight=False,
            soft_wrap=True,
        )
        run(bench, folder)  # refuses another run in the same folder
        return
    errors = Console(stderr=True, markup=False, highlight=False, soft_wrap=True, quiet=console.quiet)
    for text in [*bench.warnings, *warnings_of(folder, bench)]:
        errors.print(f"warning: {one_line(text)}")
    console.print(
        f"{name}: {bench.optimizer_spec} on {bench.settings.pipeline}, in {folder}",
        highlight=False,
        soft_wrap=True,
    )
    for scene in bench.scenes:
        if "note" in scene.metadata:
            console.print(
                one_line(f"{scene.name}: {scene.metadata['note']}"),
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
    objectives = list(bench.evaluator.objectives.values())
    if regions := in_words(bench.scenes, bench.pipeline, objectives):
        console.print(one_line(regions), highlight=False, markup=False, soft_wrap=True)
    writing = Writing(folder, written_run(folder, bench), bench.level_names, write_to, errors.print)
    writing.begin()
    if not RunLog(folder).generations():
        _try_start(bench, console)
    with RunProgress(console, name, _plan(bench, workers)) as progress:

        def update(status: Status) -> None:
            progress.update(status)
            writing.update(status)

        run(bench, folder, update, progress.part, progress.hand_over, extend)
    writing.end()


def _try_start(bench: Bench, console: Console) -> None:
    """Say at once if the start does not work."""
    error = start_error(bench)
    if error is not None:
        console.print(f"the start cannot be evaluated: {error}", highlight=False, soft_wrap=True)


def start_error(bench: Bench) -> str | None:
    """Why the start cannot be evaluated, in one line; None if it can.

    The end of the run needs the same picture, which is remembered.
    """
    if any(objective.facts.rivals for objective in bench.evaluator.objectives.values()):
        return None  # they compare with others of a population: alone there is nothing to say
    start = bench.space.complete({})
    (trial,) = bench.evaluator.evaluate([start], bench.seeds.to_confirm()[0], keep=True)
    return None if trial.error is None else one_line(trial.error)


def _plan(bench: Bench, workers: str | None) -> Plan:
    settings = bench.settings
    if bench.pipeline.facts.max_batch > 1:
        advice = "a smaller --crop or --resize is quicker"
    else:
        advice = "" if workers else "--workers N renders N at a time"
    if settings.budget_time is None:
        advice += f"{', ' if advice else ''}--budget-time sets a limit"
    return Plan(settings.budget * settings.repeats, evaluations_of(bench), settings.budget_time, advice)
