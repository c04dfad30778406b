"""From one colour at every sample to three: bilinear, Malvar 2004, Menon 2007.

All work on cells, whose planes hold samples of one colour each: a neighbour is a shift of another plane, nothing
is computed where it is known already. Borders are mirrored.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from isptune.arrays import Images
from pipelines.raw.stages.planes import Values, median3, where_active
from pipelines.raw.stages.sensor import Cells

_PAD = 6
"""Cells on each side: how far the longest chain of filters reaches."""

REACH_PX = 2 * _PAD
"""How far it looks, pixels."""


def demosaic(cells: Cells, method: str, held: bool = False) -> Images:
    """Camera RGB, [batch, 3, H, W], from cells [batch, 4, H / 2, W / 2]; may leave [0, 1].

    The last two methods take it that colours change alike, which makes rows of dots along the edges of what is very red
    or very blue; `held` takes these out.

    Sources: bilinear: the mean of the nearest samples of a colour. malvar2004: Malvar, He and Cutler 2004,
    "High-quality linear interpolation for demosaicing of Bayer-patterned color images",
    doi:10.1109/ICASSP.2004.1326587. menon2007: Menon, Andriani and Calvagno 2007, "Demosaicing with directional
    filtering and a posteriori decision", doi:10.1109/TIP.2006.884928, with its refining step.
    """
    planes = _widened(cells, "symmetric" if method == "malvar2004" else "reflect")
    colours = {"bilinear": _bilinear, "malvar2004": _malvar, "menon2007": _menon}[method](planes)
    colours = _hold_dark_colours(colours) if held and method != "bilinear" else colours
    trim = slice(_PAD, -_PAD)
    stacked = torch.cat([plane[..., trim, trim] for plane in colours], 1)
    return F.pixel_shuffle(stacked, 2)


def _widened(cells: Cells, mirror: Literal["symmetric", "reflect"]) -> Tensor:
    """More cells on all sides from the mirrored mosaic.

    `reflect` mirrors about the last sample, which keeps the order of colours. `symmetric` mirrors at the edge, which
    swaps them, so that Malvar's corrections see little of a step at the border: on the Kodak photographs, with
    their dark frames, it is half a decibel better.
    """
    mosaic = F.pixel_shuffle(cells, 2)
    for axis in (2, 3):
        places = np.pad(np.arange(mosaic.shape[axis]), 2 * _PAD, mode=mirror)
        mosaic = mosaic.index_select(axis, torch.from_numpy(places).to(mosaic.device))
    return F.pixel_unshuffle(mosaic, 2)


def _at(plane: Tensor, y: int, x: int) -> Tensor:
    """The plane moved so that (0, 0) holds what was at (y, x), in cells; what comes in from outside is not used."""
    return plane if y == x == 0 else torch.roll(plane, (-y, -x), (-2, -1))


# Neighbours in a mosaic RGGB: of a sample at an even column the left one is in the cell before, of one at an odd
# column the right one in the cell behind; the same with rows.
def _sides(plane: Tensor, odd: int) -> tuple[Tensor, Tensor]:
    """Left and right neighbours of samples at even (0) or odd (1) columns, out of the plane that holds both."""
    return (plane, _at(plane, 0, 1)) if odd else (_at(plane, 0, -1), plane)


def _ends(plane: Tensor, odd: int) -> tuple[Tensor, Tensor]:
    """Upper and lower neighbours of samples in even (0) or odd (1) rows."""
    return (plane, _at(plane, 1, 0)) if odd else (_at(plane, -1, 0), plane)


def _across(plane: Tensor, odd: int) -> Tensor:
    left, right = _sides(plane, odd)
    return (left + right) * 0.5


def _along(plane: Tensor, odd: int) -> Tensor:
    above, below = _ends(plane, odd)
    return (above + below) * 0.5


def _bilinear(planes: Cells) -> list[Tensor]:
    r, g, h, b = planes.split(1, 1)  # h: the green beside blue
    green_at_red = (_across(g, 0) + _along(h, 0)) * 0.5
    green_at_blue = (_across(h, 1) + _along(g, 1)) * 0.5
    red = [r, _across(r, 1), _along(r, 1), _along(_across(r, 1), 1)]
    blue = [_along(_across(b, 0), 0), _along(b, 0), _across(b, 0), b]
    return [*red, green_at_red, g, h, green_at_blue, *blue]


def _malvar(planes: Cells) -> list[Tensor]:
    r, g, h, b = planes.split(1, 1)
    ring = {name: _at(p, 0, -1) + _at(p, 0, 1) for name, p in zip("rghb", (r, g, h, b), strict=True)}
    line = {name: _at(p, -1, 0) + _at(p, 1, 0) for name, p in zip("rghb", (r, g, h, b), strict=True)}
    cross = {name: p - (ring[name] + line[name]) * 0.25 for name, p in (("r", r), ("b", b))}
    red_corners, blue_corners = _along(_across(r, 1), 1), _along(_across(b, 0), 0)
    green_at_red = (_across(g, 0) + _along(h, 0)) * 0.5 + cross["r"] * 0.5
    green_at_blue = (_across(h, 1) + _along(g, 1)) * 0.5 + cross["b"] * 0.5
    diagonal = {  # the four other greens around a green
        "g": _along(_across(h, 1), 0) * 4,
        "h": _along(_across(g, 0), 1) * 4,
    }

    def beside(name: str, green: Tensor) -> Tensor:  # the wanted colour lies left and right
        return (green * 5 - diagonal[name] - ring[name] + line[name] * 0.5) / 8

    def over(name: str, green: Tensor) -> Tensor:  # it lies above and below
        return (green * 5 - diagonal[name] - line[name] + ring[name] * 0.5) / 8

    red = [r, _across(r, 1) + beside("g", g), _along(r, 1) + over("h", h), red_corners + cross["b"] * 0.75]
    blue = [blue_corners + cross["r"] * 0.75, _along(b, 0) + over("g", g), _across(b, 0) + beside("h", h), b]
    return [*red, green_at_red, g, h, green_at_blue, *blue]


def _menon(planes: Cells) -> list[Tensor]:
    r, g, h, b = planes.split(1, 1)
    red_wide = _across(g, 0) + (2 * r - _at(r, 0, -1) - _at(r, 0, 1)) * 0.25
    red_high = _along(h, 0) + (2 * r - _at(r, -1, 0) - _at(r, 1, 0)) * 0.25
    blue_wide = _across(h, 1) + (2 * b - _at(b, 0, -1) - _at(b, 0, 1)) * 0.25
    blue_high = _along(g, 1) + (2 * b - _at(b, -1, 0) - _at(b, 1, 0)) * 0.25
    at_red, at_blue = _decisions((r - red_wide, b - blue_wide), (r - red_high, b - blue_high))
    green_r = torch.where(at_red, red_wide, red_high)
    green_b = torch.where(at_blue, blue_wide, blue_high)
    # Red and blue at greens, along the line on which they lie.
    red_g, red_h = g + _across(r - green_r, 1), h + _along(r - green_r, 1)
    blue_g, blue_h = g + _along(b - green_b, 0), h + _across(b - green_b, 0)
    # Red at blue and blue at red, in the direction that was chosen.
    red_b = b + torch.where(at_blue, _across(red_h - blue_h, 1), _along(red_g - blue_g, 1))
    blue_r = r + torch.where(at_red, _across(blue_g - red_g, 0), _along(blue_h - red_h, 0))
    # Refining: colour differences are smoothed, green first.
    green_r = r - _chosen(at_red, r - green_r, (red_g - g, 0), (red_h - h, 0))
    green_b = b - _chosen(at_blue, b - green_b, (blue_h - h, 1), (blue_g - g, 1))
    red_g, red_h = g + _across(r - green_r, 1), h + _along(r - green_r, 1)
    blue_g, blue_h = g + _along(b - green_b, 0), h + _across(b - green_b, 0)
    red_b = b + _chosen(at_blue, red_b - b, (red_h - blue_h, 1), (red_g - blue_g, 1))
    blue_r = r - _chosen(at_red, r - blue_r, (red_g - blue_g, 0), (red_h - blue_h, 0))
    return [r, red_g, red_h, red_b, green_r, g, h, green_b, blue_r, blue_g, blue_h, b]


def _chosen(wide: Tensor, own: Tensor, beside: tuple[Tensor, int], over: tuple[Tensor, int]) -> Tensor:
    """The mean of three differences: of the sample and its neighbours in the direction that was chosen."""
    across, along = 2 * _across(*beside), 2 * _along(*over)
    return (own + torch.where(wide, across, along)) / 3


def _decisions(wide: tuple[Tensor, Tensor], high: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Where horizontal interpolation is the smoother one, at red and at blue samples.

    Gradients of the colour difference, two samples apart, are summed over 5x5 samples with the paper's weights:
    3 on the line itself, 1 on the lines two samples away, 1 on those of the other colour in between.
    """
    flat = [(d - _at(d, 0, 1)).abs() for d in wide]
    steep = [(d - _at(d, 1, 0)).abs() for d in high]
    across = [_at(d, 0, -1) + d for d in flat]
    along = [_at(d, -1, 0) + d for d in steep]
    sums_flat = [3 * d + _at(d, -1, 0) + _at(d, 1, 0) for d in across]
    sums_steep = [3 * d + _at(d, 0, -1) + _at(d, 0, 1) for d in along]
    # The other colour: its differences that start one sample before, on the lines before and behind.
    (red_flat, blue_flat), (red_steep, blue_steep) = flat, steep
    red = (
        sums_flat[0] + sum(_ends(_at(blue_flat, 0, -1), 0)),
        sums_steep[0] + sum(_sides(_at(blue_steep, -1, 0), 0)),
    )
    blue = (sums_flat[1] + sum(_ends(red_flat, 1)), sums_steep[1] + sum(_sides(red_steep, 1)))
    return red[1] >= red[0], blue[1] >= blue[0]


