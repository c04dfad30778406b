"""Phase congruency: where the frequencies of an image agree in phase, as at edges and lines of any contrast.

After Kovesi 1999, Image features from phase congruency, with the settings that Zhang et al. 2011 chose for
FSIM: 4 scales, 4 orientations, log-Gabor filters, and a threshold for noise from the finest scale's median.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from objectives.full_reference.objective import Plane, length

SCALES, ORIENTATIONS = 4, 4
SHORTEST_WAVE_PX, WAVE_FACTOR = 6.0, 2.0  # of the finest scale, and from one scale to the next
BANDWIDTH = 0.55  # the log-Gabor's standard deviation over its centre frequency
ANGLE_SIGMA = math.pi / ORIENTATIONS / 1.2
NOISE_SIGMAS, NOISE_DIVISOR = 2.0, 1.7
TINY = 1e-4  # for luma in [0, 255]


@dataclass(frozen=True)
class Bank:
    """The filters for one image size.

    `filters` multiply a spectrum whose real and imaginary parts alternate along the last axis, and hold the
    inverse transform's factor. `noise` times the median amplitude at the finest scale is the threshold of
    an orientation.
    """

    filters: Float[Tensor, "orientation scale height twowidth"]
    noise: Float[Tensor, " orientation"]


def bank(height: int, width: int) -> Bank:
    """The sixteen filters for images of this size, worked out in float64."""
    radius, angle = _polar_frequencies(height, width)
    lowpass = 1 / (1 + (radius / 0.45) ** 30)  # Butterworth: no corners of the spectrum
    radius[0, 0] = 1
    filters = np.empty((ORIENTATIONS, SCALES, height, width))
    for scale in range(SCALES):
        centre = 1 / (SHORTEST_WAVE_PX * WAVE_FACTOR**scale)
        radial = np.exp(-(np.log(radius / centre) ** 2) / (2 * math.log(BANDWIDTH) ** 2)) * lowpass
        radial[0, 0] = 0
        for orientation in range(ORIENTATIONS):
            turned = angle - orientation * math.pi / ORIENTATIONS
            distance = np.abs(np.arctan2(np.sin(turned), np.cos(turned)))
            filters[orientation, scale] = radial * np.exp(-(distance**2) / (2 * ANGLE_SIGMA**2))
    noise = [_noise_factor(of_orientation) for of_orientation in filters]
    interleaved = np.repeat(filters / (height * width), 2, axis=-1)
    return Bank(torch.from_numpy(interleaved).float(), torch.tensor(noise, dtype=torch.float32))


def _polar_frequencies(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Radius in cycles a pixel and angle of every bin, the zero frequency first."""

    def axis(size: int) -> np.ndarray:
        # Kovesi's code spreads an odd number of bins over the whole of [-1/2, 1/2].
        span = size - 1 if size % 2 else size
        return np.fft.ifftshift(np.arange(-(size // 2), size - size // 2) / max(span, 1))

    x, y = np.meshgrid(axis(width), axis(height))
    return np.hypot(x, y), np.arctan2(-y, x)


def _noise_factor(filters: Float64[np.ndarray, "scale height width"]) -> float:
    """The threshold for a median amplitude of 1 at the finest scale, by Rayleigh's distribution."""
    spread = np.fft.ifft2(filters).real.reshape(len(filters), -1) * math.sqrt(filters[0].size)
    products = spread @ spread.T
    # sum An^2 + 2 sum_{i<j} Ai Aj is the sum of all products.
    noise_power = 1 / math.log(2) / np.square(filters[0]).sum()
    tau = math.sqrt(noise_power * products.sum())
    return tau * (math.sqrt(math.pi / 2) + NOISE_SIGMAS * math.sqrt(2 - math.pi / 2)) / NOISE_DIVISOR


def phase_congruency_plane(luma: Plane, filters: Bank) -> Plane:
    """Phase congruency in [0, 1] of one plane in [0, 255]."""
    height, width = luma.shape
    # The filters let no mean through; without it float32 keeps more digits.
    spectrum = cv2.dft(luma - luma.mean(dtype=np.float64).astype(np.float32), flags=cv2.DFT_COMPLEX_OUTPUT)
    spectrum = spectrum.reshape(height, 2 * width)
    energy, amplitude = np.zeros_like(luma), np.full_like(luma, TINY)
    for of_orientation, noise in zip(filters.filters.numpy(), filters.noise.tolist(), strict=True):
        energy += _energy(spectrum, of_orientation, noise, amplitude)
    energy /= amplitude
    return energy


def _energy(
    spectrum: Float32[np.ndarray, "height twowidth"],
    filters: Float32[np.ndarray, "scale height twowidth"],
    noise: float,
    amplitude: Plane,
) -> Plane:
    """Energy above the noise at one orientation; the amplitudes of its scales are added to `amplitude`."""
    height, width = amplitude.shape
    even, odd = np.empty((2, len(filters), height, width), np.float32)
    threshold = 0.0
    for scale, response in enumerate(filters):
        wave = cv2.dft((spectrum * response).reshape(height, width, 2), flags=cv2.DFT_INVERSE)
        cv2.split(wave, (even[scale], odd[scale]))
        magnitude = length(even[scale], odd[scale])
        amplitude += magnitude
        if scale == 0:
            threshold = noise * _median(magnitude)
    sum_even, sum_odd = even.sum(axis=0), odd.sum(axis=0)
    norm = length(sum_even, sum_odd)
    energy = np.square(norm)
    norm += TINY
    energy /= norm
    energy -= threshold
    sum_even /= norm  # from here on the mean direction of phase
    sum_odd /= norm
    even *= sum_odd
    odd *= sum_even
    for scale in range(len(filters)):
        energy -= cv2.absdiff(even[scale], odd[scale])
    return np.maximum(energy, 0, out=energy)


def _median(plane: Plane) -> float:
    flat = plane.ravel()
    middle = flat.size // 2
    parted = np.partition(flat, (middle - 1, middle, flat.size - 1))  # a NaN would be last
    if np.isnan(parted[-1]):
        return math.nan
    return float(parted[middle] if flat.size % 2 else (parted[middle - 1] + parted[middle]) / 2)


def phase_congruency(
    luma: Float[Tensor, "batch 1 height width"], filters: Bank
) -> Float[Tensor, "batch 1 height width"]:
    """`phase_congruency_plane` for a batch of tensors; an image with a NaN becomes NaN."""
    height, width = luma.shape[-2:]
    spectrum = torch.fft.fft2(luma - luma.mean((2, 3), keepdim=True))
    energy, amplitude = torch.zeros_like(luma), torch.full_like(luma, TINY)
    for of_orientation, noise in zip(filters.filters, filters.noise, strict=True):
        response = of_orientation[..., ::2] * (height * width)
        wave = torch.fft.ifft2(spectrum * response)
        magnitude = wave.abs()
        ordered = magnitude[:, 0].flatten(1).sort(1).values
        middle = ordered.shape[1] // 2
        median = (ordered[:, middle] + ordered[:, -middle - 1]) / 2
        total = wave.sum(1, keepdim=True)
        norm = total.abs() + TINY
        direction = total / norm
        off = (wave * direction.conj()).imag.abs().sum(1, keepdim=True)
        above = total.abs().square() / norm - off - noise * median.view(-1, 1, 1, 1)
        energy += above.clamp_min(0)
        amplitude += magnitude.sum(1, keepdim=True)
    return energy / amplitude
