"""ARNIQA against a second implementation, on small random weights in the published layout."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from isptune.errors import ConfigError, MissingExtra, ScoreError, UnknownName
from isptune.facts import ObjectiveFacts
from isptune.interfaces import Objective
from isptune.scenes.scene import bundled, photograph
from isptune.testing import check_objective
from objectives.checkpoints.reading import read_checkpoint
from objectives.zero_shot import arniqa
from objectives.zero_shot.arniqa import REGRESSORS, Arniqa, Opinions, build, read_encoder, read_ridge
from objectives.zero_shot.residual_network import ArniqaEncoder, Layout
from tests.objectives.checkpoints.test_reading import save_torchscript
from tests.objectives.zero_shot.residual_oracles import features, fill

SMALL = Layout((2, 1, 1, 2), bottleneck=True, width=4)
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Regressor(nn.Module):
    """A regression in the layout of sk2torch, from which the published ones were made."""

    def __init__(self, count, generator):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(1, count, generator=generator))
        self.biases = nn.Parameter(torch.tensor(2.5))

    def forward(self, x):
        return (x @ self.weights.t()).view(-1) + self.biases


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arniqa")
    torch.save(fill(ArniqaEncoder(SMALL, 8)).state_dict(), folder / "ARNIQA.pth")
    regressor = Regressor(2 * SMALL.features, torch.Generator().manual_seed(1))
    save_torchscript(regressor, folder / "regressor_kadid10k.pth")
    return folder


def objective(files, **options):
    encoder = read_encoder(files / "ARNIQA.pth", SMALL, 8)
    ridge = read_ridge(files / "regressor_kadid10k.pth", 2 * SMALL.features)
    facts = ObjectiveFacts("maximize")
    return Arniqa(encoder, ridge, options.pop("opinions", REGRESSORS["kadid10k"]), facts, **options)


@pytest.fixture
def photo():
    return bundled("cat")[0].image[:, :, :251, :300].contiguous()


def by_pillow(image, size, boxes):
    """Resize and crop a picture of 8 bits with Pillow; what lies outside is black."""
    picture = Image.fromarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy())
    picture = picture.resize(size, Image.Resampling.BILINEAR)
    crops = [np.asarray(picture.crop(box)) / 255 for box in boxes(size)]
    return torch.from_numpy(np.stack([(crop - MEAN) / DEVIATION for crop in crops])).permute(0, 3, 1, 2)


def five(size):
    width, height = size
    left, top = width // 2 - 112, height // 2 - 112
    places = [(left, top), (0, 0), (0, height - 224), (width - 224, 0), (width - 224, height - 224)]
    return [(x, y, x + 224, y + 224) for x, y in places]


def expected(files, image, boxes):
    state = torch.load(files / "ARNIQA.pth", weights_only=True)
    height, width = image.shape[-2:]
    both = []
    for size in ((width, height), (width // 2, height // 2)):
        views = by_pillow(image, size, boxes)
        found = features(views, state, "model.0", "model.1", [f"model.{i}" for i in range(4, 8)])
        both.append(found / found.norm(dim=1, keepdim=True))
    regression = read_checkpoint(files / "regressor_kadid10k.pth")
    predicted = torch.cat(both, 1) @ regression["weights"][0].double() + regression["biases"].double()
    return float(predicted.mean())


@pytest.mark.parametrize(("height", "width"), [(2, 3), (5, 4), (64, 97), (251, 300), (225, 299)])
def test_half_size_is_that_of_pillow_bit_by_bit(photo, height, width):
    levels = (photo[..., :height, :width] * 255).round()
    picture = Image.fromarray(levels[0].byte().permute(1, 2, 0).numpy())
    half = np.asarray(picture.resize((width // 2, height // 2), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(arniqa.half_size(levels)[0].permute(1, 2, 0).numpy(), half)


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(250, 300), (235, 224), (63, 97)])
def test_scores_over_crops_are_those_of_the_paper(files, photo, height, width):
    image = photo[..., :height, :width]
    ours = objective(files).score(image, photograph("x", image))
    # float32 through twenty layers against float64.
    assert float(ours) == pytest.approx((expected(files, image, five) - 1) / 4, rel=1e-4)


@pytest.mark.parametrize(("height", "width"), [(250, 300), (33, 48)])
def test_scores_of_whole_images_are_those_of_the_published_example(files, photo, height, width):
    image = photo[..., :height, :width]
    ours = objective(files, view="whole").score(image, photograph("x", image))
    whole = lambda size: [(0, 0, *size)]  # noqa: E731
    assert float(ours) == pytest.approx((expected(files, image, whole) - 1) / 4, rel=1e-4)


def test_difference_opinions_are_turned_round(files, photo):
    scene = photograph("x", photo)
    raw = objective(files, opinions=Opinions(0, 1)).score(photo, scene)
    live = objective(files, opinions=REGRESSORS["live"]).score(photo, scene)
    torch.testing.assert_close(live, 1 - (raw - 1) / 99)


def test_the_network_is_resnet_50_with_its_projector():
    with torch.device("meta"):
        state = ArniqaEncoder().state_dict()
    assert len(state) == 322
    # 23,508,032 parameters of ResNet-50 without its last layer (He et al. 2016; torchvision: 25,557,032 in all).
    floating = {k: v for k, v in state.items() if v.is_floating_point() and "running" not in k}
    encoder = sum(value.numel() for key, value in floating.items() if key.startswith("model."))
    assert encoder == 25_557_032 - (2048 * 1000 + 1000)
    assert tuple(state["projector.2.weight"].shape) == (128, 2048)


@pytest.mark.slow
def test_it_keeps_the_contract_of_objectives(files, photo):
    for view in ("crops", "whole"):
        check_objective(
            objective(files, view=view), torch.cat([photo, photo.flip(3) * 0.5]), photograph("x", photo)
        )
    assert isinstance(objective(files), Objective)


@pytest.mark.slow
def test_half_precision_changes_scores_little(files, photo):
    full, half = (
        objective(files, precision=p).score(photo, photograph("x", photo)) for p in ("fp32", "bf16")
    )
    assert float(half) == pytest.approx(float(full), rel=0.05)
    assert float(half) != float(full)


@pytest.mark.parametrize("view", ["crops", "whole"])
@pytest.mark.parametrize("size", [(2, 2), (32, 32), (31, 400)])
def test_tiny_and_flat_images_have_finite_scores(files, view, size):
    images = torch.stack([torch.zeros(3, *size), torch.ones(3, *size), torch.full((3, *size), 0.4)])
    assert objective(files, view=view).score(images, photograph("x", images[:1])).isfinite().all()


def test_nan_in_one_image_gives_nan_for_it_alone(files, photo):
    spoilt = photo.clone()
    spoilt[0, 1, 5, 5] = math.nan
    scores = objective(files).score(torch.cat([photo, spoilt]), photograph("x", photo))
    assert scores.isnan().tolist() == [False, True]


def test_images_that_have_no_half_size_are_refused(files):
    with pytest.raises(ScoreError, match="5x1"):
        objective(files).score(torch.zeros(1, 3, 1, 5), photograph("x", torch.zeros(1, 3, 1, 5)))


@pytest.mark.slow
def test_a_spec_builds_it_from_the_folder_of_weights(tmp_path, monkeypatch):
    """At full size, as the published file has it."""
    torch.save(fill(ArniqaEncoder()).state_dict(), tmp_path / "ARNIQA.pth")
    save_torchscript(Regressor(4096, torch.Generator().manual_seed(0)), tmp_path / "regressor_csiq.pth")
    built = build(f"csiq,encoder={tmp_path},regressor_file={tmp_path},view=whole")
    assert sorted(built.facts.weights) == ["ARNIQA.pth", "regressor_csiq.pth"]
    assert (built.opinions, built.view) == (Opinions(0, 1, difference=True), "whole")
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert built.score(image, photograph("x", image)).isfinite().all()
    monkeypatch.setenv("ISPTUNE_WEIGHTS", str(tmp_path))
    with pytest.raises(ConfigError, match="its sha256 is"):
        build("csiq")


def test_missing_weights_are_named_with_their_place(tmp_path, monkeypatch):
    monkeypatch.setenv("ISPTUNE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(MissingExtra) as missing:
        build()
    for part in ("ARNIQA.pth", arniqa.ENCODER_SHA256, "`weights` of miccunifi/ARNIQA", str(tmp_path)):
        assert part in str(missing.value)


def test_wrong_options_and_files_are_refused(files, tmp_path):
    with pytest.raises(UnknownName, match="kadid10k"):
        build("regressor=ava")
    with pytest.raises(ConfigError, match="view is crops or whole"):
        build("view=all")
    with pytest.raises(ConfigError, match="is not one of its options"):
        build("kadid10k,crop=5")
    with pytest.raises(ConfigError, match="of another shape"):
        build(f"encoder={files},regressor_file={files}")
    with pytest.raises(ConfigError, match="10 coefficients and an intercept; it holds weights"):
        read_ridge(files / "regressor_kadid10k.pth", 10)
    torch.save({"w": torch.full((10,), math.nan), "b": torch.zeros(1)}, tmp_path / "nan.pth")
    with pytest.raises(ConfigError, match="NaN"):
        read_ridge(tmp_path / "nan.pth", 10)
