import os
import subprocess
import sys

import pytest

from isptune.system import cores


@pytest.fixture
def machine(monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "_allowed", lambda: 8)
    monkeypatch.setattr(cores, "_CGROUPS", tmp_path)
    for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_without_a_quota_all_allowed_cores_are_used_and_openmp_counts_them_itself(machine):
    cores.prepare_threads()
    assert cores.usable_cores() == 8
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(("quota", "count"), [("200000 100000", 2), ("150000 100000", 2), ("1000 100000", 1),
                                              ("max 100000", 8), ("9900000 100000", 8), ("", 8)])  # fmt: skip
def test_the_quota_of_a_container_counts(machine, quota, count):
    (machine / "cpu.max").write_text(quota)
    assert cores.usable_cores() == count


def test_the_older_way_to_set_a_quota_counts_too(machine):
    (machine / "cpu").mkdir()
    (machine / "cpu" / "cpu.cfs_quota_us").write_text("300000\n")
    (machine / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    cores.prepare_threads()
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_what_the_user_has_set_stays(machine, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    (machine / "cpu.max").write_text("100000 100000")
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    cores.prepare_threads()
    assert (os.environ["OMP_WAIT_POLICY"], os.environ["OMP_NUM_THREADS"]) == ("ACTIVE", "4")


@pytest.mark.slow
def test_the_library_prepares_threads_before_torch_is_loaded():
    program = "import isptune, os; isptune.tune; assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    assert subprocess.run([sys.executable, "-c", program], env=environment).returncode == 0
