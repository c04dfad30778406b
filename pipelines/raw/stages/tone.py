"""The global tone curve, and the step from light to sRGB's encoded values."""

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from pipelines.raw.stages.planes import Values

KNOTS = 4097
"""Of the curve, evenly spaced over the square root of light, with one at white; in between it is linear. Its error is
below 1e-5."""

HEADROOM = 4.0
"""Light above this is cut: two stops over white."""

Curves = Float[Tensor, "batch knots"]


def tone_curve(
    images: Images,
    white: Values,
    black: Values,
    gamma: Values,
    shadows: Values,
    highlights: Values,
    contrast: Values,
) -> Images:
    """Light to encoded sRGB in [0, 1], through one curve for the three channels.

    Args:
        images: linear sRGB, [batch, 3, H, W]; below 0 is cut.
        white: the light that becomes 1, from 1; above 1, a shoulder leads there, [batch].
        black: the encoded value that becomes 0 (below 0: how far black is lifted), [batch].
        gamma: an exponent on encoded values is 1 / gamma: above 1 brightens midtones, [batch].
        shadows, highlights: how much the darker and the brighter half is lifted, [batch], in [-1, 1].
        contrast: how much of an S curve about the middle, in [-1, 1], [batch].
    """
    knots = torch.linspace(0, 1, KNOTS, dtype=torch.float64, device=images.device)
    light = (knots.square() * HEADROOM)[None, :]
    columns = [v.double()[:, None] for v in (white, black, gamma, shadows, highlights, contrast)]
    curves = _curve(light, *columns).to(images.dtype)
    return look_up(images, curves)


def _curve(
    light: Tensor,
    white: Tensor,
    black: Tensor,
    gamma: Tensor,
    shadows: Tensor,
    highlights: Tensor,
    contrast: Tensor,
) -> Curves:
    """The curve at light, [batch, knots]; it rises, and keeps 0 and 1."""
    # Reinhard et al. 2002, "Photographic tone reproduction for digital images", doi:10.1145/566654.566575, eq. 4: the
    # identity for white = 1.
    rolled = light * (1 + light / white.square()) / (1 + light)
    value = _encode(rolled.clamp(max=1))
    value = _power(((value - black) / (1 - black)).clamp(0, 1), 1 / gamma)
    # Bumps of the darker and the brighter half; their slope stays above -1, so that the curve rises.
    value = value + 0.9 * shadows * value * (1 - value) ** 3 + 0.9 * highlights * value**3 * (1 - value)
    # A cubic that turns about the middle.
    return (value + contrast * value * (1 - value) * (2 * value - 1)).clamp(0, 1)


def _encode(light: Tensor) -> Tensor:
    """Light to encoded sRGB (IEC 61966-2-1:1999), for any shape."""
    return torch.where(
        light > 0.0031308, 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055, 12.92 * light
    )


def _power(value: Tensor, exponent: Tensor) -> Tensor:
    """A power with a straight start, whose gradient is finite at 0."""
    start = 1e-6
    straight = value * start ** (exponent - 1)
    return torch.where(value > start, value.clamp(min=start) ** exponent, straight)


def look_up(images: Images, curves: Curves) -> Images:
    """Values of the curves, [batch, knots] over the square root of light / HEADROOM, at every sample."""
    last = curves.shape[1] - 1
    place = (images.clamp(0, HEADROOM) / HEADROOM).sqrt() * last
    below = place.detach().floor().clamp(max=last - 1)
    share = place - below
    offset = torch.arange(len(curves), device=images.device).view(-1, 1, 1, 1) * (last + 1)
    index = below.int() + offset.int()
    flat = curves.reshape(-1)
    rise = torch.diff(curves, dim=1, append=curves[:, -1:]).reshape(-1)
    return flat[index] + share * rise[index]
