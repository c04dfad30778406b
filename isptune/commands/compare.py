"""`isptune compare`: several objectives on the same pipeline, seeds and budget."""

from typing import TYPE_CHECKING, Any

import click

from isptune.commands.completing import runs as complete_runs
from isptune.commands.early import check_writable
from isptune.commands.options import settings_from, settings_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from isptune.runs.settings import RunSettings
    from isptune.tuning.bench import Bench


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=complete_runs)
@settings_options
@click.option(
    "--out", metavar="DIR", help="Folder of the comparison. [runs/compare/PIPELINE-OBJECTIVES-HASH]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; progress goes to stderr.")
def compare(
    runs: tuple[str, ...], out: str | None, workers: str | None, as_json: bool, **options: Any
) -> None:
    """Which objective leads an optimiser to the best pictures?

    Runs each objective alone, on the same pipeline, scenes, seeds and budget, and compares where they end:
    the distortion levels d_1.. and l1 of the best repeat and their mean, with 95 % bootstrap intervals, and
    which differences are larger than chance. With run folders as arguments it compares those instead.

    \b
    Examples:
      isptune compare --objective ssim --objective niqe --objective tv --repeats 10
      isptune compare runs/a runs/b --json
      isptune compare runs/a runs/b --out runs/a-against-b
    """
    from pathlib import Path

    from rich.console import Console

    from isptune.errors import ConfigError

    check_writable(out)
    console = Console(markup=False, stderr=as_json)  # names of folders come from outside
    settings = settings_from(options)
    from isptune.tuning.config import default_folder

    if out:
        _check_free(Path(out))
    if runs:
        folder = Path(out) if out else Path("runs") / "comparison"
        folders = [Path(run) for run in runs]
    elif len(settings.objectives) < 2:
        raise ConfigError("compare needs two objectives or more: --objective ssim --objective niqe")
    else:
        folder = Path(out) if out else default_folder(settings, Path("runs") / "compare")
        folders = _run_each(settings, folder, console, workers)
    from isptune.report.comparison import compare as compare_runs
    from isptune.report.comparison_report import write_comparison
    from isptune.report.console import print_comparison
    from isptune.report.next_steps import link

    comparison = compare_runs(folders)
    page = write_comparison(folder, comparison, folders)
    if as_json:
        from isptune.system.records import to_json

        click.echo(to_json({**vars(comparison), "report": str(page.resolve())}), nl=False)
        return
    print_comparison(comparison, console)
    console.print(f"report: {link(page)}", highlight=False, soft_wrap=True)


def _check_free(folder: "Path") -> None:
    """A comparison must not write over a run's report, or anybody else's."""
    from isptune.errors import RunFolderError
    from isptune.runs.files import COMPARISON, CONFIG, REPORT

    if (folder / CONFIG).exists():
        raise RunFolderError(f"{folder}: holds a run; choose another --out")
    if (folder / REPORT).exists() and not (folder / COMPARISON).exists():
        raise RunFolderError(f"{folder}: holds a {REPORT} that is no comparison's; choose another --out")


def _run_each(
    settings: "RunSettings", folder: "Path", console: "Console", workers: str | None
) -> "list[Path]":
    """One run for each objective, in a folder of its own inside `folder`; finished ones are kept."""
    from contextlib import ExitStack
    from dataclasses import replace

    from isptune.library.running import run_with_progress
    from isptune.report.run_report import write_report
    from isptune.system.disk import slug
    from isptune.tuning.workers import opened_bench

    each = [replace(settings, objectives=(objective,)) for objective in settings.objectives]
    with ExitStack() as stack:
        benches = [
            stack.enter_context(opened_bench(one, workers, own_files=True)) for one in each
        ]  # all, before one begins
        folders = [folder / slug(objective) for objective in settings.objectives]
        _refuse_blind(dict(zip(settings.objectives, benches, strict=True)), folders)
        for bench, own in zip(benches, folders, strict=True):
            run_with_progress(bench, own, console, workers)
            write_report(own)
    return folders


def _refuse_blind(benches: "Mapping[str, Bench]", folders: "Sequence[Path]") -> None:
    """Raise ConfigError before hours of work if some objectives cannot score what others can."""
    from isptune.errors import ConfigError
    from isptune.library.running import start_error
    from isptune.runs.log import RunLog

    begun = [own.exists() and bool(RunLog(own).generations()) for own in folders]
    errors = {
        name: error
        for (name, bench), known in zip(benches.items(), begun, strict=True)
        if not known and (error := start_error(bench)) is not None
    }
    if errors and len(errors) < len(benches):
        name, error = next(iter(errors.items()))
        raise ConfigError(
            f"{name} cannot score the start, which others can: {error}; leave it out, or give other scenes"
        )
