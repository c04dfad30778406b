"""What an objective is called in all that is handed on: tables, reports, logs and settings.

A name of a published metric may stand for something else, as where its weights are not here. Scores of that are no
scores of the metric, so they get a name of their own, which says what they are and builds the same again anywhere.
"""

import logging
from collections.abc import Iterable

from isptune.errors import UnknownName
from isptune.interfaces import StandsIn
from isptune.registry import FUNCTION, factory, own_file
from isptune.spec import split_name

LOG = logging.getLogger(__name__)


def stand_in(spec: str) -> tuple[str, str] | None:
    """What is built in place of what a spec names, as a spec in full, and why; None where it is what its name says.

    Raises:
        ConfigError: the objective's factory does not import, or refuses the options.
    """
    name, rest = split_name(spec)
    if own_file(spec) or name == FUNCTION:
        return None
    try:
        make = factory("objective", name)
    except UnknownName:
        return None  # whoever builds it says what there is
    return make.stand_in(rest) if isinstance(make, StandsIn) else None


def own_name(spec: str) -> str:
    """The spec of an objective, or of what stands in for it, which is told as a warning. Raises ConfigError."""
    found = stand_in(spec)
    if found is None:
        return spec
    LOG.warning("%s is called %s here: %s", spec, *found)
    return found[0]


def own_names(specs: Iterable[str]) -> tuple[str, ...]:
    """The same of several, each once."""
    return tuple(dict.fromkeys(own_name(spec) for spec in specs))
