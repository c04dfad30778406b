"""Image by image in a thread pool: the CPU path of functions that OpenCV or a codec does best."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch

from isptune.arrays import Images


@lru_cache(maxsize=4)
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="isptune")


def map_images(function: Callable[[np.ndarray, int], np.ndarray | None], images: Images) -> Images:
    """Apply `function(planes, i)` to every image of a CPU batch, in as many threads as torch has.

    `planes` is a view [3, H, W] of a fresh copy of image i, float32: the function writes its result into
    it and returns None, or returns a new array of the same shape. It must release the GIL to be of use
    (OpenCV, codecs and large numpy operations do).
    """
    result = images.contiguous().clone()

    def work(i: int) -> None:
        planes = result[i].numpy()
        returned = function(planes, i)
        if returned is not None:
            planes[...] = returned

    list(_pool(max(1, torch.get_num_threads())).map(work, range(len(result))))
    return result
