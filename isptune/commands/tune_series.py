"""`isptune tune-series`: one set for each of several conditions, such as ISO levels."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.commands.early import check_writable
from isptune.commands.options import settings_from, settings_options

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console

    from isptune.report.conditions import ConditionSeries
    from isptune.report.fitted import Fit
    from isptune.tuning.bench import Bench
    from isptune.tuning.series import SeriesSettings


@click.command(name="tune-series")
@settings_options
@click.option(
    "--iso",
    "isos",
    metavar="N,N,...",
    multiple=True,
    help="A condition for each ISO; {iso} in --scene and --holdout is its number.",
)
@click.option(
    "--condition",
    "conditions",
    metavar="NAME[=SCENE]",
    multiple=True,
    help="A condition and its scene; once for each scene. Without one, --scene is used: {} is the condition's name, "
    "{iso} the number in it.",
)
@click.option(
    "--smoothness",
    type=float,
    metavar="X",
    default=0.0,
    show_default=True,
    help="What moving all parameters through their ranges between neighbours costs, in the objective's unit.",
)
@click.option(
    "--monotone",
    metavar="PATTERN=up|down,...",
    multiple=True,
    help="Knobs that never fall, or never rise, with ISO in the fitted table: 'denoise.*=up,sharpen.*=down'.",
)
@click.option("--out", metavar="DIR", help="Folder of the series. [runs/series/PIPELINE-OBJECTIVE-HASH]")  # fmt: skip
def tune_series(
    isos: tuple[str, ...],
    conditions: tuple[str, ...],
    smoothness: float,
    monotone: tuple[str, ...],
    out: str | None,
    workers: str | None,
    **options: Any,
) -> None:
    """Tune a set for each condition, in the order given; each search starts from its neighbour's result.

    The result is a table of every parameter by condition: series.toml, series.json and report.html, and each set
    by itself in sets/, to be exported or imported. With --smoothness, a parameter only changes from one condition
    to the next where this buys more than it costs; where nothing better is found, the neighbour's set stays. Give
    the same command again to go on after an interruption.

    Where the conditions' names have numbers, as ISO levels do, each knob is fitted by one curve over their logarithm
    afterwards, as smooth as the conditions that are left out say: these sets stand in fitted/, beside what they cost.
    `isptune lookup SERIES --iso N` and `isptune export SERIES --out FOLDER` take them.

    \b
    Examples:
      isptune tune-series --pipeline raw --iso 100,800,3200,12800 --objective psnr \\
          --scene 'twin:photo.png?camera=Canon EOS 550D&iso={iso}' --monotone 'denoise.*=up,sharpen.*=down'
      isptune tune-series --pipeline raw --iso 800,3200 --scene 'pair:desk{iso}.dng?clean=desk100.dng'
      isptune tune-series --pipeline raw --condition day=a.dng --condition day=b.dng --condition night=c.dng
    """
    from rich.console import Console

    from isptune.report.conditions import read_series
    from isptune.report.next_steps import link
    from isptune.report.series_report import print_series, write_series
    from isptune.tuning.config import default_folder
    from isptune.tuning.series import SeriesSettings, check_series, of_isos, plan

    check_writable(out)
    given = (*of_isos(isos), *conditions)
    settings = settings_from(
        options, [scene for _, _, scene in (one.partition("=") for one in given) if scene]
    )
    own = SeriesSettings(plan(settings, given, smoothness), smoothness, settings, monotone)
    root = default_folder(settings, Path("runs") / "series")
    folder = Path(out) if out else _folder(root, given, smoothness)
    check_series(folder, own)
    console = Console(markup=False)
    series = read_series(_run_each(folder, own, console, workers))
    fit = _fitted(folder, series, own, console, workers)
    page = write_series(folder, series, fit)
    print_series(series, fit, console)
    console.print(f"report: {link(page)}", highlight=False, soft_wrap=True)


def _folder(root: Path, conditions: tuple[str, ...], smoothness: float) -> Path:
    """The default folder also depends on what is the series' own."""
    import hashlib

    text = "\n".join([*conditions, repr(smoothness)])
    return root.with_name(f"{root.name}{hashlib.sha256(text.encode()).hexdigest()[:4]}")


def _run_each(
    folder: Path, own: "SeriesSettings", console: "Console", workers: str | None
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
    for name, scenes in own.conditions.items():
        console.print(f"condition {name}", highlight=False, soft_wrap=True)
        folders[name] = folder / slug(name)
        settings = of_condition(own.settings, name, scenes, neighbour, own.smoothness)
        with opened_bench(settings, workers, own_files=True) as bench:
            run_with_progress(bench, folders[name], console, workers)
        write_report(folders[name])
        neighbour = chosen_set(folders[name]).values
    return folders


def _fitted(
    folder: Path, series: "ConditionSeries", own: "SeriesSettings", console: "Console", workers: str | None
) -> "Fit | None":
    """The fitted table with what it costs; None where conditions have no numbers to fit over."""
    from isptune.errors import ConfigError
    from isptune.report.fitted import fit_table
    from isptune.report.fitting import evaluated
    from isptune.tuning.monotone import parse_monotone
    from isptune.tuning.series import of_condition
    from isptune.tuning.workers import opened_bench

    try:
        table = fit_table(series, parse_monotone(own.monotone, series.params))
    except ConfigError as error:
        console.print(f"no curves over the conditions: {error}", highlight=False, soft_wrap=True)
        return None

    def opened(name: str) -> "AbstractContextManager[Bench]":
        console.print(f"the fitted set on the scenes of {name}", highlight=False, soft_wrap=True)
        settings = of_condition(own.settings, name, own.conditions[name], None, own.smoothness)
        return opened_bench(settings, workers, own_files=True)

    return evaluated(table, folder, opened)
