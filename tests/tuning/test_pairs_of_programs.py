"""Several pairs at once as scenes of programs and servers: each gets files of both shots, and renders references."""

import io
import json

import cv2
import numpy as np
import pytest
import rawpy
import torch

from isptune.runs.settings import RunSettings
from isptune.space import Space
from isptune.tuning.bench import Bench
from tests.pipelines.external.test_remote import Board, reply
from tests.scenes.test_pairs import shot, write

KNOBS = """
[[param]]
name = "denoise.sigma"
range = [0.0, 3.0]
default = 0.0

[[param]]
name = "light.gain"
range = [0.5, 2.0]
default = 1.0
"""
ISP = """
import json, sys
sys.path.insert(0, {folder!r})
from develop import developed
open("calls.txt", "a").write(sys.argv[1] + "\\n")
picture = developed(sys.argv[1], json.load(open(sys.argv[2])))
open(sys.argv[3], "wb").write(picture)
"""
DEVELOP = """
import cv2, numpy as np, rawpy
def developed(file, values):
    with rawpy.imread(file) as raw:
        image = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16, user_flip=0)
    soft = cv2.GaussianBlur(image, (0, 0), 0.2 + values["denoise.sigma"]).astype(float)
    picture = (soft * values["light.gain"]).clip(0, 65535).round().astype(np.uint16)
    return cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))[1].tobytes()
"""


def developed(file, values):
    """The same in this process."""
    names: dict = {}
    exec(DEVELOP, names)
    return names["developed"](file, values)


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """Two scenes at ISO 6400, one with a clean shot in which a thing stands elsewhere, one with a burst of three."""
    folder = tmp_path_factory.mktemp("shots")
    write(folder / "desk.dng", shot(iso=6400, noise_seed=1))
    write(folder / "desk_clean.dng", shot(2, -2, brightness=0.5, thing=True), time=0.32, iso=100)
    write(folder / "tree.dng", shot(iso=6400, noise_seed=2, picture="cat"))
    for number in range(3):
        burst = shot(iso=800, noise_seed=7 + number, picture="cat")
        write(folder / f"tree_burst{number}.dng", burst, time=0.08, iso=800)
    return folder


def settings(shots, pipeline, **changes):
    chosen = {
        "pipeline": pipeline,
        "objectives": ("psnr",),
        "scenes": (
            f"pair:{shots}/desk.dng?clean={shots}/desk_clean.dng&weight=3&roi=120x90+10+10",
            f"pair:{shots}/tree.dng?clean={shots}/tree_burst*.dng",
        ),
        "second_opinions": ("none",),
        "device": "cpu",
    }
    return RunSettings(**{**chosen, **changes})


def check_pairs(bench, trials):
    """Both references are the ISP's own pictures of the clean shots; a little denoising is better than none."""
    desk, tree = bench.scenes
    assert [scene.name for scene in bench.scenes] == ["desk", "tree"]
    for scene in bench.scenes:
        assert scene.reference.shape == (1, 3, *scene.raw.mosaic.shape[-2:])
        if scene.masked is not None:
            assert scene.masked.shape[-2:] == scene.reference.shape[-2:]
    assert desk.masked.float().mean() > 0.02
    assert "the mean of 3 clean shots" in tree.metadata["note"]
    none, some = trials
    assert none.error is None
    assert some.error is None
    for name in ("desk", "tree"):
        assert some.scenes[name]["psnr"] > none.scenes[name]["psnr"] + 1
    weighted = (3 * none.scenes["desk"]["psnr"] + none.scenes["tree"]["psnr"]) / 4
    assert none.scores["psnr"] == pytest.approx(weighted, abs=1e-6)


def evaluated(bench):
    space: Space = bench.space
    return bench.evaluator.evaluate([space.complete({"denoise.sigma": sigma}) for sigma in (0.0, 0.8)], 0)


@pytest.mark.slow
def test_a_program_develops_both_shots_of_several_pairs(shots, tmp_path):
    (tmp_path / "develop.py").write_text(DEVELOP)
    (tmp_path / "isp.py").write_text(ISP.format(folder=str(tmp_path)))
    words = ["{python}", "isp.py", "{scene}", "{params}", "{out}"]
    (tmp_path / "isp.toml").write_text(f"command = {json.dumps(words)}\n{KNOBS}")
    bench = Bench(settings(shots, f"command:{tmp_path}/isp.toml"))
    check_pairs(bench, evaluated(bench))
    called = (tmp_path / "calls.txt").read_text().split()
    assert len(called) == 6  # each clean shot once, each noisy one at both sets
    assert len(set(called)) == 4


