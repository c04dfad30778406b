"""Programs do not outlive the process that started them, however that ends.

A small process watches over the programs of this one. It holds the other end of a pipe: when this process is gone, by
its end, SIGTERM, SIGKILL or a crash, the pipe closes, and whatever was still at work is ended. (The kernel can send a
signal at a parent's death, but it takes the end of a *thread* for that, and other systems than Linux have none.)
A program may start others in sessions of their own (setsid, daemons), which no process group holds. So each is started
with a mark in its environment, which its children inherit: by that, on Linux, they are found and ended, too, where a
call takes too long or is broken off, and at the end of this process. What a program that ended well leaves at work, as
`adb` does its server, stays until then. One that empties its environment is not found.
This file is that process too: it imports nothing of ours, so that it starts in a few hundredths of a second.
"""

import atexit
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

GRACE_S: Final = 2.0
"""How long a program that was asked to end (SIGTERM) has for it: a device may have to be let go."""

MARK: Final = "ISPTUNE_CALL"
"""The environment variable with the mark: which process, and which of its calls."""

_LOCK: Final = threading.RLock()  # reentrant: the garbage collector may let go of a child at any line
_OWN: Final = secrets.token_hex(4)
"""So that no other process that had this number is meant; a fork shares it, and has another number."""
_WATCHERS: Final[dict[int, "subprocess.Popen[bytes]"]] = {}  # by process: a fork has none of its own yet


def watch_over_programs() -> None:
    """Start the process that watches, unless there is one. Raises OSError if it cannot be started."""
    with _LOCK:
        _watcher()


@contextmanager
def on_leash(group: int) -> Iterator[None]:
    """See to it that a process group ends with this process, for as long as the context is open.

    Args:
        group: the id of its leader, which was started in a session of its own.

    Raises:
        OSError: the process that watches cannot be started.
    """
    hold(group)
    try:
        yield
    finally:
        let_go(group)


def hold(group: int) -> None:
    """The same without an end; `let_go` ends it. Raises OSError."""
    with _LOCK:
        try:
            _tell(_watcher(), f"+{group}\n")
        except BrokenPipeError:  # it was ended by someone: the next one watches
            _WATCHERS.pop(os.getpid()).wait()
            _tell(_watcher(), f"+{group}\n")


def let_go(group: int) -> None:
    """Leave a process group alone from now on: it has ended."""
    with _LOCK, suppress(OSError):
        if os.getpid() in _WATCHERS:
            _tell(_WATCHERS[os.getpid()], f"-{group}\n")


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group; to one that is gone, nothing."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def new_mark() -> str:
    """The mark of another call of this process; its processes are ended with this one. Raises OSError."""
    with _LOCK:
        _watcher()
        return f"{_mark_of(os.getpid())}{secrets.token_hex(8)}"


def signal_marked(mark: str, number: signal.Signals) -> int:
    """Send a signal to all processes with this mark, or with one that begins so, on Linux; how many there were."""
    found = list(_marked(mark))
    for process in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)
    return len(found)


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if entry.isdigit() and int(entry) != os.getpid():
            with suppress(OSError), open(f"/proc/{entry}/environ", "rb") as file:
                if any(one.startswith(wanted) for one in file.read().split(b"\0")):
                    yield int(entry)


def _mark_of(process: int) -> str:
    return f"{process}-{_OWN}-"


def _tell(watcher: "subprocess.Popen[bytes]", line: str) -> None:
    assert watcher.stdin is not None
    watcher.stdin.write(line.encode())


def _watcher() -> "subprocess.Popen[bytes]":
    if os.getpid() not in _WATCHERS:
        found = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        _WATCHERS[os.getpid()] = found
        _tell(found, f"*{_mark_of(os.getpid())}\n")
        atexit.register(_dismiss)
    return _WATCHERS[os.getpid()]


def _dismiss() -> None:
    watcher = _WATCHERS.pop(os.getpid(), None)
    if watcher is not None and watcher.stdin is not None:
        watcher.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            watcher.wait(2 * GRACE_S)


def watch(lines: Iterator[bytes]) -> None:
    """Follow which groups are at work until the lines end, then end those: asked first, and killed after `GRACE_S`."""
    at_work: set[int] = set()
    marks: list[str] = []
    for line in lines:
        if line.startswith(b"*"):
            marks.append(line[1:].decode().strip())
        elif line.endswith(b"\n"):
            (at_work.add if line.startswith(b"+") else at_work.discard)(int(line[1:]))
    for group in at_work:
        signal_group(group, signal.SIGTERM)
    left = sum(signal_marked(mark, signal.SIGTERM) for mark in marks)
    deadline = time.monotonic() + GRACE_S
    while (
        any(map(_is_there, at_work)) or (left and any(any(_marked(mark)) for mark in marks))
    ) and time.monotonic() < deadline:
        time.sleep(0.02)
    for group in at_work:
        signal_group(group, signal.SIGKILL)
    for mark in marks if left else ():
        signal_marked(mark, signal.SIGKILL)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(iter(sys.stdin.buffer.readline, b""))
