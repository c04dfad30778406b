"""pyiqa's metrics as objectives: with a stand-in for pyiqa everywhere, with pyiqa itself where it is installed."""

import importlib.util
import logging
import math
import pickle
import sys
from types import SimpleNamespace

import pytest
import torch

from isptune.errors import ConfigError, MissingExtra, ScoreError, UnknownName
from isptune.interfaces import Objective
from isptune.scenes.scene import Scene, photograph
from objectives import iqa_pytorch
from objectives.checkpoints.guarded_loading import WeightsMissing
from objectives.iqa_pytorch import PyiqaMetric, build

needs_pyiqa = pytest.mark.skipif(
    importlib.util.find_spec("pyiqa") is None, reason="pyiqa is not installed (extra isptune[pyiqa])"
)


class StandIn(torch.nn.Module):
    """A metric with pyiqa's interface: the mean, or the mean distance from the reference."""

    def __init__(self, name="mean", mode="NR", lower_better=False, score_range="0, 1", result=None):
        super().__init__()
        self.metric_name, self.metric_mode, self.lower_better = name, mode, lower_better
        self.score_range, self.result, self.batches = score_range, result, []

    def forward(self, images, reference=None):
        self.batches.append(len(images))
        assert images.isfinite().all(), "not finite"
        if self.result is not None:
            return self.result
        difference = images if reference is None else (images - reference).abs()
        return difference.mean((1, 2, 3), dtype=torch.float64).unsqueeze(1)


@pytest.fixture
def scene():
    return photograph("noise", torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def images(scene):
    return torch.cat([scene.image * k / 20 for k in range(20)])


def installed_pyiqa(monkeypatch, create):
    stand_in = SimpleNamespace(list_models=lambda: ["fid", "mean", "musiq"], create_metric=create)
    monkeypatch.setattr(iqa_pytorch, "_import_pyiqa", lambda: stand_in)


def failing(error):
    def create(name, **options):
        raise error

    return create


def test_metric_scores_in_batches_with_its_own_direction(scene, images):
    metric = StandIn(lower_better=True, score_range="~0, 100")
    objective = PyiqaMetric(metric)
    assert isinstance(objective, Objective)
    assert not objective.facts.uses_reference
    assert (objective.facts.direction, objective.facts.range) == ("minimize", (-math.inf, 100))
    torch.testing.assert_close(objective.score(images, scene), images.mean((1, 2, 3)))
    assert metric.batches == [8, 8, 4]


def test_full_reference_metric_sees_the_reference(scene, images):
    objective = PyiqaMetric(StandIn(mode="FR"))
    assert objective.facts.uses_reference
    expected = (images - scene.reference).abs().mean((1, 2, 3))
    torch.testing.assert_close(objective.score(images, scene), expected)
    with pytest.raises(ScoreError, match="iqa_pytorch:mean compares with a reference"):
        objective.score(images, Scene("raw", scene.image))


@pytest.mark.parametrize("name", ["qalign", "qalign_4bit", "compare2score", "topiq_nr-face"])
def test_metrics_that_take_one_image_are_looped(name, scene, images):
    metric = StandIn(name)
    PyiqaMetric(metric).score(images[:3], scene)
    assert metric.batches == [1, 1, 1]


def test_image_with_nan_is_nan_and_spares_the_others(scene, images):
    images[4, 0, 0, 0] = math.nan
    scores = PyiqaMetric(StandIn()).score(images, scene)
    assert scores.isnan().nonzero().tolist() == [[4]]


def test_metric_that_draws_random_numbers_is_repeatable_and_leaves_ours_alone(scene, images):
    metric = StandIn()
    metric.forward = lambda images: torch.rand(len(images))
    torch.manual_seed(5)
    ours = torch.rand(1)
    torch.manual_seed(5)
    first, second = (PyiqaMetric(metric).score(images, scene) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.rand(1), ours)


def test_error_in_a_metric_is_a_score_error_of_one_line(scene, images):
    metric = StandIn()
    metric.forward = failing(RuntimeError("size mismatch\nlong story"))
    with pytest.raises(ScoreError, match="^iqa_pytorch:mean: size mismatch$"):
        PyiqaMetric(metric).score(images, scene)


def test_lack_of_memory_is_not_hidden_from_the_evaluator(scene, images):
    metric = StandIn()
    metric.forward = failing(torch.OutOfMemoryError("no"))
    with pytest.raises(torch.OutOfMemoryError):
        PyiqaMetric(metric).score(images, scene)


def test_one_score_for_a_whole_batch_is_refused(scene, images):
    with pytest.raises(ScoreError, match="gave 1 scores for 8 images"):
        PyiqaMetric(StandIn(result=torch.tensor(0.5))).score(images, scene)


def test_name_is_needed():
    with pytest.raises(ConfigError, match="iqa_pytorch needs the name of a metric of pyiqa, such as"):
        build(None)


def test_missing_pyiqa_says_how_to_get_it_and_its_licence(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    monkeypatch.setattr(iqa_pytorch, "import_torchvision", lambda: None)
    with pytest.raises(MissingExtra, match=r"pip install 'isptune\[pyiqa\]'.*non-commercial"):
        build("musiq")


def test_unknown_metric_lists_those_that_score_images(monkeypatch):
    installed_pyiqa(monkeypatch, failing(AssertionError))
    with pytest.raises(UnknownName, match="metric of pyiqa is called 'nonsense'; there are: mean, musiq$"):
        build("nonsense")


def test_metric_of_sets_is_refused(monkeypatch):
    installed_pyiqa(monkeypatch, failing(AssertionError))
    with pytest.raises(ConfigError, match="scores a set of images as a whole"):
        build("fid")


def test_built_metric_logs_the_licence(monkeypatch, caplog):
    installed_pyiqa(monkeypatch, lambda name, **options: StandIn(name))
    with caplog.at_level(logging.WARNING):
        assert build("mean").name == "iqa_pytorch:mean"
    assert "non-commercial use only" in caplog.text


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            WeightsMissing("https://h/musiq.pth", "/cache/musiq.pth"),
            MissingExtra,
            "musiq.pth, which is not at /cache/musiq.pth .*ISPTUNE_ALLOW_DOWNLOADS=1",
        ),
        (ModuleNotFoundError("No module named 'clip'"), MissingExtra, "No module named 'clip'.*pip install"),
        (KeyError("No object named 'X' found in 'arch' registry!"), MissingExtra, "package.*pip install"),
        (pickle.UnpicklingError("Unsupported global"), ConfigError, "more than tensors and is not loaded"),
        (ValueError("odd"), ConfigError, "cannot be built: ValueError: odd"),
    ],
)
def test_what_stops_a_metric_is_explained(error, kind, message, monkeypatch):
    installed_pyiqa(monkeypatch, failing(error))
    with pytest.raises(kind, match=message):
        build("musiq")


