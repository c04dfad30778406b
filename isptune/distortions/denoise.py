"""What a denoiser leaves of a noisy image."""

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.draws import Draws
from isptune.distortions.imagewise import per_image
from isptune.distortions.sources import KADID
from isptune.distortions.threads import map_images

SPLINE = (1 / 16, 1 / 4, 3 / 8, 1 / 4, 1 / 16)
"""Taps of the B3-spline scaling function (Starck, Fadili and Murtagh 2007, doi:10.1109/TIP.2006.887733)."""

NOISE_SHARE = (0.8907, 0.2007, 0.0856, 0.0413)
"""Standard deviation of white noise of sigma 1 in each plane of the transform, finest first."""

# Grey, red against blue, green against both: orthonormal, so that white noise stays white.
_OPPONENT = torch.tensor(
    [
        [1 / 3**0.5, 1 / 3**0.5, 1 / 3**0.5],
        [1 / 2**0.5, 0, -1 / 2**0.5],
        [1 / 6**0.5, -2 / 6**0.5, 1 / 6**0.5],
    ]
)


@distortion(
    group="noise", unit="variance", low=0.0, high=0.2, stochastic=True,
    source=f"{KADID} (15: denoise, there with DnCNN); here a classical denoiser: Starck, Fadili and Murtagh 2007, The "
    "Undecimated Wavelet Decomposition and its Reconstruction, doi:10.1109/TIP.2006.887733, with the thresholds of "
    "Chang, Yu and Vetterli 2000, Adaptive Wavelet Thresholding for Image Denoising, doi:10.1109/83.862633",
)  # fmt: skip
def denoise(images: Images, level: Tensor, draws: Draws) -> Images:
    """White noise of the given variance, then its removal: blurred texture, blotches, lost detail.

    KADID-10k removes the noise with the network DnCNN. Its weights are not part of this project: wavelet
    shrinkage stands in for it (undecimated B3-spline planes in an opponent colour space, soft thresholds
    by BayesShrink for the known noise), which is of the same kind, but leaves other artefacts and more blur.

    Args:
        images: [batch, 3, H, W].
        level: the variance of the noise, [batch].
        draws: one normal field of the image's size.
    """
    field = draws.normal(*images.shape[1:], device=images.device)
    sigma = level.sqrt()
    noisy = torch.addcmul(images, per_image(sigma), field).clamp_(0, 1)
    turn = _OPPONENT.to(images.device)
    opponent = (turn @ noisy.flatten(2)).view_as(noisy)
    if images.device.type == "cpu":
        sigmas = sigma.tolist()
        smooth = map_images(lambda planes, i: np.stack([_shrink(p, sigmas[i]) for p in planes]), opponent)
    else:
        smooth = _shrink_tensor(opponent, sigma)
    return (turn.T @ smooth.flatten(2)).view_as(noisy)


def _shrink(plane: Float[np.ndarray, "height width"], sigma: float) -> Float[np.ndarray, "height width"]:
    """Soft thresholding of one plane, [H, W] float32."""
    rest, kept = plane, np.zeros_like(plane)
    for scale, share in enumerate(NOISE_SHARE):
        taps = _dilated(scale)
        smooth = cv2.sepFilter2D(rest, -1, taps, taps, borderType=cv2.BORDER_REPLICATE)
        detail = cv2.subtract(rest, smooth)
        noise = (sigma * share) ** 2
        signal = max(float(np.dot(detail.ravel(), detail.ravel())) / detail.size - noise, 1e-12)
        threshold = noise / signal**0.5
        kept += detail - np.clip(detail, -threshold, threshold)
        rest = smooth
    return kept + rest


def _shrink_tensor(planes: Images, sigma: Float[Tensor, " batch"]) -> Images:
    """The same for a batch, on any device."""
    rest, kept = planes, torch.zeros_like(planes)
    for scale, share in enumerate(NOISE_SHARE):
        smooth = _smooth_tensor(rest, 2**scale)
        detail = rest - smooth
        noise = (per_image(sigma) * share) ** 2
        signal = (detail.square().mean((2, 3), keepdim=True) - noise).clamp(min=1e-12)
        threshold = noise / signal.sqrt()
        kept += detail - detail.clamp(-threshold, threshold)
        rest = smooth
    return kept + rest


def _smooth_tensor(planes: Images, step: int) -> Images:
    for axis in (2, 3):
        size = planes.shape[axis]
        places = torch.arange(size, device=planes.device)
        mixed = torch.zeros_like(planes)
        for k, tap in enumerate(SPLINE):
            mixed.add_(planes.index_select(axis, (places + (k - 2) * step).clamp(0, size - 1)), alpha=tap)
        planes = mixed
    return planes


def _dilated(scale: int) -> np.ndarray:
    taps = np.zeros(4 * 2**scale + 1, dtype=np.float32)
    taps[:: 2**scale] = SPLINE
    return taps


DISTORTIONS = (denoise,)
