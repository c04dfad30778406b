"""Experiments are listed, refuse what they cannot do, and their quick runs run."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.__main__ import experiments, main
from experiments.catalogue import experiment_called, filled, read_catalogue
from experiments.data_sets import DataSet, digest, files_of, read_data_sets, require, verdict
from experiments.stand_in import MAKERS, make
from isptune.errors import ConfigError, UnknownName
from tests.raw_captures import shared

FOLDER = Path(__file__).parents[2] / "experiments"
DATA = shared("data")
NO_EXPERIMENT = {"readme"}  # pictures of the README
ELSEWHERE = {
    "task": "two networks and raw files take a quarter of a minute",
    "metrics_without_weights": "it is one isptune compare, which tests/commands runs",
    "black_box": "test_black_box.py runs the same program",
}
QUICK = [name for name, one in read_catalogue().items() if one.quick and name not in ELSEWHERE]


def test_every_folder_of_experiments_is_in_the_catalogue():
    folders = {path.parent.name for path in FOLDER.glob("*/README.md")} | {
        path.parent.name for path in FOLDER.glob("*/*.py")
    }
    assert {name.partition(".")[0] for name in read_catalogue()} == folders - NO_EXPERIMENT


def test_what_the_catalogue_names_exists():
    known = read_data_sets()
    for name, one in read_catalogue().items():
        assert (FOLDER / one.page).is_file(), name
        assert bool(one.quick) != bool(one.no_quick) or (one.steps == () and one.no_quick), name
        assert set(one.data) <= set(known), name
        for step in (*one.steps, *one.quick):
            assert importlib.util.find_spec("isptune.cli" if step[0] == "isptune" else step[0]), step[0]
        if one.quick:
            assert set(one.data) <= set(MAKERS), f"{name}: a quick run is on data that is made by code"
        assert not re.search(r"\{out\}", " ".join(" ".join(step) for step in one.steps)) or name == "targets"


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_the_quick_run_of_an_experiment_runs_and_writes_nothing_beside_its_scripts(
    name, tmp_path, monkeypatch
):
    before = _contents()
    monkeypatch.chdir(FOLDER.parent)
    done = CliRunner().invoke(
        experiments, ["run", name, "--quick", "--out", str(tmp_path)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert "says nothing" in done.output
    assert _contents() == before


def _contents():
    return {path: path.stat().st_mtime_ns for path in FOLDER.rglob("*") if path.suffix not in (".pyc", "")}


def test_the_list_tells_question_cost_and_data_of_each():
    told = CliRunner().invoke(experiments, ["list"]).output
    for name, one in read_catalogue().items():
        assert f"\n{name}\n  question  {one.question}\n" in f"\n{told}"
    assert "quick     none: " in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "targts"], "did you mean 'targets'"),
        (["run", "causal", "--quick"], "has no quick run: it trains a network"),
        (
            ["run", "causal"],
            r"needs cifar10, as cifar10/cifar10_test.tar: no folder was given \(--data DIR\)",
        ),
        (
            ["run", "eyes", "--data", "nowhere"],
            "needs noise_pairs, as noise_pairs: it is not in nowhere; .*github.com",
        ),
        (["run", "scorenet.ablation"], "see experiments/scorenet/README.md"),
        (["run", "eyes", "--out", "here"], "--out belongs to --quick"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(words, said, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["experiments", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(said, line), line


def test_folders_are_filled_in_wherever_a_step_names_them():
    step = ("module", "{data}/photos", "--out={out}", "x{nothing}")
    folders = {"data": Path("/a"), "out": Path("/b")}
    assert filled([step], folders) == [("module", "/a/photos", "--out=/b", "x{nothing}")]
    with pytest.raises(UnknownName):
        experiment_called("nothing")


@pytest.mark.slow
def test_a_set_is_told_from_another_by_its_hash(tmp_path):
    make(["biq2021", "noise_pairs"], tmp_path)
    rated = DataSet("biq2021", "", "", "", listed_by="scores.csv")
    files = files_of(rated, tmp_path)
    assert len(files) == 17
    known = DataSet(
        "biq2021", "", "", "", listed_by="scores.csv", files=17, sha256=digest(files, tmp_path / "biq2021")
    )
    assert "those that the results were measured on" in verdict(known, tmp_path)
    (tmp_path / "biq2021" / "stranger.png").write_bytes(b"")  # is not in the table
    assert "those that" in verdict(known, tmp_path)
    shutil.copy(tmp_path / "biq2021" / "1.png", tmp_path / "biq2021" / "2.png")
    assert "others than the 17" in verdict(known, tmp_path)
    assert "not here" in verdict(DataSet("raw", "", "there", ""), tmp_path)
    assert "no hash" in verdict(DataSet("noise_pairs", "", "", ""), tmp_path)
    require(["noise_pairs"], tmp_path)
    with pytest.raises(ConfigError, match="needs cid22"):
        require(["noise_pairs", "cid22"], tmp_path)


def test_a_hash_is_that_of_what_sha256sum_prints(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest([tmp_path / "a"], tmp_path / "a") == known
    import hashlib

    assert digest([tmp_path / "a"], tmp_path) == hashlib.sha256(f"{known}  a\n".encode()).hexdigest()


@pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data beside the project")
@pytest.mark.parametrize("name", ["kodak", "measured"])
def test_the_data_at_hand_are_those_that_the_results_were_measured_on(name):
    assert "those that the results were measured on" in verdict(read_data_sets()[name], DATA)
