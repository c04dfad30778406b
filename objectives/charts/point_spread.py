"""The point spread of a lens, from slanted edges in the mosaic of a chart shot, before any ISP has touched it.

White balance makes a grey edge grey in the mosaic, so that all samples together are its picture, at the full density of
the sensor. Of its response (`edges.py`) the pixel's own aperture is taken out, and a Gaussian is fitted to the rest.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from isptune.errors import SceneError
from isptune.scenes.raw_capture import RawCapture
from objectives.charts.edges import beyond_sides, edge_profile, edge_response, half_response
from objectives.charts.regions import Luminance, Quad, cut_box

TILES = ((64, 48), (36, 28))
"""Rows and columns of the parts in which an edge that runs down is looked for; across, the other way round. The
smaller ones are tried where the larger ones find none."""

CLEAN = 8.0
"""An edge of a raw file goes beyond its sides by less, per cent: sharpening, or a second edge, more."""

STEPS_OVER_NOISE = 12.0
"""An edge that is looked for is so many times as high as the noise beside it."""

IN_A_BOX = 3.0
"""Where somebody says that there is an edge, it may be so many times less clean and less high: a noisy one (a full well
of 200 electrons) is 7 times as high as its noise, while of 60 boxes of each of three photographs one was above 4."""

MOST_TILES = 4000
BANDS = torch.arange(0.05, 0.5, 0.025, dtype=torch.float64)
"""Frequencies at which a Gaussian is fitted, cycles a pixel."""

FITTED = (0.25, 0.95)
"""Responses between these are fitted: below lies noise, above nothing is lost."""


@dataclass(frozen=True)
class Optics:
    """What edges say of a lens.

    Attributes:
        psf: standard deviation of the Gaussian beside the pixel's aperture, pixels.
        mtf50: where the response, aperture and all, falls to one half, cycles a pixel.
        edges: how many were measured.
        spread: half of the range of the middle half of their psf, pixels.
        box: the edge nearest to the result: left, top, width, height, in the mosaic.
    """

    psf: float
    mtf50: float
    edges: int
    spread: float
    box: tuple[int, int, int, int]


def measured_optics(capture: RawCapture, box: Quad | None, name: str) -> Optics:
    """The point spread at an edge that is known, or the middle one of the sharper half of all that are found.

    Raises:
        SceneError: there is no slanted edge.
    """
    picture = balanced(capture)
    height, width = picture.shape[1:]
    if box is not None:
        part = cut_box(picture[:, None].expand(-1, 3, -1, -1), box)[:, 0]
        if min(part.shape[1:]) < 16 or not all(0 <= x <= width and 0 <= y <= height for x, y in box):
            raise SceneError(f"{name}: the box is not 16 pixels a side inside {width}x{height}")
        left, top = int(box[0][0]), int(box[0][1])
        places = [(left, top, part.shape[2], part.shape[1])]
        found = [
            one for turned in (False, True) for one in _along(part, places, turned, found_by_itself=False)
        ]
    else:
        found = next((edges for tile in TILES if (edges := _searched(picture, *tile))), [])
    if not found:
        where = " in the box" if box is not None else ""
        raise SceneError(
            f"{name}: no slanted edge was found{where}; it is tilted by 2 to 20 degrees from rows or columns, with "
            "light and dark on its sides: --box WxH+X+Y"
        )
    found.sort(key=lambda one: one[0])
    sharper = found[: (len(found) + 1) // 2]
    psf, half, place = sharper[len(sharper) // 2]
    low, high = found[len(found) // 4][0], found[(3 * len(found)) // 4][0]
    return Optics(psf, half, len(found), (high - low) / 2, place)


Edge = tuple[float, float, tuple[int, int, int, int]]


def balanced(capture: RawCapture) -> Luminance:
    """The mosaic with white balance, [1, H, W], float64: a grey scene without its filters."""
    height, width = capture.mosaic.shape[-2:]
    red, green, blue = capture.white_balance
    cells = torch.tensor([[red, green], [green, blue]], dtype=torch.float64).repeat(height // 2, width // 2)
    black = torch.tensor(capture.black, dtype=torch.float64).view(2, 2).repeat(height // 2, width // 2)
    light = (capture.mosaic[0].cpu().double() - black) / (capture.white - black)
    # Where one colour clips, multipliers would draw the filters' pattern.
    ceiling = min(red, green, blue) if not capture.mono else 1.0
    return light.clamp(max=1) if capture.mono else (light * cells).clamp(max=ceiling)


def _searched(picture: Luminance, long: int, short: int) -> list[Edge]:
    """Edges in tiles that overlap by half."""
    found: list[Edge] = []
    for turned in (False, True):
        rows, columns = (short, long) if turned else (long, short)
        height, width = picture.shape[1:]
        places = [
            (left, top, columns, rows)
            for top in range(0, height - rows + 1, rows // 2)
            for left in range(0, width - columns + 1, columns // 2)
        ]
        if not places:
            continue
        tiles = (
            picture[0].unfold(0, rows, rows // 2).unfold(1, columns, columns // 2).reshape(-1, rows, columns)
        )
        # Only where there is much contrast can an edge be: the strongest are tried.
        contrast = _contrast(tiles.transpose(1, 2) if turned else tiles)
        order = contrast.argsort(descending=True)[:MOST_TILES].tolist()
        for start in range(0, len(order), 500):
            part = order[start : start + 500]
            found += _along(tiles[part], [places[i] for i in part], turned, found_by_itself=True)
    return found


def _contrast(tiles: Luminance) -> Tensor:
    """The difference of the outer quarters of each tile, over what they vary by themselves."""
    quarter = tiles.shape[2] // 4
    left, right = tiles[..., :quarter], tiles[..., -quarter:]
    noise = (left.flatten(1).var(1) + right.flatten(1).var(1)).sqrt()
    return (left.mean((1, 2)) - right.mean((1, 2))).abs() / noise.clamp(min=1e-4)


def _along(
    parts: Luminance, places: list[tuple[int, int, int, int]], turned: bool, found_by_itself: bool
) -> list[Edge]:
    """Edges that run down the parts, or across them where they are turned."""
    lines = parts.transpose(1, 2) if turned else parts
    profiles = edge_profile(lines)
    half, beyond = half_response(profiles), beyond_sides(profiles)
    good = profiles.isfinite().all(1) & half.isfinite() & (half < 1)
    doubt = 1.0 if found_by_itself else IN_A_BOX
    good &= (beyond < CLEAN * doubt) & (_contrast(lines) > STEPS_OVER_NOISE / doubt)
    return [
        (psf, float(half[i]), places[i])
        for i in good.nonzero()[:, 0].tolist()
        if (psf := _gaussian(profiles[i : i + 1])) is not None
    ]


def _gaussian(profile: Tensor) -> float | None:
    """The Gaussian whose response is that of an edge over that of a pixel: a line over squared frequencies."""
    response = edge_response(profile, BANDS.to(profile))[0]
    left = response / torch.sinc(BANDS.to(profile))
    low, high = FITTED
    below = (left < low).nonzero()
    last = int(below[0, 0]) if len(below) else len(BANDS)
    used = torch.arange(len(BANDS)) < last
    used &= left < high
    if not used.any():
        return 0.0 if bool((left >= high).all()) else None
    squares = BANDS.to(profile)[used].square()
    slope = -(left[used].log() * squares).sum() / squares.square().sum()
    return math.sqrt(max(0.0, float(slope) / 2)) / math.pi
