"""`isptune export`: a parameter set as a file that a program or a camera loads."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

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
@click.argument("run", metavar="RUN")
@click.option(
    "--format",
    "file_format",
    default="toml",
    show_default=True,
    metavar="NAME",
    help="toml, json, or what the run's pipeline writes: libcamera, pp3, xmp, rawpy, or the ISP's own file: file.",
)
@written_options
def export(run: str, file_format: str, template: str | None, out: str | None, force: bool) -> None:
    """Write what a run recommends as a parameter set. RUN is a run's folder, or a set as TOML or JSON.

    \b
    Examples:
      isptune export runs/mine --out mine.toml
      isptune export runs/mine --format libcamera --template imx477.json --out tuned.json
      isptune export runs/board --format file --template iq.xml --out tuned.xml
      isptune export mine.toml --format json
    """
    refuse_existing(out, force)
    write_out(_rendered(Path(run), file_format, template), out)


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


def _rendered(source: Path, file_format: str, template: str | None) -> bytes:
    from isptune.parameter_set import read_set

    beside = None if template is None or source.is_dir() else Path(template)
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
        return _by_pipeline(chosen, file_format, template)
    if template is not None:
        raise ConfigError(f"--template is not used by the format {file_format}")
    write = to_json if file_format == "json" else to_toml
    return write(chosen, params).encode()


def _params(source: Path) -> "tuple[Param, ...]":
    """What the run's folder says of the parameters; nothing for a file."""
    from isptune.runs.record import read_run

    return read_run(source).space if source.is_dir() else ()


def _by_pipeline(chosen: "ParameterSet", file_format: str, template: str | None) -> bytes:
    """Build the set's pipeline and ask it for the file."""
    from isptune.errors import ConfigError
    from isptune.interfaces import EditsParameterFiles, WritesParameterFiles
    from isptune.parameter_set import FORMATS, build_pipeline

    pipeline = build_pipeline(chosen)
    formats = pipeline.facts.file_formats
    if not isinstance(pipeline, WritesParameterFiles) or file_format not in formats:
        known = ", ".join([*FORMATS, *formats])
        raise ConfigError(
            f"a set of {chosen.pipeline} cannot be written as {file_format!r}, only as: {known}"
        )
    try:
        given = None if template is None else Path(template).read_bytes()
    except OSError as error:
        raise ConfigError(f"{template}: cannot be read: {error.strerror}") from error
    values = pipeline.space.complete(chosen.values)
    if isinstance(pipeline, EditsParameterFiles):
        edited = pipeline.edited_file(file_format, values, chosen.start, given)
        for note in edited.notes:
            click.echo(f"note: {note}", err=True)
        return edited.data
    missing = pipeline.facts.left_out.get(file_format, ())
    if missing:
        click.echo(f"note: {file_format} has no place for: {', '.join(missing)}", err=True)
    return pipeline.parameter_file(file_format, values, given)
