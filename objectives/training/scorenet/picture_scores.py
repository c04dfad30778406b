"""People's scores of pictures from a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from isptune.errors import ConfigError, one_line
from isptune.study.opinions.table import PictureFolder, read_opinions
from isptune.system.tables import listed

FEWEST = 20
"""Pictures from which prompts can be learned and judged at all; hundreds are needed for much use."""


@final
@dataclass(frozen=True)
class PictureScore:
    """A picture with its mean opinion; `score` is turned so that higher is better."""

    name: str
    path: Path
    score: float


@final
@dataclass(frozen=True)
class PictureScores:
    """All of a table; see `isptune.study.opinions.table.Opinions`."""

    pictures: list[PictureScore]
    lower_was_better: bool
    direction_known: bool
    told: str


def read_scores(
    table: Path,
    folder: Path,
    file_column: str | None = None,
    score_column: str | None = None,
    lower_is_better: bool | None = None,
    preset: str | None = None,
) -> PictureScores:
    """The scored pictures of a table.

    Args:
        table: its file.
        folder: that names of pictures begin from.
        file_column, score_column: heads of the two columns; of several, with commas between, the first that is there.
        lower_is_better: whether to turn the scores; None for what the table's names say.
        preset: of a known data set.

    Raises:
        ConfigError: the file cannot be read, is empty, lacks a column, has rows that cannot be used, fewer than 20
            of them or only one score, or pictures are missing; the first few are named.
    """
    files, columns = (tuple(text.split(",")) if text else () for text in (file_column, score_column))
    opinions = read_opinions(table, preset, files, columns, lower_is_better)
    pictures = PictureFolder(folder)
    places = [(row, pictures.find(row.name)) for row in opinions.rows]
    missing = [one_line(row.name) for row, place in places if place is None]
    shown = one_line(str(table))
    if missing:
        raise ConfigError(
            f"{one_line(str(folder))}: {len(missing)} of {len(places)} pictures missing: {listed(missing)}"
        )
    found = [PictureScore(row.name, place, row.score) for row, place in places if place is not None]
    if len(found) < FEWEST:
        raise ConfigError(f"{shown}: {len(found)} scored pictures; {FEWEST} are the fewest")
    if len({picture.score for picture in found}) == 1:
        raise ConfigError(f"{shown}: all pictures have the same score")
    return PictureScores(found, opinions.lower_was_better, opinions.known, opinions.told)
