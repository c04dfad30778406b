"""One thread pool for the work that goes image by image on a CPU: OpenCV, codecs, large numpy operations."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import torch

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_threads(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """`function` of every item, in order, in as many threads as torch has.

    It must release the GIL to be of use, and must not call `in_threads` itself: it would wait for its own
    thread.
    """
    return list(_pool(max(1, torch.get_num_threads())).map(function, items))


@lru_cache(maxsize=4)
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="isptune")
