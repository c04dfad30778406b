import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from isptune import __version__
from isptune.errors import AllFailed, ConfigError, RunFolderError
from isptune.runs.log import RunLog
from isptune.runs.settings import RunSettings
from isptune.runs.timing import read_timing
from isptune.scenes.images import write_image
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from tests.toys import SHORT, TOY

pytestmark = pytest.mark.usefixtures("toys")

SETTINGS = {
    "pipeline": "tint",
    "pipeline_options": {"noise": 0.05},
    "objectives": ("redness",),
    "optimizer": "cma",
    "scenes": ("cat",),
    "resize": "24",
    "population": 6,
    "generations": 5,
    "repeats": 2,
    "confirm": 4,
    "second_opinions": ("greenness",),
    "device": "cpu",
}
REPRODUCIBLE = ("config.json", "bench.json", "trials.jsonl", "trials.csv", "recommended.json")


def _bench(**changes):
    return Bench(RunSettings(**{**SETTINGS, **changes}))


def _bytes(folder):
    names = [*REPRODUCIBLE, *(f"images/cat_{label}.png" for label in ("default", "recommended", "reference"))]
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.slow
def test_a_run_writes_every_trial_and_the_recommended_set(tmp_path):
    folder = run(_bench(), tmp_path / "run")
    generations = RunLog(folder).generations()
    assert [g.generation for g in generations] == list(range(5))
    assert [len(g.trials) for g in generations] == [12] * 5
    assert len({g.seed for g in generations}) == 5
    recommended = json.loads((folder / "recommended.json").read_text())
    assert recommended["objectives"]["redness"]["recommended"]["n"] == 4
    assert [entry["seed"] for entry in recommended["repeats"]] == [0, 1]
    assert recommended["stop_reason"] == "budget of 30 evaluations used"
    assert set(recommended["seeds"]).isdisjoint(g.seed for g in generations)
    best = min(e["objectives"]["redness"]["mean"] for e in recommended["repeats"])
    assert recommended["objectives"]["redness"]["recommended"]["mean"] == best


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    first = _bytes(run(_bench(), tmp_path / "a"))
    assert _bytes(run(_bench(), tmp_path / "b")) == first
    other = _bytes(run(_bench(seed=5), tmp_path / "c"))
    assert other["trials.jsonl"] != first["trials.jsonl"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer", ["cma", "es", "random", "optuna:TPE", "nevergrad:TwoPointsDE", "optuna:NSGA-II"]
)
@pytest.mark.parametrize("keep", [0, 1, 2.5])
def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path, optimizer, keep):
    whole = _bytes(run(_bench(optimizer=optimizer, generations=4), tmp_path / "whole"))
    bench = _bench(optimizer=optimizer, generations=4)
    stopped = tmp_path / "stopped"

    def stop(status):
        if status.generation == int(keep) + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(bench, stopped, stop)
    if keep != int(keep):  # killed while it wrote: half a line is left
        data = (stopped / "trials.jsonl").read_bytes()
        (stopped / "trials.jsonl").write_bytes(data[: -len(data) // 7])
    assert _bytes(run(_bench(optimizer=optimizer, generations=4), stopped)) == whole


@pytest.mark.slow
def test_a_run_killed_while_it_wrote_its_settings_can_be_given_again(tmp_path):
    whole = _bytes(run(_bench(), tmp_path / "whole"))
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / ".lock").touch()
    (killed / ".config.json.0a1b2c3d.part").write_text('{"pipeli')
    assert _bytes(run(_bench(), killed)) == whole


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_to_the_same_bytes(tmp_path):
    arguments = [
        "--scene",
        "cat",
        "--resize",
        "32",
        "--population",
        "6",
        "--generations",
        "40",
        "--confirm",
        "2",
    ]
    program = "from isptune.cli import main; main()"
    command = [sys.executable, "-c", program, "run", *arguments, "--second-opinion", "none", "--threads", "1"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, "--out", whole], check=True, capture_output=True, timeout=120)
    kills = 0
    for lines in (3, 17):
        process = subprocess.Popen([*command, "--out", killed], stdout=subprocess.DEVNULL)
        log = killed / "trials.jsonl"
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and log.read_bytes().count(b"\n") >= lines:
                break
            time.sleep(0.002)
        if process.poll() is None:
            kills += 1
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kills >= 1, "the run was over before it could be killed"
    subprocess.run([*command, "--out", killed], check=True, capture_output=True, timeout=120)
    for name in REPRODUCIBLE:
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.slow
# One that comes while Python cleans an object away goes no further: then the run is not stopped, which is fine here.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "changes",
    [
        {"second_opinions": ("greenness", "paleness")},
        {"optimizer": "optuna:TPE"},
        {"objectives": ("redness", "greenness"), "optimizer": "auto", "holdout": ("coffee",)},
        {"pipeline_options": {"noise": 0.0, "with_choice": True}, "optimizer": "auto"},
    ],
)
def test_a_run_that_is_asked_to_end_at_any_moment_goes_on_to_the_same_bytes(tmp_path, changes):
    """The command line takes SIGTERM and Ctrl-C alike: as KeyboardInterrupt, wherever the run is."""
    changes = {**changes, "generations": 3}
    began = time.monotonic()
    whole = _bytes(run(_bench(**changes), tmp_path / "whole"))
    took_s = time.monotonic() - began

    def stop(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    try:
        for share in (0.1, 0.4, 0.7, 0.95):
            folder, bench = tmp_path / str(share), _bench(**changes)
            for part in (1.0, 0.6):  # and once more while it goes on
                try:
                    signal.setitimer(signal.ITIMER_REAL, share * part * took_s)
                    run(bench, folder)
                except KeyboardInterrupt:
                    bench = _bench(**changes)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            assert _bytes(run(_bench(**changes), folder)) == whole, share
            assert read_timing(folder) is not None
            assert not list(folder.rglob("*.part"))
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
def test_a_run_stopped_while_it_hands_over_still_says_how_long_its_search_took(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(_bench(), tmp_path / "run", on_hand_over=stop)
    searched = read_timing(tmp_path / "run")
    assert searched is not None
    assert (searched.trials, searched.hand_over_s) == (60, None)
    handed_over = read_timing(run(_bench(), tmp_path / "run"))
    assert handed_over is not None
    assert handed_over.hand_over_s is not None
    assert replace(handed_over, hand_over_s=None) == searched


@pytest.mark.slow
def test_a_folder_that_holds_another_run_is_left_alone(tmp_path):
    folder = run(_bench(), tmp_path / "run")
    before = _bytes(folder)
    with pytest.raises(RunFolderError, match="holds another run .seed = 0 there, 5 now.*--out"):
        run(_bench(seed=5), folder)
    assert _bytes(folder) == before


@pytest.mark.slow
def test_a_run_does_not_go_on_with_another_picture_of_the_same_name(tmp_path):
    write_image(tmp_path / "photo.png", torch.full((1, 3, 16, 16), 0.4))
    changes = {"scenes": (str(tmp_path / "photo.png"),), "resize": None}
    folder = run(_bench(**changes), tmp_path / "run")
    log = (folder / "trials.jsonl").read_bytes()
    run(_bench(**changes), folder)
    write_image(tmp_path / "photo.png", torch.full((1, 3, 16, 16), 0.6))
    with pytest.raises(RunFolderError, match="'photo' is not the picture that this run began with.*--out"):
        run(_bench(**changes), folder)
    assert (folder / "trials.jsonl").read_bytes() == log


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(RunFolderError, match="is not empty .thesis.doc."):
        run(_bench(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) in (["thesis.doc"], [".lock", "thesis.doc"])


@pytest.mark.slow
def test_an_unfinished_run_does_not_go_on_with_other_threads(tmp_path):
    folder = run(_bench(), tmp_path / "run")
    torch.set_num_threads(1)
    run(_bench(), folder)  # finished: only shown
    (folder / "recommended.json").unlink()
    with pytest.raises(RunFolderError, match="began with threads 2, now it is 1.*--threads as before"):
        run(_bench(), folder)


@pytest.mark.slow
def test_two_processes_cannot_work_in_one_folder(tmp_path):
    def again(status):
        with pytest.raises(RunFolderError, match="another process is at work"):
            run(_bench(), tmp_path / "run")

    run(_bench(generations=1), tmp_path / "run", again)


def _another_candidate(generations):
    generations[0]["trials"][0]["params"]["tint.red"] += 0.01


def _another_noise(generations):
    generations[1]["seed"] += 1


def _a_trial_too_many(generations):
    generations[-1]["trials"].append(generations[-1]["trials"][-1])


def _a_trial_too_few(generations):
    del generations[-1]["trials"][-1]


@pytest.mark.slow
@pytest.mark.parametrize("change", [_another_candidate, _another_noise, _a_trial_too_many, _a_trial_too_few])
def test_a_log_of_other_trials_is_refused_and_kept(tmp_path, change):
    folder = run(_bench(generations=2), tmp_path / "run")
    (folder / "recommended.json").unlink()
    generations = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    change(generations)
    changed = "".join(json.dumps(generation) + "\n" for generation in generations)
    (folder / "trials.jsonl").write_text(changed)
    with pytest.raises(RunFolderError, match="is not what the optimizer asks for now"):
        run(_bench(generations=2), folder)
    assert (folder / "trials.jsonl").read_text() == changed


def test_when_all_candidates_fail_the_run_ends_with_the_reason(tmp_path):
    with pytest.raises(
        AllFailed, match="all 12 candidates of generation 1 failed; the first: cat: picky:hopeless gave nan"
    ):
        run(_bench(objectives=("picky:hopeless",)), tmp_path / "run")
    assert RunLog(tmp_path / "run").generations() == []


@pytest.mark.slow
def test_failed_trials_are_logged_with_their_message_and_rank_last(tmp_path):
    settings = {"pipeline": "moody", "population": 10, "generations": 8, "repeats": 1}
    folder = run(_bench(**settings), tmp_path / "run")
    trials = [trial for g in RunLog(folder).generations() for trial in g.trials]
    failed = [trial for trial in trials if trial.error]
    assert failed
    assert all(trial.error == "cat: red is above 0.2" and trial.scores == {} for trial in failed)
    recommended = json.loads((folder / "recommended.json").read_text())
    assert recommended["params"]["tint.red"] <= 0.2


@pytest.mark.slow
def test_fixed_parameters_keep_their_start_values(tmp_path):
    bench = _bench(tune=("tint.red",), start={"tint.green": 0.25})
    folder = run(bench, tmp_path / "run")
    recommended = json.loads((folder / "recommended.json").read_text())
    assert recommended["params"]["tint.green"] == 0.25
    trial = RunLog(folder).generations()[0].trials[0]
    assert list(trial.params) == ["tint.red"]


def test_choices_lead_to_catcma_by_themselves(tmp_path):
    bench = _bench(pipeline_options={"with_choice": True}, optimizer="auto")
    assert bench.optimizer_spec == "catcma"
    folder = run(bench, tmp_path / "run")
    assert json.loads((folder / "recommended.json").read_text())["params"]["tint.order"] in ("rg", "gr")


@pytest.mark.slow
def test_several_objectives_give_a_front_that_nothing_dominates(tmp_path):
    bench = _bench(objectives=("redness", "greenness"), optimizer="auto", generations=6, population=12)
    assert bench.optimizer_spec.lower().startswith("optuna:nsga")
    folder = run(bench, tmp_path / "run")
    front = json.loads((folder / "recommended.json").read_text())["front"]
    points = np.array([[p["scores"]["redness"], p["scores"]["greenness"]] for p in front])
    assert len(points) >= 1
    for point in points:
        assert not ((points <= point).all(1) & (points < point).any(1)).any()


def test_a_single_objective_optimizer_refuses_several_and_names_the_ways_out():
    with pytest.raises(ConfigError, match="NSGA-II.*weighted:"):
        _bench(objectives=("redness", "greenness"), optimizer="cma")


def test_second_opinions_that_disagree_give_a_warning(tmp_path):
    folder = run(_bench(second_opinions=("paleness",)), tmp_path / "run")
    recommended = json.loads((folder / "recommended.json").read_text())
    (opinion,) = recommended["second_opinions"]
    assert (opinion["objective"], opinion["says"]) == ("paleness", "worse")
    assert opinion["recommended"] < opinion["default"]
    (warning,) = recommended["warnings"]
    assert "1 of 1 second opinions (paleness)" in warning


def test_components_of_a_sum_took_part_and_give_no_second_opinion():
    bench = _bench(
        objectives=("weighted:0.7*ssim+0.3*redness",), second_opinions=("auto", "greenness", "redness")
    )
    assert "greenness" in bench.second_opinions
    assert "gmsd" in bench.second_opinions
    assert not {"ssim", "redness"} & set(bench.second_opinions)


def test_the_device_must_exist():
    with pytest.raises(ConfigError, match="device 'cuda:77' cannot be used"):
        _bench(device="cuda:77")


def test_provenance_names_versions_scenes_and_commit(tmp_path):
    folder = run(_bench(), tmp_path / "run")
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["isptune"] == __version__
    assert provenance["packages"]["torch"]
    assert len(provenance["scenes"]["cat"]) == 64
    assert provenance["threads"] == 2


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()  # below a file nothing can be made, even by root
    with pytest.raises(RunFolderError, match="cannot be used as a run folder"):
        run(_bench(), tmp_path / "file" / "run")


@pytest.mark.slow
def test_a_run_says_on_what_it_was_made_and_warns_where_it_goes_on_elsewhere(isptune, tmp_path):
    command = ("run", *TOY, *SHORT, "--out", "r")
    assert isptune(*command)[0] == 0
    path = tmp_path / "r" / "provenance.json"
    made = json.loads(path.read_text())
    assert made["threads"] == 2
    assert made["processor"]
    assert made["cuts"]["cat"] >= 1
    (tmp_path / "r" / "recommended.json").unlink()
    path.write_text(json.dumps({**made, "processor": "another one"}))
    status, _, error = isptune(*command)
    assert (status, "began with processor another one, now" in error, "last digits" in error) == (
        0,
        True,
        True,
    )
    assert isptune(*command)[2] == ""  # a finished run is only shown
