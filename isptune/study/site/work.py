"""Runs what waits for the disk in threads of its own, so that the server answers others meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, ParamSpec, TypeVar, final

P = ParamSpec("P")
T = TypeVar("T")


@final
class Work:
    """Awaitable calls in a few threads.

    Few, because SQLite lets one write at a time anyway, and because Python's threads that compete for the
    interpreter slow down the one that talks to the network.
    """

    def __init__(self, threads: int = 2):
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="study")

    async def __call__(self, call: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: call(*arguments, **options))

    def stop(self) -> None:
        """Wait for what runs, and start nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)


@final
class Together:
    """Awaitable calls of which those that come while others run are run in one go: one change of threads for all.

    That change costs more than keeping a vote does. Each call has its own result or error.

    Args:
        transaction: entered around the calls of one go, in a thread; where its end fails, all of them fail with it.
    """

    def __init__(self, transaction: Callable[[], AbstractContextManager[Any]]):
        self._transaction, self._work = transaction, Work(1)
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, call: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        self._waiting.append((partial(call, *arguments, **options), outcome))
        if self._running is None:
            self._running = loop.create_task(self._run())
        return await outcome

    async def _run(self) -> None:
        while self._waiting:
            now, self._waiting = self._waiting, []
            try:
                results = await self._work(self._go, [call for call, _ in now])
            except Exception as error:
                results = [error] * len(now)
            for (_, outcome), result in zip(now, results, strict=True):
                if outcome.done():  # whoever waited is gone
                    continue
                if isinstance(result, Exception):
                    outcome.set_exception(result)
                else:
                    outcome.set_result(result)
        self._running = None

    def _go(self, calls: list[Callable[[], Any]]) -> list[Any]:
        with self._transaction():
            return [_result(call) for call in calls]

    def stop(self) -> None:
        """Wait for what runs, and start nothing more."""
        self._work.stop()


def _result(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error


@final
class SharedSync:
    """Makes those who wait for the disk at the same time wait for the same synchronisation.

    Args:
        sync: brings to the disk all that was committed before it began.
    """

    def __init__(self, sync: Callable[[], None]):
        self._sync, self._work = sync, Work(1)
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Return when everything that was committed before the call is on the disk; raise what `sync` raises."""
        if self._next is None:  # the one that runs may have begun too early
            self._next = asyncio.get_running_loop().create_task(self._after(self._running))
        await asyncio.shield(self._next)

    async def _after(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        await self._work(self._sync)

    def stop(self) -> None:
        """Wait for what runs, and start nothing more."""
        self._work.stop()
