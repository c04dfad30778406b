import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from isptune.errors import ConfigError, ScoreError, UnknownName
from isptune.registry import build
from isptune.runs.log import RunLog
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import load_scenes
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.run import run
from isptune.tuning.win_rate import WinRate
from tests.toys import SHORT, Moody, Redder, RedderAtOnce, Tint

pytestmark = pytest.mark.usefixtures("toys")


def _scene():
    (scene,) = load_scenes(("cat",), resize="24")
    return scene


def _candidates(*reds):
    return [{"tint.red": red, "tint.green": 0.0} for red in reds]


def _evaluate(pipeline, objective, candidates):
    return Evaluator(pipeline, {"wins": objective}, [_scene()]).evaluate(candidates, 0)


@pytest.mark.parametrize("judge", [Redder, RedderAtOnce])
def test_a_score_is_the_mean_probability_of_winning_against_the_others(judge):
    reds = (-0.2, 0.0, 0.1, 0.25)
    pictures = torch.cat([_scene().image + torch.tensor([red, 0, 0]).view(1, 3, 1, 1) for red in reds]).clamp(
        0, 1
    )
    distances = (pictures[:, 0].mean((1, 2)) - 0.8).abs().tolist()
    expected = [
        np.mean([1 / (1 + np.exp(-20 * (rival - own))) for j, rival in enumerate(distances) if j != i])
        for i, own in enumerate(distances)
    ]
    found = [e.scores["wins"] for e in _evaluate(Tint(), WinRate(judge(), "redder"), _candidates(*reds))]
    assert found == pytest.approx(expected, abs=1e-5)  # float32
    assert np.mean(found) == pytest.approx(0.5, abs=1e-6)


def test_batches_do_not_change_who_is_compared_with_whom():
    candidates = _candidates(*np.linspace(-0.3, 0.3, 9))
    one, many = Tint(), Tint()
    for pipeline, cut in ((one, 100), (many, 2)):
        pipeline.facts = replace(pipeline.facts, max_batch=cut)
    scores = [
        [e.scores["wins"] for e in _evaluate(pipeline, WinRate(Redder(), "redder"), candidates)]
        for pipeline in (one, many)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_few_rivals_take_few_comparisons_and_each_candidate_gets_as_many():
    judge, candidates = Redder(), _candidates(*np.linspace(-0.3, 0.3, 12))
    evaluations = _evaluate(Tint(), WinRate(judge, "redder", 3), candidates)
    assert judge.pairs == 12 * 3
    pictures = [Tint().render(_scene(), {k: torch.tensor([v]) for k, v in c.items()}, 0) for c in candidates]
    distances = [float((picture[:, 0].mean() - 0.8).abs()) for picture in pictures]
    order = stats.spearmanr([e.scores["wins"] for e in evaluations], distances).statistic
    assert order < -0.9


def test_rivals_may_have_other_choices():
    pipeline = Tint(with_choice=True)
    candidates = [{**c, "tint.order": order} for c in _candidates(-0.2, 0.2) for order in ("rg", "gr")]
    scores = [e.scores["wins"] for e in _evaluate(pipeline, WinRate(Redder(), "redder"), candidates)]
    assert np.argmax(scores) == 2


def test_a_rival_that_cannot_be_rendered_costs_its_own_trial_only():
    evaluations = _evaluate(Moody(), WinRate(Redder(), "redder"), _candidates(-0.1, 0.1, 0.4))
    assert [e.error is None for e in evaluations] == [True, True, False]
    assert evaluations[0].scores["wins"] + evaluations[1].scores["wins"] == pytest.approx(1, abs=1e-6)


def test_one_picture_alone_has_nothing_to_be_compared_with():
    (evaluation,) = _evaluate(Tint(), WinRate(Redder(), "redder"), _candidates(0.1))
    assert "no other to compare with" in evaluation.error
    with pytest.raises(ScoreError, match="no other"):
        WinRate(Redder(), "redder").score(_scene().image, _scene())


def test_what_is_no_probability_is_refused():
    class Loud(Redder):
        def prefer(self, first, second, scene):
            return super().prefer(first, second, scene) + 1

    with pytest.raises(ScoreError, match="no probability"):
        WinRate(Loud(), "loud").score(_scene().image.repeat(2, 1, 1, 1), _scene())


def test_a_spec_names_the_judge_and_how_many_rivals():
    assert build("objective", "judge:redder").facts.rivals == 30
    for spec in ("judge:redder:at-once?rivals=5", "judge:redder:at-once,rivals=5"):
        few = build("objective", spec)
        assert (few.facts.rivals, few.name) == (5, "redder:at-once")
        assert isinstance(few.judge, RedderAtOnce)
    for spec, what in (
        ("judge", "which"),
        ("judge:redder,rivals=0", "rivals=0"),
        ("judge:redder?rivals=0", "rivals=0"),
        ("judge:redder?reference=maybe", "reference=maybe is neither true nor false"),
        ("judge:,rivals=2", "which"),
    ):
        with pytest.raises(ConfigError, match=what):
            build("objective", spec)
    with pytest.raises(UnknownName):
        build("objective", "judge:nobody")


@pytest.mark.slow
def test_a_run_by_a_judge_ends_where_it_prefers_to_and_resumes_to_the_same_bytes(tmp_path):
    settings = RunSettings(
        pipeline="tint", objectives=("judge:redder",), optimizer="cma", scenes=("cat",), resize="24",
        population=8, generations=12, confirm=2, second_opinions=("none",), device="cpu",
    )  # fmt: skip
    first = run(Bench(settings), tmp_path / "first")
    answer = json.loads((first / "recommended.json").read_text())
    red = answer["params"]["tint.red"] + float(_scene().image[:, 0].mean())
    assert red == pytest.approx(0.8, abs=0.08)  # what is clipped shifts the mean
    assert answer["objectives"]["judge:redder"]["recommended"]["mean"] > 0.9
    second = tmp_path / "second"
    second.mkdir()
    for name in ("config.json", "provenance.json"):
        (second / name).write_bytes((first / name).read_bytes())
    lines = (first / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (second / "trials.jsonl").write_bytes(b"".join(lines[:5]))
    run(Bench(settings), second)
    for name in ("trials.jsonl", "recommended.json"):
        assert (second / name).read_bytes() == (first / name).read_bytes()
    assert len(RunLog(second).generations()) == 12


@pytest.mark.slow
def test_the_best_of_the_last_generation_is_shown_and_no_score_of_another(tmp_path, isptune):
    options = ["--pipeline", "tint", "--objective", "judge:redder", "--scene", "cat", "--resize", "24"]
    status, out, _ = isptune("run", *options, *SHORT, "--out", "run")
    assert status == 0
    last = RunLog(tmp_path / "run").generations()[-1]
    best = max(trial.scores["judge:redder"] for trial in last.trials)
    (line,) = [line for line in out.splitlines() if "of the last generation" in line]
    assert float(line.split(": ")[1].split(",")[0]) == pytest.approx(best, abs=1e-3)
