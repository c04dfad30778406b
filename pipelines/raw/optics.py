"""A point spread in linear light: an exact Gaussian, as weights of the frequencies of a mirrored picture."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images


def blurred(light: Images, sigma_px: float) -> Images:
    """Light behind a lens whose point spread is a Gaussian of this standard deviation, pixels.

    A cosine transform of a picture of N pixels holds the frequencies k / 2N of the picture mirrored at its borders, and
    a Gaussian's response to the frequency f is exp(-2 (pi sigma f)^2): exact where a kernel of a few samples is not,
    below half a pixel.
    """
    from scipy.fft import dctn, idctn

    if sigma_px == 0:
        return light
    planes = light[0].double().cpu().numpy()
    rows, columns = (np.arange(n) / (2 * n) for n in planes.shape[1:])
    response = np.exp(-2 * (np.pi * sigma_px) ** 2 * (rows[:, None] ** 2 + columns**2))
    spread = np.asarray(idctn(np.asarray(dctn(planes, axes=(1, 2))) * response, axes=(1, 2)))
    return torch.from_numpy(np.maximum(spread, 0))[None].to(light)


def reduced(light: Images, rows: int, columns: int) -> Float[Tensor, "batch 3 rows columns"]:
    """Light on fewer and larger pixels, each the mean of what falls on it, as on those of a sensor."""
    return torch.nn.functional.interpolate(light, (rows, columns), mode="area")
