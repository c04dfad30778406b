"""What rated pictures are worth as a prompt: each is scored by the others, beside the same with shuffled scores.

Draws of ten pictures differ much in what they teach (experiments/promptiqa), and nobody sees it on them. Leaving one
out costs the others a tenth of what they say, and a method that but gives the mean of the others comes out below 0: so
chance is measured as well, by the same on pictures whose scores were shuffled.
"""

import csv
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from isptune.arrays import Images
from isptune.errors import ConfigError, one_line
from isptune.interfaces import Objective
from isptune.scenes.images import read_fitting
from isptune.scenes.scene import Scene
from isptune.study.scale.estimates import srocc
from isptune.system.tables import read_table

FEWEST, MOST = 5, 40
"""Rated pictures: fewer say nothing when one is left out, of more the cost grows with the square."""


@dataclass(frozen=True)
class Rated:
    """A picture's file, its pixels and its score."""

    path: Path
    image: Images
    score: float


@dataclass(frozen=True)
class Worth:
    """What came of it.

    Attributes:
        scores: as they were given.
        predicted: what the others say of each picture; higher is better.
        correlation: Spearman's, of both.
        by_chance: the same of shuffled scores, one a shuffle.
    """

    scores: tuple[float, ...]
    predicted: tuple[float, ...]
    correlation: float
    by_chance: tuple[float, ...]

    @property
    def p(self) -> float:
        """The probability of such a correlation by chance, from the shuffles; 1 / (their number + 1) at least."""
        return (1 + sum(one >= self.correlation for one in self.by_chance)) / (1 + len(self.by_chance))


def read_rated(path: Path) -> list[Rated]:
    """The pictures of a CSV with the columns image and score; paths are relative to its folder.

    Raises:
        ConfigError: a column or a picture is missing, a score is no number, or there are too few or too many.
        SceneError: a picture cannot be read.
    """
    table = read_table(path)
    names, scores = table.column("image"), table.column("score")
    if not FEWEST <= len(names) <= MOST:
        raise ConfigError(
            f"{one_line(str(path))}: a check takes {FEWEST} to {MOST} rated pictures, got {len(names)}"
        )
    return [_rated(path, name, score) for name, score in zip(names, scores, strict=True)]


def _rated(table: Path, name: str, score: str) -> Rated:
    try:
        number = float(score)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise ConfigError(
            f"{one_line(str(table))}: {one_line(name)} has the score {one_line(score)!r}, no number"
        )
    path = (table.parent / Path(name).expanduser()).resolve()
    return Rated(path, read_fitting(path).image, number)


def worth_of(
    rated: Sequence[Rated],
    build: Callable[[Path], Objective],
    shuffles: int,
    seed: int,
    on_scored: Callable[[float, int], None] = lambda done, total: None,
) -> Worth:
    """Leave each picture out, let the others say how good it is, and compare with what people said.

    Args:
        rated: the pictures.
        build: an objective from a CSV of rated pictures.
        shuffles: how often the same is done with shuffled scores.
        seed: of the shuffles.
        on_scored: told of the progress, in pictures.

    Raises:
        ConfigError, ScoreError: the objective cannot be built from, or score, one of them.
    """
    random, scores = np.random.default_rng(seed), np.array([one.score for one in rated])
    if len(set(scores.tolist())) == 1:
        raise ConfigError(f"all scores are {scores[0]:g}, which says nothing of a taste")
    total, found = (1 + shuffles) * len(rated), []
    for number in range(1 + shuffles):
        given = scores if number == 0 else random.permutation(scores)
        predicted = []
        for i in range(len(rated)):
            predicted.append(_by_the_others(rated, given, i, build))
            on_scored(number * len(rated) + i + 1, total)
        found.append((given, np.array(predicted)))
    correlations = [srocc(predicted, given) for given, predicted in found]
    return Worth(
        tuple(scores.tolist()), tuple(found[0][1].tolist()), correlations[0], tuple(correlations[1:])
    )


@torch.inference_mode()
def _by_the_others(
    rated: Sequence[Rated],
    scores: Float64[np.ndarray, " pictures"],
    left_out: int,
    build: Callable[[Path], Objective],
) -> float:
    with tempfile.TemporaryDirectory(prefix="isptune-") as name:
        path = Path(name) / "others.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["image", "score"])
            rows.writerows(
                [rated[j].path, repr(float(scores[j]))] for j in range(len(rated)) if j != left_out
            )
        objective = build(path)
        image = rated[left_out].image
        score = float(objective.score(image, Scene("", image))[0])
    return score if objective.facts.direction == "maximize" else -score