def _hold_dark_colours(planes: list[Tensor]) -> list[Tensor]:
    """Where red or blue outshines the others, keep these about between their neighbours."""
    r, red_g, red_h, red_b, green_r, g, h, green_b, blue_r, blue_g, blue_h, b = planes
    red, blue = _largest_about(r), _largest_about(b)
    green_r = _held(green_r, red, (*_sides(g, 0), *_ends(h, 0)))
    blue_r = _held(blue_r, red, (*_sides(blue_g, 0), *_ends(blue_h, 0)))
    green_b = _held(green_b, blue, (*_sides(h, 1), *_ends(g, 1)))
    red_b = _held(red_b, blue, (*_sides(red_h, 1), *_ends(red_g, 1)))
    return [r, red_g, red_h, red_b, green_r, g, h, green_b, blue_r, blue_g, blue_h, b]


def _largest_about(plane: Tensor) -> Tensor:
    """The largest of a sample and the four next ones of its colour."""
    wide = torch.maximum(_at(plane, 0, -1), _at(plane, 0, 1))
    return torch.maximum(plane, torch.maximum(wide, torch.maximum(_at(plane, -1, 0), _at(plane, 1, 0))))


def _held(values: Tensor, outshining: Tensor, around: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """What lies beyond the four neighbours is kept in full where these reach half of the outshining sample.

    A step of a reflectance is a step of all colours in proportion: below that, the share that is kept falls to 0 with
    the neighbours' share of that sample.
    """
    low = torch.minimum(torch.minimum(around[0], around[1]), torch.minimum(around[2], around[3]))
    high = torch.maximum(torch.maximum(around[0], around[1]), torch.maximum(around[2], around[3]))
    inside = torch.minimum(torch.maximum(values, low), high)
    kept = ((low + high) / outshining.clamp(min=1e-4)).clamp(0, 1)
    return torch.lerp(inside, values, kept)


def suppress_false_colour(images: Images, passes: Values) -> Images:
    """Median filters of 3x3 over red minus green and blue minus green, a number of times.

    After Freeman 1988, "Median filter for reconstructing missing color samples" (US patent 4,724,395, expired).

    Args:
        images: camera RGB, [batch, 3, H, W].
        passes: whole numbers from 0, [batch].
    """

    def once(images: Images) -> Images:
        green = images[:, 1:2]
        differences = median3(images[:, ::2] - green)
        return torch.cat((differences[:, :1] + green, green, differences[:, 1:] + green), 1)

    for count in range(int(passes.max())):
        images = where_active(once, images, passes > count)
    return images
