"""Ratings of single pictures, as laboratories collect them, and mean opinion scores with their intervals.

Absolute category rating (ACR): each observer gives each picture a category, as 1 (bad) to 5 (excellent). With a hidden
reference (ACR-HR), and for degradation categories (DCR, DSIS: 5 imperceptible to 1 very annoying), see `differential`.

Sources: Recommendation ITU-T P.910 (2023), Subjective video quality assessment methods for multimedia applications;
Recommendation ITU-R BT.500-14 (2019), Methodologies for the subjective assessment of the quality of television images.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isptune.errors import ConfigError, one_line
from isptune.study.opinions.table import FILE_COLUMNS
from isptune.study.scale.screening import far_off, is_erratic
from isptune.system.tables import Table, listed, normalised, number, read_table

OBSERVERS = (
    "observer", "observer_id", "subject", "subject_id", "participant", "participant_id", "user", "user_id", "rater",
    "worker", "worker_id", "assessor", "viewer",
)  # fmt: skip
RATINGS = (
    "rating",
    "score",
    "opinion",
    "vote",
    "opinion_score",
    "acr",
    "dsis",
    "dcr",
    "category",
    "value",
    "answer",
)
PICTURES = (*FILE_COLUMNS, "condition", "stimulus", "pvs", "test_condition")
LEVEL = 0.95

_WORDS: Mapping[str, float] = {
    "excellent": 5, "good": 4, "fair": 3, "poor": 2, "bad": 1,
    "imperceptible": 5, "perceptible but not annoying": 4, "perceptible, but not annoying": 4, "slightly annoying": 3,
    "annoying": 2, "very annoying": 1,
}  # fmt: skip
"""The categories of ACR and of DSIS (the five-grade scales of BT.500)."""


@dataclass(frozen=True)
class Rating:
    """What an observer said of a picture, and the picture's reference or ''."""

    observer: str
    picture: str
    value: float
    reference: str = ""


@dataclass(frozen=True)
class Mos:
    """A picture's mean opinion score.

    Attributes:
        picture: its name.
        mos: the mean over observers, of what each said on average.
        low, high: of its 95 % interval, Student's t over observers; NaN for a single one.
        deviation: standard deviation over observers; NaN for a single one.
        ratings: how many observers.
    """

    picture: str
    mos: float
    low: float
    high: float
    deviation: float
    ratings: int


def read_ratings(path: Path) -> tuple[list[Rating], list[str]]:
    """The ratings of a table, and why rows or cells cannot be used.

    Long: a row a rating, with columns for the observer, the picture and the rating. Wide: a row a picture, a column an
    observer. Ratings are numbers, or the words of the five-grade scales.

    Raises:
        ConfigError: it cannot be read, or has neither form.
    """
    table = read_table(path)
    heads = {normalised(head): head for head in reversed(table.heads)}
    observer, picture, rating = (
        next((heads[n] for n in names if n in heads), None) for names in (OBSERVERS, PICTURES, RATINGS)
    )
    if picture and rating:
        reference = next(
            (heads[name] for name in ("reference", "ref", "source", "src") if name in heads), None
        )
        return _long(table, observer, picture, rating, reference)
    if table.heads and len(table.heads) > 2 and not observer:
        return _wide(table, picture or table.heads[0])
    known = one_line(", ".join(table.heads)) or "none"
    raise ConfigError(
        f"{one_line(str(path))}: is no table of ratings: a row a rating (observer, image, rating), or a row a picture "
        f"and a column an observer; it has: {known}"
    )


def _long(
    table: Table, observer: str | None, picture: str, rating: str, reference: str | None
) -> tuple[list[Rating], list[str]]:
    found, faults = [], []
    columns = [
        table.column(one) if one else [""] * len(table.rows) for one in (observer, picture, rating, reference)
    ]
    for k, (row, who, name, text, ref) in enumerate(zip(table.rows, *columns, strict=True)):
        value = _value(text, table.separator)
        if not name or value is None or (observer and not who):
            faults.append(
                f"line {row.line}: the rating {one_line(text[:20])!r} of {one_line(name)!r} by {one_line(who)!r}"
            )
        else:
            found.append(Rating(who if observer else f"rating {k}", name, value, ref))
    return found, faults


def _wide(table: Table, picture: str) -> tuple[list[Rating], list[str]]:
    found, faults = [], []
    place = table.place(picture)
    for row in table.rows:
        for head, text in zip(table.heads, row.cells, strict=True):
            if head == picture or not text:
                continue  # a picture that an observer did not see
            value = _value(text, table.separator)
            if value is None or not row.cells[place]:
                faults.append(f"line {row.line}: the rating {one_line(text[:20])!r} by {one_line(head)!r}")
            else:
                found.append(Rating(head, row.cells[place], value))
    return found, faults


def _value(text: str, separator: str) -> float | None:
    value = _WORDS.get(text.lower(), number(text, separator))
    return value if value is not None and math.isfinite(value) else None


def differential(ratings: Sequence[Rating], best: float) -> list[Rating]:
    """Ratings relative to the same observer's of the picture's hidden reference, plus the best category (ACR-HR).

    References themselves, and pictures whose reference the observer did not rate, are left out.
    """
    own = {(one.observer, one.picture): one.value for one in ratings}
    return [
        Rating(one.observer, one.picture, one.value - own[one.observer, one.reference] + best, one.reference)
        for one in ratings
        if one.reference and one.reference != one.picture and (one.observer, one.reference) in own
    ]


def mean_opinions(ratings: Sequence[Rating]) -> list[Mos]:
    """Each picture's mean with its interval, in the order in which pictures come; an observer counts once."""
    from scipy.stats import t

    found = []
    for picture, values in _by_picture(ratings).items():
        each = np.array([np.mean(own) for own in values.values()])
        count, mean = len(each), float(each.mean())
        deviation = float(each.std(ddof=1)) if count > 1 else math.nan
        reach = (
            float(t.ppf((1 + LEVEL) / 2, count - 1)) * deviation / math.sqrt(count) if count > 1 else math.nan
        )
        found.append(Mos(picture, mean, mean - reach, mean + reach, deviation, count))
    return found


def erratic(ratings: Sequence[Rating]) -> list[str]:
    """Observers whom the test of ITU-R BT.500 flags: ratings far off in both directions."""
    counts: dict[str, list[int]] = {}
    for values in _by_picture(ratings).values():
        high, low = far_off(np.array([float(np.mean(own)) for own in values.values()]))
        for who, above, below in zip(values, high, low, strict=True):
            counted = counts.setdefault(who, [0, 0, 0])
            counts[who] = [counted[0] + int(above), counted[1] + int(below), counted[2] + 1]
    return [who for who, counted in counts.items() if is_erratic(*counted)]


def _by_picture(ratings: Sequence[Rating]) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    for one in ratings:
        found.setdefault(one.picture, {}).setdefault(one.observer, []).append(one.value)
    return found


def to_csv(scores: Sequence[Mos]) -> str:
    """A row a picture: its mos with its interval, the deviation, and how many rated it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "mos", "low", "high", "deviation", "ratings"))
    for one in scores:
        numbers = (one.mos, one.low, one.high, one.deviation)
        writer.writerow((one.picture, *("" if v != v else f"{v:.6g}" for v in numbers), one.ratings))
    return text.getvalue()


def refuse_faults(path: str, faults: Sequence[str]) -> None:
    """Raise ConfigError if there are any."""
    if faults:
        raise ConfigError(
            f"{one_line(path)}, {listed(faults, 2)} ({len(faults)} ratings cannot be used; --skip-bad leaves them out)"
        )
