"""Files that are whole or not there, and names for files."""

import glob
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from isptune.errors import DiskError
from isptune.system.locks import PLAIN, POSIX, lock

_UNFINISHED = re.compile(r"^\.(.+)\.[0-9a-f]{8}\.part$")
_OLD_S = 2.0
"""An unfinished file this old, that nobody holds, was left by a process that was killed, seconds."""


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file beside its place, sync it, and move it there. Raises DiskError. See `replacing`."""
    with replacing(path, mode) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """A new, empty file to fill, which takes the place of `path` at the end of the block, or is gone if that fails.

    Its name cannot be guessed and it is never followed through a link, so that a folder that came from somebody else
    cannot lead it elsewhere. It is synced before it is moved, and its folder after that: after a power cut there is the
    old file or the new one, and what was written later is not there without it.

    Args:
        path: where it goes.
        mode: who may read and write it, less the umask.

    Raises:
        DiskError: the file, or what the block does to it, is refused by the system.
    """
    _remove_left(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    held = -1
    try:
        held = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | PLAIN, mode)
        with suppress(OSError):  # on a file system without locks nothing is removed either
            lock(held)
        yield temporary
        _sync(temporary)
        if not POSIX:  # what is open cannot be moved there
            os.close(held)
            held = -1
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise DiskError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if held >= 0:
            os.close(held)
        with suppress(OSError):  # after a failure or Ctrl-C; else it has been moved away
            temporary.unlink()


@lru_cache(maxsize=64)
def _remove_left(folder: Path) -> None:
    """Remove unfinished files that processes which were killed left in a folder; once in a process, for speed.

    Others may be at work there: each holds its own file locked.
    """
    with suppress(OSError):
        for name in os.listdir(folder):
            path = folder / name
            if is_unfinished(path) and path.is_file() and time.time() - path.lstat().st_mtime > _OLD_S:
                _remove_unless_held(path)


def _remove_unless_held(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | PLAIN)
        try:
            lock(descriptor)
            path.unlink()
        finally:
            os.close(descriptor)


@contextmanager
def new_folder_for(path: Path) -> Iterator[Path]:
    """A new folder to fill, which is moved to `path` at the end of the block, or is gone if that fails.

    What a process that was killed left of the same folder is removed. Raises OSError, also where `path` is there.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if is_unfinished(left) and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    temporary.mkdir()
    try:
        yield temporary
        _sync(temporary)
        temporary.rename(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # after a failure or Ctrl-C; else it has been moved away


def appending(path: Path) -> BinaryIO:
    """A file that grows, made where it is not there, to be closed by the caller; its name is synced, its end is not.

    Raises:
        OSError: it cannot be opened; or it is a link, which a folder from somebody else may have in its place.
    """
    is_new = not path.exists()
    flags = os.O_CREAT | os.O_APPEND | os.O_RDWR | PLAIN
    file = os.fdopen(os.open(path, flags, 0o666), "ab+")
    if is_new:
        _sync(path.parent)
    return file


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where they are not there; each is on the disk before what goes into it.

    Raises:
        OSError: it cannot be made; or there is something else.
    """
    for missing in reversed([one for one in (path, *path.parents) if not one.exists()]):
        missing.mkdir(exist_ok=True)
        _sync(missing.parent)
    path.mkdir(exist_ok=True)  # refuses what is there and no folder


def remove(path: Path) -> None:
    """Remove a file, if it is there, for good before whatever comes next. Raises OSError."""
    path.unlink(missing_ok=True)
    _sync(path.parent)


def folder_in(folder: Path, name: str) -> Path:
    """A folder inside another one, made where it is not there. Raises DiskError, also for a link."""
    path = folder / name
    try:
        if path.is_symlink():
            raise DiskError(f"{path}: is a link, which may lead anywhere; put a folder there")
        make_folder(path)
    except OSError as error:
        raise DiskError(f"{path}: cannot be made: {error.strerror or error}") from error
    return path


def _sync(path: Path) -> None:
    """Bring a file, or a folder's list of files, to the disk."""
    if not POSIX and path.is_dir():  # a folder cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY if POSIX else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_unfinished(path: Path) -> bool:
    """Whether this is what a process that was killed left of a file that it was writing."""
    return _UNFINISHED.match(path.name) is not None


def remove_unfinished(folder: Path, below: bool = True) -> None:
    """Remove what killed processes left in a folder; for whoever is alone at work there.

    Args:
        below: in the folders inside it, too.
    """
    for path in folder.rglob(".*.part") if below else folder.glob(".*.part"):
        if is_unfinished(path):
            with suppress(OSError):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def file_name(text: str) -> str:
    """Text as a file name: letters and digits of any script, `_`, `.` and `-`; anything else becomes `_`."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text)


def slug(text: str) -> str:
    """Text as a short name in ASCII: A-Z a-z 0-9 `_`, `.`, `+`, `-`; runs of anything else become one `-`.

    It begins and ends with a letter, a digit or `_`, and has at most 80 characters. Two texts may become one name.
    """
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", text).strip("-.+")[:80] or "_"
