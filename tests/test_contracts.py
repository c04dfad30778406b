"""Every registered pipeline, objective and judge keeps the contract that plug-in authors are given."""

import json
import re
from dataclasses import replace

import pytest
import torch

from isptune.errors import ConfigError, MissingExtra
from isptune.facts import ObjectiveFacts, PipelineFacts
from isptune.registry import build, installed
from isptune.scenes.scene import load_scenes
from isptune.testing import check_judge, check_objective, check_pipeline
from tests import toys

NEEDS_ARGUMENT = {"command", "iqa_pytorch", "judge", "promptiqa", "study", "task", "task_guided", "weighted"}
NEEDS_CHART = {
    "acutance",
    "colorchecker",
    "mtf50",
    "overshoot",
    "snr",
    "visual_noise",
}  # tests/objectives/charts/test_charts.py
NEEDS_WEIGHTS = {"arniqa"}
NEEDS_RAW = {"camera"}  # tests/scenes/test_noise_halves.py
READY = sorted(set(installed("objective")) - NEEDS_ARGUMENT - NEEDS_CHART - NEEDS_WEIGHTS - NEEDS_RAW)
JUDGED = ("judge:depictqa", "judge:depictqa,rivals=1", "judge:depictqa,reference")

WITHOUT_IDENTIFIER = {
    "mtf50",
    "overshoot",
    "snr",
    "visual_noise",
    "scorenet",
    "scorenet-align",
    "scorenet-clip",
}
"""Standards, and a paper that has none yet."""


@pytest.fixture(scope="module")
def scene():
    # ms_ssim needs 176 pixels, niqe two blocks of 96.
    return load_scenes(["astronaut"], crop="208x200+120+20")[0]


@pytest.fixture(scope="module")
def pictures(scene):
    noise = torch.randn(scene.image.shape, generator=torch.Generator().manual_seed(0))
    brighter = (scene.image * 1.2).clamp(0, 1)
    return torch.cat([scene.image, (scene.image + 0.1 * noise).clamp(0, 1), brighter])


@pytest.mark.slow
@pytest.mark.parametrize("spec", [*READY, *JUDGED])
def test_objectives_keep_their_contract(spec, scene, pictures):
    check_objective(build("objective", spec), pictures, scene)


@pytest.mark.slow
@pytest.mark.parametrize("spec", [*READY, *JUDGED])
def test_objectives_keep_their_contract_inside_a_sum(spec, scene, pictures):
    objective = build("objective", f"weighted:0.5*{spec}+0.5*tv")
    check_objective(objective, pictures[:2], scene)
    own, whole = objective.terms[0].objective.facts, objective.facts
    assert (whole.uses_reference, whole.rivals) == (own.uses_reference, own.rivals)
    assert own.weights.items() <= whole.weights.items()
    assert set(whole.components) == {spec, "tv"}


@pytest.mark.slow
def test_what_was_fitted_to_a_study_keeps_the_contract(scene, pictures, tmp_path):
    (tmp_path / "weights.json").write_text(json.dumps({"objective": "weighted:0.5*ssim+0.5*judge:depictqa"}))
    fitted = build("objective", f"study:{tmp_path}")
    check_objective(fitted, pictures[:2], scene)
    assert {"weights.json", "depictqa.safetensors"} == set(fitted.facts.weights)
    assert (fitted.facts.rivals, fitted.facts.uses_reference) == (30, True)
    inside = build("objective", f"weighted:1*study:{tmp_path}+1*tv")
    assert set(inside.facts.components) == {f"study:{tmp_path}", "ssim", "judge:depictqa", "tv"}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted((set(READY) | NEEDS_CHART) - WITHOUT_IDENTIFIER))
def test_a_source_has_an_identifier_under_which_it_is_found(name):
    source = build("objective", name).facts.source
    assert re.search(r"doi:10\.\d{4,9}/\S+|arXiv:\d{4}\.\d{4,5}", source), source
    assert re.search(r"\b(19|20)\d\d\b", source), source


