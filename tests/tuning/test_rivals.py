"""Who is compared with whom, and that neither the order of a population nor its batches matter to that."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from isptune.errors import ScoreError
from isptune.facts import ObjectiveFacts
from isptune.registry import build
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import load_scenes, photograph
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.rivals import rivals_among, score_beside
from tests.toys import ChannelNear, Redder, RedderAtOnce, Tint

pytestmark = pytest.mark.usefixtures("toys")

MIXED = "weighted:0.5*ssim+0.5*judge:redder"


def _candidates(count):
    return [{"tint.red": float(red), "tint.green": 0.0} for red in np.linspace(-0.3, 0.3, count)]


def _scores(objectives, candidates, scene, cut=100):
    pipeline = Tint()
    pipeline.facts = replace(pipeline.facts, max_batch=cut)
    built = {spec: build("objective", spec) for spec in objectives}
    evaluations = Evaluator(pipeline, built, [scene]).evaluate(candidates, 0)
    assert [evaluation.error for evaluation in evaluations] == [None] * len(candidates)
    return [evaluation.scores for evaluation in evaluations]


@pytest.fixture(scope="module")
def scene():
    (scene,) = load_scenes(("cat",), resize="24")
    return scene


@pytest.mark.slow
def test_a_judge_in_a_sum_compares_the_whole_population_however_it_is_cut(scene):
    candidates = _candidates(10)
    specs = (MIXED, "ssim", "judge:redder")
    whole = _scores(specs, candidates, scene)
    for scores in whole:
        assert scores[MIXED] == pytest.approx(0.5 * scores["ssim"] + 0.5 * scores["judge:redder"], abs=1e-6)
    for cut in (1, 4, 9):  # at 9 the tenth picture used to be alone with nobody to be compared with
        cut_up = _scores((MIXED,), candidates, scene, cut)
        assert [s[MIXED] for s in cut_up] == pytest.approx([s[MIXED] for s in whole], abs=1e-6)


@pytest.mark.slow
def test_a_population_of_ten_large_pictures_is_scored_by_a_sum_with_a_judge():
    noise = torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    large = photograph("large", noise)  # of which a batch holds nine
    together, one_by_one = (
        _scores((MIXED,), _candidates(10), large),
        _scores((MIXED,), _candidates(10), large, 1),
    )
    assert [s[MIXED] for s in together] == pytest.approx([s[MIXED] for s in one_by_one], abs=1e-6)


@pytest.mark.parametrize("spec", ["judge:redder,rivals=3", "judge:redder:at-once,rivals=3"])
def test_rivals_that_are_drawn_depend_on_no_order(scene, spec):
    candidates = _candidates(12)
    summed = f"weighted:1*{spec}+1*judge:redder,rivals=8"
    forwards = _scores((spec, summed), candidates, scene)
    backwards = _scores((spec, summed), candidates[::-1], scene, 5)[::-1]
    assert forwards == backwards
    few, many = _scores((spec,), candidates, scene), _scores(("judge:redder,rivals=8",), candidates, scene)
    for together, one, other in zip(
        forwards, few, many, strict=True
    ):  # each term has the rivals that it asks for
        assert together[summed] == pytest.approx(sum([*one.values(), *other.values()]), abs=1e-6)


def test_rivals_are_one_more_than_each_meets_and_all_of_a_population_that_is_small():
    candidates = _candidates(12)
    assert len(rivals_among(candidates, 3)) == 4
    assert rivals_among(candidates, 0) == ()
    assert len(rivals_among(candidates, 11)) == len(rivals_among(candidates, 30)) == 12
    assert (
        rivals_among(candidates, 3) == rivals_among(candidates[::-1], 3) == rivals_among(candidates, 11)[:4]
    )


def test_rivals_of_several_choices_keep_their_order(scene):
    pipeline = Tint(with_choice=True)
    candidates = [{**c, "tint.order": order} for c in _candidates(6) for order in ("rg", "gr")]
    objective = build("objective", "judge:redder,rivals=4")
    forwards = Evaluator(pipeline, {"wins": objective}, [scene]).evaluate(candidates, 0)
    backwards = Evaluator(pipeline, {"wins": objective}, [scene]).evaluate(candidates[::-1], 0)[::-1]
    assert [e.scores for e in forwards] == [e.scores for e in backwards]


def test_an_objective_without_rivals_is_not_given_any(scene):
    objective = ChannelNear(0, 0.8)
    images = scene.image.repeat(3, 1, 1, 1)
    others = ~torch.eye(3, dtype=torch.bool)
    assert torch.equal(score_beside(objective, images, images, others, scene), objective.score(images, scene))
    objective.facts = ObjectiveFacts("minimize", rivals=2)
    with pytest.raises(ScoreError, match="compares with 2 rivals, but it has no score_among"):
        score_beside(objective, images, images, others, scene)


def test_what_a_judge_is_stays_known_however_it_is_wrapped(monkeypatch):
    class Beside(Redder):
        def __init__(self, reference):
            super().__init__()
            self.facts = replace(self.facts, uses_reference=reference, weights={"net.pth": "0" * 64})

    monkeypatch.setattr("tests.toys.redder", lambda argument, *, reference: Beside(reference))
    for spec in ("judge:redder", "weighted:0.5*judge:redder+0.5*tv"):
        facts = build("objective", spec).facts
        assert (facts.rivals, facts.uses_reference, facts.weights) == (30, False, {"net.pth": "0" * 64})
    for spec in ("judge:redder,reference", "weighted:0.5*judge:redder,reference+0.5*tv"):
        assert build("objective", spec).facts.uses_reference


def test_scores_of_a_sum_with_a_judge_hold_within_a_generation_only():
    settings = RunSettings(
        pipeline="tint", objectives=(MIXED,), scenes=("cat",), resize="24", second_opinions=("ssim", "judge:redder")
    )  # fmt: skip
    bench = Bench(settings)
    assert bench.relative
    assert bench.description().objectives[0].relative
    assert bench.second_opinions == {}  # both took part
    assert not Bench(replace(settings, objectives=("ssim",))).relative


def test_a_judge_that_compares_at_once_looks_at_no_more_than_it_is_asked_for(scene):
    seen = []

    class Watched(RedderAtOnce):
        def prefer_each(self, first, second, scene):
            seen.append(len(second))
            return super().prefer_each(first, second, scene)

    images, others = scene.image.repeat(5, 1, 1, 1), ~torch.eye(5, dtype=torch.bool)
    objective = build("objective", "judge:redder:at-once,rivals=2")
    objective.judge = Watched()
    score_beside(objective, images, images, others, scene)
    assert seen == [3]
