"""Large scenes are looked at through regions that are chosen of them, told, kept, shown, and switched off."""

import json

import numpy as np
import pytest
import torch

import isptune.scenes.large
from isptune.errors import RunFolderError
from isptune.registry import build
from isptune.runs.settings import RunSettings
from isptune.scenes.large import choose_regions, is_large
from isptune.scenes.scene import load_scenes
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.regions import counted, looked_at
from isptune.tuning.run import run
from tests.toys import SHORT

RUN = ["run", "--scene", "astronaut", "--objective", "tv", "--out", "out", *SHORT]


@pytest.fixture
def _all_are_large(monkeypatch):
    monkeypatch.setattr(isptune.scenes.large, "LARGE_PIXELS", 1 << 14)
    monkeypatch.setattr(isptune.scenes.large, "SIDE", 48)


def _of_patches():
    """Grey with a soft gradient, and a patch each: texture, dark, bright, colour, skin; [1, 3, 960, 1280]."""
    picture = np.linspace(0.45, 0.55, 1280)[None, :, None] * np.ones((960, 1, 3))
    random = np.random.default_rng(0)
    patches = {
        "detail": (32, 32, np.repeat(random.uniform(0.2, 0.8, (384, 384, 1)), 3, 2)),
        "dark": (32, 448, np.full((384, 384, 3), 0.08)),
        "bright": (32, 864, np.full((384, 384, 3), 0.9)),
        "colour": (544, 32, np.broadcast_to([0.1, 0.2, 0.95], (384, 384, 3))),
        "skin-like": (544, 448, np.broadcast_to([0.85, 0.62, 0.5], (384, 384, 3))),
    }
    for top, left, patch in patches.values():
        grain = random.uniform(
            -0.02, 0.02, (384, 384, 1)
        )  # so that they are not as flat as what is about them
        picture[top : top + 384, left : left + 384] = patch + grain
    places = {why: (left, top) for why, (top, left, _) in patches.items()}
    return torch.from_numpy(picture).float().permute(2, 0, 1)[None].contiguous(), places


def test_regions_show_what_they_were_chosen_for():
    image, places = _of_patches()
    found = {place.why: place.box for place in choose_regions(image)}
    assert set(found) == {"flat", *places}
    for why, (left, top) in places.items():
        box = found[why]
        assert left <= box[0] <= left + 384 - 288, why
        assert top <= box[1] <= top + 384 - 288, why
        assert box[2:] == (288, 288)


@pytest.mark.parametrize("size", [(2900, 1600), (4000, 3000), (6000, 4000), (21000, 200)])
def test_regions_have_the_same_size_in_every_large_picture(size):
    width, height = size
    gradient = torch.linspace(0, 1, width).expand(1, 3, height, width)
    boxes = [place.box for place in choose_regions(gradient)]
    side = min(288, height // 32 * 32)
    assert len(boxes) > 2
    assert {box[2:] for box in boxes} == {(side, side)}


def test_the_choice_is_the_same_each_time_and_no_two_share_a_pixel():
    image = torch.rand(1, 3, 1900, 2300, generator=torch.Generator().manual_seed(0))
    found = choose_regions(image)
    assert found == choose_regions(image.clone())
    seen = torch.zeros(1900, 2300, dtype=torch.int)
    for place in found:
        left, top, width, height = place.box
        seen[top : top + height, left : left + width] += 1
    assert int(seen.max()) == 1


def test_full_hd_is_not_large_and_4k_is():
    assert not is_large((1920, 1080))
    assert is_large((3840, 2160))


@pytest.mark.usefixtures("_all_are_large")
def test_objectives_that_regions_cannot_stand_for_see_the_whole_picture():
    (scene,) = looked_at(
        load_scenes(["cat"]), build("pipeline", "synthetic"), [build("objective", "tv")], False
    )
    assert len(counted(build("objective", "tv").facts, scene)) > 3
    assert counted(build("objective", "entropy").facts, scene) == ()
    asked = {name: build("objective", name) for name in ("tv", "entropy")}
    evaluator = Evaluator(build("pipeline", "synthetic"), asked, [scene])
    start = build("pipeline", "synthetic").space.default
    assert evaluator.shown([start], evaluator.scenes[0], 0).of(None).shape == scene.image.shape


@pytest.mark.usefixtures("_all_are_large")
@pytest.mark.parametrize(
    ("pipeline", "scene", "full_frame"),
    [("synthetic", "cat?roi=64x64+0+0", False), ("synthetic", "cat", True), ("tint", "cat", False)],
)
def test_nothing_is_chosen_where_the_user_or_the_pipeline_does_not_let_it(pipeline, scene, full_frame, toys):
    scenes = load_scenes([scene])
    assert looked_at(scenes, build("pipeline", pipeline), [build("objective", "tv")], full_frame) == scenes


@pytest.mark.usefixtures("_all_are_large")
def test_a_run_tells_keeps_and_shows_its_regions(isptune, tmp_path):
    status, out, _ = isptune(*RUN)
    assert status == 0
    (line,) = [one for one in out.splitlines() if "is large" in one]
    assert line.startswith(
        "astronaut is large (512x512): 6 regions of 48x48 are rendered and scored (detail, flat,"
    )
    assert line.endswith("; --full-frame looks at all of it")
    (scene,) = json.loads((tmp_path / "out/bench.json").read_text())["scenes"]
    assert [one["why"] for one in scene["regions"]][:2] == ["detail", "flat"]
    page = (tmp_path / "out/report.html").read_text()
    assert "scored in 6 regions, 5.3 %" in page
    assert "where the regions lie in astronaut" in page


@pytest.mark.usefixtures("_all_are_large")
@pytest.mark.parametrize("config", [False, True])
def test_full_frame_switches_regions_off(config, isptune, tmp_path):
    (tmp_path / "my.toml").write_text("full_frame = true\n")
    status, out, _ = isptune(*RUN, *(("--config", "my.toml") if config else ("--full-frame",)))
    assert status == 0
    assert "is large" not in out
    assert "regions" not in (tmp_path / "out/bench.json").read_text()
    assert json.loads((tmp_path / "out/config.json").read_text())["full_frame"] is True


SETTINGS = {
    "objectives": ("tv",),
    "scenes": ("astronaut",),
    "population": 4,
    "generations": 3,
    "confirm": 2,
    "second_opinions": ("ssim",),
    "device": "cpu",
}
KEPT = ("bench.json", "trials.jsonl", "recommended.json", "images/astronaut_recommended.png")


def _cut_off(bench, folder):
    """Run, and lose all but the first generation, as if it had been killed then."""
    run(bench, folder)
    whole = {name: (folder / name).read_bytes() for name in KEPT}
    log = folder / "trials.jsonl"
    log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])
    (folder / "recommended.json").unlink()
    return whole


@pytest.mark.usefixtures("_all_are_large")
def test_a_run_that_goes_on_ends_in_the_same_bytes(tmp_path):
    settings = RunSettings(**SETTINGS)
    whole = _cut_off(Bench(settings), tmp_path)
    run(Bench(settings), tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in KEPT} == whole


@pytest.mark.usefixtures("_all_are_large")
def test_a_run_that_began_with_whole_frames_does_not_go_on_with_regions(tmp_path, monkeypatch):
    settings = RunSettings(**SETTINGS)
    with monkeypatch.context() as before:
        before.setattr(isptune.scenes.large, "LARGE_PIXELS", 1 << 30)
        _cut_off(Bench(settings), tmp_path)
    with pytest.raises(RunFolderError, match="began when all of the scene 'astronaut' counted"):
        run(Bench(settings), tmp_path)
