"""Denoising by local Wiener gains over an undecimated wavelet transform: for the raw stage and the later one.

Transform: Starck, Fadili and Murtagh 2007, "The Undecimated Wavelet Decomposition and its Reconstruction",
doi:10.1109/TIP.2006.887733 (B3 spline, a trous). Gains from the energy of a coefficient's neighbours: Mihcak,
Kozintsev, Ramchandran and Moulin 1999, "Low-complexity image denoising based on statistical modeling of wavelet
coefficients".
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from isptune.system.threads import in_threads
from pipelines.raw.stages.planes import (
    MIRROR,
    Plane,
    Planes,
    Values,
    blur,
    mean_of_squares,
    spread,
    wants_tensors,
)

SPLINE = np.array([1 / 16, 1 / 4, 3 / 8, 1 / 4, 1 / 16], np.float32)

NOISE_SHARE = (0.8907, 0.2007, 0.0856, 0.0413, 0.0205)
"""Standard deviation of white noise of sigma 1 in each plane of the transform, finest first (same source)."""

WINDOW = 5
"""Side of the neighbourhood whose energy decides over a coefficient."""


def reach_of(scales: float) -> int:
    """How far around a sample so many scales look: as far as all their filters, and a window at the last."""
    return sum(2 * 2**scale for scale in range(round(scales))) + WINDOW // 2


def shrink(planes: Planes, sigma: Tensor, scales: Values, keep: Values) -> Planes:
    """Attenuate what is no stronger than noise.

    Args:
        planes: [batch, C, H, W].
        sigma: standard deviation of the noise to take out, [batch, C]; 0 leaves a plane as it is.
        scales: how many scales are treated, 1 (finest) to 5, whole numbers, [batch].
        keep: the share of every coefficient that stays at least, [batch].
    """
    if wants_tensors(planes, sigma, keep):
        return _shrink_tensor(planes, sigma, scales, keep)
    sigmas, counts, keeps = sigma.tolist(), scales.round().int().tolist(), keep.tolist()
    batch, count = planes.shape[:2]
    source, result = planes.contiguous(), torch.empty(planes.shape)

    def work(place: int) -> None:
        i, c = divmod(place, count)
        result[i, c].numpy()[...] = _shrink_plane(source[i, c].numpy(), sigmas[i][c], counts[i], keeps[i])

    in_threads(work, range(batch * count))
    return result


def _shrink_plane(plane: Plane, sigma: float, scales: int, keep: float) -> Plane:
    if sigma <= 0:
        return plane
    rest, kept = plane, np.zeros_like(plane)
    for scale in range(scales):
        taps = _dilated(scale)
        smooth = cv2.sepFilter2D(rest, -1, taps, taps, borderType=MIRROR)
        detail = cv2.subtract(rest, smooth)
        energy = cv2.sqrBoxFilter(detail, cv2.CV_32F, (WINDOW, WINDOW), normalize=True, borderType=MIRROR)
        noise = np.float32((sigma * NOISE_SHARE[scale]) ** 2)
        np.maximum(energy, noise, out=energy)  # no gain below 0
        gain = np.subtract(1, np.divide(noise, energy, out=energy), out=energy)
        if keep > 0:
            np.maximum(gain, np.float32(keep), out=gain)
        kept = cv2.accumulateProduct(detail, gain, kept)
        rest = smooth
    return cv2.add(kept, rest)


def _shrink_tensor(planes: Planes, sigma: Tensor, scales: Values, keep: Values) -> Planes:
    rest, kept = planes, torch.zeros_like(planes)
    for scale in range(int(scales.max())):
        smooth = blur(rest, [_dilated(scale)] * len(planes))
        detail = rest - smooth
        noise = (sigma * NOISE_SHARE[scale]).square()[:, :, None, None]
        gain = torch.maximum(
            1 - noise / torch.maximum(mean_of_squares(detail, WINDOW), noise + 1e-20), spread(keep)
        )
        treated = spread(scales) > scale
        kept = kept + torch.where(treated, detail * gain, detail)
        rest = smooth
    return torch.where(sigma[:, :, None, None] > 0, kept + rest, planes)


def _dilated(scale: int) -> np.ndarray:
    taps = np.zeros(4 * 2**scale + 1, dtype=np.float32)
    taps[:: 2**scale] = SPLINE
    return taps
