"""What counts of a scene: its weight, and regions of interest."""

import pytest
import torch

from isptune.errors import ConfigError, SceneError
from isptune.registry import build
from isptune.scenes.focus import Region, split_focus
from isptune.scenes.scene import load_scenes
from isptune.tuning.evaluate import Evaluator
from tests import toys


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("cat?weight=3", ("cat", "3", None)),
        ("unprocessed:cat?iso=3200&weight=2&crop=64x64", ("unprocessed:cat?iso=3200&crop=64x64", "2", None)),
        ("a.png?roi=4x4+0+0,8x2+1+1", ("a.png", None, "4x4+0+0,8x2+1+1")),
        ("bundled:cat", ("bundled:cat", None, None)),
    ],
)
def test_weight_and_regions_are_taken_off_a_spec_of_any_source(spec, parts):
    assert split_focus(spec) == parts


def test_a_file_whose_name_looks_like_it_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a?weight=3").touch()
    assert split_focus("a?weight=3") == ("a?weight=3", None, None)


@pytest.mark.parametrize(
    ("focus", "message"),
    [
        ("weight=0", "cat: weight=0 is no number above 0"),
        ("weight=much", "cat: weight=much is no number above 0"),
        ("roi=8", "cat: roi=8 is not WIDTHxHEIGHT\\+X\\+Y"),
        ("roi=20x20+10+0", "cat: 24x16 has no room for the region 20x20\\+10\\+0"),
        ("weight=1&weight=2", "weight is given twice"),
        ("colour=red", "no such file"),
    ],
)
def test_what_says_nothing_is_refused(focus, message):
    with pytest.raises(SceneError, match=message):
        load_scenes([f"cat?{focus}"], resize="24")


def _scores(specs, aggregate="mean"):
    evaluator = Evaluator(
        toys.Tint(), {"red": toys.redness(None)}, load_scenes(specs, resize="24"), aggregate=aggregate
    )
    (trial,) = evaluator.evaluate([{"tint.red": 0.1, "tint.green": 0.0}], 0)
    return trial


def test_the_mean_over_scenes_is_weighted():
    trial = _scores(["cat?weight=3", "rocket"])
    cat, rocket = (trial.scenes[name]["red"] for name in ("cat", "rocket"))
    assert trial.scores["red"] == pytest.approx((3 * cat + rocket) / 4)
    assert _scores(["cat?weight=5", "rocket?weight=5"]).scores == _scores(["cat", "rocket"]).scores
    with pytest.raises(ConfigError, match="scenes have weights in a mean only"):
        _scores(["cat?weight=3", "rocket"], "worst")


def test_only_the_regions_of_interest_are_scored_and_their_mean_counts():
    (scene,) = load_scenes(["cat?roi=10x10+2+3,6x4+18+0"], resize="24")
    left, right = scene.metadata["roi"]
    assert (left, right) == (Region(2, 3, 10, 10), Region(18, 0, 6, 4))
    psnr = build("objective", "psnr")
    noisy = (
        scene.image + 0.1 * torch.rand(scene.image.shape, generator=torch.Generator().manual_seed(0))
    ).clamp(0, 1)

    class Noisy(toys.Tint):
        def render(self, scene, params, seed):
            return noisy

    (trial,) = Evaluator(Noisy(), {"psnr": psnr}, [scene]).evaluate([{"tint.red": 0.0, "tint.green": 0.0}], 0)
    (plain,) = load_scenes(["cat"], resize="24")
    expected = []
    for part in (left, right):
        mse = float(((part.of(noisy) - part.of(plain.reference)) ** 2).mean())
        expected.append(-10 * torch.log10(torch.tensor(mse)).item())
    assert trial.scores["psnr"] == pytest.approx(sum(expected) / 2, abs=1e-3)