class RawBoard(Board):
    """A board that develops the raw file that it was sent."""

    def render(self, handler, asked):
        file = self.files.get(f"/render/scenes/{asked['scene']['sha256']}")
        if file is None:
            return reply(handler, 409, b"I have no such scene")
        self.worked += 1
        return reply(handler, 200, developed(io.BytesIO(file), asked["params"]))


@pytest.mark.slow
def test_a_server_gets_both_shots_of_several_pairs(shots, tmp_path):
    board = RawBoard()
    try:
        (tmp_path / "board.toml").write_text(f'url = "{board.url}"\n{KNOBS}')
        bench = Bench(settings(shots, f"remote:{tmp_path}/board.toml"))
        check_pairs(bench, evaluated(bench))
        assert len(board.files) == 4
        assert board.worked == 6
        # A shot is a raw file as it arrived: no shift, no sharpening of ours is in the noisy one.
        (file,) = (
            data for data in board.files.values() if _mean(data) == pytest.approx(_mean_of(bench.scenes[1]))
        )
        assert rawpy.imread(io.BytesIO(file)).raw_image.dtype == np.uint16
    finally:
        board.close()


def _mean(data):
    with rawpy.imread(io.BytesIO(data)) as raw:
        return float(raw.raw_image_visible.mean())


def _mean_of(scene):
    return float(scene.raw.mosaic.mean())


@pytest.mark.slow
def test_the_start_and_a_set_say_at_what_values_a_program_renders_the_clean_shot(shots, tmp_path):
    board = RawBoard()
    try:
        (tmp_path / "board.toml").write_text(f'url = "{board.url}"\n{KNOBS}')
        (tmp_path / "set.toml").write_text('[values]\n"denoise.sigma" = 0.5\n')
        pair = f"pair:{shots}/desk.dng?clean={shots}/desk_clean.dng"
        asked = []
        for scene in (pair, f"{pair}&set={tmp_path}/set.toml"):
            # Only one knob is tuned: a set may say more than that.
            Bench(
                settings(
                    shots,
                    f"remote:{tmp_path}/board.toml",
                    scenes=(scene,),
                    tune=("light.gain",),
                    start={"light.gain": 1.5},
                )
            )
            asked.append(board.requests[-1][2]["params"])
        assert asked == [
            {"denoise.sigma": 0.0, "light.gain": 1.5},
            {"denoise.sigma": 0.5, "light.gain": 1.5},
        ]
        series = settings(
            shots, f"remote:{tmp_path}/board.toml", scenes=(pair,), start={"light.gain": 0.8}, reference_at={}
        )
        Bench(series)
        assert board.requests[-1][2]["params"] == {"denoise.sigma": 0.0, "light.gain": 1.0}
    finally:
        board.close()


def test_pictures_of_half_the_size_have_masks_of_half_the_size(shots, tmp_path):
    class Half(RawBoard):
        def render(self, handler, asked):
            file = self.files.get(f"/render/scenes/{asked['scene']['sha256']}")
            if file is None:
                return reply(handler, 409, b"I have no such scene")
            image = cv2.imdecode(np.frombuffer(developed(io.BytesIO(file), asked["params"]), np.uint8), -1)
            return reply(handler, 200, cv2.imencode(".png", image[::2, ::2])[1].tobytes())

    board = Half()
    try:
        (tmp_path / "board.toml").write_text(f'url = "{board.url}"\n{KNOBS}')
        pair = f"pair:{shots}/desk.dng?clean={shots}/desk_clean.dng"
        (scene,) = Bench(settings(shots, f"remote:{tmp_path}/board.toml", scenes=(pair,))).scenes
        assert scene.masked.shape[-2:] == scene.reference.shape[-2:]
        assert scene.reference.shape[-1] == scene.raw.size[0] // 2
        assert torch.isfinite(scene.reference).all()
    finally:
        board.close()