def test_offline_repository_is_named(monkeypatch):
    stand_in = SimpleNamespace(
        list_models=lambda: ["qalign"], create_metric=failing(OSError("no connection"))
    )
    monkeypatch.setattr(iqa_pytorch, "_import_pyiqa", lambda: stand_in)
    with pytest.raises(MissingExtra, match="`hf download q-future/one-align`"):
        build("qalign")


@pytest.mark.extras
@needs_pyiqa
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "direction", "reference", "best"),
    [("ssim", "maximize", True, 1), ("gmsd", "minimize", True, 0), ("piqe", "minimize", False, None)],
)
def test_metric_of_pyiqa_runs(name, direction, reference, best):
    scene = photograph("noise", torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0)))
    images = torch.cat([scene.image, 0.5 * scene.image])
    objective = build(name)
    scores = objective.score(images, scene)
    alone = torch.cat([objective.score(image[None], scene) for image in images])
    torch.testing.assert_close(scores, alone, atol=1e-5, rtol=1e-5)
    assert objective.facts.direction == direction
    assert objective.facts.uses_reference == reference
    assert best is None or scores[0].item() == pytest.approx(best, abs=1e-6)


@pytest.mark.extras
@needs_pyiqa
@pytest.mark.filterwarnings("ignore")
def test_missing_weights_of_pyiqa_are_named_with_their_place(tmp_path, monkeypatch):
    build("gmsd")  # imports pyiqa
    monkeypatch.setattr(sys.modules["pyiqa.utils.download_util"], "DEFAULT_CACHE_DIR", str(tmp_path))
    with pytest.raises(MissingExtra, match=f"niqe_modelparameters.mat, which is not at {tmp_path}"):
        build("niqe")
