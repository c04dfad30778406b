import weakref
from dataclasses import replace

import pytest
import torch

from isptune.scenes.scene import photograph
from isptune.tuning.evaluate import Evaluator
from tests import toys


@pytest.fixture
def scenes():
    ramp = torch.linspace(0, 1, 8 * 6).reshape(1, 1, 8, 6).expand(1, 3, 8, 6).contiguous()
    return [photograph("ramp", ramp), photograph("dim", ramp * 0.5)]


def _candidates(count, **fixed):
    return [{"tint.red": 0.02 * i - 0.2, "tint.green": 0.1, **fixed} for i in range(count)]


def test_a_score_is_the_mean_over_scenes_and_each_scene_is_kept(scenes):
    evaluator = Evaluator(toys.Tint(), {"red": toys.redness(None)}, scenes)
    (evaluation,) = evaluator.evaluate([{"tint.red": 0.1, "tint.green": 0.0}], seed=0)
    each = [(scene.image[:, 0] + 0.1).clamp(0, 1).mean().sub(0.8).abs().item() for scene in scenes]
    assert evaluation.scenes["ramp"]["red"] == pytest.approx(each[0], abs=1e-6)
    assert evaluation.scores["red"] == pytest.approx(sum(each) / 2, abs=1e-6)
    assert evaluation.levels == pytest.approx((0.2, 0.2))
    assert evaluation.l1 == pytest.approx(0.2)


def test_batches_are_cut_at_the_limit_of_the_pipeline(scenes):
    pipeline = toys.Tint()
    Evaluator(pipeline, {"red": toys.redness(None)}, scenes[:1]).evaluate(_candidates(20), seed=0)
    assert pipeline.batches == [7, 7, 6]


def test_batches_are_cut_by_pixels_on_large_scenes(monkeypatch):
    monkeypatch.setattr("isptune.tuning.batches.PIXELS_A_BATCH", {"cpu": 150})
    pipeline = toys.Tint()
    scene = photograph("s", torch.zeros(1, 3, 7, 7))
    Evaluator(pipeline, {"red": toys.redness(None)}, [scene]).evaluate(_candidates(5), seed=0)
    assert pipeline.batches == [3, 2]


def test_candidates_are_grouped_by_their_choices_and_come_back_in_order(scenes):
    pipeline = toys.Tint(with_choice=True)
    candidates = [
        {"tint.red": 0.02 * i, "tint.green": 0.4, "tint.order": "gr" if i % 2 else "rg"} for i in range(6)
    ]
    evaluator = Evaluator(pipeline, {"red": toys.redness(None)}, scenes[:1])
    together = evaluator.evaluate(candidates, seed=0)
    assert pipeline.batches == [3, 3]
    alone = [evaluator.evaluate([candidate], seed=0)[0] for candidate in candidates]
    assert [e.scores for e in together] == [e.scores for e in alone]


def test_one_bad_candidate_costs_one_trial(scenes):
    evaluator = Evaluator(toys.Moody(), {"red": toys.redness(None)}, scenes)
    candidates = [{"tint.red": red, "tint.green": 0.0} for red in (0.0, 0.3, 0.1, 0.15, -0.1)]
    evaluations = evaluator.evaluate(candidates, seed=0)
    assert [e.error for e in evaluations] == [None, "ramp: red is above 0.2", None, None, None]
    good = Evaluator(toys.Tint(), {"red": toys.redness(None)}, scenes).evaluate(candidates, seed=0)
    assert [e.scores for e in evaluations if not e.error] == [good[i].scores for i in (0, 2, 3, 4)]
    assert evaluations[1].scores == {}
    assert evaluations[1].l1 == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("mood", "message"),
    [("nan", "ramp: picky gave nan"), ("raises", "ramp: ValueError: too bright for me")],
)
def test_an_objective_that_fails_for_some_costs_those_trials(scenes, mood, message):
    evaluator = Evaluator(toys.Tint(), {"picky": toys.picky(mood)}, scenes[:1])
    candidates = [{"tint.red": red, "tint.green": red} for red in (-0.4, 0.4, -0.3)]
    evaluations = evaluator.evaluate(candidates, seed=0)
    assert [e.error for e in evaluations] == [None, message, None]


def test_a_batch_that_runs_out_of_memory_is_halved(scenes):
    class Greedy(toys.Tint):
        facts = replace(toys.Tint.facts, max_batch=100)

        def render(self, scene, params, seed):
            if len(params["tint.red"]) > 3:
                raise MemoryError
            return super().render(scene, params, seed)

    pipeline = Greedy()
    evaluations = Evaluator(pipeline, {"red": toys.redness(None)}, scenes[:1]).evaluate(
        _candidates(10), seed=0
    )
    assert all(e.error is None for e in evaluations)
    assert max(pipeline.batches) == 3


def test_a_batch_that_failed_gives_its_memory_back_before_its_halves_are_tried(scenes):
    rendered, alive = [], []

    class Watched(toys.Tint):
        def render(self, scene, params, seed):
            alive.append(sum(earlier() is not None for earlier in rendered))
            images = super().render(scene, params, seed)
            rendered.append(weakref.ref(images))
            return images

    candidates = [{"tint.red": red, "tint.green": red} for red in (-0.4, 0.4, -0.3, -0.2)]
    evaluations = Evaluator(Watched(), {"picky": toys.picky("raises")}, scenes[:1]).evaluate(
        candidates, seed=0
    )
    assert [e.error is None for e in evaluations] == [True, False, True, True]
    assert alive == [0] * 5


def test_all_candidates_of_a_generation_see_the_same_noise(scenes):
    evaluator = Evaluator(toys.Tint(noise=0.1), {"red": toys.redness(None)}, scenes[:1])
    twins = [{"tint.red": 0.0, "tint.green": 0.0}] * 2
    first, second = evaluator.evaluate(twins, seed=3)
    assert first.scores == second.scores
    assert evaluator.evaluate(twins, seed=4)[0].scores != first.scores


def test_a_pipeline_that_gives_the_wrong_number_of_images_is_an_error(scenes):
    class Short(toys.Tint):
        def render(self, scene, params, seed):
            return super().render(scene, params, seed)[:-1]

    (evaluation,) = Evaluator(Short(), {"red": toys.redness(None)}, scenes[:1]).evaluate(
        _candidates(1), seed=0
    )
    assert "the pipeline gave (0, 3, 8, 6) for 1 candidates" in evaluation.error
