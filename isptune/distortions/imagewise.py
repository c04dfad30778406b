"""Chains of plain tensor operations, in pieces that suit a CPU's cache and threads; elsewhere at once."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.threads import map_images

# Elements of a piece: few enough for the nearest cache, and for torch to stay in the calling thread.
_PIECE = 32768


def imagewise(function: Callable[..., Images], images: Images, *values: Tensor) -> Images:
    """`function(images, *values)`, with [batch, ...] values, image by image on the CPU.

    A photograph and the intermediate results of a few operations on it stay in a CPU's cache; a batch
    does not, and its temporaries are fetched anew from the operating system each time. The function
    must treat images independently, so that the results are the same.
    """
    if images.device.type != "cpu" or len(images) == 1:
        return function(images, *values)
    result = torch.empty_like(images)
    for i in range(len(images)):
        result[i] = function(images[i : i + 1], *(value[i : i + 1] for value in values))[0]
    return result


def pointwise(function: Callable[..., Images], images: Images, *values: Tensor) -> Images:
    """`function(images, *values)`, with [batch] values, in pieces of a few rows on the CPU.

    For long chains in which every pixel is for itself. The pieces are shared out to a pool of threads, not
    each operation to torch's own threads: these wait for each other after every one, which costs several
    times the work itself when the machine is busy.
    """
    if images.device.type != "cpu":
        return function(images, *values)
    # A power of two fills the vector registers up to the end of a piece, whose leftover samples a scalar
    # routine would round differently in the last digit, and then truncation to bytes would show it.
    rows = 1 << (max(1, _PIECE // (3 * images.shape[3])).bit_length() - 1)

    def work(planes: np.ndarray, i: int) -> None:
        image = torch.from_numpy(planes)[None]
        own = [value[i : i + 1] for value in values]
        for part in image.split(rows, 2):
            part.copy_(function(part, *own))

    return map_images(work, images)


def per_image(values: Tensor) -> Tensor:
    """One number an image, [batch], ready to broadcast over images."""
    return values.view(-1, 1, 1, 1)
