"""`isptune run`: one optimisation, from the options to the report."""

from typing import TYPE_CHECKING, Any

import click

from isptune.commands.early import check_writable
from isptune.commands.limits import broken, fail_below, fail_if, parse_limits
from isptune.commands.options import settings_from, settings_options
from isptune.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from isptune.runs.settings import RunSettings


@click.command()
@settings_options
@click.option("--out", metavar="DIR", help="Run folder. [runs/PIPELINE-OBJECTIVE-HASH of the settings]")
@click.option(
    "--extend",
    is_flag=True,
    help="Go on with the run in --out, finished or not, to more --generations or --budget-time.",
)
@click.option(
    "--write-to",
    metavar="SPEC",
    multiple=True,
    help="Write the run down elsewhere, too, as it goes on: tensorboard:DIR, mlflow, mlflow:EXPERIMENT, optuna:URL.",
)
@click.option(
    "--storage",
    metavar="URL",
    help="Write the run into an Optuna storage, too, as it goes on, for a team's optuna-dashboard and `isptune "
    "leaderboard`: sqlite:///team.db, postgresql+pg8000://USER@HOST/DB, or the path of a journal file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON; progress goes to stderr.")
@fail_below
def run(
    out: str | None,
    workers: str | None,
    extend: bool,
    write_to: tuple[str, ...],
    storage: str | None,
    as_json: bool,
    limits: tuple[str, ...],
    **options: Any,
) -> None:
    """Tune a pipeline's parameters so that an objective likes its pictures best.

    Every generation is on disk before the next one begins: stop at any moment, give the same command again,
    and the run goes on to the same result, byte for byte. A run that is finished is shown, not repeated.

    \b
    Examples:
      isptune run                                     synthetic ISP, bundled photograph, SSIM
      isptune run --scene photo.png --crop 512x384    your own photograph
      isptune run --objective niqe --repeats 3        without a reference, three seeds at once
      isptune run --pipeline raw --scene shot.dng     a raw file alone: by two halves of its noise (camera)
      isptune run --objective ssim --objective tv     a Pareto front, by NSGA-II
      isptune run --objective promptiqa --prompt mine.csv
      isptune run --optimizer es --seed 7 -P map=coupled
      isptune run --start mine.toml --tune 'denoise.*,sharpen.*' --stay-near 0.1
      isptune run --scene a.png --scene b.png --aggregate worst
      isptune run --config tune.toml --out runs/mine
      isptune run --config tune.toml --out runs/mine --generations 80 --extend
      isptune run --objective ssim --fail-below 0.9 --json > result.json

    A TOML file has the same names: objectives = ["ssim"], population = 30, [pipeline_options] map = "coupled".
    """
    if extend and out is None:
        raise ConfigError("--extend goes on with a run: name its folder with --out")
    check_writable(out)
    settings = settings_from(options)
    wanted = parse_limits(limits, settings.objectives)
    if storage is not None:
        write_to = (*write_to, f"optuna:{storage}")
    folder = carry_out(settings, out, workers, extend, as_json, write_to)
    if wanted:
        from isptune.runs.record import read_run

        record = read_run(folder)
        pairs = record.answer.objectives if record.answer else {}
        scores = {name: pair.recommended.mean for name, pair in pairs.items()}
        fail_if(broken(wanted, {one.name: one.direction for one in record.objectives}, scores))


def carry_out(
    settings: "RunSettings",
    out: str | None,
    workers: str | None,
    extend: bool = False,
    as_json: bool = False,
    write_to: tuple[str, ...] = (),
) -> "Path":
    """Run to the end, write the report and show the answer; the run's folder."""
    from pathlib import Path

    from rich.console import Console

    from isptune.library.running import run_with_progress
    from isptune.tuning.config import default_folder
    from isptune.tuning.workers import opened_bench

    console = Console(markup=False, stderr=as_json)  # names of folders come from outside
    folder = Path(out) if out else default_folder(settings)
    with opened_bench(settings, workers, own_files=True) as bench:
        run_with_progress(bench, folder, console, workers, extend, write_to)
    from isptune.report.run_report import write_report
    from isptune.runs.record import read_run

    write_report(folder)
    if as_json:
        from isptune.report.as_data import run_as_data
        from isptune.system.records import to_json

        click.echo(to_json(run_as_data(read_run(folder))), nl=False)
        return folder
    from isptune.report.console import print_next, print_run

    print_run(folder, console)
    print_next(read_run(folder), console)
    return folder
