"""Keep libraries from printing what is wrong with a file: it is said once, in the exception."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final


@contextmanager
def silenced(logger: str) -> Iterator[None]:
    """Keep to itself what a library of Python logs under this name."""
    import logging

    log = logging.getLogger(logger)
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


@contextmanager
def silent_native_code() -> Iterator[None]:
    """Drop what native code (LibRaw, libtiff, libpng) prints past Python on stderr, while any thread is in here."""
    _STDERR.leave()
    try:
        yield
    finally:
        _STDERR.come_back()


@final
class _Stderr:
    """The process has one stderr: the first thread that leaves it sends it nowhere, the last one brings it back."""

    def __init__(self):
        self._lock, self._away, self._kept = threading.Lock(), 0, -1

    def leave(self) -> None:
        with self._lock:
            if self._away == 0:
                sys.stderr.flush()
                self._kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)
            self._away += 1

    def come_back(self) -> None:
        with self._lock:
            self._away -= 1
            if self._away == 0:
                os.dup2(self._kept, 2)
                os.close(self._kept)


_STDERR = _Stderr()
