"""A set that is tuned is exported, loaded by its program as a user loads it, and gives the picture that was chosen.

The user's own file is the base: what the search is compared with is the picture that the program makes of it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from isptune.runs.answer import read_answer
from isptune.runs.settings import RunSettings
from isptune.scenes.images import read_image
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from pipelines.external.camera_tags import TakenWith
from pipelines.external.dng import write_dng
from tests.pipelines.darktable.test_sidecars import STRUCTS, _entry, _sidecar
from tests.pipelines.developers import needs
from tests.pipelines.rawtherapee.test_pp3 import INSTALLED
from tests.raw_captures import capture_of, photograph

pytestmark = pytest.mark.slow

PROFILES = [None, *(path for path in INSTALLED if path.stem in ("Pop 1", "Unclipped", "Film Negative"))]
CROP = "96x64+40+48"
USERS_XMP = _sidecar(
    [
        _entry(0, "filmicrgb", 4, bytes.fromhex("00"), enabled=0),
        _entry(1, "exposure", 6, STRUCTS["exposure"]),
        _entry(2, "sharpen", 1, STRUCTS["sharpen"], priority=1, more="again"),
        _entry(3, "colorbalancergb", 5, STRUCTS["colorbalancergb"], packed=True),
    ]
)


@pytest.fixture
def shot(tmp_path):
    write_dng(
        tmp_path / "shot.dng",
        capture_of(photograph(320, 320), noise=0.01),
        taken=TakenWith("A", "B", {(34855, 3): 800}),
    )
    return tmp_path / "shot.dng"


def _tuned(folder, shot, tune, pipeline, **options):
    """A short run; its folder, and the two pictures of it."""
    settings = RunSettings(
        pipeline=pipeline, pipeline_options=options, objectives=("sharpness",), scenes=(f"raw:{shot}?crop={CROP}",),
        population=3, generations=1, confirm=1, second_opinions=("none",), tune=tune, device="cpu",
    )  # fmt: skip
    made = run(Bench(settings), folder / "run")
    return made, [read_image(made / "images" / f"shot_{who}.png") for who in ("default", "recommended")]


def _cut(path, smaller=0):
    """The scene's part of a program's whole picture, whose border of so many pixels is left out on each side."""
    left, top = 40 - smaller, 48 - smaller
    return read_image(path)[..., top : top + 64, left : left + 96]


def _same(picture, other, levels=0.51):
    """Whether two pictures are the same but for rounding to 8 bits."""
    return float((picture - other).abs().mean()) * 255 < levels


def _rawtherapee(profile, shot, out):
    own = {name: str(out.parent) for name in ("HOME", "RT_SETTINGS", "RT_CACHE")}
    subprocess.run(
        [shutil.which("rawtherapee-cli"), "-q", "-Y", "-o", out, "-t", "-b16", "-p", profile, "-c", shot],
        check=True, capture_output=True, timeout=120, env={**os.environ, **own},
    )  # fmt: skip
    return out


@needs("rawtherapee-cli", "rawtherapee")
@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem if path else "neutral")
def test_a_profile_of_rawtherapee(isptune, tmp_path, shot, profile):
    options = {} if profile is None else {"profile": str(profile)}
    made, (default, recommended) = _tuned(
        tmp_path, shot, ("exposure.compensation", "sharpen.amount"), "rawtherapee", **options
    )
    assert isptune("export", made, "--format", "pp3", "--out", "set.pp3")[0] == 0
    border = 0 if profile is None else 4  # RawTherapee's own
    chosen = _cut(_rawtherapee(tmp_path / "set.pp3", shot, tmp_path / "set.tif"), border)
    assert _same(chosen, recommended)
    assert not _same(chosen, default)
    if profile is not None:
        assert _same(_cut(_rawtherapee(profile, shot, tmp_path / "own.tif"), border), default)
    assert all(file.error is None and file.mean < 0.1 for file in read_answer(made).exported)


def _darktable(sidecar, shot, out):
    subprocess.run(
        [shutil.which("darktable-cli"), shot, sidecar, out, "--icc-type", "SRGB", "--apply-custom-presets", "false",
         "--core", "--configdir", out.parent / "own", "--library", ":memory:", "--disable-opencl",
         "--conf", "plugins/imageio/format/tiff/bpp=16"],
        check=True, capture_output=True, timeout=120, env={**os.environ, "HOME": str(out.parent)},
    )  # fmt: skip
    return out


@needs("darktable-cli", "darktable")
@pytest.mark.parametrize("own", [None, USERS_XMP], ids=["neutral", "users"])
def test_a_sidecar_of_darktable(isptune, tmp_path, shot, own):
    if own is not None:
        (tmp_path / "own.xmp").write_bytes(own)
    options = {} if own is None else {"sidecar": str(tmp_path / "own.xmp")}
    made, (default, recommended) = _tuned(
        tmp_path, shot, ("exposure.ev", "sharpen.amount"), "darktable", **options
    )
    assert isptune("export", made, "--format", "xmp", "--out", "set.xmp")[0] == 0
    chosen = _cut(_darktable(tmp_path / "set.xmp", shot, tmp_path / "set.tif"))
    assert _same(chosen, recommended)
    assert not _same(chosen, default)
    if own is not None:
        assert _same(_cut(_darktable(tmp_path / "own.xmp", shot, tmp_path / "own.tif")), default)
    assert all(file.error is None and file.mean < 0.1 for file in read_answer(made).exported)


def test_arguments_of_rawpy(isptune, tmp_path, shot):
    tune = ("exposure.bright", "white_balance.red", "demosaic.algorithm", "tone.gamma", "sensor.black_offset")
    made, (default, recommended) = _tuned(tmp_path, shot, tune, "libraw")
    assert isptune("export", made, "--format", "rawpy", "--out", "mine.py")[0] == 0
    code = "import numpy, mine; numpy.save('out', mine.develop('shot.dng'))"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
    whole = torch.from_numpy(np.load(tmp_path / "out.npy").astype(np.float32) / 65535).permute(2, 0, 1)[None]
    chosen = whole[..., 48:112, 40:136]
    assert _same(chosen, recommended)
    assert not _same(chosen, default)
    assert [file.words for file in read_answer(made).exported] == [
        "shot from the exported rawpy: the same picture as was chosen"
    ]


@needs("darktable-cli", "darktable")
def test_a_copy_of_a_part_is_told_to_give_another_picture(tmp_path, shot):
    made, _ = _tuned(tmp_path, shot, ("exposure.ev",), "darktable", copy=True)
    (file,) = read_answer(made).exported
    assert 0 < file.mean < 5  # what lies beyond a border is not in the copy
    assert Path(shot).exists()
