"""Task-guided quality on small random networks, against a second residual network and the paper's formulae."""

import math
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from isptune.errors import ConfigError, MissingExtra, UnknownName
from isptune.interfaces import Objective
from isptune.scenes.scene import bundled, photograph
from isptune.testing import check_objective
from objectives.zero_shot import classifiers
from objectives.zero_shot.classifiers import Preparation, prepared
from objectives.zero_shot.residual_network import Layout, ResidualClassifier
from objectives.zero_shot.task_guided import build
from tests.objectives.zero_shot.residual_oracles import features, fill

LAYOUTS = {
    "basic": Layout((1, 2, 1, 1), bottleneck=False, width=4),
    "bottleneck": Layout((2, 1, 1, 1), bottleneck=True, width=4),
    "small stem": Layout((1, 1, 1, 1), bottleneck=False, width=4, small_stem=True),
}
STAGES = [f"layer{number}" for number in range(1, 5)]


@pytest.fixture
def images():
    image = bundled("cat")[0].image[:, :, :90, :130]
    return torch.cat([image, image.flip(3) * 0.7, image.clamp(0.2, 0.5)])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.pth"
    torch.save(fill(ResidualClassifier(LAYOUTS["basic"], 7)).state_dict(), path)
    return path


def score(spec, images):
    return build(spec).score(images, photograph("x", images[:1]))


def expected(images, state, which, small_stem=False):
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x = features((images - mean) / deviation, state, "conv1", "bn1", STAGES, small_stem)
    z = (x @ state["fc.weight"].double().T + state["fc.bias"].double()).numpy()
    y = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return {"p": y.max(1), "h": -(y * np.log(y)).sum(1), "l": z.max(1)}[which]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["p", "h", "l"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_scores_are_those_of_the_paper_on_a_second_network(images, tmp_path, layout, which):
    network = fill(ResidualClassifier(LAYOUTS[layout], 7))
    torch.save(network.state_dict(), tmp_path / "net.pth")
    ours = score(f"{tmp_path / 'net.pth'},view=whole,score={which}", images)
    theirs = expected(images, network.state_dict(), which, LAYOUTS[layout].small_stem)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)  # float32 layers against float64


def test_temperature_multiplies_logits(images, file):
    plain, doubled = (score(f"{file},score=l,temperature={t}", images) for t in (1, 2))
    torch.testing.assert_close(doubled, 2 * plain)


@pytest.mark.slow
@pytest.mark.parametrize("view", ["crop", "whole"])
@pytest.mark.parametrize(("which", "direction"), [("p", "maximize"), ("h", "minimize"), ("l", "maximize")])
def test_it_keeps_the_contract_of_objectives(images, file, which, direction, view):
    objective = build(f"{file},score={which},crop=64,view={view}")
    check_objective(objective, images, photograph("x", images[:1]))
    assert objective.facts.direction == direction
    assert isinstance(objective, Objective)
    assert list(objective.facts.weights) == ["net.pth"]


@pytest.mark.parametrize("view", ["crop", "whole"])
@pytest.mark.parametrize("size", [(1, 1), (32, 32), (20, 300)])
def test_flat_and_tiny_images_have_finite_scores_and_nan_gives_nan(file, view, size):
    images = torch.stack([torch.full((3, *size), value) for value in (0.0, 1.0, 0.3)])
    images[2, 1, 0, 0] = math.nan
    assert score(f"{file},crop=64,view={view}", images).isnan().tolist() == [False, False, True]


def test_no_images_have_no_scores(file):
    assert score(str(file), torch.zeros(0, 3, 32, 32)).shape == (0,)


def test_the_view_is_the_centre_of_the_resized_picture():
    """A ramp stays a ramp under a triangle filter, away from its ends; 8 pixels are cut off either side."""
    ramp = torch.linspace(0, 1, 240).expand(1, 3, 120, 240)
    plain = Preparation(resize=60, crop=44, mean=(0.0, 0.0, 0.0), deviation=(1.0, 1.0, 1.0))
    view = prepared(ramp, plain, whole=False)
    assert tuple(view.shape) == (1, 3, 44, 44)
    places = (torch.arange(44) + (120 - 44) / 2 + 0.5) * 2 - 0.5
    torch.testing.assert_close(view[0, 0, 0], places / 239)
    assert torch.equal(prepared(ramp, plain, whole=True), ramp)


