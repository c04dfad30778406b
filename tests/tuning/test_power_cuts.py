"""A run can be finished from whatever a power cut leaves of its folder, and ends with the same bytes."""

import os
import sys

import pytest

from isptune.runs.files import TIMES, TIMING
from isptune.runs.settings import RunSettings
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from tests.forgetful_disk import ForgetfulDisk, found_after

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("toys"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

SETTINGS = {
    "pipeline": "tint",
    "pipeline_options": {"noise": 0.05},
    "objectives": ("redness",),
    "scenes": ("cat",),
    "resize": "12",
    "population": 4,
    "generations": 2,
    "confirm": 1,
    "second_opinions": (),
    "device": "cpu",
}


def _bench(**changes):
    return Bench(RunSettings(**{**SETTINGS, **changes}))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # the real disk is not cut


def _bytes(folder):
    kept = (".lock", "provenance.json", TIMING, TIMES)  # which say when, where, and how long
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in kept
    }


def test_a_run_is_finished_from_whatever_a_power_cut_leaves_of_it(tmp_path):
    (root := tmp_path / "disk").mkdir()
    with ForgetfulDisk(root).followed() as disk:
        folder = run(_bench(), root / "runs" / "r")
    bench, want = _bench(), _bytes(folder)  # one bench for all: building it takes most of the time
    for number, state in enumerate(disk.states.values()):
        found = found_after(state, tmp_path / str(number)) / "runs" / "r"
        run(bench, found)
        assert _bytes(found) == want, (number, sorted(state))
    assert len(disk.states) > 40


def test_a_run_that_is_extended_is_finished_too_with_the_budget_that_it_has(tmp_path):
    """A cut before the new settings leaves the finished run of before; after them, one with the larger budget."""
    (root := tmp_path / "disk").mkdir()
    before = _bytes(run(_bench(), root / "runs" / "r"))
    benches = {False: _bench(), True: _bench(generations=3)}
    with ForgetfulDisk(root).followed() as disk:
        folder = run(benches[True], root / "runs" / "r", extend=True)
    after = _bytes(folder)
    for number, state in enumerate(disk.states.values()):
        folder = found_after(state, tmp_path / str(number)) / "runs" / "r"
        extended = b'"generations": 3' in (state["runs/r/config.json"] or b"")
        run(benches[extended], folder)
        assert _bytes(folder) == (after if extended else before), (number, sorted(state))
    assert len(disk.states) > 20