@pytest.mark.slow
def test_judges_keep_their_contract(scene, pictures):
    for reference in (False, True):
        judge = build("judge", "depictqa", reference=reference)
        check_judge(judge, pictures[:2], scene)
        assert judge.facts.uses_reference == reference


@pytest.mark.parametrize("name", sorted(NEEDS_ARGUMENT))
def test_objectives_that_need_an_argument_say_so(name):
    with pytest.raises(ConfigError):
        build("objective", name)


@pytest.mark.parametrize("name", sorted(NEEDS_WEIGHTS))
def test_objectives_without_their_published_weights_say_what_is_missing(name, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ISPTUNE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingExtra, match=r"ARNIQA\.pth"):
        build("objective", name)


@pytest.mark.parametrize("spec", ["synthetic", "synthetic:identity", "synthetic:coupled"])
def test_pipelines_keep_their_contract(spec, scene):
    check_pipeline(build("pipeline", spec), scene)


def test_second_opinions_are_registered_objectives():
    assert set(installed("second_opinion")) <= set(installed("objective"))


class _Drifting(toys.Tint):
    def render(self, scene, params, seed):
        return super().render(scene, params, seed) + 0.001 * len(params["tint.red"])


class _Unseeded(toys.Tint):
    def render(self, scene, params, seed):
        return (super().render(scene, params, seed) + 0.01 * torch.rand(1)).clamp(0, 1)


class _Moving(toys.ChannelNear):
    def score(self, images, scene):
        return super().score(images, scene) + len(images)


class _AmongItsBatch(toys.ChannelNear):
    """What the sums of old did: it compares with whoever is in the same batch."""

    def score(self, images, scene):
        scores = super().score(images, scene)
        return scores - scores.mean() if len(scores) > 1 else scores


class _Secretive(toys.ChannelNear):
    def score(self, images, scene):
        return super().score(images - scene.reference, scene)


def _stating(**facts):
    objective = toys.ChannelNear(0, 0.5)
    objective.facts = ObjectiveFacts("minimize")
    for name, value in facts.items():
        object.__setattr__(objective.facts, name, value)  # past the types, which only tests check
    return objective


class _Plain(toys.ChannelNear):
    facts = PipelineFacts(1)

    def __init__(self):
        self.channel, self.target = 0, 0.5


class _Writing(toys.ChannelNear):
    def score(self, images, scene):
        return super().score(images.mul_(0.5), scene)


class _Stated(toys.Tint):
    def __init__(self, **facts):
        super().__init__(noise=0.05)
        self.facts = replace(toys.Tint.facts, **facts)


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (_Drifting(), "alone|leaves"),
        (_Unseeded(), "the same seed"),
        (object(), "lacks"),
        (_Stated(uses_seed=False), "alone"),
        (_Stated(levels=toys.Tint.facts.levels[:1]), r"levels of shape \(4, 2\) for 1"),
        (_Stated(file_formats=("pp3",)), "file formats that it cannot write"),
        (_Stated(left_out={"pp3": ("tint.red",)}), "no format of it"),
    ],
)
def test_a_pipeline_that_breaks_the_contract_is_found_out(pipeline, message, scene):
    with pytest.raises(AssertionError, match=message):
        check_pipeline(pipeline, scene)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (_Moving(0, 0.5), "in a batch and"),
        (_AmongItsBatch(0, 0.5), "in a batch and|in one order"),
        (_Writing(0, 0.5), "writes"),
        (object(), "lacks"),
        (_Plain(), "its facts are a PipelineFacts"),
        (_Secretive(0, 0.5), "uses no reference, but without one"),
        (_stating(direction="up"), "direction = 'up'"),
        (_stating(range=(1.0, 0.0)), "lower end"),
        (_stating(range=(5.0, 6.0)), "outside the declared range"),
        (_stating(rivals=3), "no score_among"),
        (_stating(weights={"net.pth": "abc"}), "no sha256"),
    ],
)
def test_an_objective_that_breaks_the_contract_is_found_out(objective, message, scene, pictures):
    with pytest.raises(AssertionError, match=message):
        check_objective(objective, pictures.clone(), scene)
