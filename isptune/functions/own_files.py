"""Pipelines and objectives in a file of one's own, without packaging: `my_metric.py:sharp`, `my_isp.py:isp`.

A file is run when it is loaded. So only that is loaded which the user names, on the command line or in Python: a run
folder, a parameter set or a study may hold such a name too, and `isptune.registry.build` refuses it.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError, in_words
from isptune.functions.objective import FunctionObjective
from isptune.functions.pipeline import FunctionPipeline
from isptune.interfaces import Objective, Pipeline
from isptune.registry import build, own_file


def pipeline_of(spec: str, **options: Any) -> Pipeline:
    """The pipeline that a user's spec names: one in a file of theirs, or an installed one.

    Raises:
        ConfigError: no such file or name in it, it fails when it is run, or what it names is no pipeline.
    """
    named = own_file(spec)
    if named is None:
        return build("pipeline", spec, **options)
    if options:
        raise ConfigError(
            f"{spec}: a pipeline in a file of one's own takes no options; got {', '.join(options)}"
        )
    found = _load(*named)
    if not isinstance(found, Pipeline):
        raise ConfigError(
            f"{spec}: is {type(found).__name__}, no pipeline: put @isptune.pipeline(...) with its params above it"
        )
    return found


def objective_of(spec: str) -> Objective:
    """The objective that a user's spec names: one in a file of theirs, or an installed one. Raises ConfigError."""
    named = own_file(spec)
    if named is None:
        return build("objective", spec)
    found = _load(*named)
    if isinstance(found, Objective):
        return found
    if isinstance(found, FunctionPipeline) or not callable(found):
        raise ConfigError(f"{spec}: is {type(found).__name__}, no objective and no function")
    return FunctionObjective(found)


def _load(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"_isptune_own_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ConfigError(f"{path}: no such file")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # as Python does for a script: what lies beside it can be imported
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is the user's own code, which may raise anything
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ConfigError(f"{path}{line}: {in_words(error)}") from error
    if not hasattr(module, name):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ConfigError(
            f"{path}: has no {name!r}; it has: {', '.join(known) or 'nothing that can be called'}"
        )
    return getattr(module, name)
