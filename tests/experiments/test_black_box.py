"""The worked examples of `command:` and `remote:` are what they say, and give the same pictures."""

import threading
from http.server import HTTPServer
from pathlib import Path

import pytest
import torch

from experiments.black_box.board import Board
from isptune.errors import RenderError
from isptune.registry import build
from isptune.scenes.scene import load_scenes, raw_scene
from tests.raw_captures import capture_of, photograph

FOLDER = Path(__file__).parents[2] / "experiments" / "black_box"
SCENE = raw_scene("shot", capture_of(noise=0.02))


@pytest.fixture(scope="module")
def script():
    return build("pipeline", f"command:{FOLDER / 'small_isp.toml'}")


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.setattr(Board, "folder", tmp_path, raising=False)
    monkeypatch.setattr(Board, "log_message", lambda *_: None)
    server = HTTPServer(("127.0.0.1", 0), Board)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield build(
        "pipeline", f"remote:{FOLDER / 'board.toml'}", url=f"http://127.0.0.1:{server.server_port}/render"
    )
    server.shutdown()
    server.server_close()
    thread.join()


def _params(space, **values):
    complete = space.complete({name.replace("__", "."): value for name, value in values.items()})
    return {
        name: value if isinstance(value, str) else torch.tensor([float(value)], dtype=torch.float64)
        for name, value in complete.items()
    }


@pytest.mark.slow
def test_the_script_and_the_board_declare_the_same_space_and_give_the_same_pictures(script, board):
    assert script.space == board.space
    values = {
        "demosaic__method": "edges",
        "denoise__luma": 0.1,
        "sharpen__amount": 0.5,
        "sensor__defects": 0.2,
    }
    params = _params(script.space, **values)
    assert script.render(SCENE, params, 0).equal(board.render(SCENE, params, 0))


def test_the_script_develops_a_capture_to_the_photograph_that_it_was_made_of(script):
    # Without fine detail, of which simple demosaicing makes an error of its own.
    small = torch.nn.functional.interpolate(photograph(), scale_factor=0.125, mode="area")
    smooth = torch.nn.functional.interpolate(small, (96, 128), mode="bicubic").clamp(0, 1)
    scene = raw_scene("smooth", capture_of(smooth))
    rendered = script.render(scene, _params(script.space, demosaic__method="edges", sensor__defects=0.0), 0)
    assert (rendered - smooth).abs().mean() < 1.5 / 255  # 12 bits at the sensor, 8 in the picture


@pytest.mark.slow
def test_its_knobs_take_noise_out(script):
    noisy = script.render(SCENE, _params(script.space), 0)
    values = {"denoise__luma": 0.15, "denoise__chroma": 2.0, "denoise__window": 7}
    denoised = script.render(SCENE, _params(script.space, **values), 0)
    assert (denoised - photograph()).square().mean() < 0.7 * (noisy - photograph()).square().mean()


def test_the_script_takes_photographs_too(script):
    (scene,) = load_scenes(["cat"], crop="32x24")
    rendered = script.render(scene, _params(script.space), 0)
    assert (rendered - scene.image).abs().max() < 1.5 / 255


def test_the_board_says_what_it_cannot_render(board):
    board.space = build("pipeline", f"command:{FOLDER / 'small_isp.toml'}").space
    params = _params(board.space)
    board.render(SCENE, params, 0)
    board.space = type(board.space)(tuple(p for p in board.space if p.name != "tone.contrast"))
    del params["tone.contrast"]
    with pytest.raises(RenderError, match=r"answered 422: cannot render this: KeyError\('tone\.contrast'\)"):
        board.render(SCENE, params, 0)