def test_options_change_the_preparation(file):
    assert build(f"{file}").classifier.preparation == Preparation()
    assert build(f"{file},crop=112").classifier.preparation == Preparation(128, 112)
    plain = build(f"{file},crop=112,resize=112,normalize=none").classifier.preparation
    assert plain == Preparation(112, 112, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_wrong_options_and_weights_are_refused(file, tmp_path):
    for spec, reason in (
        (None, "weights=FILE names"),
        (f"{tmp_path / 'absent.pth'}", "no such checkpoint"),
        (f"{file},model=vgg", "network is lite0, lite1, lite2, resnet:FILE"),
        (f"{file},view=half", "view is crop or whole"),
        (f"{file},temperature=-1", "temperature is a number above 0"),
        (f"{file},crop=1.5", "crop is a number above 0"),
        (f"{file},resize=32", "leaves no 224 pixels"),
    ):
        with pytest.raises(ConfigError, match=reason):
            build(spec)
    with pytest.raises(UnknownName, match="there are: h, l, p"):
        build(f"{file},score=x")
    state = torch.load(file, weights_only=True)
    for change, reason in (
        ({"layer9.0.conv1.weight": torch.zeros(1)}, "unexpected: layer9.0.conv1.weight"),
        ({"layer4.0.bn2.weight": torch.zeros(3)}, r"layer4.0.bn2.weight \[3\] for \[32\]"),
        ({"conv1.weight": torch.zeros(4)}, "is no residual network"),
    ):
        torch.save({**state, **change}, tmp_path / "other.pth")
        with pytest.raises(ConfigError, match=reason):
            build(str(tmp_path / "other.pth"))


def test_a_wide_stem_alone_does_not_make_a_wide_network(file, tmp_path):
    """Its 200 TB are never asked for."""
    state = torch.load(file, weights_only=True)
    torch.save({**state, "conv1.weight": torch.zeros(1_000_000, 3, 1, 1)}, tmp_path / "wide.pth")
    with pytest.raises(ConfigError, match="of another shape: conv1.weight"):
        build(str(tmp_path / "wide.pth"))


@pytest.fixture
def stand_ins(monkeypatch, tmp_path):
    """A torchvision and a timm of one classifier each."""
    network = lambda count: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, count))  # noqa: E731
    preset = SimpleNamespace(
        resize_size=[48],
        crop_size=[40],
        mean=[0.1, 0.2, 0.3],
        std=[0.5, 0.6, 0.7],
        interpolation=SimpleNamespace(value="bicubic"),
    )
    weights = SimpleNamespace(url="https://models/net-0123abcd.pth", transforms=lambda: preset)

    class Weights(list):
        DEFAULT = weights

    models = ModuleType("torchvision.models")
    models.list_models = lambda module: ["net", "other_net"]
    models.get_model_weights = lambda name: Weights([weights])
    models.get_model = lambda name, weights, num_classes: network(num_classes)
    timm = ModuleType("timm")
    timm.list_models = lambda: ["net"]
    timm.create_model = lambda name, pretrained, num_classes: network(num_classes)
    config = {
        "input_size": (3, 40, 40),
        "crop_pct": 0.8,
        "mean": (0.1, 0.2, 0.3),
        "std": (1, 1, 1),
        "interpolation": "bilinear",
    }
    timm.data = SimpleNamespace(resolve_model_data_config=lambda network: config)
    monkeypatch.setattr(classifiers, "import_torchvision", lambda: None)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    monkeypatch.setitem(sys.modules, "timm", timm)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("ISPTUNE_WEIGHTS", str(tmp_path / "weights"))
    return network


def test_classifiers_of_packages_are_built_on_weights_from_a_file(stand_ins, images, tmp_path):
    network = stand_ins(5)
    torch.save(network.state_dict(), tmp_path / "net-0123abcd.pth")
    for spec, preparation in (
        ("model=torchvision:net", Preparation(48, 40, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7), bicubic=True)),
        ("model=timm:net", Preparation(50, 40, (0.1, 0.2, 0.3), (1, 1, 1))),
    ):
        objective = build(f"weights={tmp_path / 'net-0123abcd.pth'},{spec},classes=5,score=l")
        assert objective.classifier.preparation == preparation
        with torch.no_grad():
            theirs = network(prepared(images, preparation, whole=False)).amax(1).double()
        torch.testing.assert_close(objective.score(images, photograph("x", images[:1])), theirs)


def test_missing_weights_and_unknown_models_of_packages_are_named(stand_ins, tmp_path):
    with pytest.raises(MissingExtra, match=r"net-0123abcd.pth \(sha256 0123abcd\.\.\.\)"):
        build("model=torchvision:net")
    with pytest.raises(ConfigError, match="near it: net"):
        build("model=torchvision:nets")
    with pytest.raises(ConfigError, match="5 need weights=FILE"):
        build("model=torchvision:net,classes=5")
    torch.save(stand_ins(5).state_dict(), tmp_path / "a.pth")
    with pytest.raises(ConfigError, match="of another shape"):
        build(f"{tmp_path / 'a.pth'},model=timm:net")
    torch.save(stand_ins(1).state_dict(), tmp_path / "b.pth")
    with pytest.raises(ConfigError, match="no logits of two or more classes"):
        build(f"{tmp_path / 'b.pth'},model=timm:net,classes=1")


@pytest.mark.parametrize("package", ["torchvision", "timm"])
def test_missing_packages_are_named(package, monkeypatch, tmp_path):
    monkeypatch.setattr(classifiers, "import_torchvision", lambda: None)
    for module in ("torchvision.models", "timm"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=f"needs the package {package}"):
        build(f"{tmp_path / 'a.pth'},model={package}:resnet18")
