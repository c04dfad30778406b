"""`isptune export`: a parameter set as a file that a program or a camera loads."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isptune.commands import completing
from isptune.commands.early import require_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isptune.facts import EditedFile
    from isptune.parameter_set import ParameterSet
    from isptune.space import Param


def written_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that writes a set: --template, --out and --force."""
    for option in (
        click.option("--force", is_flag=True, help="Overwrite --out."),
        click.option(
            "--out", metavar="FILE", help="Where to write; nothing is overwritten. [standard output]"
        ),
        click.option(
            "--template",
            metavar="FILE",
            help="File of the same format to set the values in; the rest is kept.",
        ),
    ):
        function = option(function)
    return function


@click.command()
@click.argument("run", metavar="RUN", shell_complete=completing.runs)
@click.option(
    "--format",
    "file_format",
    default="toml",
    show_default=True,
    metavar="NAME",
    help="toml, json, or what the run's pipeline writes: libcamera, pp3, xmp, rawpy, or the ISP's own file: file.",
)
@click.option(
    "--iso",
    "isos",
    metavar="N,N,...",
    multiple=True,
    help="Of a series, the ISOs to write. [those that were tuned]",
)
@click.option(
    "--front",
    type=click.IntRange(1, 10**9),
    metavar="N",
    help="A member of the Pareto front, as the report counts.",
)
@click.option(
    "--trial", type=click.IntRange(0, 10**9), metavar="N", help="A trial of the search, as in trials.csv."
)
@click.option("--tuned", is_flag=True, help="Of a series, the sets as they were tuned, not the fitted ones.")
@written_options
def export(
    run: str,
    file_format: str,
    isos: tuple[str, ...],
    front: int | None,
    trial: int | None,
    tuned: bool,
    template: str | None,
    out: str | None,
    force: bool,
) -> None:
    """Write what a run recommends as a parameter set. RUN is a run's folder, or a set as TOML or JSON.

    It may also be the folder of a series (isptune tune-series). Then --out is a folder that gets a file for each ISO,
    of the fitted sets; one file for all, where a template has lists by ISO for all that was tuned.

    \b
    Examples:
      isptune export runs/mine --out mine.toml
      isptune export runs/mine --format libcamera --template imx477.json --out tuned.json
      isptune export runs/board --format file --template iq.xml --out tuned.xml
      isptune export runs/two --front 3 --out between.toml
      isptune export runs/mine --trial 117 --out mine-117.toml
      isptune export mine.toml --format json
      isptune export runs/series/mine --format pp3 --out profiles
      isptune export runs/series/mine --format libcamera --template imx477.json --iso 100,400,1600 --out tuned
    """
    require_files([run], "file or run folder")
    require_files([template])
    from isptune.commands.export_series import export_series
    from isptune.errors import ConfigError
    from isptune.tuning.series import is_series

    if front is not None and trial is not None:
        raise ConfigError("--front and --trial name one set each; give one of them")
    if (front is not None or trial is not None) and (not Path(run).is_dir() or is_series(Path(run))):
        raise ConfigError(f"{run}: is no run, of which --front or --trial could name a set")
    if is_series(Path(run)):
        export_series(Path(run), file_format, isos, tuned, template, out, force)
        return
    if isos or tuned:
        raise ConfigError(f"{run}: is no series, of which --iso and --tuned could say what to write")
    refuse_existing(out, force)
    write_out(_rendered(Path(run), file_format, template, front, trial), out)


def refuse_existing(out: str | None, force: bool) -> None:
    """Raise ConfigError for a file that is there, unless it may be overwritten."""
    from isptune.errors import ConfigError

    if out is not None and Path(out).exists() and not force:
        raise ConfigError(f"{out}: exists; choose another --out, or overwrite it with --force")


def write_out(data: bytes, out: str | None) -> None:
    """Write a file, or standard output. Raises ConfigError, DiskError."""
    from isptune.errors import ConfigError

    if out is None:
        click.echo(data, nl=False)
        return
    from isptune.system.disk import write_atomically

    if Path(out).is_dir():
        raise ConfigError(f"{out}: is a folder; --out must be a file")
    write_atomically(Path(out), data)
    click.echo(f"wrote {out}", err=True)


def _rendered(
    source: Path, file_format: str, template: str | None, front: int | None, trial: int | None
) -> bytes:
    from isptune.errors import ConfigError
    from isptune.parameter_set import read_front_member, read_set, read_trial
    from isptune.tuning.series import is_series

    if template is not None and source.is_dir() and is_series(source.parent):
        raise ConfigError(
            f"{source}: is a run of a series, which started from its neighbour's set and not from what {template} "
            f"holds; give the series: isptune export {source.parent} --out FOLDER"
        )
    beside = None if template is None or source.is_dir() else Path(template)
    if front is not None:
        chosen = read_front_member(source, front)
    elif trial is not None:
        chosen = read_trial(source, trial)
    else:
        chosen = read_set(source, beside)  # a program's own file may hold changes of its template
    return written(chosen, _params(source), file_format, template)


def written(
    chosen: "ParameterSet", params: "Sequence[Param]", file_format: str, template: str | None
) -> bytes:
    """A set in a format, with what one should know of it said on standard error. Raises ConfigError."""
    from isptune.errors import ConfigError
    from isptune.parameter_set import FORMATS, to_json, to_toml

    if chosen.note:
        click.echo(f"note: {chosen.note}", err=True)
    if file_format not in FORMATS:
        file = _by_pipeline(chosen, file_format, template)
        for note in file.notes:
            click.echo(f"note: {note}", err=True)
        return file.data
    if template is not None:
        raise ConfigError(f"--template is not used by the format {file_format}")
    write = to_json if file_format == "json" else to_toml
    return write(chosen, params).encode()


def _params(source: Path) -> "tuple[Param, ...]":
    """What the run's folder says of the parameters; nothing for a file."""
    from isptune.runs.record import read_run

    return read_run(source).space if source.is_dir() else ()


def _by_pipeline(chosen: "ParameterSet", file_format: str, template: str | None) -> "EditedFile":
    """Build the set's pipeline and ask it for the file."""
    from isptune.commands.parameter_file import edited, read_template, writing_pipeline

    pipeline = writing_pipeline(chosen, file_format)
    return edited(pipeline, chosen, file_format, read_template(template))
