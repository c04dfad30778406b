"""What a search starts from, as it is given on the command line: sets, runs, files of cameras, and single values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isptune.parameter_set import ParameterSet
from isptune.registry import build
from isptune.runs.settings import RunSettings
from isptune.tuning.config import parse_assignments
from isptune.tuning.set_files import read_for


@dataclass(frozen=True)
class Start:
    """What was given.

    Attributes:
        values: to start from, later ones winning.
        pipeline, pipeline_options: of the last set that says which it is for.
        source: where that set is.
        own_file: whether it is a program's or camera's own file, so that the pipeline follows from what it is.
        base: options with which the named pipeline takes a file of the user's own for what it starts from.
        files: the sets that were read from a program's or camera's own file.
        notes: what the user should know of them, a line each.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    pipeline: str | None = None
    pipeline_options: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    own_file: bool = False
    base: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[ParameterSet] = ()
    notes: Sequence[str] = ()

    def without_place(self, settings: RunSettings) -> list[str]:
        """What is tuned although the file that is started from has no place for it: it could not be exported there."""
        if not self.files:
            return []
        pipeline = build("pipeline", settings.pipeline, **settings.pipeline_options)
        marks = pipeline.facts.without_any_place(pipeline.space.names)
        tuned = pipeline.space.select(settings.tune, marks).names
        lost: dict[str, None] = {}
        for file in self.files:
            left_out = pipeline.facts.left_out
            formats = [file.file_format] if file.file_format in left_out else []
            known = {*file.without_place, *(name for one in formats for name in left_out[one or ""])}
            lost |= dict.fromkeys(name for name in tuned if name in known)
        return list(lost)


def start_from(
    given: Sequence[str], template: str | None, named: str | None, options: Mapping[str, Any]
) -> Start:
    """Start values from sets on disk and from assignments.

    Args:
        given: paths, or KEY=VALUE.
        template: path of the file that the sets were made from, for formats that hold changes only.
        named: spec of the pipeline that is named beside them; it may know files of its own.
        options: of that pipeline.

    Raises:
        ConfigError: something that is neither a set nor an assignment.
        RunFolderError: a folder that is no finished run.
    """
    values: dict[str, Any] = {}
    pipeline, brought, base = None, {}, {}
    source, own_file = "", False
    files: list[ParameterSet] = []
    notes: list[str] = []
    beside = None if template is None else Path(template)
    for item in given:
        if "=" in item and not Path(item).exists():
            values |= parse_assignments([item], "--start")
            continue
        chosen, own = read_for(Path(item), beside, named, options)
        values |= chosen.values
        base |= own
        notes += [f"{item}: {chosen.note}"] if chosen.note else []
        files += [chosen] if chosen.file_format is not None or chosen.without_place else []
        if chosen.pipeline is not None:
            pipeline, brought = chosen.pipeline, dict(chosen.pipeline_options)
            source, own_file = item, chosen.file_format is not None
    return Start(values, pipeline, brought, source, own_file, base, files, notes)
