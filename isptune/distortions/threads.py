"""Image by image in a thread pool: the CPU path of functions that OpenCV or a codec does best."""

from collections.abc import Callable

import numpy as np

from isptune.arrays import Images
from isptune.system.threads import in_threads


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

    in_threads(work, range(len(result)))
    return result
