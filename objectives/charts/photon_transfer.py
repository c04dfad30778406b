"""Photon transfer: how the variance of noise rises with light, from pairs of equal shots or from single ones.

Janesick 2007, "Photon Transfer", and EMVA Standard 1288 (release 4.0): half of the variance of the difference of two
equal shots is the noise that differs between them, whatever both show, and its line over the mean has shot noise as its
slope and read noise where there is no light. Single shots of anything are measured by `isptune.scenes.noise_estimate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from isptune.scenes.camera_profile import NoiseAtISO
from isptune.scenes.noise_estimate import light_of, noise_levels, noise_line
from isptune.scenes.noise_structure import hot_pixels, measured_structure
from isptune.scenes.raw_capture import NoiseModel, RawCapture

TILE = 16
"""Side of the tiles of one colour in which two shots are compared, samples."""

LEVELS = 24
"""Tiles are gathered into so many levels of light."""

SAME = 0.05
"""Two shots are a pair where their means differ by less than this share, and tiles go with them."""

STILL = 0.8
"""The share of tiles that has to agree in two shots of one static scene."""

NARROW = 1.5
"""Where the brightest level is less than so many times the darkest, slope and offset cannot be told apart."""


@dataclass(frozen=True, eq=False)
class Transfer:
    """The photon transfer curve of one ISO.

    Attributes:
        iso: of the shots.
        means: levels of light, in shares of the range from black to white.
        variances: of the noise there.
        noise: the line through them, and what else the noise has.
        off_by: root mean square of the relative deviations of variances from the line.
        pairs: how many pairs of shots were compared.
        singles: how many shots were measured by themselves.
        narrow: whether all levels are about one brightness.
    """

    iso: float
    means: Float[np.ndarray, " levels"]
    variances: Float[np.ndarray, " levels"]
    noise: NoiseAtISO
    off_by: float
    pairs: int
    singles: int
    narrow: bool


def transfer(iso: float, captures: Sequence[RawCapture]) -> Transfer | None:
    """The noise of shots at one ISO; None where they are too small or too dark to show any.

    Shots of about equal brightness are tried as pairs; those that show another scene are measured by themselves.
    """
    left = sorted(captures, key=_brightness)
    points: list[tuple[np.ndarray, np.ndarray]] = []
    pairs = singles = 0
    while left:
        first = left.pop(0)
        both = pair_points(first, left[0]) if left else None
        if both is not None:
            left.pop(0)
            pairs += 1
            points.append(both)
            continue
        alone = noise_levels(first)
        if alone is not None:
            singles += 1
            points.append((alone.means, alone.variances))
    if not points:
        return None
    means, variances = (np.concatenate(column) for column in zip(*points, strict=True))
    kept = variances > 0
    means, variances = means[kept], variances[kept]
    if not len(means):
        return None
    model = noise_line(means, variances)
    found = [measured_structure(capture, model) for capture in captures]
    row, column, greens = (
        float(np.median([getattr(one, key) for one in found])) for key in ("row", "column", "greens")
    )
    hot = _hot(captures, model)
    fit, off_by = _goodness(means, variances, model)
    # The difference of two shots holds what rows and columns have in common; the directions of single ones do not.
    read = max(model.read - row**2 - column**2, 0.0) if pairs else model.read
    noise = NoiseAtISO(iso, model.shot, read, row, column, hot, greens, fit)
    narrow = bool(means.max() < NARROW * max(means.min(), 1e-3))
    return Transfer(iso, means, variances, noise, off_by, pairs, singles, narrow)


def pair_points(first: RawCapture, second: RawCapture) -> tuple[np.ndarray, np.ndarray] | None:
    """Means and variances at some levels of light from two shots of one static scene; None if they are not such."""
    if first.size != second.size or first.mono != second.mono:
        return None
    one, other = _tiles(first), _tiles(second)
    means, others = one.mean(1), other.mean(1)
    total, whole = means.sum(), others.sum()
    dark = max(abs(means.mean()), abs(others.mean())) < 0.01  # frames without light
    gain = 1.0 if dark else total / whole if whole > 0 else 0.0
    if abs(gain - 1) > SAME:
        return None
    away = one - gain * other
    variances = away.var(1, ddof=1) / (1 + gain**2)
    error = np.sqrt(away.var(1, ddof=1) / away.shape[1])
    still = np.abs(away.mean(1)) < 5 * error + 0.01 * np.abs(means)
    if still.mean() < STILL:
        return None
    floor = max(-black / (first.white - black) for black in first.black)
    sigma = np.sqrt(variances)
    inside = still & (one.max(1) < 0.98) & (other.max(1) < 0.98) & (means - 2 * sigma > floor)
    if inside.sum() < 4:
        return None
    ranked = np.argsort(means[inside])
    parts = np.array_split(ranked, min(LEVELS, max(1, len(ranked) // 8)))
    means, variances = means[inside], variances[inside]
    # Of a few tiles something moves: medians; of n squares the median is (1 - 2 / 9n)^3 of the mean.
    share = (1 - 2 / (9 * (TILE * TILE - 1))) ** 3
    return (
        np.array([means[part].mean() for part in parts]),
        np.array([np.median(variances[part]) for part in parts]) / share,
    )


def _hot(captures: Sequence[RawCapture], model: NoiseModel) -> float:
    """The share of hot pixels: those of all shots, since detail of a scene is in one place only now and then."""
    sizes = {capture.size for capture in captures}
    masks = (hot_pixels(light_of(capture), model) for capture in captures)
    if len(sizes) > 1:
        return float(np.median([mask.mean() for mask in masks]))
    return float(np.logical_and.reduce(list(masks)).mean())


def _tiles(capture: RawCapture) -> Float[np.ndarray, "tiles samples"]:
    """Tiles of each of the four colours."""
    light = light_of(capture)
    found = []
    for y in range(2):
        for x in range(2):
            plane = light[y::2, x::2]
            rows, columns = (n // TILE for n in plane.shape)
            cut = plane[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
            found.append(cut.transpose(0, 2, 1, 3).reshape(-1, TILE * TILE))
    return np.concatenate(found)


def _brightness(capture: RawCapture) -> float:
    return float(light_of(capture)[::7, ::7].mean())


def _goodness(means: np.ndarray, variances: np.ndarray, model: NoiseModel) -> tuple[float | None, float]:
    """R squared, and the root mean square of relative deviations; of one or two levels there is no R squared."""
    expected = model.shot * np.maximum(means, 0) + model.read
    off_by = float(np.sqrt(np.mean(np.square(variances / expected - 1))))
    spread = np.square(variances - variances.mean()).sum()
    if len(means) < 3 or not spread > 0:
        return None, off_by
    return float(1 - np.square(variances - expected).sum() / spread), off_by
