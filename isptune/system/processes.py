"""Processes that work for this one: none of them goes on without it."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children

LOOK_FOR_PARENT_EVERY_S = 1.0


def end_with(parent: int) -> None:
    """In a worker: let it end with the process that it works for, even where that is killed and cannot say so."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_FOR_PARENT_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def terminated_on(*errors: type[BaseException]) -> Iterator[None]:
    """Terminate the processes that were started in the block where one of these errors ends it."""
    others = active_children()
    try:
        yield
    except errors:
        for child in active_children():
            if child not in others:
                child.terminate()
        raise
