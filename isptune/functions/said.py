"""What a function says of itself: the names of its parameters, its source, and where in it something went wrong."""

import hashlib
import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError, in_words


def parameters(function: Callable[..., Any], what: str) -> list[str]:
    """The names of the parameters that a function is given something for. Raises ConfigError if it takes anything."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what} {name_of(function)}: {error}") from error
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind in kinds and parameter.default is inspect.Parameter.empty
    ]


def name_of(function: Callable[..., Any]) -> str:
    """Its own name, or that of its class; `lambda` for one without."""
    name = getattr(function, "__name__", type(function).__name__)
    return "lambda" if name == "<lambda>" else name


def source_hash(function: Callable[..., Any], *others: object) -> str:
    """The sha256 of a function's source, and of what else its results depend on.

    It tells a changed function from the one that a run began with. What the function calls is not looked at.
    """
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):  # typed into an interpreter, or an object that can be called
        code = getattr(function, "__code__", None)
        text = (
            f"{code.co_code!r} {code.co_consts!r} {code.co_names!r}" if code else type(function).__qualname__
        )
    return hashlib.sha256("\n".join([text, *map(repr, others)]).encode()).hexdigest()


def in_its_words(error: Exception, function: Callable[..., Any]) -> str:
    """What went wrong in a function on one line, with the line of its file where it did."""
    own = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    place = f" ({Path(own).name}, line {lines[-1]})" if own and lines else ""
    return f"{name_of(function)}: {in_words(error)}{place}"


def plain(params: Mapping[str, Any], index: int, whole: frozenset[str]) -> dict[str, float | int | str]:
    """One candidate of a batch as plain numbers and names; those in `whole` as int."""
    return {
        name: value
        if isinstance(value, str)
        else (round(float(value[index])) if name in whole else float(value[index]))
        for name, value in params.items()
    }
