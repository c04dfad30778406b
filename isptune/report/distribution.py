"""How a metric's scores are distributed over sets of pictures, and how far two sets lie apart.

Drenkow and Unberath (arXiv:2503.02797, section 6.3) look at data sets so. Empirical distribution functions are drawn,
which need no choice of bins or of a bandwidth.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isptune.facts import ObjectiveFacts
from isptune.report.figures import CYCLE, in_our_style, legend_below, panels, to_png
from isptune.report.resampling import mean_interval
from isptune.runs.answer import Interval

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Scores = Mapping[str, Sequence[float]]
"""By set of pictures its scores."""


@dataclass(frozen=True)
class Summary:
    """Of a set: how many, the mean with a 95 % bootstrap interval, and `QUANTILES`."""

    count: int
    mean: Interval
    quantiles: tuple[float, ...]

    @classmethod
    def of(cls, scores: Sequence[float]) -> "Summary":
        """Those of at least one score."""
        values = np.asarray(scores, dtype=np.float64)
        return cls(
            len(values), mean_interval(values.tolist()), tuple(np.quantile(values, QUANTILES).tolist())
        )


@dataclass(frozen=True)
class Apart:
    """How far two sets lie apart.

    Attributes:
        first, second: their names.
        wasserstein: by how much a score has to be moved on the average to make one of the other, in the metric's unit.
        better: the probability that a picture of the first scores better than one of the second; ties count half.
        largest: the largest difference of both distribution functions (Kolmogorov and Smirnov).
        p: of a difference as large by chance.
    """

    first: str
    second: str
    wasserstein: float
    better: float
    largest: float
    p: float


def apart(scores: Scores, facts: ObjectiveFacts) -> list[Apart]:
    """Each pair of sets."""
    from scipy.stats import ks_2samp, rankdata, wasserstein_distance

    found = []
    for (first, own), (second, other) in itertools.combinations(scores.items(), 2):
        test: Any = ks_2samp(own, other)  # scipy's stubs do not know its result
        ranks = rankdata([*own, *other])[: len(own)]
        above = (float(ranks.sum()) - len(own) * (len(own) + 1) / 2) / (len(own) * len(other))
        better = above if facts.direction == "maximize" else 1 - above
        distance = float(wasserstein_distance(own, other))
        found.append(Apart(first, second, distance, better, float(test.statistic), float(test.pvalue)))
    return found


@in_our_style
def plotted(by_objective: Mapping[str, Scores], facts: Mapping[str, ObjectiveFacts]) -> bytes:
    """The distribution functions as PNG, a panel an objective."""
    figure, drawn = panels(len(by_objective), 2, 3.4)
    for panel, (name, scores) in zip(drawn, by_objective.items(), strict=True):
        for number, (group, values) in enumerate(scores.items()):
            steps = np.sort(np.asarray(values, dtype=np.float64))
            shares = np.arange(1, len(steps) + 1) / len(steps)
            colour = CYCLE[number % len(CYCLE)]
            panel.step(
                [steps[0], *steps], [0, *shares], where="post", color=colour, label=f"{group} ({len(steps)})"
            )
        better = "higher" if facts[name].direction == "maximize" else "lower"
        unit = f", {facts[name].unit}" if facts[name].unit else ""
        panel.set(
            title=name,
            xlabel=f"score{unit}: {better} is better",
            ylabel="share of pictures up to it",
            ylim=(0, 1),
        )
    legend_below(figure, drawn[0])
    return to_png(figure)
