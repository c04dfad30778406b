"""A prompt as a person gives it: rated pictures in a CSV, or the scores of a study.

| given | what is read |
|---|---|
| `FILE` | a CSV with the columns image,score; all of it, up to `MOST` pictures |
| `study:DIR` | `DIR/prompt.csv`, of which `FROM_STUDY` pictures are taken |

`DIR/prompt.csv` is what a study leaves for this purpose: one line for every picture that was compared, with the
columns `image` (a path from DIR) and `score` (the study's scale, on which higher is better, whatever its unit and
zero); further columns are left aside. Scores that are no finite numbers do not belong into it.

Pictures are taken by interval sampling over their ranks. Source: Chen, Qin, Wang, Yuan, Li, Hu and Wang 2024,
PromptIQA, who take 10.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from isptune.errors import ConfigError, one_line
from isptune.scenes.sampling import interval_ranks
from objectives.promptiqa.likeness import Likeness
from objectives.promptiqa.rated_images import (
    RatedImage,
    read_rated,
    read_ratings,
    scores_as_given,
    unit_scores,
)

STUDY = "study:"
STUDY_FILE = "prompt.csv"

FEWEST = 3
"""Rated pictures below which there is a warning: two say no more than which is better."""

MOST = 20
"""Rated pictures that networks are made for; of more, this many are taken."""

FROM_STUDY = 10


@dataclass(frozen=True, eq=False)
class RatedPrompt:
    """Rated pictures, and what is odd about them.

    Attributes:
        file: the CSV.
        ratings: of the pictures that are taken, in the CSV's order.
        scores: theirs, 0 for the worst to 1 for the best, or as they were given.
        warnings: one line each.
    """

    file: Path
    ratings: list[RatedImage]
    scores: Float[Tensor, " pictures"]
    warnings: tuple[str, ...]

    @cached_property
    def likeness(self) -> Likeness:
        """What the pictures look like. Raises ConfigError if one cannot be read."""
        return Likeness([read_rated(rating).image for rating in self.ratings], str(self.file))


def read_prompt(given: str, lower_is_better: bool = False, stretched: bool = True) -> RatedPrompt:
    """Read a CSV or the scores of a study.

    Args:
        given: the file, or `study:DIR`.
        lower_is_better: whether its scores are turned around.
        stretched: whether the worst becomes 0 and the best 1; else scores must lie from 0 to 1 and stay.

    Raises:
        ConfigError: a file that cannot be read, a line without its picture or score, fewer than two pictures, scores
            that cannot be taken so.
    """
    of_study = given.startswith(STUDY)
    file = Path(given.removeprefix(STUDY)).expanduser()
    if of_study:
        file = file / STUDY_FILE
        if not file.is_file():
            raise ConfigError(
                f"{one_line(given)}: there is no {one_line(str(file))}; it is what `isptune study fit` writes"
            )
    ratings = read_ratings(file)
    shown = one_line(str(file))
    warnings = []
    if len(ratings) < FEWEST:
        warnings.append(
            f"{shown}: {len(ratings)} rated pictures say little of a taste; at least {FEWEST}, better 10, are needed"
        )
    most = FROM_STUDY if of_study else MOST
    taken = _interval(ratings, most)
    if len(taken) < len(ratings) and not of_study:
        warnings.append(
            f"{shown}: of {len(ratings)} rated pictures {most} are taken, evenly over their ranks"
        )
    try:
        scores = unit_scores(taken, lower_is_better)
    except ConfigError as error:
        raise ConfigError(f"{shown}: {error}") from error
    if not stretched:
        scores = scores_as_given(taken, lower_is_better)
    if stretched and len({rating.score for rating in taken}) == 1:
        warnings.append(f"{shown}: all scores are {taken[0].score:g}, which says nothing of a taste")
    return RatedPrompt(file, taken, scores, tuple(warnings))


def _interval(ratings: list[RatedImage], count: int) -> list[RatedImage]:
    """Those at even steps of the ranks by score, in the order that they had."""
    by_score = sorted(range(len(ratings)), key=lambda index: ratings[index].score)
    return [
        ratings[index] for index in sorted(by_score[rank] for rank in interval_ranks(len(ratings), count))
    ]
