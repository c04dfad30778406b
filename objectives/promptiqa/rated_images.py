"""Pictures with scores that someone gave them: a CSV with the columns `image` and `score`."""

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.errors import ConfigError, SceneError, one_line
from isptune.scenes.images import ReadPicture, read_fitting

COLUMNS = ("image", "score")


@dataclass(frozen=True)
class RatedImage:
    """A picture and its score.

    Attributes:
        name: as the file has it.
        path: of the picture.
        score: on the scale of the person who gave it.
        place: the file and the line, for messages.
    """

    name: str
    path: Path
    score: float
    place: str


def read_ratings(file: Path) -> list[RatedImage]:
    """The rows of a CSV; paths of pictures are relative to its folder, other columns are left aside.

    Raises:
        ConfigError: the file cannot be read, lacks a column, or a row lacks its picture or a finite score; the
            message names the line.
    """
    shown = one_line(str(file))
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.reader(text, skipinitialspace=True, strict=True)
            header = [title.strip().lower() for title in next(rows, [])]
            if any(header.count(column) != 1 for column in COLUMNS):
                got = one_line(",".join(header)[:80]) or "nothing"
                raise ConfigError(f"{shown}, line 1: the columns are image,score; the first line has {got!r}")
            columns = [header.index(column) for column in COLUMNS]
            return [_rating(row, columns, file, f"{shown}, line {rows.line_num}") for row in rows if any(row)]
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{shown}: is not a CSV that can be read: {error}") from error


def _rating(row: list[str], columns: list[int], file: Path, place: str) -> RatedImage:
    if len(row) <= max(columns):
        raise ConfigError(f"{place}: {len(row)} columns of at least {max(columns) + 1}")
    name, text = (row[column].strip() for column in columns)
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise ConfigError(f"{place}: a score is a finite number; got {one_line(text[:40])!r}")
    path = file.parent / os.path.expanduser(name)
    if not os.path.isfile(path):  # which, unlike Path.is_file, takes any name
        raise ConfigError(f"{place}: there is no picture {one_line(name[:200])!r} (paths start at the CSV)")
    return RatedImage(name, path, score, place)


def read_rated(rated: RatedImage) -> ReadPicture:
    """The picture; of one that is too large its middle. Raises ConfigError that names the line if it cannot be read."""
    try:
        return read_fitting(rated.path)
    except SceneError as error:
        raise ConfigError(f"{rated.place}: {one_line(str(error))}") from error


def scores_as_given(
    ratings: Sequence[RatedImage], lower_is_better: bool = False
) -> Float[Tensor, " pictures"]:
    """Scores that lie from 0 (bad) to 1 (excellent) already.

    Raises:
        ConfigError: one does not; the message names its line.
    """
    for rating in ratings:
        if not 0 <= rating.score <= 1:
            raise ConfigError(
                f"{rating.place}: a score of {rating.score:g}; scores that are taken as they are lie from 0 to 1: "
                "divide them by the largest of their scale, or leave scores=given out"
            )
    found = torch.tensor([rating.score for rating in ratings], dtype=torch.float32)
    return 1 - found if lower_is_better else found


def unit_scores(ratings: Sequence[RatedImage], lower_is_better: bool = False) -> Float[Tensor, " pictures"]:
    """Scores from 0 for the worst to 1 for the best picture, at the distances that they have; 0.5 where all are equal.

    Raises:
        ConfigError: fewer than two pictures, or scores that lie too far apart to be subtracted.
    """
    if len(ratings) < 2:
        raise ConfigError(
            f"at least 2 rated pictures are needed to tell good from bad; there are {len(ratings)}"
        )
    scores = [rating.score for rating in ratings]
    low, high = min(scores), max(scores)
    if not math.isfinite(high - low):
        raise ConfigError(
            f"scores of rated pictures must differ by a finite number; they are {low} to {high}"
        )
    if low == high:
        return torch.full((len(scores),), 0.5)
    best, worst = (low, high) if lower_is_better else (high, low)
    return torch.tensor([(score - worst) / (best - worst) for score in scores], dtype=torch.float32)
