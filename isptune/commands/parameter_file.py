"""A parameter set as a file of its pipeline: for `isptune export` of runs, sets and series."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isptune.facts import EditedFile
    from isptune.interfaces import Pipeline
    from isptune.parameter_set import ParameterSet


def writing_pipeline(chosen: "ParameterSet", file_format: str) -> "Pipeline":
    """The pipeline of a set, which writes the format. Raises ConfigError if it does not."""
    from isptune.errors import ConfigError
    from isptune.interfaces import WritesParameterFiles
    from isptune.parameter_set import FORMATS, build_pipeline

    pipeline = build_pipeline(chosen)
    formats = pipeline.facts.file_formats
    if not isinstance(pipeline, WritesParameterFiles) or file_format not in formats:
        known = ", ".join([*FORMATS, *formats])
        raise ConfigError(
            f"a set of {chosen.pipeline} cannot be written as {file_format!r}, only as: {known}"
        )
    return pipeline


def read_template(template: str | None) -> bytes | None:
    """What a template holds. Raises ConfigError."""
    from isptune.errors import ConfigError

    try:
        return None if template is None else Path(template).read_bytes()
    except OSError as error:
        raise ConfigError(f"{template}: cannot be read: {error.strerror}") from error


def edited(
    pipeline: "Pipeline", chosen: "ParameterSet", file_format: str, template: bytes | None
) -> "EditedFile":
    """A set in a format of its pipeline, with what there is to say of it. Raises ConfigError."""
    from isptune.facts import EditedFile
    from isptune.interfaces import EditsParameterFiles, WritesParameterFiles

    values = pipeline.space.complete(chosen.values)
    if isinstance(pipeline, EditsParameterFiles):
        return pipeline.edited_file(file_format, values, chosen.start, template)
    assert isinstance(pipeline, WritesParameterFiles), file_format
    missing = pipeline.facts.left_out.get(file_format, ())
    notes = (f"{file_format} has no place for: {', '.join(missing)}",) if missing else ()
    return EditedFile(pipeline.parameter_file(file_format, values, template), notes)
