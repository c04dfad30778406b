"""However isptune ends, no program that it started goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isptune.errors import ProgramError
from isptune.system.leash import hold, let_go
from isptune.system.program import run_program
from tests.pipelines.external.fake_isp import PLAIN, write_isp

ROOT = Path(__file__).parents[2]

SLEEPY = (
    PLAIN
    + """
import os, pathlib, subprocess, time
first = pathlib.Path("called")
if not first.exists():
    first.touch()  # the trial that tells how long one takes
    sys.exit()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
for pid in (child.pid, os.getpid()):
    pathlib.Path(f"pids-{pid}").touch()
time.sleep(300)
"""
)

MAIN = "import sys; sys.argv[0] = 'isptune'; from isptune.cli import main; main()"

ONE_CALL = """
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
import click
from isptune.cli import COMMANDS, main
from isptune.system.program import run_program

@click.command()
def call():
    folder = pathlib.Path.cwd()
    run_program([sys.executable, str(folder / "isp.py"), *3 * [str(folder / "values.json")]], folder, 300)

COMMANDS["call"] = "__main__:call"
sys.argv = ["isptune", "call"]
main()
"""
"""The command line with a command that does nothing but run a program: it starts in a fraction of the time."""


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

STOPPED = "isptune: stopped; what was finished is kept"


def _started(folder, isptune, count):
    """The processes that the programs have written down, once there are so many."""
    while isptune.poll() is None:
        found = [int(path.name.removeprefix("pids-")) for path in folder.glob("pids-*")]
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"it ended before its programs began: {(folder / 'said').read_text()}")


def _ended(pid):
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return True
    return state == "Z"  # its new parent has not looked yet


def _end_within(pids, seconds):
    until = time.monotonic() + seconds
    while not all(map(_ended, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return all(map(_ended, pids))


@pytest.mark.slow
@linux
@pytest.mark.parametrize(
    ("number", "status", "message"),
    [
        (signal.SIGTERM, 143, STOPPED),
        (signal.SIGHUP, 129, STOPPED),
        (signal.SIGINT, 130, STOPPED),
        (signal.SIGKILL, -9, ""),
    ],
)
def test_programs_and_their_children_end_with_isptune(tmp_path, number, status, message):
    write_isp(tmp_path, SLEEPY)
    (tmp_path / "values.json").write_text('{"tone.gain": 1, "tone.offset": 0, "order": "rgb"}')
    (tmp_path / "called").touch()
    assert _status_after(number, [sys.executable, "-c", ONE_CALL], tmp_path, programs=1) == status
    assert message in (tmp_path / "said").read_text()


@pytest.mark.slow
@linux
def test_workers_end_with_isptune_with_their_programs_and_leave_no_files(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    spec = write_isp(tmp_path, SLEEPY, settings='out_suffix = ".ppm"')
    arguments = ["--pipeline", spec, "--scene", "cat", "--crop", "24x16", "--objective", "sharpness",
                 "--population", "4", "--generations", "1", "--device", "cpu", "--out", str(tmp_path / "run"),
                 "--workers", "2"]  # fmt: skip
    command = [sys.executable, "-c", MAIN, "run", *arguments]
    assert _status_after(signal.SIGTERM, command, tmp_path, programs=2, TMPDIR=str(temporary)) == 143
    assert STOPPED in (tmp_path / "said").read_text()
    assert not list(temporary.glob("isptune-*"))


def _status_after(number, command, folder, programs, **environment):
    """Send a signal to a command once its programs are at work; its exit status, when these have ended too."""
    with open(folder / "said", "wb") as said:
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        isptune = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, env=variables)
    try:
        pids = _started(folder, isptune, 2 * programs)
        isptune.send_signal(number)
        status = isptune.wait(100)  # far below the time that the programs would take
        assert _end_within(pids, 20)
        return status
    finally:
        isptune.kill()
        isptune.wait()


def _sleeper():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)


def test_a_watcher_that_someone_ended_is_replaced():
    script = """
import os, signal, subprocess, sys
from isptune.system import leash
leash.watch_over_programs()
watcher = leash._WATCHERS[os.getpid()]
watcher.send_signal(signal.SIGTERM)  # is ignored: it has to outlive us
watcher.kill()
watcher.wait()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
leash.hold(child.pid)
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert _end_within([int(ended.stdout)], 10)


@pytest.mark.slow
def test_what_was_let_go_is_left_alone():
    script = """
import subprocess, sys
from isptune.system import leash
command = [sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
with leash.on_leash(child.pid):
    pass
print(child.pid, flush=True)
child.returncode = 0  # so that nothing warns of it
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pid = int(ended.stdout)
    try:
        assert not _end_within([pid], 0.5)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_group_can_be_held_and_let_go_in_this_process():
    child = _sleeper()
    try:
        hold(child.pid)
        let_go(child.pid)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


DAEMON = """
import os, subprocess, sys, time, pathlib
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
pathlib.Path("daemon").write_text(str(child.pid))
time.sleep(float(sys.argv[1]))
"""


@pytest.mark.slow
@linux
def test_children_in_a_session_of_their_own_end_with_a_call_that_took_too_long(tmp_path):
    with pytest.raises(ProgramError, match="took longer than 1 s"):
        run_program([sys.executable, "-c", DAEMON, "60"], tmp_path, 1.0)
    assert _end_within([int((tmp_path / "daemon").read_text())], 10)


@pytest.mark.slow
@linux
@pytest.mark.parametrize("last", ["", "os.kill(os.getpid(), 9)"])
def test_children_in_a_session_of_their_own_end_with_isptune_whose_calls_they_outlive(tmp_path, last):
    script = f"""
import os, pathlib, sys
from isptune.system.program import run_program
run_program([sys.executable, "-c", {DAEMON!r}, "0"], pathlib.Path.cwd(), 60)
os.kill(int(pathlib.Path("daemon").read_text()), 0)
{last}
"""
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=variables, check=not last)
    assert _end_within([int((tmp_path / "daemon").read_text())], 10)


SWALLOWED = """
import os, signal, sys, time
import click
from isptune.cli import COMMANDS, main

class Falling:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):  # the handler is called in here
            pass

@click.command()
def call():
    Falling()
    time.sleep(60)

COMMANDS["call"] = "__main__:call"
sys.argv = ["isptune", "call"]
main()
"""


@linux
def test_a_request_to_end_that_python_swallows_while_it_cleans_up_is_taken_all_the_same(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", SWALLOWED],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (ended.returncode, ended.stderr.strip()) == (143, STOPPED)
