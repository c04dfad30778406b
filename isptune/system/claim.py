"""A folder in which one process is at work at a time: the lock `.lock` in it ends with the process, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isptune.errors import IsptuneError
from isptune.system.disk import make_folder
from isptune.system.locks import PLAIN, lock

LOCK = ".lock"


@contextmanager
def claimed(folder: Path, refusal: type[IsptuneError], kind: str = "folder") -> Iterator[None]:
    """Make a folder, and keep other processes out of it for as long as the block runs.

    Args:
        refusal: the error to raise where the folder cannot be made or another process is at work in it.
        kind: what the folder is to be, for the message.
    """
    try:
        make_folder(folder)
        # Not followed and not emptied: in somebody else's folder it may be a link to a file of mine.
        held = os.fdopen(os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | PLAIN, 0o666))
    except OSError as error:
        raise refusal(f"{folder}: cannot be used as a {kind}: {error.strerror}") from error
    with held:
        try:
            lock(held.fileno())
        except BlockingIOError as error:
            raise refusal(f"{folder}: another process is at work in it") from error
        yield
