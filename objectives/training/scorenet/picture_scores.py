"""People's scores of pictures from a CSV file."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import final

from isptune.errors import ConfigError, one_line

FEWEST = 20
"""Pictures from which prompts can be learned and judged at all; hundreds are needed for much use."""

_NAMED = 3  # faults in a message


@final
@dataclass(frozen=True)
class PictureScore:
    """A picture with its mean opinion; `score` is turned so that higher is better."""

    name: str
    path: Path
    score: float


def read_scores(
    table: Path, folder: Path, file_column: str, score_column: str, lower_is_better: bool
) -> list[PictureScore]:
    """The scored pictures of a CSV file with a head line, UTF-8.

    Args:
        table: the CSV file.
        folder: that names of pictures begin from.
        file_column, score_column: heads of the two columns; of several, with commas between, the first that is there.
        lower_is_better: whether to turn the scores.

    Raises:
        ConfigError: the file cannot be read, is empty, lacks a column, has rows that cannot be used, fewer than 20
            of them or only one score, or pictures are missing; the first few are named.
    """
    shown = one_line(str(table))
    faults, found, lines = [], [], {}
    for line, name, text in _rows(table, (file_column, score_column)):
        value = _number(text)
        if not name:
            faults.append(f"line {line}: no file name")
        elif value is None:
            faults.append(f"line {line}: the score is {one_line(text[:40])!r}, no finite number")
        elif name in lines:
            faults.append(f"line {line}: {one_line(name)} is in line {lines[name]} already")
        else:
            lines[name] = line
            found.append(PictureScore(name, folder / name, -value if lower_is_better else value))
    if faults:
        raise ConfigError(f"{shown}: {_listed(faults)}")
    if not folder.is_dir():
        raise ConfigError(f"{one_line(str(folder))}: no such folder of pictures")
    missing = [one_line(picture.name) for picture in found if not picture.path.is_file()]
    if missing:
        raise ConfigError(
            f"{one_line(str(folder))}: {len(missing)} of {len(found)} pictures missing: {_listed(missing)}"
        )
    if len(found) < FEWEST:
        raise ConfigError(f"{shown}: {len(found)} scored pictures; {FEWEST} are the fewest")
    if len({picture.score for picture in found}) == 1:
        raise ConfigError(f"{shown}: all pictures have the same score")
    return found


def _rows(table: Path, columns: tuple[str, str]) -> list[tuple[int, str, str]]:
    """Line numbers with the two columns' texts."""
    shown = one_line(str(table))
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            heads = list(reader.fieldnames or [])
            choices = [column.split(",") for column in columns]
            lacking = [" or ".join(names) for names in choices if not set(names) & set(heads)]
            if heads and lacking:
                raise ConfigError(
                    f"{shown}: has no column {' and no column '.join(lacking)}; its columns are "
                    f"{one_line(', '.join(heads))}"
                )
            file, score = (next((name for name in names if name in heads), "") for names in choices)
            rows = [
                (reader.line_num, (row.get(file) or "").strip(), (row.get(score) or "").strip())
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{shown}: cannot be read as CSV: {one_line(str(reason))}") from error
    if not rows:
        raise ConfigError(f"{shown}: holds no scores")
    return rows


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _listed(faults: list[str]) -> str:
    more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return "; ".join(faults[:_NAMED]) + more
