"""What a pipeline can tune, without building it: a plug-in may say so under `isptune.spaces`.

An entry point there has the pipeline's name and names a function `space(argument: str | None, **options) -> Space`,
which loads no torch and starts nothing. A pipeline without one has to be built.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from isptune.errors import ConfigError
from isptune.registry import factory, installed, own_file, with_options
from isptune.space import Space
from isptune.spec import split_name


def space_of(spec: str, options: Mapping[str, Any]) -> Space | None:
    """The space of the pipeline that a spec names; None where it does not say without being built.

    Raises:
        ConfigError: an argument or an option that it does not take, or a file of its own that is wrong.
        SpaceError: a parameter is declared wrongly.
    """
    name, rest = split_name(spec)
    if own_file(spec) or name not in installed("space"):
        return None
    argument, merged = with_options("pipeline", name, rest, dict(options))
    tell = factory("space", name)
    try:
        inspect.signature(tell).bind(argument, **merged)
    except TypeError as error:
        raise ConfigError(f"the pipeline {name!r} cannot take what it was given: {error}") from error
    return tell(argument, **merged)
