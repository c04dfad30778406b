"""A picture as its file stores it, and how it becomes upright sRGB in [0, 1]."""

from dataclasses import dataclass, replace

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.decoding.colour_space import Conversion, SrgbPixels, UnitPixels
from isptune.scenes.decoding.orientation import upright

OVERSHOOT = 0.05
"""So far beyond [0, 1] float samples are clipped: what resampling and sharpening leave. More is another scale."""

PIXELS_AT_ONCE = 1 << 21
"""Pixels that are converted at once: temporary arrays stay small."""


@dataclass(frozen=True, eq=False)
class Stored:
    """Decoded samples and what the file says of them.

    Attributes:
        samples: [H, W] or [H, W, channels]: grey, grey and alpha, RGB, RGB and alpha, or CMYK.
        white: the number that stands for 1; 1.0 for floats.
        orientation: EXIF's number, 1 to 8.
        colour: how it becomes sRGB; None where it is.
        told: what a user should know, a line each, without the file's name.
        clips: whether float samples far outside of [0, 1] are clipped, instead of refused.
    """

    samples: np.ndarray
    white: float
    orientation: int = 1
    colour: Conversion | None = None
    told: tuple[str, ...] = ()
    clips: bool = False


def upright_stored(stored: Stored) -> Stored:
    """The same picture turned as it is to be shown, by a view."""
    return replace(stored, samples=upright(stored.samples, stored.orientation), orientation=1)


def unit_pixels(stored: Stored, name: str) -> SrgbPixels:
    """The picture as sRGB in [0, 1], [H, W, 3]; grey is repeated, opaque alpha dropped.

    Raises:
        SceneError: samples are NaN, infinite or far outside of [0, 1], or alpha is used.
    """
    samples = stored.samples if stored.samples.ndim == 3 else stored.samples[:, :, None]
    samples = _without_alpha(samples, stored, name)
    height, width = samples.shape[:2]
    found = np.empty((height, width, 3), np.float32)
    rows = max(1, PIXELS_AT_ONCE // width)
    for top in range(0, height, rows):
        block = _scaled(samples[top : top + rows], stored, name)
        found[top : top + rows] = block if stored.colour is None else stored.colour.convert(block)
    return found


def _without_alpha(samples: np.ndarray, stored: Stored, name: str) -> np.ndarray:
    channels = samples.shape[2]
    if channels not in (1, 2, 3, 4):
        raise SceneError(f"{name}: has {channels} channels; 1 to 4 can be read")
    takes_four = stored.colour is not None and stored.colour.channels == 4
    if channels in (1, 3) or takes_four:
        return samples
    if (samples[:, :, -1] < stored.white).any():
        raise SceneError(f"{name}: has transparent pixels; flatten it onto a background first")
    return samples[:, :, :-1]


def _scaled(samples: np.ndarray, stored: Stored, name: str) -> UnitPixels:
    with np.errstate(all="ignore"):  # NaN and infinity are looked for below
        scaled = np.divide(samples, np.float32(stored.white), dtype=np.float32)
    if samples.dtype.kind == "f":
        _check_floats(scaled, stored.clips, name)
    np.clip(scaled, 0, 1, out=scaled)
    return np.repeat(scaled, 3, axis=2) if scaled.shape[2] == 1 else scaled


def _check_floats(scaled: UnitPixels, clips: bool, name: str) -> None:
    low, high = float(scaled.min()), float(scaled.max())
    if not np.isfinite([low, high]).all():
        raise SceneError(f"{name}: has pixels that are NaN or infinite")
    if not clips and (low < -OVERSHOOT or high > 1 + OVERSHOOT):
        raise SceneError(
            f"{name}: its float samples reach from {low:.4g} to {high:.4g}, but black is 0 and white 1; HDR, or on "
            "another scale? bring it to [0, 1] first"
        )
