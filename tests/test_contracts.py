"""Every registered pipeline and objective keeps the contract that plug-in authors are given."""

import pytest
import torch

from isptune.errors import ConfigError, MissingExtra
from isptune.registry import build, installed
from isptune.scenes.scene import load_scenes
from isptune.testing import check_objective, check_pipeline
from tests import toys

NEEDS_ARGUMENT = {"iqa_pytorch", "judge", "promptiqa", "study", "task_guided", "weighted"}
NEEDS_CHART = {
    "acutance",
    "colorchecker",
    "mtf50",
    "overshoot",
    "snr",
    "visual_noise",
}  # tests/objectives/charts/test_charts.py
NEEDS_WEIGHTS = {"arniqa"}


@pytest.fixture(scope="module")
def scene():
    # ms_ssim needs 176 pixels, niqe two blocks of 96.
    return load_scenes(["astronaut"], crop="208x200+120+20")[0]


@pytest.fixture(scope="module")
def pictures(scene):
    noise = torch.randn(scene.image.shape, generator=torch.Generator().manual_seed(0))
    brighter = (scene.image * 1.2).clamp(0, 1)
    return torch.cat([scene.image, (scene.image + 0.1 * noise).clamp(0, 1), brighter])


@pytest.mark.parametrize(
    "name", sorted(set(installed("objective")) - NEEDS_ARGUMENT - NEEDS_CHART - NEEDS_WEIGHTS)
)
def test_objectives_keep_their_contract(name, scene, pictures):
    check_objective(build("objective", name), pictures, scene)


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


def test_weighted_sums_keep_the_contract(scene, pictures):
    check_objective(build("objective", "weighted:0.7*ssim+0.3*niqe"), pictures, scene)


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


class _Writing(toys.ChannelNear):
    def score(self, images, scene):
        return super().score(images.mul_(0.5), scene)


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [(_Drifting(), "alone|leaves"), (_Unseeded(), "the same seed"), (object(), "lacks")],
)
def test_a_pipeline_that_breaks_the_contract_is_found_out(pipeline, message, scene):
    with pytest.raises(AssertionError, match=message):
        check_pipeline(pipeline, scene)


@pytest.mark.parametrize(
    ("objective", "message"),
    [(_Moving(0, 0.5), "in a batch and"), (_Writing(0, 0.5), "writes"), (object(), "lacks")],
)
def test_an_objective_that_breaks_the_contract_is_found_out(objective, message, scene, pictures):
    with pytest.raises(AssertionError, match=message):
        check_objective(objective, pictures.clone(), scene)
