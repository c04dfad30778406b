"""What POSIX and Windows do in two ways: locks that end with their process, how files are opened, what folders are."""

import os

from isptune.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt  # pyright: ignore

    _FAR = 1 << 30
    """The byte that is locked lies behind all that is written: there nobody else may read what is locked."""

    def lock(descriptor: int, shared: bool = False) -> None:
        """As below, but that nothing is shared."""
        place = os.lseek(descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # pyright: ignore
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
        finally:
            os.lseek(descriptor, place, os.SEEK_SET)

else:

    def lock(descriptor: int, shared: bool = False) -> None:
        """Lock an open file until it is closed, also by the end of the process, however that comes.

        Args:
            shared: with others who share it, so that one may ask whether somebody has it for themselves alone.

        Raises:
            BlockingIOError: another process has it.
        """
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


PLAIN = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
"""Flags to open a file with, as far as there are such: no link is followed, no child inherits it, bytes stay."""

POSIX = hasattr(os, "killpg")
"""Whether processes have groups; then folders can be synced, too, and a file can be replaced while it is open."""


def needs_posix(what: str) -> None:
    """Refuse what Windows has no means for. Raises ConfigError."""
    if not POSIX:
        raise ConfigError(f"{what} needs Linux or macOS; on Windows run isptune inside WSL2")
