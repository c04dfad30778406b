"""Where the conditions of a series lie: by the numbers in their names, as 3200 in `iso3200` or `ISO 3 200, dusk`."""

import re
from collections.abc import Iterable

from isptune.errors import ConfigError

_NUMBER = r"\d{1,3}(?:[ ,'_\u00a0\u202f]\d{3})+(?!\w)|\d+(?:\.\d+)?"
_AFTER_ISO = re.compile(rf"iso[\W_]*({_NUMBER})", re.IGNORECASE)
_FIRST = re.compile(rf"({_NUMBER})")


def numbers_of(names: Iterable[str]) -> dict[str, float]:
    """The number of each condition, rising: the one behind the letters ISO, else the first.

    Raises:
        ConfigError: a name has none above 0, or two have the same.
    """
    places: dict[str, float] = {}
    for name in names:
        found = _AFTER_ISO.search(name) or _FIRST.search(name)
        number = float(re.sub(r"[^\d.]", "", found[1])) if found else 0.0
        if number <= 0:
            raise ConfigError(
                f"the condition {name!r} has no number above 0 in its name: where would it lie?"
            )
        if number in places.values():
            raise ConfigError(f"two conditions of the series stand for {number:g}")
        places[name] = number
    return dict(sorted(places.items(), key=lambda item: item[1]))
