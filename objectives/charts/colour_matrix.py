"""A camera's colour matrix from a photographed ColorChecker: what its samples must be multiplied by to be sRGB.

White is preserved: Finlayson and Drew 1997, "White-point preserving color correction", Fifth Color Imaging Conference,
IS&T. By least squares in linear light, on the means of the mosaic's samples in each patch, with nothing interpolated.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.errors import SceneError
from isptune.scenes.color import linear_to_srgb, rgb_to_lab, srgb_to_linear
from isptune.scenes.colour_profile import white_kept
from isptune.scenes.raw_capture import Matrix, RawCapture
from objectives.charts.colour import ciede2000, patch_samples, published_patches
from objectives.charts.regions import Quad

CLIPPED = 0.98
"""Of the range; a patch with more than a few such samples is left out."""

GREY_PATCHES = (19, 20, 21, 22)
"""Neutral 8 to 3.5: white may clip, and black is mostly stray light."""

FEWEST = 12
"""Of the 24 patches, so many must be seen unclipped."""

Colours = Float[np.ndarray, "patches 3"]


@dataclass(frozen=True)
class Fitted:
    """A calibration.

    Attributes:
        quad: the corners of the field of patches, from that of dark skin on, in pixels of the capture.
        matrix: from white-balanced camera RGB to linear sRGB; its rows sum to 1.
        white_balance: multipliers of R, G and B.
        before, after: CIEDE2000 of the patches, [24], as the capture was described, and with these; NaN where clipped.
    """

    quad: Quad
    matrix: Matrix
    white_balance: tuple[float, float, float]
    before: np.ndarray
    after: np.ndarray


def fit(capture: RawCapture, quad: Quad, turned: bool = True) -> Fitted:
    """Fit a matrix and a white balance to the chart in a capture.

    Args:
        capture: of the chart.
        quad: its field of patches, pixels of the capture.
        turned: whether any corner may be that of dark skin; the one that fits best is taken.

    Raises:
        SceneError: the capture is mono, or so much clips that too few patches are left.
    """
    if capture.mono:
        raise SceneError("a capture without colour filters has no colour matrix")
    turns = range(4 if turned else 1)
    fitted = [_fit(capture, (quad[i], quad[i - 3], quad[i - 2], quad[i - 1])) for i in turns]
    return min(fitted, key=lambda one: float(np.nanmean(one.after)))


def _fit(capture: RawCapture, quad: Quad) -> Fitted:
    camera, used = _camera_colours(capture, quad)
    if used.sum() < FEWEST or not used[list(GREY_PATCHES)].any():
        raise SceneError(f"only {used.sum()} of the chart's 24 patches are unclipped; expose it less")
    truth = srgb_to_linear(published_patches())[0].flatten(1).T.numpy()
    greys = [i for i in GREY_PATCHES if used[i]]
    balance = _balance(camera[greys])
    balanced = camera * balance
    exposure = _scale(balanced[greys].mean(1), truth[greys].mean(1))
    matrix = np.stack(
        [_row(balanced[used] * exposure, truth[used, channel], channel) for channel in range(3)]
    )
    before = _differences(camera * capture.white_balance, np.array(capture.matrix), truth, greys)
    after = _differences(balanced, matrix, truth, greys)
    unseen = np.where(used, 0.0, np.nan)
    red, green, blue = (float(x) for x in balance)
    return Fitted(quad, white_kept(matrix), (red, green, blue), before + unseen, after + unseen)


def _camera_colours(capture: RawCapture, quad: Quad) -> tuple[Colours, np.ndarray]:
    """The mean of the samples of each colour in each patch, black taken off, and which patches do not clip."""
    cells = torch.nn.functional.pixel_unshuffle(capture.mosaic.double(), 2).cpu()
    black = torch.tensor(capture.black, dtype=torch.float64).view(1, 4, 1, 1)
    red, green, other, blue = ((cells - black) / (capture.white - black)).unbind(1)
    first, second, third, fourth = ((x / 2, y / 2) for x, y in quad)  # a cell of 2x2 samples is a pixel
    colours = torch.stack((red, (green + other) / 2, blue), 1)
    seen = patch_samples(colours, (first, second, third, fourth))[0]
    clipped = (seen > CLIPPED).double().mean(2).amax(0) > 0.02
    return seen.mean(2).T.numpy(), ~clipped.numpy()


def _balance(greys: Colours) -> np.ndarray:
    """Multipliers that make greys grey, by least squares; green has 1."""
    return (greys[:, 1:2] * greys).sum(0) / np.square(greys).sum(0)


def _scale(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float((ours * theirs).sum() / np.square(ours).sum())


def _row(colours: Colours, wanted: np.ndarray, channel: int) -> np.ndarray:
    """The row whose sum is 1 and whose products with the colours are nearest to what is wanted.

    The two free numbers multiply differences from the channel itself, which are 0 for every grey.
    """
    others = [i for i in range(3) if i != channel]
    design = colours[:, others] - colours[:, channel : channel + 1]
    free = np.linalg.lstsq(design, wanted - colours[:, channel], rcond=None)[0]
    row = np.zeros(3)
    row[others], row[channel] = free, 1 - free.sum()
    return row


def _differences(balanced: Colours, matrix: np.ndarray, truth: Colours, greys: list[int]) -> np.ndarray:
    """CIEDE2000 of each patch, with the exposure at which the greys have their published brightness."""
    light = balanced @ matrix.T
    light = light * _scale(light[greys].mean(1), truth[greys].mean(1))
    first, second = (_lab(torch.from_numpy(x)) for x in (light, truth))
    return ciede2000(first, second).numpy()


def _lab(light: Tensor) -> Tensor:
    picture = light.clamp(0, 1).T[None, :, :, None]  # of one pixel a patch
    return rgb_to_lab(linear_to_srgb(picture).clamp(0, 1))[0, :, :, 0].T
