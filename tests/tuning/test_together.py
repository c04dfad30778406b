"""Objectives whose score of several scenes is one of all of them together."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from isptune.errors import ConfigError
from isptune.facts import PipelineFacts
from isptune.runs.log import RunLog
from isptune.runs.settings import RunSettings
from isptune.runs.unfinished import Outcome, append_outcome, read_outcomes
from isptune.scenes.images import write_image
from isptune.scenes.scene import load_scenes
from isptune.testing import check_objective
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.recommend import reevaluate, with_jackknife
from isptune.tuning.run import run
from isptune.tuning.together import pseudo_values
from isptune.tuning.verification import compare_on
from tests.toys import ChannelNear, RedOfAll, Tint

pytestmark = pytest.mark.usefixtures("toys")

SCENES = ("cat", "coffee", "astronaut", "rocket")
NEAR, FAR = ({"tint.red": red, "tint.green": 0.0} for red in (0.2, 0.0))


class Still(Tint):
    """A pipeline that draws no noise."""

    facts = PipelineFacts(max_batch=7, uses_seed=False)


@pytest.fixture
def evaluator():
    return Evaluator(
        Still(), {"all": RedOfAll(), "each": ChannelNear(0, 0.8)}, load_scenes(SCENES, resize="16")
    )


def _settings(**changes):
    known = RunSettings(
        pipeline="tint",
        pipeline_options={"noise": 0.05},
        objectives=("red_of_all",),
        scenes=SCENES,
        resize="16",
        population=4,
        generations=3,
        confirm=3,
        second_opinions=("none",),
        device="cpu",
    )
    return replace(known, **changes)


def test_the_score_is_of_all_scenes_together_and_that_by_scene_of_each_alone(evaluator):
    (trial,) = evaluator.evaluate([NEAR], seed=0)
    alone = [trial.scenes[name]["all"] for name in trial.scenes]
    assert alone == pytest.approx([trial.scenes[name]["each"] for name in trial.scenes])
    assert trial.scores["all"] == pytest.approx(np.sqrt(np.mean(np.square(alone))))
    assert trial.scores["each"] == pytest.approx(np.mean(alone))
    assert trial.scores["all"] > trial.scores["each"]


def test_a_candidate_that_an_earlier_session_found_is_evaluated_again(evaluator):
    (trial,) = evaluator.evaluate([NEAR], seed=0)
    pipeline = Still()
    fresh = Evaluator(pipeline, evaluator.objectives, evaluator.scenes)
    fresh.learn(trial, NEAR)
    assert fresh.evaluate([NEAR], seed=0) == [trial]
    assert len(pipeline.batches) == len(SCENES)
    fresh.evaluate([NEAR], seed=0)
    assert len(pipeline.batches) == len(SCENES)  # now it is known, with its evidence


def test_the_jackknife_of_a_mean_is_the_scores_of_its_scenes():
    class Mean(RedOfAll):
        def together(self, evidence):
            return float(np.mean(evidence))

    evidence = [(0.1,), (0.4,), (0.3,), (0.8,)]
    assert pseudo_values(Mean(), evidence) == pytest.approx([one[0] for one in evidence])
    assert pseudo_values(Mean(), evidence[:2]) == ()


def test_without_noise_the_interval_is_the_jackknifes_and_paired_for_gains(evaluator):
    far, near = with_jackknife(evaluator, reevaluate(evaluator, [FAR, NEAR], [0]))
    interval, gain = near.interval("all"), near.gain(far, "all")
    squares = np.square([near.scenes[name]["all"][0] for name in SCENES])
    without = [np.sqrt(np.delete(squares, i).mean()) for i in range(4)]
    deviation = np.sqrt(3 / 4 * np.square(without - np.mean(without)).sum())  # Miller 1974
    assert interval.mean == pytest.approx(np.sqrt(squares.mean()))
    assert interval.half_width == pytest.approx(3.1824 * deviation, rel=1e-3)  # Student's t of 3
    assert interval.n == 4
    assert gain.half_width < interval.half_width  # the same scenes are dark for both
    assert gain.mean == pytest.approx(interval.mean - far.interval("all").mean)


def test_with_noise_a_run_asks_its_seeds_and_a_verification_the_scenes():
    evaluator = Evaluator(Tint(noise=0.1), {"all": RedOfAll()}, load_scenes(SCENES, resize="16"))
    entry, _ = reevaluate(evaluator, [NEAR, FAR], [1, 2, 3, 4, 5])
    assert entry.interval("all").n == 5
    pair = compare_on(evaluator, FAR, NEAR, [1, 2, 3, 4, 5]).objectives["all"]
    assert (pair.recommended.n, pair.difference.n) == (4, 4)
    assert pair.recommended.mean == pytest.approx(entry.interval("all").mean)
    two = Evaluator(Tint(noise=0.1), {"all": RedOfAll()}, load_scenes(SCENES[:2], resize="16"))
    assert compare_on(two, FAR, NEAR, [1, 2, 3]).objectives["all"].recommended.n == 3  # too few scenes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"aggregate": "worst"}, "aggregate = 'worst': red_of_all scores all scenes together"),
        ({"scenes": ("cat?weight=3", "coffee")}, "together: scenes can have no weights"),
        ({"scenes": ("cat?roi=8x8+0+0", "coffee")}, "whole pictures: cat can have no regions of interest"),
        (
            {"scenes": ("cat",), "holdout": ("astronaut?weight=2", "rocket")},
            "together: scenes can have no weights",
        ),
        ({"objectives": ("weighted:0.5*red_of_all+0.5*tv",)}, "a sum is made picture by picture"),
    ],
)
def test_what_holds_of_scores_by_scene_only_is_refused_before_the_run(changes, message):
    with pytest.raises(ConfigError, match=message.replace("*", r"\*")) as caught:
        Bench(_settings(**changes))
    assert "\n" not in str(caught.value)


def test_an_opinion_that_cannot_do_with_the_aggregate_costs_no_run(tmp_path):
    settings = _settings(
        objectives=("redness",), aggregate="worst", second_opinions=("red_of_all", "greenness"), generations=2
    )
    run(Bench(settings), tmp_path / "run")
    opinions = json.loads((tmp_path / "run" / "recommended.json").read_text())["second_opinions"]
    assert [one["says"] is None for one in opinions] == [True, False]
    assert "scores all scenes together" in opinions[0]["error"]


@pytest.mark.parametrize("noise", [0.05, 0.0])
def test_a_run_that_was_stopped_ends_with_the_same_bytes_and_so_do_workers(tmp_path, noise):
    settings = _settings(pipeline_options={"noise": noise}, second_opinions=("greenness",))
    whole = run(Bench(settings), tmp_path / "whole")

    def stop(status):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Bench(settings), tmp_path / "stopped", stop)
    run(Bench(settings), tmp_path / "stopped")
    with ThreadPoolExecutor(2) as pool:
        elsewhere = Bench(settings)
        bench = Bench(
            settings, run_parts=lambda parts: enumerate(pool.map(elsewhere.evaluator.evaluate_part, parts))
        )
        run(bench, tmp_path / "workers")
    for name in ("trials.jsonl", "recommended.json", "bench.json"):
        for other in ("stopped", "workers"):
            assert (tmp_path / other / name).read_bytes() == (whole / name).read_bytes()
    trial = RunLog(whole).generations()[0].trials[0]
    alone = np.array([trial.scenes[name]["red_of_all"] for name in SCENES])
    assert trial.scores["red_of_all"] == pytest.approx(np.sqrt(np.square(alone).mean()))


def test_evidence_is_kept_of_a_generation_that_was_cut_off_and_lines_without_it_are_read(tmp_path):
    path = tmp_path / "unfinished.jsonl"
    kept = Outcome(({"all": 0.5}, "it broke"), 0.1, 0.2, ({"all": (0.25, 1.0)}, {}))
    append_outcome(path, "new", kept)
    append_outcome(path, "old", Outcome(({"all": 0.5},), 0.1, 0.2))
    found = read_outcomes(path)
    assert found["new"] == kept
    assert "evidence" not in path.read_text().splitlines()[-1]
    assert [found[name].has_evidence(["all"]) for name in ("new", "old")] == [True, False]
    assert found["old"].has_evidence([])


def test_a_picture_without_a_finite_piece_of_evidence_costs_one_trial(evaluator):
    class Fragile(RedOfAll):
        def evidence(self, images, scene):
            return [(float("nan"),) if one[0] > 0.2 else one for one in super().evidence(images, scene)]

    broken = Evaluator(Still(), {"all": Fragile()}, evaluator.scenes)
    bad, good = broken.evaluate([{"tint.red": -0.5, "tint.green": 0.0}, NEAR], seed=0)
    assert bad.error is not None
    assert "no finite number" in bad.error
    assert good.error is None


def test_the_report_and_the_console_say_that_a_score_is_over_all_scenes_together(tmp_path, isptune):
    quick = ["--population", "4", "--generations", "2", "--confirm", "2", "--second-opinion", "none"]
    scenes = [text for name in SCENES for text in ("--scene", name)]
    told = ["--pipeline", "tint", "--resize", "16", "--device", "cpu", *scenes, "--holdout", "0.5"]
    status, out, err = isptune("run", *told, *quick, "--objective", "red_of_all", "--out", "r")
    assert status == 0, err
    assert "scene by scene (optimised: over all scenes together)" in out
    assert "red_of_all over all scenes together" in out
    page = (tmp_path / "r" / "report.html").read_text()
    assert "which is no mean of those of each scene alone" in page
    status, out, err = isptune("verify", "r", "--json")
    assert set(json.loads(out)["objectives"]) == {"red_of_all"}, err


def test_the_contract_knows_of_scores_that_are_not_those_of_their_evidence():
    (scene,) = load_scenes(["cat"], resize="24")
    pictures = torch.cat([scene.image, scene.image * 0.5])
    check_objective(RedOfAll(), pictures, scene)

    class Another(RedOfAll):
        def together(self, evidence):
            return super().together(evidence) / 2

    with pytest.raises(AssertionError, match="in a run"):
        check_objective(Another(), pictures, scene)

    class Ordered(RedOfAll):
        def together(self, evidence):
            return float(np.sqrt(evidence[0][0]))

    with pytest.raises(AssertionError, match="scenes in one order"):
        check_objective(Ordered(), pictures, scene)


def test_pictures_that_are_scored_have_a_score_of_all_of_them_together(tmp_path, isptune):
    for name, red in (("a", 0.6), ("b", 0.0)):
        write_image(tmp_path / f"{name}.png", torch.full((1, 3, 8, 8), red))
    status, out, _ = isptune("score", "a.png", "b.png", "--objective", "red_of_all")
    assert status == 0
    assert out.splitlines()[-1] == f"red_of_all, all pictures together: {np.sqrt((0.2**2 + 0.8**2) / 2):.4f}"
    _, out, _ = isptune("score", "a.png", "--objective", "red_of_all")
    assert "together" not in out
