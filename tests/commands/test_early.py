"""Mistakes that need no torch are told before it is loaded."""

import json
import subprocess
import sys

import pytest

from isptune.commands.early import check_scenes, check_settings, check_writable
from isptune.errors import DiskError, SceneError
from isptune.runs.settings import RunSettings

MISTAKES = [
    (["run", "--objective", "sism"], "did you mean 'ssim'?"),
    (["run", "--constraint", "noize<=3"], "did you mean 'noise'?"),
    (["run", "--pipeline", "sinthetic"], "did you mean 'synthetic'?"),
    (["run", "--optimizer", "cmaes"], "no optimizer is called 'cmaes'"),
    (["run", "--tune", "denoise.*"], "'denoise.*' matches no parameter"),
    (["run", "--pipeline", "raw", "--tune", "denoize.*"], "did you mean 'denoise.*'?"),
    (["run", "--start", "isp.x1=1.5"], "outside [0, 1]"),
    (["run", "-P", "mapp=coupled"], "no option 'mapp'"),
    (["run", "--scene", "none.png"], "none.png: no such file"),
    (["run", "--scene", "astronout"], "did you mean 'astronaut'?"),
    (
        ["run", "--scene", "twin:none.png?iso=400"],
        "none.png: no such file, as twin:none.png?iso=400 names it",
    ),
    (["run", "--objective", "ssim?chanel=y"], "did you mean 'channel'?"),
    (["run", "--objective", "mine.py:sharp"], "mine.py: no such file"),
    (["run", "--pipeline", "command:isp.toml"], "isp.toml: no such file"),
    (["run", "--config", "none.toml"], "none.toml: no such file"),
    (["run", "--out", "/proc/mine"], "/proc/mine: cannot be written"),
    (["compare", "--objective", "ssim", "--objective", "nique"], "did you mean 'niqe'?"),
    (["import", "none.toml"], "none.toml: no such file"),
    (["verify", "nowhere"], "nowhere: no such f"),
    (["diff", "nowhere"], "nowhere: no such f"),
    (["export", "nowhere"], "nowhere: no such f"),
    (["describe", "none.png"], "none.png: no such file"),
    (["compare-images", "a.png", "b.png"], "a.png: no such file"),
    (["score", "none.png", "--objective", "ssim"], "none.png: no such file"),
    (["distort", "a.png", "b.png", "--distortion", "jpeg", "--level", "3"], "a.png: no such file"),
    (["study", "new", "mine", "--from-run", "nowhere"], "nowhere: no such f"),
]


def test_none_of_these_mistakes_loads_torch_and_each_says_what_is_wrong(tmp_path):
    program = (
        "import sys, io, json, contextlib\nfrom isptune.cli import main\ntold = []\n"
        "for words in json.loads(sys.stdin.read()):\n"
        "    sys.argv, err = ['isptune', *words], io.StringIO()\n"
        "    with contextlib.redirect_stderr(err):\n"
        "        try: main()\n"
        "        except SystemExit as left: assert left.code in (1, 2), words\n"
        "    assert 'torch' not in sys.modules, words\n"
        "    told.append(err.getvalue())\n"
        "print(json.dumps(told))"
    )
    words = json.dumps([words for words, _ in MISTAKES])
    done = subprocess.run(
        [sys.executable, "-c", program], input=words, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for told, (words, expected) in zip(json.loads(done.stdout), MISTAKES, strict=True):
        assert expected in told, words
        assert told.count("\n") == 1, words
        assert told.startswith("isptune: "), words


def test_the_name_of_a_missing_file_is_told_once(isptune, tmp_path):
    for command in (["describe"], ["score", "--objective", "ssim"]):
        err = isptune(*command, "none.png")[2]
        assert err.count("none.png") == 1
    (tmp_path / "text.png").write_text("no picture")
    err = isptune("score", "none.png", "text.png", "--objective", "tv")[2]
    assert err.count("none.png") == 1
    assert err.count("text.png") == 1


def test_what_may_be_right_passes():
    check_scenes(
        ["cat", "bundled:coffee", "chart:", "unprocessed:chart:?iso=200", "shot{iso}.dng", "cat?weight=2"]
    )
    check_settings(
        RunSettings(objectives=("weighted:0.7*ssim+0.3*niqe", "judge:endpoint:http://h/v1?model=a"))
    )


def test_a_scene_that_is_a_folder_of_another_kind_is_no_scene(tmp_path):
    with pytest.raises(SceneError, match="no such file"):
        check_scenes([str(tmp_path / "gone")])


def test_a_folder_behind_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="is a file"):
        check_writable(str(tmp_path / "file" / "run"))
    check_writable(str(tmp_path / "new" / "run"))
    assert not (tmp_path / "new").exists()
