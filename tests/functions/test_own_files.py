"""Metrics and ISPs in a file of one's own: run where the user names them, refused where anything else does."""

import json

import pytest

METRIC = """
import isptune

def sharp(image):
    return float(abs(image[:, 1:] - image[:, :-1]).mean())

@isptune.objective(direction="minimize", unit="levels")
def grain(image):
    return 255 * sharp(image)

number = 3
"""
ISP = """
import isptune
import beside
from pathlib import Path

@isptune.pipeline(isptune.Real("gain", 0.5, 2.0, 1.0), isptune.Real("offset", -0.1, 0.1, 0.0))
def isp(scene, params):
    Path("rendered").touch()
    return beside.scaled(scene.image, params["gain"]) + params["offset"]

def plain(scene, params):
    return scene.image
"""
QUICK = ["--scene", "cat", "--resize", "32", "--population", "4", "--generations", "2", "--confirm", "2",
         "--second-opinion", "none", "--device", "cpu"]  # fmt: skip
OWN = ["--pipeline", "my_isp.py:isp", "--objective", "my_metric.py:sharp", *QUICK]


@pytest.fixture
def files(isptune, tmp_path):
    (tmp_path / "my_metric.py").write_text(METRIC)
    (tmp_path / "my_isp.py").write_text(ISP)
    (tmp_path / "beside.py").write_text("def scaled(image, gain):\n    return image * gain\n")
    return tmp_path


@pytest.mark.slow
def test_both_are_tuned_and_their_hashes_are_kept(isptune, files):
    status, said, complained = isptune("run", *OWN, "--out", "r")
    assert (status, complained) == (0, ""), said
    provenance = json.loads((files / "r" / "provenance.json").read_text())
    assert set(provenance["versions"]) == {"isp"}
    assert set(provenance["weights"]) == {"function sharp"}
    assert json.loads((files / "r" / "recommended.json").read_text())["params"]["gain"] > 1


@pytest.mark.slow
def test_workers_run_them_too_and_give_the_same_log(isptune, files):
    assert isptune("run", *OWN, "--out", "here")[0] == 0
    assert isptune("run", *OWN, "--out", "there", "--workers", "2")[0] == 0
    assert (files / "here" / "trials.jsonl").read_bytes() == (files / "there" / "trials.jsonl").read_bytes()


def test_pictures_are_scored_by_them(isptune, files):
    from isptune.scenes.images import write_image
    from isptune.scenes.scene import bundled

    write_image(files / "cat.png", bundled("cat")[0].image)
    status, said, _ = isptune("score", "cat.png", "--objective", "my_metric.py:grain", "--csv")
    assert status == 0
    assert said.splitlines()[1].endswith("minimize,levels")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--objective", "my_metric.py:blunt"], "my_metric.py: has no 'blunt'; it has: sharp, grain"),
        (["--objective", "my_metric.py:number"], "is int, no objective and no function"),
        (["--objective", "no_metric.py:sharp"], "no_metric.py: no such file"),
        (["--objective", "broken.py:sharp"], "broken.py, line 2: SyntaxError"),
        (["--pipeline", "my_isp.py:plain"], "is function, no pipeline: put @isptune.pipeline"),
        (["--pipeline", "my_isp.py:isp", "-P", "speed=2"], "takes no options; got speed"),
    ],
)
def test_what_a_file_does_not_hold_is_told_in_one_line(isptune, files, options, message):
    (files / "broken.py").write_text("def sharp(image):\n    return (\n")
    status, _, complained = isptune("run", *options, *QUICK)
    assert status == 2
    assert message in complained
    assert len(complained.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_file_that_a_folder_or_a_set_or_a_configuration_names_is_not_run(isptune, files):
    assert isptune("run", *OWN, "--out", "r")[0] == 0
    assert isptune("export", "r", "--out", "set.toml")[0] == 0
    (files / "tune.toml").write_text('pipeline = "my_isp.py:isp"\n')
    (files / "rendered").unlink()
    for command in (
        ["import", "set.toml", "--objective", "tv", *QUICK],
        ["run", "--config", "tune.toml", "--objective", "tv", *QUICK],
        ["diff", "r", "set.toml"],
        ["study", "new", "study", "--from-run", "r"],
    ):
        isptune(*command)
        assert not (files / "rendered").exists(), command
    status, _, complained = isptune("run", "--config", "tune.toml", "--objective", "tv", *QUICK)
    assert status == 2
    assert "is run only where the command names it" in complained
