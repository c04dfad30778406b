"""The noise of a sensor as a capture shows it, whatever it shows besides: Poisson-Gaussian, from patches of the mosaic.

The model is that of Foi, Trimeche, Katkovnik and Egiazarian 2008, "Practical Poissonian-Gaussian noise modeling and
fitting for single-image raw-data", doi:10.1109/TIP.2008.2001399: a sample x has the variance shot x + read. How strong
noise is at one brightness is taken from small patches, as in Chen, Zhu and Heng 2015, "An efficient statistical method
for image noise level estimation", doi:10.1109/ICCV.2015.62, and in Liu, Tanaka and Okutomi 2013, "Single-image noise
level estimation for blind denoising", doi:10.1109/TIP.2013.2283400: what is in a picture, texture too, fills few of the
directions that a patch can vary in, and noise all of them, so that the directions of least variance hold noise alone;
and where patches have little in the other directions, it is noise even more surely.

Two things are our own. Patches are cut from the mosaic on the grid of its filters, not from one colour: fine structure
is mostly grey, and thrice as fine in the mosaic. And the directions are found in one half of the patches and measured
in the other: the smallest of measured variances would be too small.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from isptune.scenes.raw_capture import NoiseModel, RawCapture

SIDE = 6
"""Of a patch, samples of the mosaic."""

DIRECTIONS = 4
"""So many of the 36 directions hold least of the picture."""

SMOOTHEST = 0.3
"""The share of patches that is measured: those with least in the other directions."""

LEVELS, ROUNDS = 8, 4
MOST_PATCHES = 60_000

FEWEST_PATCHES = 400
"""At one brightness: ten times as many as directions."""

UNKNOWN = NoiseModel(1e-7, 1e-9)
"""Of a capture that is too small to show it."""

_NORMAL_MEDIAN = 0.6744897501960817
"""The median of the absolute value of a standard normal variable."""

Samples = Float[np.ndarray, "height width"]
Patches = Float[np.ndarray, "patches samples"]
OtherPatches = Float[np.ndarray, "others samples"]


class Levels(NamedTuple):
    """What a capture shows of its noise.

    Attributes:
        means: of light at some levels, in shares of the range from black to white.
        variances: of the noise there.
        noise: the line through them.
    """

    means: np.ndarray
    variances: np.ndarray
    noise: NoiseModel


def measured_noise(capture: RawCapture) -> NoiseModel:
    """Shot and read noise of a capture, in shares of the range from black to white."""
    found = noise_levels(capture)
    return UNKNOWN if found is None else found.noise


def noise_levels(capture: RawCapture) -> Levels | None:
    """The variance of the noise of a capture at up to eight levels of light; None where it is too small to show it."""
    means, variances = np.zeros(0), np.zeros(0)
    patches, odd = _patches(light_of(capture))
    noise = NoiseModel(1e-3, 1e-5)
    for _ in range(ROUNDS):
        inside = _unclipped(patches, noise, capture)
        kept, half = patches[inside], odd[inside]
        if len(kept) < FEWEST_PATCHES:
            return None
        count = min(LEVELS, max(1, len(kept) // FEWEST_PATCHES))
        levels = np.array_split(np.argsort(kept.mean(1)), count)
        means = np.array([kept[level].mean() for level in levels])
        ratios = np.array([_excess(_stabilised(kept[level], noise), half[level]) for level in levels])
        variances = ratios * (noise.shot * np.maximum(means, 0) + noise.read)
        noise = noise_line(means, variances)
    return Levels(means, variances, noise)


def light_of(capture: RawCapture) -> Samples:
    """The samples in shares of the range from black to white."""
    samples = capture.mosaic[0, 0].cpu().double().numpy()
    black = capture.black_levels.numpy()
    return (samples - black) / (capture.white - black)


def _patches(light: Samples) -> tuple[Patches, np.ndarray]:
    """Patches that begin on the grid of the filters, at most so many, and which of two halves each belongs to.

    The halves are the squares of a chessboard, so that few patches of one overlap some of the other.
    """
    windows = np.lib.stride_tricks.sliding_window_view(light, (SIDE, SIDE))[::2, ::2]
    rows, columns = windows.shape[:2]
    square = 16 if min(rows, columns) >= 64 else 4
    odd = (np.arange(rows)[:, None] // square + np.arange(columns) // square) % 2 == 1
    step = max(1, rows * columns // MOST_PATCHES)
    places = np.arange(0, rows * columns, step)
    chosen = windows[places // columns, places % columns].reshape(len(places), SIDE * SIDE)
    return chosen, odd.ravel()[places]


def _unclipped(patches: Patches, noise: NoiseModel, capture: RawCapture) -> np.ndarray:
    """Which patches are away from the ends of the numbers, where noise is cut off.

    By means and not by single samples: to leave out those with a large sample would be to leave out noise. One and a
    half standard deviations are enough, since medians do not feel what becomes of the tails.
    """
    means = patches.mean(1)
    floor = max(-black / (capture.white - black) for black in capture.black)
    sigma = np.sqrt(noise.shot * np.maximum(means, 0) + noise.read)
    brightest = np.median(np.sort(patches, 1)[:, -SIDE:], 1)  # of the brightest colour
    return (means - 1.5 * sigma > floor) & (brightest + sigma < 0.95)


def _stabilised(samples: Patches, noise: NoiseModel) -> Patches:
    """Samples whose noise has the variance 1, if it is this; see `pipelines.raw.stages.raw_denoise`."""
    shot = max(noise.shot, 1e-7)
    floor = 0.375 * shot * shot + noise.read
    return np.sqrt(np.maximum(samples * shot + floor, 0)) * (2 / shot)


def _excess(patches: Patches, odd: np.ndarray) -> float:
    """The variance of the noise in patches in which 1 was expected."""
    found = [_measured(patches[odd == half], patches[odd != half]) for half in (False, True)]
    return float(np.mean(found))


def _measured(known: OtherPatches, patches: Patches) -> float:
    """The variance of the second patches in the directions in which the first vary least.

    The smoothest are chosen by the other directions: noise is independent in these, and the choice does not touch it.
    """
    if min(len(known), len(patches)) <= SIDE * SIDE:
        return 1.0
    _, directions = np.linalg.eigh(np.cov(known, rowvar=False))
    turned = (patches - patches.mean(0)) @ directions
    energy = np.square(turned[:, DIRECTIONS:]).sum(1)
    smooth = turned[energy <= np.quantile(energy, SMOOTHEST), :DIRECTIONS]
    return float(np.square(np.median(np.abs(smooth), 0) / _NORMAL_MEDIAN).mean())


def noise_line(means: np.ndarray, variances: np.ndarray) -> NoiseModel:
    """variance = shot * mean + read, neither below 0, by least squares of relative errors."""
    from scipy.optimize import nnls

    weights = 1 / np.maximum(variances, 1e-12)
    design = np.stack([np.maximum(means, 0), np.ones_like(means)], 1) * weights[:, None]
    shot, read = nnls(design, variances * weights)[0]
    return NoiseModel(float(max(shot, 1e-7)), float(max(read, 1e-10)))
