"""How noisy a capture is.

Source: Immerkaer 1996, Fast noise variance estimation, doi:10.1006/cviu.1996.0060 (the mask); the median in place of
the mean keeps edges out.
"""

import numpy as np
from scipy import ndimage
from scipy.optimize import nnls

from isptune.scenes.pairs.cells import Plane, Planes

_MASK = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])
"""The difference of two Laplacians: blind to slopes and edges along the axes; of its weights the squares add to 36."""


_LEVELS = 24
"""Of brightness, at which noise is measured for its law."""


def noise_level(cells: Planes) -> float:
    """The standard deviation of noise in the flatter parts of a capture, in parts of its range; 1 is clipping.

    Of samples at one colour, in the half of the picture where they differ least; texture as fine as noise counts as it.
    """
    levels = []
    for plane in cells:
        different = np.abs(ndimage.convolve(plane, _MASK, mode="reflect"))
        light = plane < 0.95
        if light.any():
            levels.append(float(np.median(different[light])) / 6 / 0.6745)
    return float(np.mean(levels)) if levels else 0.0


def noise_variance(plane: Plane, light: Plane) -> Plane:
    """The variance of the noise of a plane at each of its samples, by what light there is: a line, at least 0.

    It is measured within the plane, so that no other capture, nor what moved in it, has a say.
    """
    response = np.abs(ndimage.convolve(plane, _MASK, mode="reflect")) / 6 / 0.6745
    limits = np.quantile(light, np.linspace(0, 1, _LEVELS + 1))
    group = np.clip(np.searchsorted(limits, light, side="right") - 1, 0, _LEVELS - 1)
    own = [group == level for level in range(_LEVELS) if (group == level).any()]
    variances = np.array([float(np.median(response[part])) ** 2 for part in own]) + 1e-12
    design = np.stack([[max(0.0, float(light[part].mean())) for part in own], np.ones(len(own))], 1)
    (slope, level), _ = nnls(design / variances[:, None], np.ones(len(own)))  # in parts of the variance
    return slope * np.clip(light, 0, None) + level
