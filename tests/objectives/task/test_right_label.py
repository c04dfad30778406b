"""Classifiers on labelled scenes."""

import shutil
from dataclasses import replace

import pytest
import skimage.data
import torch

from isptune.errors import ConfigError, SceneError, UnknownName
from isptune.registry import build
from isptune.runs.settings import RunSettings
from isptune.scenes.images import to_images, write_image
from isptune.scenes.scene import Scene, load_scenes, photograph
from isptune.testing import check_objective
from isptune.tuning.bench import Bench
from tests.objectives.task.networks import colour_classifier

CATS, CUPS = {281, 282, 285}, {504, 647, 809, 925, 967, 968}
"""As in test_people.py."""


@pytest.fixture
def images():
    return torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def folder(tmp_path, images):
    (tmp_path / "labels.csv").write_text("file;label;source\nshots/one.png;2;a\ntwo.jpg;0;b\n")
    write_image(tmp_path / "one.png", torch.nn.functional.interpolate(images[:1], (64, 64)))
    return tmp_path


def _spec(folder, more="", **options):
    file = colour_classifier(folder / "net.onnx", **options)
    return f"task:imagenet?labels={folder / 'labels.csv'}&network=onnx:{file}&normalize=none&resize=8{more}"


def _logits(images):
    return 10 * images.double().mean((2, 3))


@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("log_probability", lambda x: x.log_softmax(1)[:, 2]),
        ("accuracy", lambda x: (x.argmax(1) == 2).double()),
        ("margin", lambda x: x[:, 2] - x[:, :2].amax(1)),
        ("q_p", lambda x: x.softmax(1).amax(1)),
        ("q_h", lambda x: torch.distributions.Categorical(logits=x).entropy()),
    ],
)
def test_measures_are_those_of_the_labels_logits(folder, images, measure, expected, probabilities):
    objective = build("objective", _spec(folder, f"&measure={measure}", probabilities=probabilities))
    scores = objective.score(images, Scene("one", images[:1]))
    torch.testing.assert_close(scores, expected(_logits(images)), atol=1e-5, rtol=1e-5)
    check_objective(objective, images, Scene("one", images[:1]))
    if not measure.startswith("q_"):
        assert set(objective.facts.weights) == {"net.onnx", "labels.csv"}


@pytest.mark.parametrize("spec", ["{}", "unprocessed:{}?iso=3200", "raw/{}"])
def test_a_label_is_found_by_the_file_that_a_scene_was_made_of(folder, spec):
    (folder / "raw").mkdir()
    shutil.copy(folder / "one.png", folder / "raw" / "one.png")
    file = str(folder / spec.format("one.png")) if spec.startswith("raw") else spec.format(folder / "one.png")
    first, second = load_scenes([file, file])
    labels = build("objective", _spec(folder)).labels
    assert second.name.endswith("_2")
    assert (labels.of(first), labels.of(second)) == (2, 2)
    bare = [Scene(name, first.image) for name in ("shots/two.png", "two_iso6400", "two_twin_2", "two_2")]
    assert [labels.of(scene) for scene in bare] == [0, 0, 0, 0]


def test_a_scene_without_a_label_is_one_line_before_the_run(folder):
    settings = RunSettings(objectives=(_spec(folder),), scenes=("cat",), resize="64", device="cpu")
    with pytest.raises(SceneError, match=r"^cat: has no label in .*labels\.csv") as caught:
        Bench(settings)
    assert "\n" not in str(caught.value)
    assert Bench(replace(settings, scenes=(str(folder / "one.png"),))).scenes[0].name == "one"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,label\none.png,3\n", r"line 2: '3' for 'one\.png' is no index of a class, 0 to 2"),
        ("file,label\none.png,cat\n", "is no index of a class"),
        ("file,class\none.png,1\n", "has no column 'label'"),
        ("file,label\none.png,1\none.png,2\n", r"line 3: a second label for one\.png"),
    ],
)
def test_labels_that_are_none_are_refused_with_their_line(folder, table, message):
    (folder / "labels.csv").write_text(table)
    with pytest.raises(ConfigError, match=message):
        build("objective", _spec(folder))


def test_two_files_of_one_name_may_have_two_labels_until_a_scene_is_one_of_them(folder, images):
    (folder / "labels.csv").write_text("file,label\na/one.png,1\nb/one.png,2\nc/two.png,0\n")
    labels = build("objective", _spec(folder)).labels
    assert labels.of(Scene("two", images[:1])) == 0
    with pytest.raises(ConfigError, match="different things of files called one"):
        labels.of(Scene("one", images[:1]))


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        ("task:imagenet", ConfigError, "labels=FILE"),
        ("task:imagenet?measure=top5&labels=x.csv", UnknownName, "top5"),
        ("task:imagenet?labels=x.csv&network=lite9", ConfigError, "network is lite0"),
        ("task:imagenet?labels=absent.csv", ConfigError, "absent.csv: no such file"),
        ("task:segmentation", ConfigError, "task: which"),
        ("task:imagenet?measure=q_p&network=lite0&weights=x.pth", ConfigError, "a second file beside"),
    ],
)
def test_what_a_spec_cannot_mean_is_one_line(spec, kind, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=message):
        build("objective", spec)


@pytest.mark.parametrize("network", ["lite1", "lite2"])
@pytest.mark.parametrize(("name", "classes"), [("chelsea", CATS), ("coffee", CUPS)])
def test_the_larger_networks_know_what_is_in_a_photograph(network, name, classes):
    """An independent check of widths, depths, padding and preparation: with any of them wrong they know nothing."""
    objective = build("objective", f"task_guided:network={network}")
    image = to_images(getattr(skimage.data, name)(), name)
    (first,) = objective.classifier.measured(lambda logits: logits.argmax(1), image).int().tolist()
    assert first in classes
    assert objective.score(image, photograph(name, image)).item() > 0.3
