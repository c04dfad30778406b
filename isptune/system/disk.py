"""Files that are whole or not there, and names for files."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from isptune.errors import DiskError

_UNFINISHED = re.compile(r"^\.(.+)\.[0-9a-f]{8}\.part$")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file beside its place, sync it, and move it there. Raises DiskError."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new, empty file to fill, which takes the place of `path` at the end of the block, or is gone if that fails.

    Its name cannot be guessed and it is never followed through a link, so that a folder that came from somebody else
    cannot lead it elsewhere. It is synced before it is moved: after a power cut there is the old file or the new one.

    Raises:
        DiskError: the file, or what the block does to it, is refused by the system.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o666))
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise DiskError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # after a failure or Ctrl-C; else it has been moved away
            temporary.unlink()


def is_unfinished(path: Path) -> bool:
    """Whether this is what a process that was killed left of a file that it was writing."""
    return _UNFINISHED.match(path.name) is not None


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left in a folder and below it; for whoever is alone at work there."""
    for path in folder.rglob(".*.part"):
        if is_unfinished(path):
            with suppress(OSError):
                path.unlink()


def file_name(text: str) -> str:
    """Text as a file name: letters and digits of any script, `_`, `.` and `-`; anything else becomes `_`."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text)


def slug(text: str) -> str:
    """Text as a short name in ASCII: A-Z a-z 0-9 `_`, `.`, `+`, `-`; runs of anything else become one `-`.

    It begins and ends with a letter, a digit or `_`, and has at most 80 characters. Two texts may become one name.
    """
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", text).strip("-.+")[:80] or "_"
