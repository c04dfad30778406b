"""How numbers are written in reports and on the console: enough digits to tell apart, no more."""

import math
from typing import Any

from isptune.runs.answer import Answer, Interval

UNKNOWN = "-"


def number(value: Any) -> str:
    """Four significant digits; whole numbers and text as they are; a dash for what is not known."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def mean_of(interval: Interval) -> str:
    """The mean, down to the second digit of its interval's half width."""
    return _fixed(interval.mean, interval)


def limits_of(interval: Interval) -> str:
    """`low to high`, or a dash where there is no interval."""
    if interval.n < 2 or math.isnan(interval.low) or math.isnan(interval.high):
        return UNKNOWN
    return f"{_fixed(interval.low, interval)} to {_fixed(interval.high, interval)}"


def over(answer: Answer) -> str:
    """What the intervals of an answer are over: `, over 10 fresh noise seeds`; nothing where there are none."""
    count = next(
        (pair.recommended.n for pair in answer.objectives.values()), 0
    )  # it says that of the first one
    if not answer.over or count < 2:
        return ""
    what = (
        "fresh noise seeds"
        if answer.over == "noise seeds"
        else f"{answer.over} (the pipeline draws no noise)"
    )
    return f", over {count} {what}"


def percent(share: float) -> str:
    """A signed share as percent."""
    return UNKNOWN if math.isnan(share) else f"{100 * share:+.1f} %"


def _fixed(value: float, interval: Interval) -> str:
    half = interval.half_width
    if not (math.isfinite(value) and math.isfinite(half)) or half <= 0 or interval.n < 2:
        return number(value)
    decimals = max(0, 1 - math.floor(math.log10(half)))
    # Scores are float32: seven digits are all that there is.
    if decimals > 8 or abs(value) >= 1e6:
        return number(value)
    text = f"{value:.{decimals}f}"
    return text if float(text) else text.lstrip("-")
