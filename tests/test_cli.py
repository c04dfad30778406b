import subprocess
import sys

import pytest

from isptune.cli import COMMANDS
from tests.toys import SHORT, TOY


def test_help_imports_no_torch_and_names_every_command():
    program = "import sys; sys.argv = ['isptune', '--help']\n"
    program += "from isptune.cli import main\ntry: main()\nexcept SystemExit: print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for heavy in ("'torch'", "'matplotlib'", "'optuna'", "'scipy'", "'cv2'", "'numpy'"):
        assert heavy not in out
    for name in COMMANDS:
        assert f"  {name} " in out


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_teaches_by_example(isptune, command):
    status, out, _ = isptune(command, "--help")
    assert status == 0
    assert "isptune " + command in out.split("Options:")[0].split("Usage:")[1].split("\n", 1)[1]


@pytest.mark.slow
@pytest.mark.drawn
def test_a_run_goes_from_the_command_to_the_report_and_is_shown_the_second_time(isptune, tmp_path):
    status, out, err = isptune("run", *TOY, *SHORT)
    assert (status, err) == (0, "")
    assert "18/18 trials" in out
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "report.html").exists()
    before = (folder / "recommended.json").read_bytes()
    status, out, _ = isptune("run", *TOY, *SHORT)
    assert status == 0
    assert "finished already" in out
    assert (folder / "recommended.json").read_bytes() == before
    for command in ("show", "report"):
        assert isptune(command, folder)[0] == 0


@pytest.mark.slow
@pytest.mark.drawn
def test_compare_runs_each_objective_alone(isptune, tmp_path):
    extra = ["--objective", "greenness", "--repeats", "2", "--out", "c"]
    status, out, err = isptune("compare", *TOY, *SHORT, *extra)
    assert (status, err) == (0, "")
    assert (tmp_path / "c" / "redness" / "report.html").exists()
    assert (tmp_path / "c" / "greenness" / "report.html").exists()
    assert (tmp_path / "c" / "report.html").exists()
    assert "redness" in out


def test_compare_refuses_an_objective_that_alone_cannot_score_before_any_work(isptune, tmp_path):
    status, out, err = isptune("compare", *TOY, *SHORT, "--objective", "picky:hopeless", "--out", "c")
    assert status == 2
    assert "picky:hopeless cannot score the start, which others can: " in err
    assert "generation" not in out
    assert not (tmp_path / "c" / "redness").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["run", "--objective", "sism"],
            2,
            "no objective is called 'sism'; did you mean 'ssim'? there are: acutance, arniqa,",
        ),
        (["run", "--pipeline", "film"], 2, "no pipeline is called 'film'; there are: "),
        (["run", "--optimizer", "adam"], 2, "no optimizer is called 'adam'; there are: catcma, cma, es,"),
        (["run", "--scene", "none.png"], 2, "none.png: no such file, and no bundled scene"),
        (["run", "--pipeline", "synthetic:bent"], 2, "map 'bent' is none of identity, warped, coupled"),
        (
            ["run", "-P", "mapp=coupled"],
            2,
            "has no option 'mapp'; did you mean 'map'? there are: map, map_seed, chain",
        ),
        (["run", "-P", "chain=gaussian_blur:99"], 2, "gaussian_blur: range 99 is not in (0, 10]"),
        (["run", "-P", "chain=fog_of_war:1"], 2, "no distortion is called 'fog_of_war'"),
        (["run", "--start", "isp.x1=1.5"], 2, "isp.x1 = 1.5 is outside [0, 1]"),
        (["run", "--start", "isp.x9=0.5"], 2, "no parameter is called 'isp.x9'; did you mean 'isp.x"),
        (["run", "--tune", "denoise.*"], 2, "'denoise.*' matches no parameter; there are: isp.x1"),
        (["run", "--device", "tpu"], 2, "device 'tpu' cannot be used"),
        (["run", "--config", "none.toml"], 2, "none.toml: no such file"),
        (["run", "--population", "1"], 2, "population = 1 must be at least 2"),
        (["compare", "--objective", "ssim"], 2, "compare needs two objectives or more"),
        (["show", "nowhere"], 1, "nowhere"),
        (["report", "nowhere"], 1, "nowhere"),
        (
            ["run", "--objective", "picky:hopeless", *TOY[:2], *TOY[4:], *SHORT],
            1,
            "all 6 candidates of generation 1",
        ),
    ],
)
def test_wrong_input_gives_one_clear_line_and_a_status(isptune, arguments, status, message):
    left, _, err = isptune(*arguments)
    assert left == status
    assert message in err
    assert err.startswith("isptune: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_wrong_usage_is_explained_by_click(isptune):
    status, _, err = isptune("run", "--populaton", "3")
    assert status == 2
    assert "--population" in err


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_finished(isptune, tmp_path, monkeypatch):
    from isptune.library.progress import RunProgress

    real = RunProgress.update

    def interrupt(self, status):
        real(self, status)
        if status.generation == 2 and not status.replayed:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunProgress, "update", interrupt)
    status, _, err = isptune("run", *TOY, *SHORT, "--out", "r")
    assert (status, err.strip()) == (130, "isptune: stopped; what was finished is kept")
    assert (tmp_path / "r" / "trials.jsonl").read_bytes().count(b"\n") == 2
    monkeypatch.setattr(RunProgress, "update", real)
    status, out, _ = isptune("run", *TOY, *SHORT, "--out", "r")
    assert status == 0
    assert "going on after generation 2" in out


@pytest.mark.slow
@pytest.mark.drawn
def test_a_run_by_a_judge_does_not_begin_with_a_complaint_about_its_start(isptune):
    by_judge = [*TOY[:2], "--objective", "judge:redder", *TOY[4:]]
    status, out, _ = isptune("run", *by_judge, *SHORT, "--out", "r")
    assert status == 0
    assert "cannot be evaluated" not in out
