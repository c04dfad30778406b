"""Which way a knob may go with rising ISO: `denoise.*=up,sharpen.*=down`."""

import fnmatch
from collections.abc import Mapping, Sequence

from isptune.errors import ConfigError
from isptune.space import Choice, Param

DIRECTIONS: Mapping[str, int] = {"up": 1, "down": -1}


def parse_monotone(said: Sequence[str], params: Sequence[Param]) -> dict[str, int]:
    """By name of each knob that has a direction: 1 where it never falls with ISO, -1 where it never rises.

    Args:
        said: patterns with their direction, parted by commas.
        params: that are tuned; choices have no order, and are passed over.

    Raises:
        ConfigError: a part is no PATTERN=up or PATTERN=down, matches no number, or says the other of an earlier one.
    """
    names = [param.name for param in params if not isinstance(param, Choice)]
    found: dict[str, int] = {}
    for part in (part.strip() for text in said for part in text.split(",")):
        pattern, equals, way = (piece.strip() for piece in part.rpartition("="))
        if not equals or not pattern or way not in DIRECTIONS:
            raise ConfigError(f"--monotone {part!r} is neither PATTERN=up nor PATTERN=down")
        matched = fnmatch.filter(names, pattern)
        if not matched:
            raise ConfigError(
                f"--monotone {part!r} matches no number that is tuned; there are: {', '.join(names) or 'none'}"
            )
        for name in matched:
            if found.setdefault(name, DIRECTIONS[way]) != DIRECTIONS[way]:
                raise ConfigError(f"--monotone says both up and down of {name}")
    return found
