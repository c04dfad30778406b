"""Running somebody else's program: no shell, a time-out that ends all of its processes, its last words kept."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from isptune.errors import ProgramError, one_line
from isptune.system.leash import GRACE_S, MARK, new_mark, on_leash, signal_group, signal_marked
from isptune.system.locks import needs_posix
from isptune.system.temporary import new_folder

LAST_WORDS = 300
"""How many characters of a program's last line an error message holds."""


@contextmanager
def call_folder() -> Iterator[Path]:
    """A temporary folder for one call of a program, gone afterwards with all that is in it.

    Raises:
        ProgramError: there is no room for it.
    """
    try:
        folder = new_folder("call")
    except OSError as error:
        raise ProgramError(f"no temporary folder can be made: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_program(
    argv: Sequence[str],
    folder: Path,
    timeout_s: float,
    *,
    work_in: Path | None = None,
    environment: Mapping[str, str] | None = None,
    max_file_mb: float = 1024.0,
) -> str:
    """Run a program to its end, in a process group of its own that does not outlive this process.

    Args:
        argv: the program and its arguments, as they are: no shell reads them.
        folder: for what it says (stdout.txt, stderr.txt) and for its temporary files ($TMPDIR).
        timeout_s: after this many seconds the group gets SIGTERM, and SIGKILL after `GRACE_S` more.
        work_in: its working directory; `folder` if None.
        environment: variables to set besides those that this process has.
        max_file_mb: the largest file that it may write, megabytes (on Linux).

    Returns:
        Its last words.

    Raises:
        ProgramError: it cannot be started, ran too long, ended with another status than 0, or left a file in `folder`
            that is too large; with its last words.
        ConfigError: on Windows, where programs cannot be ended with all that they started.
    """
    needs_posix(f"{Path(argv[0]).name}: starting programs")
    name = Path(argv[0]).name
    out, err = folder / "stdout.txt", folder / "stderr.txt"
    try:
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            mark = new_mark()
            variables = {**os.environ, "TMPDIR": str(folder), **(environment or {}), MARK: mark}
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=work_in or folder,
                env=variables,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ProgramError(f"{name} cannot be started: {reason}") from error
    max_bytes = round(max_file_mb * 1e6)
    status = _wait(process, timeout_s, max_bytes, mark)
    words = last_words(err) or last_words(out)
    if status is None:
        raise ProgramError(f"{name} took longer than {timeout_s:g} s and was stopped{_quoted(words)}")
    if status != 0:
        raise ProgramError(f"{name} {_ended(status, max_file_mb)}{_quoted(words)}")
    # The limit is set after the program has started: one that is quicker has written already.
    if any(file.stat().st_size > max_bytes for file in folder.rglob("*") if file.is_file()):
        raise ProgramError(f"{name} wrote a file of more than {max_file_mb:g} MB{_quoted(words)}")
    return words


def last_words(file: Path) -> str:
    """The last line of a file that is not blank, on one line and cut to `LAST_WORDS`; empty if there is none."""
    try:
        with open(file, "rb") as opened:
            opened.seek(max(0, file.stat().st_size - 4096))
            text = opened.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return one_line(lines[-1])[-LAST_WORDS:] if lines else ""


def _wait(process: "subprocess.Popen[bytes]", timeout_s: float, max_bytes: int, mark: str) -> int | None:
    """The exit status, or None if it took too long.

    Whatever happens, nothing of its group goes on; where it is broken off, nothing that bears its mark does.
    """
    try:
        with on_leash(process.pid):
            try:
                _limit_files(process.pid, max_bytes)
                return process.wait(timeout_s)
            except BaseException as error:  # too late, Ctrl-C, SIGTERM
                signal_group(process.pid, signal.SIGTERM)
                signal_marked(mark, signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE_S)
                signal_marked(mark, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    return None
                raise
            finally:
                signal_group(process.pid, signal.SIGKILL)
    finally:
        signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _limit_files(pid: int, max_bytes: int) -> None:
    """Limit the files of a process, and of the children that it had before it was limited itself."""
    # Not by preexec_fn, which may hang where the parent has threads, as it has with torch.
    if sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            soft = max_bytes if hard == resource.RLIM_INFINITY else min(max_bytes, hard)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        with suppress(OSError):
            for listed in list(Path(f"/proc/{pid}/task").glob("*/children")):
                for child in listed.read_text().split():
                    _limit_files(int(child), max_bytes)


def _ended(status: int, max_file_mb: float) -> str:
    if status == -signal.SIGXFSZ:
        return f"was stopped: it wrote a file of more than {max_file_mb:g} MB"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _quoted(words: str) -> str:
    return f": {words}" if words else " and said nothing"
