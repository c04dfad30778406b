"""Sets as users have them: also files of their own ISP, which only the pipeline that they name can read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError
from isptune.interfaces import ReadsParameterFiles
from isptune.parameter_set import ParameterSet, read_set
from isptune.registry import build, installed
from isptune.space import Value
from isptune.spec import split_name
from isptune.system.records import read_bytes


def read_for(
    path: Path, template: Path | None, named: str | None, options: Mapping[str, Any]
) -> tuple[ParameterSet, Mapping[str, str]]:
    """A set by what it holds; or a file that no set reader knows, or takes for another pipeline's, by the named one.

    Args:
        path: of a set, a run's folder, or a file of the user's own ISP.
        template: see `read_set`.
        named: spec of the pipeline that is named beside it; None where none is.
        options: of that pipeline.

    Returns:
        The set, and the options with which that pipeline takes the file for what it starts from.

    Raises:
        ConfigError, RunFolderError: it cannot be read.
    """
    try:
        found = read_set(path, template)
    except ConfigError:
        own = _by_pipeline(path, named, options)
        if own is None:
            raise
        return own
    if (
        path.is_file()
        and named is not None
        and found.pipeline is not None
        and _name(found.pipeline) != _name(named)
    ):
        return _by_pipeline(path, named, options) or (found, {})
    return found, {}


def _by_pipeline(
    path: Path, named: str | None, options: Mapping[str, Any]
) -> tuple[ParameterSet, Mapping[str, str]] | None:
    if named is None or _name(named) not in installed("pipeline") or not path.is_file():
        return None
    pipeline = build("pipeline", named, **options)
    facts, names = pipeline.facts, pipeline.space.names
    if not isinstance(pipeline, ReadsParameterFiles) or not facts.file_formats:
        return None
    found = pipeline.set_of_file(read_bytes(path), path)
    values: dict[str, Value] = dict(found.values)
    nowhere = tuple(facts.without_any_place(names))
    return ParameterSet(path.stem, values, named, without_place=nowhere), found.options


def _name(spec: str) -> str:
    return split_name(spec)[0]
