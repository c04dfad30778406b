import subprocess
import sys
import time

import pytest

from isptune.errors import ConfigError
from isptune.runs.settings import RunSettings
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from isptune.tuning.workers import opened_bench, workers

SETTINGS = RunSettings(
    scenes=("cat", "rocket"),
    resize="32",
    population=4,
    generations=2,
    confirm=2,
    second_opinions=("none",),
    device="cpu",
)


@pytest.mark.slow
def test_spawned_processes_give_the_same_log(tmp_path):
    here = run(Bench(SETTINGS), tmp_path / "here")
    with opened_bench(SETTINGS, "2") as bench:
        there = run(bench, tmp_path / "there")
    for name in ("trials.jsonl", "recommended.json"):
        assert (there / name).read_bytes() == (here / name).read_bytes()


@pytest.mark.parametrize("spec", ["0", "-1", "many", "dask:", "dask"])
def test_a_wrong_number_of_workers_is_refused(spec):
    with (
        pytest.raises(ConfigError, match=r"neither a number of processes \(1 to 512\) nor dask:ADDRESS"),
        workers(spec, SETTINGS),
    ):
        pass


PARENT = """
import os, sys, time
from isptune.tuning.workers import _executor

if __name__ == "__main__":
    with _executor("1") as executor:
        print(executor.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""


@pytest.mark.slow
def test_workers_end_with_the_process_that_they_work_for(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True
    ) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        if _ended(worker):
            return
        time.sleep(0.1)
    raise AssertionError("the worker goes on without its parent")


def _ended(pid):
    """Whether a process has ended; one that nobody has waited for yet (a zombie) has."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()
    return not state or state.startswith("Z")
