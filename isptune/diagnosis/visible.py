"""How probable it is that a person sees any difference between two pictures, whatever a judge says of them.

A judge is made to tell quality apart, and finds traces that no eye does: what JPEG left at 50 dB makes it sure of a
picture that nobody could pick. A person who sees no difference picks either one, with a probability of a half. So, with
the probability V that the difference is seen, and P that of the judge for those who see it,

    (1)  P' = V P + (1 - V) / 2

which is the correction for guessing of forced choices (high-threshold theory; Green and Swets 1966, Signal Detection
Theory and Psychophysics). Turned around, it is one minus itself, as P is. V comes from the largest colour difference D:

    (2)  V = 1 - 2^-(D / JUST_VISIBLE)^STEEPNESS

Weibull's psychometric function with the slope that visual models use (Quick 1974, doi:10.1007/BF00271628; Watson 1979;
Daly 1992, The visible differences predictor: 3.5), a half at a CIEDE2000 of 2: what people just see between pictures
side by side, where two even patches that touch need half of that (Stokes, Fairchild and Berns 1992, Precision
requirements for digital color reproduction: 2.15 CIELAB). D is the largest mean of CIEDE2000 in parts of 8x8 pixels, of
pictures whose light is blurred as the eye does at 60 pixels a degree, an ordinary screen at arm's length: the narrow
lobe of the luminance channel of S-CIELAB (Zhang and Wandell 1997, doi:10.1889/1.1985127). To the light comes the room's
on the screen, 1 % of white (IEC 61966-2-1:1999, the flare of the reference viewing): nobody sees noise in what is all
but black.
"""

import cv2
import numpy as np
from jaxtyping import Float
from skimage.color import deltaE_ciede2000
from torch import Tensor, from_numpy

from isptune.arrays import Images, SecondImages
from isptune.scenes.color import linear_to_srgb, rgb_to_lab, srgb_to_linear

JUST_VISIBLE = 2.0
"""The CIEDE2000 that half of all looks see."""

STEEPNESS = 3.5

EYE_PX = 0.0283 * 60
"""Standard deviation of the eye's blur, pixels: S-CIELAB's 0.0283 degrees at 60 pixels a degree."""

FLARE = 0.01
"""The room's light on the screen, share of white."""

PART_PX, ROWS = 8, 256
"""Side of a part, pixels; and rows that are compared at once, for the memory."""


def probability_of_seeing(first: Images, second: SecondImages) -> float | None:
    """The V of (2) for two single pictures, [1, 3, H, W] each, sRGB; None where their sizes differ."""
    difference = largest_difference(first, second)
    return None if difference is None else float(1 - 2 ** -((difference / JUST_VISIBLE) ** STEEPNESS))


def drawn_to_chance(probability: float, seen: float) -> float:
    """(1), so computed that turned around it is exactly one minus itself."""
    larger = 0.5 + seen * abs(probability - 0.5)
    return larger if probability >= 0.5 else 1 - larger


def largest_difference(first: Images, second: SecondImages) -> float | None:
    """The D of (2), CIEDE2000; None where the sizes of the two pictures differ."""
    if first.shape[-2:] != second.shape[-2:]:
        return None
    seen = [_as_the_eye(image) for image in (first, second)]
    return max(
        _largest_in(*(one[:, :, top : top + ROWS] for one in seen)) for top in range(0, first.shape[-2], ROWS)
    )


def _as_the_eye(image: Images) -> Images:
    """Blurred light with the room's, encoded again."""
    light = srgb_to_linear(image.detach().float().cpu().clamp(0, 1))[0].permute(1, 2, 0).contiguous().numpy()
    blurred = cv2.GaussianBlur(light, (0, 0), EYE_PX, borderType=cv2.BORDER_REPLICATE)
    return linear_to_srgb((from_numpy(blurred).permute(2, 0, 1).unsqueeze(0) + FLARE) / (1 + FLARE))


def _largest_in(first: Images, second: SecondImages) -> float:
    differences = deltaE_ciede2000(_lab(first), _lab(second))
    rows, columns = (np.arange(0, length, PART_PX) for length in differences.shape)
    sums, counts = (
        np.add.reduceat(np.add.reduceat(table, rows, 0), columns, 1)
        for table in (differences, np.ones_like(differences))
    )
    return float((sums / counts).max())


def _lab(image: Tensor) -> Float[np.ndarray, "height width 3"]:
    return rgb_to_lab(image)[0].permute(1, 2, 0).double().numpy()
