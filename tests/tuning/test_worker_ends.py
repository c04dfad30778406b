"""A worker that is asked to end while it evaluates does so, though its pool takes that for a result."""

import os
import signal
import time

import pytest

from isptune.tuning import workers
from isptune.tuning.parts import Part


def test_a_worker_whose_end_the_pool_swallowed_ends_soon_after(monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)}
    monkeypatch.setattr(workers, "_bench", lambda recipe: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(workers, "end_with", lambda parent: None)
    try:
        workers._start(os.getppid())
        with pytest.raises(SystemExit):  # which the pool would send back
            workers._evaluate("", 1, object.__new__(Part))
        with pytest.raises(SystemExit):
            time.sleep(20)  # as it would wait for the next part
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        workers._ASKED_TO_END.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
