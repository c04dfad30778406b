"""One run from its settings to its end: the room behind both doors, the command line and Python."""

from pathlib import Path

from rich.console import Console

from isptune.errors import one_line
from isptune.library.expected import announce
from isptune.library.progress import RunProgress
from isptune.runs.files import RECOMMENDED
from isptune.tuning.bench import Bench
from isptune.tuning.run import run


def run_with_progress(bench: Bench, folder: Path, console: Console, workers: str | None) -> None:
    """Run to the end, saying what is done and how long it takes; a finished run is only said to be finished.

    Args:
        bench: what is run.
        folder: of the run; one that was cut off goes on.
        console: where to tell it; a quiet one tells nothing.
        workers: how many there are, for the forecast.

    Raises:
        IsptuneError: as `isptune.tuning.run.run`.
    """
    name = " + ".join(bench.objectives)
    if (folder / RECOMMENDED).exists():
        console.print(
            f"{folder} is finished already; another --seed or --out starts a new run", highlight=False
        )
    else:
        errors = Console(stderr=True, markup=False, highlight=False, soft_wrap=True, quiet=console.quiet)
        for text in bench.warnings:
            errors.print(f"warning: {one_line(text)}")
        console.print(
            f"{name}: {bench.optimizer_spec} on {bench.settings.pipeline}, in {folder}", highlight=False
        )
        if not console.quiet:
            announce(bench, folder, console, workers)
    with RunProgress(console, name) as progress:
        run(bench, folder, progress.update, progress.part)
