"""What is done to the samples of a sensor before they become colours.

All work on cells: [batch, 4, H / 2, W / 2], the planes R, G beside R, G beside B, and B; 0 is black, 1 is clipping.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.scenes.raw_capture import Mosaic, Optics
from pipelines.raw.stages.planes import Values, neighbour_range, spread

Cells = Float[Tensor, "batch 4 rows columns"]


def black_level(
    mosaic: Mosaic, black: tuple[float, float, float, float], white: float, offset: Values
) -> Cells:
    """Digital numbers to shares of the sensor's range.

    Args:
        mosaic: [batch, 1, H, W], digital numbers.
        black, white: the levels of no light, for each cell, and of clipping.
        offset: added to the black level, in shares of the range, [batch].
    """
    cells = torch.nn.functional.pixel_unshuffle(mosaic, 2)
    low = torch.tensor(black, device=cells.device).view(1, 4, 1, 1)
    low = low + spread(offset) * (white - low)
    return (cells - low) / (white - low)


def defective_pixels(cells: Cells, threshold: Values) -> Cells:
    """Bring samples that stand out from all eight neighbours of their colour back to the nearest of these.

    Args:
        cells: [batch, 4, H / 2, W / 2].
        threshold: by how much a sample must stand out, as a difference of square roots (on which shot noise is
            equally strong everywhere), [batch].
    """
    low, high = neighbour_range(cells)
    reach = spread(threshold)
    above = (high.clamp(min=0).sqrt() + reach).square()
    below = (low.clamp(min=0).sqrt() - reach).clamp(min=0).square() - 0.25 * reach.square()
    return torch.where(cells > above, high, torch.where(cells < below, low, cells))


def lens_shading(cells: Cells, optics: Optics, gain: Values, power: Values) -> Cells:
    """Brighten towards the corners: by 1 + gain r^power, r = 1 in the corners of the full frame.

    Args:
        cells: [batch, 4, H / 2, W / 2].
        optics: where the lens points.
        gain: what is added in the corner, in shares, [batch].
        power: how late it sets in, [batch].
    """
    height, width = cells.shape[-2:]
    y = (torch.arange(height, device=cells.device) * 2 + 1 - optics.y) / optics.radius
    x = (torch.arange(width, device=cells.device) * 2 + 1 - optics.x) / optics.radius
    squared = (y.square()[:, None] + x.square()[None, :]).clamp(min=1e-8)
    return cells * (1 + spread(gain) * squared.pow(spread(power) / 2))


def white_balance(cells: Cells, camera: tuple[float, float, float], red: Values, blue: Values) -> Cells:
    """Multiply R and B so that grey is grey.

    Args:
        cells: [batch, 4, H / 2, W / 2].
        camera: the camera's own multipliers of R, G and B.
        red, blue: what theirs are multiplied by, [batch].
    """
    one = torch.ones_like(red)
    gains = torch.stack((red * camera[0], one * camera[1], one * camera[1], blue * camera[2]), 1)
    return cells * gains[:, :, None, None]
