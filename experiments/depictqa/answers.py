"""What a network answers to the pictures of a table, and figures with intervals over photographs."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.diagnosis.finding import CATEGORIES
from isptune.distortions.recipes import DEPICTQA_SUBTLE
from objectives.depictqa.depictqa import expected_severities
from objectives.depictqa.network import SETS, DepictQaNetwork
from objectives.training.depictqa.pictures import Pictures
from objectives.training.depictqa.training import hits_of, originals, set_numbers

RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Answers:
    """Of the pictures that count.

    Attributes:
        sets: probabilities of sets.
        targets: the numbers of the true sets.
        hits: the paper's accuracy of the most probable set.
        confidence: its probability.
        severity_error: mean distance of the expected severities of what is there; NaN where nothing is.
        photograph: of each picture.
    """

    sets: Float[Tensor, "pictures sets"]
    targets: Tensor
    hits: np.ndarray
    confidence: np.ndarray
    severity_error: np.ndarray
    photograph: np.ndarray

    def of_count(self, count: int) -> np.ndarray:
        """Which pictures have so many distortions."""
        sizes = (self.counts == count).numpy()
        return np.asarray(sizes)

    @property
    def counts(self) -> Tensor:
        """How many distortions each picture has."""
        return torch.tensor([len(one) for one in SETS])[self.targets]


@torch.no_grad()
def answers_of(network: DepictQaNetwork, pictures: Pictures, reference: bool, originals_too: bool) -> Answers:
    """Ask about each version in a table.

    Without a reference, versions with a slight distortion of a subtle category are left out, as the paper does.

    Args:
        network: trained.
        pictures: a table; the first row of each cut is the photograph as it is.
        reference: whether the network sees it.
        originals_too: whether these first rows are asked about, too. They are not drawn by the paper's rule.
    """
    inputs = told = network.told(network.standardised(pictures.seen))
    first = originals(pictures.cut)
    naming = network.naming
    if reference:
        inputs = network.beside(told, told[first], pictures.beside)
        naming = network.naming_beside
    sets, severities = naming(inputs)
    counted = torch.ones(len(pictures), dtype=torch.bool)
    if not originals_too:
        counted &= first != torch.arange(len(pictures))
    if not reference:
        subtle = torch.tensor([category in DEPICTQA_SUBTLE for category in (*CATEGORIES, "")])
        counted &= ~(subtle[pictures.categories] & (pictures.severities == 1)).any(1)
    expected = expected_severities(severities.exp()).gather(1, pictures.categories.clamp_min(0))
    there = pictures.categories >= 0
    error = (expected - pictures.severities).abs().masked_fill(~there, 0).sum(1) / there.sum(1)
    targets = set_numbers(pictures.categories)
    best = sets.argmax(1)
    return Answers(
        sets.exp()[counted],
        targets[counted],
        hits_of(best, targets)[counted].numpy(),
        sets.exp().amax(1)[counted].numpy(),
        error[counted].numpy(),
        pictures.photograph[counted].numpy(),
    )


def interval(values: np.ndarray, photograph: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """The mean of values, and its 95 % bootstrap interval when photographs are drawn with replacement."""
    groups = [values[photograph == one] for one in np.unique(photograph)]
    sums, counts = np.array([group.sum() for group in groups]), np.array([len(group) for group in groups])
    drawn = np.random.default_rng(seed).integers(0, len(groups), (RESAMPLES, len(groups)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def percent(values: np.ndarray, photograph: np.ndarray) -> str:
    """`85.0 [82.1, 87.7]`: an accuracy in percent with its interval."""
    if not len(values):
        return ""
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * x for x in interval(values, photograph)))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def by_confidence(
    confidence: np.ndarray, right: np.ndarray, photograph: np.ndarray, edges: Sequence[float]
) -> list[tuple[str, int, str, float]]:
    """In each interval of confidence: how many, and their accuracy with its interval."""
    rows = []
    for low, high in itertools.pairwise(edges):
        inside = (confidence >= low) & ((confidence < high) | (high == edges[-1]))
        value = float(right[inside].mean()) if inside.any() else float("nan")
        rows.append(
            (f"{low:.2f} to {high:.2f}", int(inside.sum()), percent(right[inside], photograph[inside]), value)
        )
    return rows


def fifths(confidence: np.ndarray) -> list[float]:
    """Borders of five equal parts of the answers, ordered by confidence."""
    return np.quantile(confidence, [0, 0.2, 0.4, 0.6, 0.8, 1]).tolist()
