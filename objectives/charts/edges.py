"""Slanted edges: where the modulation transfer falls to one half, and how far edges overshoot.

The edge-based spatial frequency response of ISO 12233 (2014 and 2023), on relative luminance of linear light: the
edge is found line by line by the centroid of the derivative and fitted by a straight line; all pixels are projected
along it onto quarter-pixel bins; the derivative of that oversampled profile, tapered, has the response as the
magnitude of its Fourier transform. What the binning and the discrete derivative take away is given back.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.charts.regions import Luminance, OnChart, Quad, cut_box, luminance, parse_box
from objectives.options import parse_options

SOURCE = "ISO 12233:2023, Photography - Electronic still picture imaging - Resolution and spatial frequency responses"
BINS_A_PIXEL = 4
STEP = 0.005
"""Step of the frequencies at which the response is worked out, cycles a pixel; between them it is interpolated."""
TAPER = 0.5
"""The share of the profile over which the window falls off (Tukey); the middle half is left as it is."""
SMALLEST_CONTRAST = 1e-3
"""Edges whose sides differ by less, in relative luminance, are not measured."""
SMALLEST_MODULATION = 0.02
"""Nor those whose sides differ by less than this share of their sum: vignetting does that to a wall. The charts of the
standard have 0.6 (low contrast) and more."""
LEAST_OVER_NOISE = 0.5
"""Nor those whose sides differ by less than so many standard deviations of a pixel: an edge that is lost in noise, or a
wall on which noise alone makes one side brighter. Over a hundred lines an edge of this height is still fitted well."""
STEADIEST_SLOPE = 0.25
"""Nor those that go on rising on both sides: by this share of their difference between the outer two eighths of each.
An even slope has a third, an edge nearly nothing."""

Profile = Float[Tensor, "batch bins"]
"""Luminance across an edge, dark to bright, in quarter pixels; NaN where no edge was found."""


def mtf50(argument: str | None = None) -> OnChart:
    """Frequency at which the response of slanted edges falls to one half, cycles/pixel (ISO 12233).

    The first one from low frequencies on; at most 1. Sharpening raises it, and so does ringing: watch `overshoot`
    too. Where there is no edge: NaN, a failed trial. `mtf50:box=WxH+X+Y` says where an edge is that is tilted by 2
    to 20 degrees and divides the box into two halves.
    """
    options = parse_options("mtf50", argument, {"box": ""})
    return OnChart(
        name="mtf50",
        facts=ObjectiveFacts(
            direction="maximize",
            range=(0.0, 1.0),
            unit="cycles/pixel",
            source=SOURCE,
            whole_pictures=True,
        ),
        part="a slanted edge",
        regions="edge",
        score_part=lambda images, quad, scene: _on_edge(images, quad, scene, half_response),
        given=parse_box("mtf50", options["box"]),
    )


def overshoot(argument: str | None = None) -> OnChart:
    """How far slanted edges go beyond their two sides, per cent of their contrast; the mean of both sides.

    0 for an edge without halos, in linear light. Noise adds a little. `overshoot:box=WxH+X+Y` as for `mtf50`.
    """
    options = parse_options("overshoot", argument, {"box": ""})
    return OnChart(
        name="overshoot",
        facts=ObjectiveFacts(
            direction="minimize",
            range=(0.0, math.inf),
            unit="%",
            source=SOURCE,
            whole_pictures=True,
        ),
        part="a slanted edge",
        regions="edge",
        score_part=lambda images, quad, scene: _on_edge(images, quad, scene, beyond_sides),
        given=parse_box("overshoot", options["box"]),
    )


def _on_edge(images: Images, quad: Quad, scene: Scene, measure: Callable[[Profile], Scores]) -> Scores:
    """Edges that run across are measured on the picture turned by a quarter."""
    part = luminance(cut_box(images, quad))
    steep = _span(part.mean(1)) >= _span(part.mean(2))
    scores = part.new_full((len(part),), math.nan)
    for turned in (False, True):
        chosen = steep != turned
        if chosen.any():
            lines = part[chosen]
            scores[chosen] = measure(edge_profile(lines.transpose(1, 2) if turned else lines))
    return scores


def _span(values: Float[Tensor, "batch places"]) -> Float[Tensor, " batch"]:
    return values.amax(1) - values.amin(1)


def edge_profile(part: Luminance) -> Profile:
    """The profile of an edge that runs down the picture, from its dark to its bright side, in quarter pixels.

    Args:
        part: luminance with the edge near the middle; every image has an edge of its own.

    Returns:
        As long as all lines of all possible edges allow; an odd number of bins, the edge in the middle one. NaN for
        an image in which no edge was found, or one so upright that bins stay empty.
    """
    batch, height, width = part.shape
    rising = part[:, :, -width // 4 :].mean((1, 2)) >= part[:, :, : width // 4].mean((1, 2))
    part = torch.where(rising[:, None, None], part, part.flip(2))
    offset, slope = _fit(part)
    rows = torch.arange(height, dtype=part.dtype, device=part.device) - (height - 1) / 2
    columns = torch.arange(width, dtype=part.dtype, device=part.device)
    line = offset[:, None] + slope[:, None] * rows
    across = (columns - line[:, :, None]) / torch.sqrt(1 + slope**2)[:, None, None]
    reach = _reach(height, width)
    bins = 2 * reach + 1
    index = (
        torch.round(across * BINS_A_PIXEL).nan_to_num(10**6).clamp(-reach - 1, reach + 1).long() + reach + 1
    )
    places = (index + torch.arange(batch, device=part.device)[:, None, None] * (bins + 2)).flatten()
    sums = part.new_zeros(batch * (bins + 2)).index_add_(0, places, part.flatten())
    counts = part.new_zeros(batch * (bins + 2)).index_add_(0, places, torch.ones_like(part).flatten())
    means = (sums / counts).view(batch, bins + 2)[:, 1:-1]
    squares = part.new_zeros(batch * (bins + 2)).index_add_(0, places, part.square().flatten())
    variances = (squares / counts).view(batch, bins + 2)[:, 1:-1] - means.square()
    found = means.isfinite().all(1) & offset.isfinite() & _is_edge(means, variances)
    return torch.where(found[:, None], means, torch.nan)


def _is_edge(means: Profile, variances: Profile) -> Bool[Tensor, " batch"]:
    """Whether what was fitted is an edge, by its profile and the variances of the pixels about it."""
    bins = means.shape[1]
    quarter, eighth = bins // 4, max(1, bins // 8)
    dark, bright = means[:, :quarter].mean(1), means[:, -quarter:].mean(1)
    noise = torch.cat((variances[:, :quarter], variances[:, -quarter:]), 1).mean(1).clamp(min=0).sqrt()
    before, after = (
        (x[:, -eighth:].mean(1) - x[:, -2 * eighth : -eighth].mean(1)) for x in (-means.flip(1), means)
    )
    least = torch.maximum(LEAST_OVER_NOISE * noise, SMALLEST_MODULATION * (bright + dark))
    steep = before + after < STEADIEST_SLOPE * (bright - dark)
    return (bright - dark > least.clamp(min=SMALLEST_CONTRAST)) & steep


def _reach(height: int, width: int) -> int:
    """Bins on each side of the edge that every line has, up to a tilt of 10 degrees."""
    pixels = width / 2 - 2 - height / 2 * math.tan(math.radians(10))
    return int(max(pixels, width / 5) * BINS_A_PIXEL)


def _fit(part: Luminance) -> tuple[Tensor, Tensor]:
    """Place (column at the middle row) and slope (columns a row) of the edge in each image, [batch] both."""
    height, width = part.shape[1:]
    steps = (part[:, :, 2:] - part[:, :, :-2]) / 2
    rows = torch.arange(height, dtype=part.dtype, device=part.device) - (height - 1) / 2
    columns = torch.arange(1, width - 1, dtype=part.dtype, device=part.device)
    offset = part.new_full((len(part),), (width - 1) / 2)
    slope = torch.zeros_like(offset)
    for half in (width / 2, width / 2, width / 3):  # the window follows the fit, then closes in
        middle = offset[:, None] + slope[:, None] * rows
        away = ((columns - middle[:, :, None]) / half).clamp(-1, 1)
        weights = steps * (0.5 + 0.5 * torch.cos(torch.pi * away))
        centroid = (weights * columns).sum(2) / weights.sum(2)
        # One line with a denominator near 0 must not turn the whole fit.
        centroid = centroid.clamp(middle - half, middle + half)
        slope = (centroid * rows).sum(1) / rows.square().sum()
        offset = centroid.mean(1)
    return offset, slope


def half_response(profile: Profile) -> Scores:
    """The first frequency at which the response is one half, cycles a pixel; 1 if it never is."""
    frequencies = torch.arange(0, 1 + STEP, STEP, dtype=profile.dtype, device=profile.device)
    response = edge_response(profile, frequencies)
    below = response < 0.5
    first = below.to(torch.int8).argmax(1).clamp(min=1)
    before = response.gather(1, first[:, None] - 1)[:, 0]
    after = response.gather(1, first[:, None])[:, 0]
    crossing = frequencies[first - 1] + STEP * (before - 0.5) / (before - after)
    found = torch.where(below.any(1), crossing, 1.0)
    return torch.where(profile.isfinite().all(1), found.clamp(0, 1), torch.nan)


def edge_response(profile: Profile, frequencies: Float[Tensor, " places"]) -> Float[Tensor, "batch places"]:
    """The modulation transfer at these frequencies, cycles a pixel; 1 at frequency 0."""
    lines = (profile[:, 2:] - profile[:, :-2]) / 2
    count = lines.shape[1]
    places = (
        torch.arange(count, dtype=profile.dtype, device=profile.device) - (count - 1) / 2
    ) / BINS_A_PIXEL
    lines = lines * _tukey(places / places[-1])
    phases = 2 * torch.pi * places[:, None] * frequencies
    size = torch.sqrt((lines @ phases.cos()).square() + (lines @ phases.sin()).square())
    bin_width = 1 / BINS_A_PIXEL
    lost = torch.sinc(2 * frequencies * bin_width) * torch.sinc(frequencies * bin_width)
    return size / size[:, :1] / lost


def _tukey(places: Float[Tensor, " places"]) -> Float[Tensor, " places"]:
    """A window over [-1, 1]: 1 in the middle, falling to 0 over the outer share `TAPER` by a cosine."""
    outer = ((places.abs() - (1 - TAPER)) / TAPER).clamp(0, 1)
    return 0.5 + 0.5 * torch.cos(torch.pi * outer)


def beyond_sides(profile: Profile) -> Scores:
    """By how much the profile leaves its two sides, per cent of their difference; the mean of both sides."""
    bins = profile.shape[1]
    dark, bright = profile[:, : bins // 4].mean(1), profile[:, -(bins // 4) :].mean(1)
    over = (profile[:, bins // 2 :].amax(1) - bright).clamp(min=0)
    under = (dark - profile[:, : bins // 2 + 1].amin(1)).clamp(min=0)
    return 100 * (over + under) / 2 / (bright - dark)
