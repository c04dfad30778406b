"""How noisy a capture is.

Source: Immerkaer 1996, Fast noise variance estimation, doi:10.1006/cviu.1996.0060 (the mask); the median in place of
the mean keeps edges out.
"""

import numpy as np
from scipy import ndimage

from isptune.scenes.noise_estimate import noise_line
from isptune.scenes.pairs.cells import Plane, Planes

_MASK = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])
"""The difference of two Laplacians: blind to slopes and edges along the axes; of its weights the squares add to 36."""


_DARKEST, _ENOUGH = 0.01, 0.02
"""Light above which noise is whole, in parts of the range; and which share of a picture must have it."""

_LEVELS = 24
"""Of brightness, at which noise is measured for its law."""


def noise_level(cells: Planes) -> float:
    """The standard deviation of noise in the flatter parts of a capture, in parts of its range; 1 is clipping.

    Of samples at one colour, in the half of the picture where they differ least; texture as fine as noise counts as it.
    Where a camera cuts at black as at white there is no noise: a capture of next to nothing but such parts is measured
    in them nevertheless.
    """
    levels = []
    for plane in cells:
        different = _sigmas(plane)
        light = ndimage.uniform_filter(plane, 5)
        between = (light > _DARKEST) & (plane < 0.95)
        if between.mean() < _ENOUGH:
            between = plane < 0.95
        if between.any():
            levels.append(float(np.median(different[between])))
    return float(np.mean(levels)) if levels else 0.0


def noise_variance(plane: Plane, light: Plane) -> Plane:
    """The variance of the noise of a plane at each of its samples, by what light there is: a line, at least 0.

    It is measured within the plane, so that no other capture, nor what moved in it, has a say.
    """
    response = _sigmas(plane)
    limits = np.quantile(light, np.linspace(0, 1, _LEVELS + 1))
    group = np.clip(np.searchsorted(limits, light, side="right") - 1, 0, _LEVELS - 1)
    own = [group == level for level in range(_LEVELS) if (group == level).any()]
    variances = np.array([float(np.median(response[part])) ** 2 for part in own])
    model = noise_line(np.array([float(light[part].mean()) for part in own]), variances)
    return model.shot * np.clip(light, 0, None) + model.read


def _sigmas(plane: Plane) -> Plane:
    """What the mask sees at each sample, such that the median over noise alone is its standard deviation."""
    return np.abs(ndimage.convolve(plane, _MASK, mode="reflect")) / 6 / 0.6745
