"""`python -m experiments list | run NAME [--quick] | data`, from a checkout: experiments are no part of the wheel."""

import sys
import tempfile
from pathlib import Path

import click

from experiments.catalogue import Experiment, experiment_called, filled, read_catalogue, run_step
from experiments.data_sets import read_data_sets, require, verdict
from experiments.stand_in import make
from isptune.errors import ConfigError, IsptuneError, one_line
from isptune.system.disk import make_folder

HERE = Path(__file__).parent


@click.group()
def experiments() -> None:
    """What the papers report, and comparisons of our own: each is run in full by one command."""


@experiments.command("list")
def list_all() -> None:
    """Each experiment's question, what it costs on two cores, what it needs, and its commands."""
    for name, one in read_catalogue().items():
        click.echo(_told(name, one))


@experiments.command()
@click.argument("name")
@click.option("--quick", is_flag=True, help="A minute at most, on data that is bundled or made by code.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the data; see `data` and data.toml.")
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of the runs.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Of what --quick writes. [a folder that is removed again]"
)
def run(name: str, quick: bool, data: Path | None, runs: Path, out: Path | None) -> None:
    """Run an experiment in full, its results beside its scripts; or quickly, to see that it runs.

    \b
    Examples:
      python -m experiments run targets --quick
      python -m experiments run targets --data DIR
    """
    one = experiment_called(name)
    if quick:
        if not one.quick:
            raise ConfigError(f"{name} has no quick run: {one.no_quick}")
        with tempfile.TemporaryDirectory(prefix="isptune-experiment-") as folder:
            _run_quickly(one, Path(folder), out)
        click.echo("it runs; what it found on so little says nothing")
        return
    if out is not None:
        raise ConfigError("--out belongs to --quick: a run in full writes its results beside its scripts")
    if not one.steps:
        raise ConfigError(f"{name} is not run by one command: {one.no_quick}; see experiments/{one.page}")
    require(one.data, data)
    own = HERE / name.partition(".")[0]
    for step in filled(one.steps, {"data": (data or Path()).absolute(), "runs": runs.absolute(), "out": own}):
        click.echo(f"+ python -m {' '.join(step)}")
        run_step(step)


def _run_quickly(one: Experiment, folder: Path, out: Path | None) -> None:
    data, results = folder / "data", (out or folder / "out").absolute()
    for each in (data, results):
        make_folder(each)
    make(one.data, data)
    for step in filled(one.quick, {"data": data, "runs": folder / "runs", "out": results}):
        run_step(step)


@experiments.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of the data.")
def data(data: Path) -> None:
    """Which sets are in a folder, and whether they are those that the results were measured on."""
    for name, one in read_data_sets().items():
        click.echo(f"{name} ({one.place}): {verdict(one, data)}")


def _told(name: str, one: Experiment) -> str:
    needs = ", ".join(one.data) or "nothing"
    quick = f"python -m experiments run {name} --quick" if one.quick else f"none: {one.no_quick}"
    lines = [
        name,
        f"  question  {one.question}",
        f"  page      experiments/{one.page}",
        f"  cost      {one.cost}",
        f"  needs     {needs}",
        f"  modules   {', '.join(one.modules) or 'see its page'}",
        f"  quick     {quick}",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Errors are one line, as of `isptune`."""
    try:
        experiments.main(prog_name="python -m experiments")
    except IsptuneError as error:
        click.echo(f"experiments: {one_line(str(error))}", err=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)


if __name__ == "__main__":
    main()
