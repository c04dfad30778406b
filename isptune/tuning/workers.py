"""Evaluating in other processes: workers get the settings and build their own bench, once.

Any `concurrent.futures.Executor` does: spawned processes here, Dask on other machines. Parts do not depend on
where they are evaluated, so all give the same log (on machines of the same kind, with the same threads).
"""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context
from typing import Final

import torch

from isptune.errors import ConfigError, IsptuneError, MissingExtra
from isptune.runs.settings import RunSettings, from_mapping
from isptune.runs.unfinished import Outcome
from isptune.system.locks import needs_posix
from isptune.system.processes import end_with, terminated_on
from isptune.system.records import parse_json
from isptune.tuning.bench import AtHand, Bench
from isptune.tuning.own_parts import own_parts
from isptune.tuning.parts import Part, RunParts

MOST = 512
"""Processes on one machine."""

END_AFTER_S = 0.5
"""After its last part a worker that was asked to end does so."""

_ASKED_TO_END: Final = threading.Event()
"""In a worker: parts that wait in its queue, which nobody can cancel any more, are in vain."""


@contextmanager
def workers(spec: str, settings: RunSettings, own_files: bool = False) -> Iterator[RunParts]:
    """Workers for as long as the context is open.

    Args:
        spec: a number of processes on this machine, or `dask:ADDRESS` of a running scheduler.
        settings: what each worker builds its bench from.
        own_files: whether it may run files of the user's own that the settings name.

    Raises:
        ConfigError: a spec that is neither.
        MissingExtra: Dask is asked for and not installed.
    """
    with _executor(spec) as executor:
        recipe = json.dumps([settings.as_dict(), own_files], sort_keys=True)
        threads = torch.get_num_threads()

        def run_parts(parts: Sequence[Part]) -> Iterable[tuple[int, Outcome]]:
            futures = {executor.submit(_evaluate, recipe, threads, part): i for i, part in enumerate(parts)}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except IsptuneError:
                raise
            except Exception as error:
                raise IsptuneError(f"a worker ended: {type(error).__name__}: {error}") from error
            finally:
                for future in futures:
                    future.cancel()  # what has not begun is in vain after an error or Ctrl-C

        yield run_parts


@contextmanager
def opened_bench(
    settings: RunSettings, workers_spec: str | None, own_files: bool = False, at_hand: AtHand | None = None
) -> Iterator[Bench]:
    """The bench of a run, with workers for as long as the context is open where any are wanted.

    Args:
        settings: of the run.
        workers_spec: see `workers`; None for none.
        own_files: whether to run files of the user's own that the settings name: only where the user named them.
        at_hand: what is built already, and cannot be sent to workers.

    Raises:
        ConfigError, MissingExtra: as `Bench` and `workers`; workers are wanted for what is at hand only.
    """
    if workers_spec is None:
        yield Bench(settings, at_hand=at_hand or (own_parts(settings) if own_files else None))
        return
    if at_hand is not None:
        raise ConfigError(
            f"workers = {workers_spec!r}: functions and objects of this process cannot be sent to workers; put them "
            "into a file and name them, as my_isp.py:isp"
        )
    with workers(workers_spec, settings, own_files) as run_parts:
        yield Bench(settings, run_parts, own_parts(settings) if own_files else None)


@contextmanager
def _executor(spec: str) -> Iterator[Executor]:
    kind, _, address = spec.partition(":")
    if kind == "dask" and address:
        try:
            from distributed import Client  # pyright: ignore[reportMissingImports] - an extra
        except ImportError as error:
            raise MissingExtra("workers on Dask need: pip install 'isptune[dask]'") from error
        try:
            client = Client(address, timeout="10s")
        except (OSError, ValueError) as error:
            raise ConfigError(f"workers = {spec!r}: no Dask scheduler answers: {error}") from error
        with client:
            yield client.get_executor()
    elif re.fullmatch(r"0*[1-9][0-9]{0,8}", spec):
        needs_posix(f"workers = {spec}")
        if int(spec) > MOST:
            raise ConfigError(
                f"workers = {spec} must be at most {MOST}: each is a process that takes memory for torch and a bench "
                "of its own; more than the machine has cores rarely help"
            )
        # Spawned, not forked: a fork hangs once torch has threads.
        options = {"mp_context": get_context("spawn"), "initializer": _start, "initargs": (os.getpid(),)}
        # Else it would wait for what they render, which may take minutes.
        with (
            ProcessPoolExecutor(int(spec), **options) as executor,
            terminated_on(KeyboardInterrupt, SystemExit),
        ):
            yield executor
    else:
        raise ConfigError(
            f"workers = {spec[:80]!r} is neither a number of processes (1 to {MOST}) nor dask:ADDRESS"
        )


def _start(parent: int) -> None:
    """Let a worker end with the process that it works for.

    Where that can, it sends SIGTERM: then the worker ends the program that it has at work, and leaves no files.
    """

    def stop(number: int, frame: object) -> None:
        _ASKED_TO_END.set()
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, stop)
    end_with(parent)


def _evaluate(recipe: str, threads: int, part: Part) -> Outcome:
    try:
        if _ASKED_TO_END.is_set():
            sys.exit()
        torch.set_num_threads(threads)
        return _bench(recipe).evaluator.evaluate_part(part)
    finally:
        if _ASKED_TO_END.is_set():
            # The pool takes the end of a part for its result and waits for the next, and others for this process.
            signal.setitimer(signal.ITIMER_REAL, END_AFTER_S)


@lru_cache(maxsize=2)
def _bench(recipe: str) -> Bench:
    values, own_files = parse_json(recipe, "recipe")  # our own text, of a moment ago
    settings = from_mapping(values, "recipe")
    return Bench(settings, at_hand=own_parts(settings) if own_files else None)
