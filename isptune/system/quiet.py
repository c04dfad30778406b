"""Keep libraries from printing what is wrong with a file: it is said once, in the exception."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
    """Drop what native code (LibRaw, libtiff) prints past Python on stderr."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
