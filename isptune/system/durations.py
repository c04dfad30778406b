"""Times as people write them: `2h`, `90min`, `1h30m`."""

import re

from isptune.errors import ConfigError

LONGEST_S = 3660 * 86400
"""Ten years: more is a slip, and in the end no number."""
_SECONDS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)"


def parse_duration(text: str, name: str) -> float:
    """Seconds of `2h`, `90min`, `1.5 h`, `1h30m`. Raises ConfigError, which calls the value by its name."""
    if not re.fullmatch(rf"\s*(?:{_PART}\s*)+", text):
        raise ConfigError(f"{name} = {text!r} is no time such as 90s, 45min, 2h, 1h30m or 1d")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, text))
    if not 0 < seconds <= LONGEST_S:
        raise ConfigError(f"{name} = {text[:60]!r} must be above 0, and at most ten years")
    return seconds


def in_time_words(seconds: float) -> str:
    """Seconds in one or two units: `3.2 s`, `42 s`, `12 min`, `3 h 20 min`, `2 d 5 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
