"""Mosaics by cells of 2x2 samples: planes that can be compared, whatever the filters."""

import numpy as np
import torch
from jaxtyping import Float64

from isptune.scenes.raw_capture import RawCapture

Plane = Float64[np.ndarray, "_ _"]
Planes = Float64[np.ndarray, "4 _ _"]
"""R, G beside R, G beside B and B of every cell; 0 is black, 1 clipping."""


def planes(capture: RawCapture) -> Planes:
    """The four colours of a capture's cells."""
    cells = torch.nn.functional.pixel_unshuffle(capture.mosaic, 2)[0].double().cpu().numpy()
    black = np.array(capture.black)[:, None, None]
    return (cells - black) / (capture.white - black)


def mosaic(cells: Planes) -> torch.Tensor:
    """The inverse of `planes`, still with 0 as black and 1 as clipping, [1, 1, H, W]."""
    return torch.nn.functional.pixel_shuffle(torch.from_numpy(np.ascontiguousarray(cells))[None], 2)


def green(cells: Planes) -> Plane:
    """The mean of the two greens, whose middle is that of the cell."""
    return (cells[1] + cells[2]) / 2


def block_means(plane: Plane, side: int) -> Plane:
    """Means over squares of so many cells; what is left at the right and the bottom is not used."""
    rows, columns = (length // side for length in plane.shape)
    cut = plane[: rows * side, : columns * side]
    return cut.reshape(rows, side, columns, side).mean((1, 3))
