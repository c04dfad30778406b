"""The compact DepictQA as an objective: how much it finds wrong, as one number."""

import pytest
import torch

from isptune.diagnosis.finding import CATEGORIES, SEVERITIES
from isptune.errors import ConfigError, ScoreError
from isptune.registry import build
from isptune.scenes.scene import Scene
from objectives.depictqa.depictqa import DepictQa
from objectives.depictqa.network import SETS
from objectives.depictqa.score import DepictQaScore
from tests.objectives.depictqa.test_depictqa import photograph, pictures, tiny_network


def test_the_score_is_the_expected_sum_of_severities():
    judge = DepictQa(tiny_network(), {}, reference=False)
    images = pictures(3)
    scene = Scene("noise", images[:1])
    expected = []
    for one in judge.look(images, scene):
        total = 0.0
        for probability, categories in zip(one.sets.tolist(), SETS, strict=True):
            for category in categories:
                shares = one.severities[CATEGORIES.index(category)].tolist()
                total += probability * sum(s * share for s, share in zip(SEVERITIES, shares, strict=True))
        expected.append(total)
    # Sums of 56 products in float32.
    assert DepictQaScore(judge).score(images, scene).tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["depictqa", "depictqa:reference"])
def test_spoiling_a_photograph_raises_the_score(spec):
    sharp = photograph()
    noisy = (sharp + 0.2 * torch.randn(sharp.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    objective = build("objective", spec)
    assert objective.facts.uses_reference == spec.endswith("reference")
    assert objective.facts.direction == "minimize"
    low, high = objective.score(torch.cat([sharp, noisy]), Scene("cut", sharp, sharp)).tolist()
    assert objective.facts.range[0] <= low < high - 1
    assert high <= objective.facts.range[1]


def test_other_arguments_and_missing_references_are_refused():
    with pytest.raises(ConfigError, match="only depictqa and depictqa:reference"):
        build("objective", "depictqa:big")
    with pytest.raises(ScoreError, match="reference"):
        build("objective", "depictqa:reference").score(photograph(), Scene("alone", photograph()))
