"""Many small jobs in several processes, as they come; on Ctrl-C or an error nothing is left running."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import Any

import torch

from isptune.errors import IsptuneError
from isptune.system.processes import end_with, terminated_on

AHEAD = 3
"""Jobs waiting for each process: enough that none is ever idle, few enough that a stop is quick."""


def in_processes(
    function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], workers: int
) -> Iterator[Any]:
    """The results of `function(*job)` as they come, in any order.

    Args:
        function: of a module, so that other processes find it; it gets one torch thread.
        jobs: its arguments, picklable.
        workers: processes; 1 works in this one.

    Raises:
        IsptuneError: a process ended by itself, or whatever the function raises.
    """
    if workers == 1 or len(jobs) <= 1:
        yield from _here(function, jobs)
        return
    # Spawned, not forked: a fork hangs once torch has threads.
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=get_context("spawn"), initializer=_start, initargs=(os.getpid(),)
    )
    try:
        with terminated_on(BaseException):
            yield from _as_they_come(pool, function, jobs, AHEAD * workers)
    except BrokenProcessPool as error:
        raise IsptuneError(
            "a worker ended by itself, perhaps for want of memory; try fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _here(function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for job in jobs:
            yield function(*job)
    finally:
        torch.set_num_threads(threads)


def _as_they_come(
    pool: ProcessPoolExecutor, function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], ahead: int
) -> Iterator[Any]:
    rest = iter(jobs)
    running: set[Future[Any]] = {pool.submit(function, *job) for job in islice(rest, ahead)}
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        running |= {pool.submit(function, *job) for job in islice(rest, len(done))}
        for future in done:
            yield future.result()


def _start(parent: int) -> None:
    """One thread each, and the end of the process where the one that it works for is killed."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the one that we work for ends us
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    end_with(parent)
