"""Image by image on the CPU, the whole batch at once elsewhere: for chains of plain tensor operations."""

from collections.abc import Callable

import torch
from torch import Tensor

from isptune.arrays import Images


def imagewise(function: Callable[..., Images], images: Images, *values: Tensor) -> Images:
    """`function(images, *values)`, with [batch, ...] values, in the way that suits the device.

    A photograph and the intermediate results of a dozen operations on it stay in a CPU's cache; a batch
    does not, and its temporaries are fetched anew from the operating system each time: about a third more
    time. The function must treat images independently, so that the results are the same.
    """
    if images.device.type != "cpu" or len(images) == 1:
        return function(images, *values)
    result = torch.empty_like(images)
    for i in range(len(images)):
        result[i] = function(images[i : i + 1], *(value[i : i + 1] for value in values))[0]
    return result


def per_image(values: Tensor) -> Tensor:
    """One number an image, [batch], ready to broadcast over images."""
    return values.view(-1, 1, 1, 1)
