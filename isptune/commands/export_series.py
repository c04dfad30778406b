"""`isptune export SERIES`: all sets of a series as files that a program or a camera loads."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from isptune.facts import EditedFile
    from isptune.interfaces import Pipeline
    from isptune.report.lookup import SeriesSet

ALL = "all"
"""The name of a file that holds every ISO."""


def export_series(
    series: Path,
    file_format: str,
    isos: Sequence[str],
    tuned: bool,
    template: str | None,
    out: str | None,
    force: bool,
) -> None:
    """Write a file for each condition, or for each of some ISOs; nothing is written before all of them are made.

    Args:
        series: its folder.
        file_format: of the core, or of the pipeline.
        isos: lists of ISOs to write; none for those that were tuned.
        tuned: whether sets are wanted as they were tuned.
        template: a file of the format in which the values are set.
        out: a folder.
        force: whether files there may be overwritten.

    Raises:
        ConfigError, RunFolderError, DiskError: no folder, no such format, or a file that is there.
    """
    from isptune.errors import ConfigError
    from isptune.report.lookup import sets_of
    from isptune.system.disk import write_atomically
    from isptune.tuning.series import parse_isos

    if out is None:
        raise ConfigError(f"{series}: is a series, which becomes several files: give --out FOLDER")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{out}: is a file; --out of a series is a folder")
    sets = sets_of(series, tuned, parse_isos(isos))
    files, suffix = _made(sets, file_format, template)
    if len({file.data for file in files.values()}) == 1 and len(files) > 1 and template is not None:
        files = {ALL: next(iter(files.values()))}
    paths = {name: folder / f"{name}{suffix}" for name in files}
    for path in paths.values():
        if path.exists() and not force:
            raise ConfigError(f"{path}: exists; choose another --out, or overwrite it with --force")
    _tell(files)
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        write_atomically(path, files[name].data)
        click.echo(f"wrote {path}", err=True)


def _made(
    sets: "Sequence[SeriesSet]", file_format: str, template: str | None
) -> "tuple[dict[str, EditedFile], str]":
    """The files by name, and how their names end."""
    from isptune.commands.parameter_file import read_template, writing_pipeline
    from isptune.errors import ConfigError
    from isptune.facts import EditedFile
    from isptune.parameter_set import FORMATS, to_json, to_toml

    if file_format in FORMATS:
        if template is not None:
            raise ConfigError(f"--template is not used by the format {file_format}")
        write = to_json if file_format == "json" else to_toml
        files = {}
        for one in sets:
            notes = (one.chosen.note,) if one.chosen.note else ()
            files[one.name] = EditedFile(write(one.chosen, one.space).encode(), notes)
        return files, f".{file_format}"
    pipeline = writing_pipeline(sets[0].chosen, file_format)
    given = read_template(template)
    suffix = (
        Path(template).suffix if template else pipeline.facts.suffixes.get(file_format, f".{file_format}")
    )
    return {one.name: _file(pipeline, one, file_format, given) for one in sets}, suffix


def _file(pipeline: "Pipeline", one: "SeriesSet", file_format: str, template: bytes | None) -> "EditedFile":
    """A set's file; where the pipeline can, with the values of all ISOs in lists by ISO."""
    from dataclasses import replace

    from isptune.commands.parameter_file import edited
    from isptune.interfaces import EditsFilesOfSeries

    if one.table is None or one.number is None or not isinstance(pipeline, EditsFilesOfSeries):
        file = edited(pipeline, one.chosen, file_format, template)
    else:
        table = one.table
        file = pipeline.file_of_series(
            file_format,
            one.number,
            lambda number: pipeline.space.complete(table.at(number)),
            one.chosen.start,
            template,
        )
    return replace(file, notes=(*((one.chosen.note,) if one.chosen.note else ()), *file.notes))


def _tell(files: "dict[str, EditedFile]") -> None:
    """Each note once, with the files that it is of."""
    told: dict[str, list[str]] = {}
    for name, file in files.items():
        for note in file.notes:
            told.setdefault(note, []).append(name)
    for note, names in told.items():
        whose = "" if len(names) == len(files) else f"{', '.join(names)}: "
        click.echo(f"note: {whose}{note}", err=True)
