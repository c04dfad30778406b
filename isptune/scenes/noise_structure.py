"""What the noise of a sensor has beyond shot and read noise: rows and columns, hot pixels, two unequal greens.

All are estimated from one capture of anything. Offsets of rows: each row is compared with the mean of its two
neighbours of the same colours, in the calm parts of the picture, by the median over a whole row, in which single
samples' noise averages out and what a row has in common does not.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from isptune.scenes.noise_estimate import Samples, light_of
from isptune.scenes.raw_capture import NoiseModel, RawCapture

CALM = 0.5
"""The share of columns, those in which neighbours differ least, by which rows are compared."""

SURE = 5.0
"""Offsets of rows count where their variance is so many standard errors above what independent noise makes of it."""

HOT_SIGMAS = 8.0
"""A hot pixel is brighter by so many standard deviations of the noise than any sample of its colour about it."""

_MAD = 1.4826
"""Standard deviation of a normal variable over the median of its absolute value."""


@dataclass(frozen=True)
class Structure:
    """Amounts in shares of the range from black to white; see `isptune.scenes.camera_profile.NoiseAtISO`.

    Attributes:
        row: standard deviation of the offsets of rows.
        column: the same of columns.
        hot: the share of samples that are hot pixels.
        greens: by which share greens beside blue are brighter than greens beside red.
        step: digital numbers between two neighbouring ones: 1, or more where fewer bits are stored in more.
        cut: whether noise below black was cut off.
    """

    row: float = 0.0
    column: float = 0.0
    hot: float = 0.0
    greens: float = 0.0
    step: float = 1.0
    cut: bool = False


def measured_structure(capture: RawCapture, noise: NoiseModel) -> Structure:
    """What a capture shows beside shot and read noise, which are known."""
    light = light_of(capture)
    return Structure(
        _offsets(light, noise),
        _offsets(light.T, noise),
        float(hot_pixels(light, noise).mean()),
        0.0 if capture.mono else _greens(light),
        number_step(capture),
        _is_cut(capture),
    )


def _offsets(light: Samples, noise: NoiseModel) -> float:
    """Standard deviation of what rows have in common; 0 where it is not surely there."""
    rows = light.shape[0] - 4
    if rows < 16:
        return 0.0
    away = light[2:-2] - (light[:-4] + light[4:]) / 2
    expected = np.sqrt(1.5 * (noise.shot * np.maximum(light[2:-2], 0) + noise.read))
    inside = light[2:-2] < 0.95
    # Texture makes neighbours differ by more than noise does: such columns say nothing of rows.
    with np.errstate(divide="ignore", invalid="ignore"):
        unrest = np.mean(np.abs(away) / expected, axis=0)
    kept = unrest <= np.quantile(unrest, CALM)
    if kept.sum() < 16:
        return 0.0
    away, expected = np.where(inside, away, np.nan)[:, kept], expected[:, kept]
    full = np.isfinite(away).sum(1) >= 16
    if full.sum() < 16:
        return 0.0
    medians = np.nanmedian(away[full], 1)
    # The median of n normal variables has pi / 2 of the variance of their mean.
    alone = np.pi / 2 * np.mean(np.square(expected[full])) / kept.sum()
    found = float((_MAD * np.median(np.abs(medians - np.median(medians)))) ** 2)
    # Of a variance from n medians of absolute values, which have 0.37 of the efficiency of squares.
    error = alone * np.sqrt(2 / (0.37 * full.sum()))
    return float(np.sqrt((found - alone) / 1.5)) if found - alone > SURE * error else 0.0


def hot_pixels(light: Samples, noise: NoiseModel) -> Bool[np.ndarray, "height width"]:
    """The samples that stand out from their own colour and whose neighbours, of others, do not."""
    from scipy.ndimage import maximum_filter

    own = np.zeros((5, 5), dtype=bool)
    own[::2, ::2] = True
    own[2, 2] = False
    others = np.ones((3, 3), dtype=bool)
    others[1, 1] = False
    around = maximum_filter(light, footprint=own, mode="mirror")
    # A point of light, through a lens, is bright in the samples beside it, too: half as bright as this one at most.
    beside = maximum_filter(light, footprint=others, mode="mirror")
    noisy = HOT_SIGMAS * np.sqrt(noise.shot * np.maximum(around, 0) + noise.read)
    # Fine detail stands out from its own colour by a share of it, which a defect does not depend on.
    excess = light - around
    return (excess > noisy + 0.5 * np.maximum(around, 0)) & (light - beside > 0.5 * excess)


def _greens(light: Samples) -> float:
    """The ratio of the greens beside blue and those beside red, less 1, over cells that are lit and not clipped."""
    first, second = light[::2, 1::2], light[1::2, ::2]
    both = (first + second) / 2
    lit = (np.maximum(first, second) < 0.9) & (both > np.median(both) / 4)
    total = float(first[lit].sum())
    return float(second[lit].sum() / total) - 1 if lit.any() and total > 0 else 0.0


def number_step(capture: RawCapture) -> float:
    """The largest step that all digital numbers are whole multiples of, seen from the smallest; 1 if there is none."""
    numbers = np.unique(capture.mosaic.cpu().numpy())
    if len(numbers) < 64 or not np.array_equal(numbers, np.rint(numbers)):
        return 1.0
    # White may lie off the grid of the others: gains in the camera stop there.
    below = numbers[numbers < 0.98 * capture.white].astype(np.int64)
    return float(max(1, np.gcd.reduce(np.diff(below)))) if len(below) > 2 else 1.0


def _is_cut(capture: RawCapture) -> bool:
    """Whether no sample lies below the black level, though some reach it."""
    black = np.reshape(capture.black, (2, 2))
    samples = capture.mosaic[0, 0].cpu().numpy()
    cells = [(samples[y::2, x::2], black[y, x]) for y in range(2) for x in range(2)]
    below, at = (sum(int(test(c, b).sum()) for c, b in cells) for test in (np.less, np.equal))
    return min(capture.black) > 0 and below == 0 and at > 1e-3 * samples.size
