"""Temporary folders that do not stay, however a process ends.

A folder is named after the process that it is for. One that is killed cannot remove its own: whoever begins a run, or
goes on with one, removes the folders of processes of this machine that are no more.
"""

import hashlib
import os
import shutil
import socket
import tempfile
from functools import cache
from pathlib import Path

from isptune.system.locks import POSIX


def new_folder(kind: str) -> Path:
    """Make a temporary folder of this process. Raises OSError."""
    return Path(tempfile.mkdtemp(prefix=f"isptune-{_here()}-{os.getpid()}-{kind}-"))


def remove_orphans() -> None:
    """Remove the temporary folders of processes of this machine, and of this user, that have ended.

    On Windows they stay: there `os.kill(process, 0)` is no question.
    """
    if not POSIX:
        return
    start = f"isptune-{_here()}-"
    for path in Path(tempfile.gettempdir()).glob(f"{start}*"):
        process = path.name.removeprefix(start).partition("-")[0]
        try:
            mine = path.lstat().st_uid == os.getuid() and path.is_dir() and not path.is_symlink()
        except OSError:  # somebody else was faster
            continue
        if mine and process.isdigit() and not _is_there(int(process)):
            shutil.rmtree(path, ignore_errors=True)


@cache
def _here() -> str:
    """Where a process's number means something: on this machine since it was started, in this container."""
    facts, boot = [socket.gethostname()], Path("/proc/sys/kernel/random/boot_id")
    if boot.is_file():
        facts.append(boot.read_text().strip())
    if Path("/proc/self/ns/pid").is_symlink():
        facts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
