"""`isptune diff`: two parameter sets knob by knob, and what each change buys."""

from collections.abc import Sequence
from pathlib import Path

import click

from isptune.commands import completing
from isptune.commands.early import check_plug_ins, require_files
from isptune.commands.options import PIPELINE_OF_SETS, PIPELINE_OPTION, TRUST


@click.command()
@click.argument("old", metavar="A", shell_complete=completing.runs)
@click.argument("new", metavar="[B]", required=False, shell_complete=completing.runs)
@click.option(
    "--on",
    metavar="RUN",
    help="Run whose pipeline, scenes and objectives the effects are measured on. [B or A]",
)
@click.option(
    "--effects/--no-effects", default=None, help="Measure what each change buys. [where a run is given]"
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Noise seeds for the effects."
)
@PIPELINE_OF_SETS
@PIPELINE_OPTION
@TRUST
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(
    old: str,
    new: str | None,
    on: str | None,
    effects: bool | None,
    seeds: int,
    pipeline: str | None,
    pipeline_options: Sequence[str],
    trust: bool,
    as_json: bool,
) -> None:
    """Compare parameter set A (old) with B (new): each a TOML or JSON file, a run's folder, or with
    --pipeline a file of your own ISP.

    Knobs are sorted by their change in per cent of the range (of its logarithm, where that is searched). "If it
    goes back" is by how much the objective's score changes when that knob alone takes its old value in B: what
    the change buys. It is measured on the scenes of a run. A run alone is compared with what it started from.
    A run that was made with a program or a server says so first: --trust starts them, --no-effects does without.

    \b
    Examples:
      isptune diff runs/mine
      isptune diff factory.toml runs/mine --json
      isptune diff mine.toml other.toml --on runs/mine
      isptune diff factory.ini tuned.ini --pipeline command:isp.toml
    """
    require_files([old, new], "file or run folder")
    check_plug_ins("pipeline", [pipeline] if pipeline else [])
    from isptune.report.differences import compare_sets, print_difference, to_dict
    from isptune.tuning.config import parse_assignments

    run = _run_to_measure_on(old, new, on, effects)
    options = parse_assignments(pipeline_options, "--pipeline-option")
    second = None if new is None else Path(new)
    difference = compare_sets(Path(old), second, run, seeds, pipeline, options, trust)
    if as_json:
        import json

        click.echo(json.dumps(to_dict(difference), indent=2, allow_nan=False))
        return
    from rich.console import Console

    print_difference(difference, Console(markup=False))


def _run_to_measure_on(old: str, new: str | None, on: str | None, effects: bool | None) -> Path | None:
    from isptune.errors import ConfigError
    from isptune.study.by_eye.settings import is_search

    if effects is False:
        return None
    candidates = [Path(path) for path in (on, new, old) if path is not None]
    runs = [path for path in candidates if path.is_dir() and not is_search(path)]  # votes measure no effects
    if (on is not None or effects) and (not runs or (on is not None and runs[0] != Path(on))):
        raise ConfigError(
            "effects are measured on the scenes of a run, and "
            + ("neither A nor B is one" if on is None else f"{on} is none")
            + " that an objective led"
        )
    return runs[0] if runs else None
