"""`isptune tune-series`: one set for each of several conditions, such as ISO levels."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.commands.options import settings_from, settings_options

if TYPE_CHECKING:
    from rich.console import Console

    from isptune.runs.settings import RunSettings


@click.command(name="tune-series")
@settings_options
@click.option(
    "--condition",
    "conditions",
    metavar="NAME[=SCENE]",
    multiple=True,
    required=True,
    help="A condition and its scene; once for each scene. Without one, --scene is used, {} being the name.",
)
@click.option(
    "--smoothness",
    type=float,
    metavar="X",
    default=0.0,
    show_default=True,
    help="What moving all parameters through their ranges between neighbours costs, in the objective's unit.",
)
@click.option("--out", metavar="DIR", help="Folder of the series. [runs/series/PIPELINE-OBJECTIVE-HASH]")  # fmt: skip
def tune_series(
    conditions: tuple[str, ...], smoothness: float, out: str | None, workers: str | None, **options: Any
) -> None:
    """Tune a set for each condition, in the order given; each search starts from its neighbour's result.

    The result is a table of every parameter by condition: series.toml, series.json and report.html, and each set
    by itself in sets/, to be exported or imported. With --smoothness, a parameter only changes from one condition
    to the next where this buys more than it costs; where nothing better is found, the neighbour's set stays. Give
    the same command again to go on after an interruption.

    \b
    Examples:
      isptune tune-series --pipeline raw --scene 'unprocessed:photo.png?iso={}' \\
          --condition 100 --condition 400 --condition 1600 --smoothness 0.02 --objective ssim
      isptune tune-series --pipeline raw --condition day=a.dng --condition day=b.dng --condition night=c.dng
    """
    from rich.console import Console

    from isptune.report.conditions import print_series, read_series, write_series
    from isptune.tuning.config import default_folder
    from isptune.tuning.series import check_series, plan

    settings = settings_from(options)
    named = plan(settings, conditions, smoothness)
    folder = (
        Path(out)
        if out
        else _folder(default_folder(settings, Path("runs") / "series"), conditions, smoothness)
    )
    check_series(folder, named, settings, smoothness)
    console = Console(markup=False)
    folders = _run_each(folder, named, settings, smoothness, console, workers)
    series = read_series(folders)
    page = write_series(folder, series)
    print_series(series, console)
    console.print(f"report: {page}", highlight=False, soft_wrap=True)


def _folder(root: Path, conditions: tuple[str, ...], smoothness: float) -> Path:
    """The default folder also depends on what is the series' own."""
    import hashlib

    text = "\n".join([*conditions, repr(smoothness)])
    return root.with_name(f"{root.name}{hashlib.sha256(text.encode()).hexdigest()[:4]}")


def _run_each(
    folder: Path,
    named: dict[str, tuple[str, ...]],
    settings: "RunSettings",
    smoothness: float,
    console: "Console",
    workers: str | None,
) -> dict[str, Path]:
    """One run for each condition, in a folder of its own; finished ones are kept."""
    from isptune.library.running import run_with_progress
    from isptune.report.conditions import chosen_set
    from isptune.report.run_report import write_report
    from isptune.system.disk import slug
    from isptune.tuning.series import of_condition
    from isptune.tuning.workers import opened_bench

    folders: dict[str, Path] = {}
    neighbour = None
    for name, scenes in named.items():
        console.print(f"condition {name}", highlight=False)
        folders[name] = folder / slug(name)
        with opened_bench(
            of_condition(settings, scenes, neighbour, smoothness), workers, own_files=True
        ) as bench:
            run_with_progress(bench, folders[name], console, workers)
        write_report(folders[name])
        neighbour = chosen_set(folders[name]).values
    return folders
