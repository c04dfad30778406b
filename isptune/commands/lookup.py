"""`isptune lookup`: the set of a condition between those of a series."""

from pathlib import Path

import click

from isptune.commands import completing
from isptune.commands.early import require_files
from isptune.commands.export import written_options


@click.command()
@click.argument("series", metavar="SERIES", shell_complete=completing.runs)
@click.option(
    "--iso",
    "--at",
    "at",
    type=float,
    required=True,
    metavar="N",
    help="The condition: a number, on the scale of those in the conditions' names.",
)
@click.option(
    "--format",
    "file_format",
    default="toml",
    show_default=True,
    metavar="NAME",
    help="toml, json, or what the series' pipeline writes: libcamera, pp3, xmp, rawpy.",
)
@click.option(
    "--tuned", is_flag=True, help="Between the sets as they were tuned, not between the fitted ones."
)
@written_options
def lookup(
    series: str,
    at: float,
    file_format: str,
    tuned: bool,
    template: str | None,
    out: str | None,
    force: bool,
) -> None:
    """The parameter set of a condition that need not have been tuned. SERIES is a folder of tune-series.

    Parameters lie on the fitted curves over the logarithm of the condition, as exposure does with ISO; choices are
    those of the nearer condition. Outside of what was tuned it is the set of the end, and that is said.

    \b
    Examples:
      isptune lookup runs/series/mine --iso 1250
      isptune lookup runs/series/mine --iso 1250 --format libcamera --template imx477.json --out iso1250.json
    """
    require_files([series], "folder")
    require_files([template])
    from isptune.commands.export import refuse_existing, write_out, written
    from isptune.report.lookup import look_up, table_of

    refuse_existing(out, force)
    table = table_of(Path(series), tuned)
    write_out(written(look_up(table, at), table.series.space, file_format, template), out)
