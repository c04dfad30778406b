"""Traces that single distortions leave in the pixels of a picture: hand-made statistics for the compact DepictQA.

They are taken of the picture as it would be stored, in 8 bits, because much of what they look for is there: tones that
are never used after a change of contrast, few colours after quantisation, neighbours of the very same colour after
pixelation. What they know of noise, blur and edges complements `objectives.no_reference.texture_shares`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from isptune.arrays import Images
from objectives.encoders.bundled_encoder import views_of
from objectives.encoders.bundled_network import STATISTICS

TONES = 256
RANKS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Of the quantiles of each plane."""

MOST_FREQUENT = (4, 8, 16, 32)
"""How much of a plane so many of its tones hold together."""

PLANES = 7
"""Red, green, blue, luma, blue and red difference, and saturation as in HSV."""

COLOUR_CELLS = 1 << 18
"""Colours are counted by a hash of so many values."""

LAGS = (1, 2, 3, 4)
PERIODS = (1 / 8, 0.2, 0.25, 0.3, 1 / 3, 0.4, 0.5)
"""Frequencies at which borders of blocks repeat: of JPEG, and of pixels enlarged."""

ISOLATED = 0.2
"""How far above or below all its neighbours a pixel of salt or pepper stands."""

LARGEST = 576
"""Of larger pictures, local traces are taken of so many pixels a side around the middle."""

SIZES = 2
"""Logarithms of how many pixels there are and of the aspect."""

FLOOR = 1e-4

TRACES = (
    PLANES * (9 + len(RANKS) + len(MOST_FREQUENT)) + 4 + 2 * len(LAGS) + 2 * len(PERIODS) + 3 * 6 + 6 + 4 + 6
)
SEEN = STATISTICS + TRACES + SIZES


def displayed(images: Images) -> Images:
    """Pictures as a screen or a file of 8 bits has them."""
    return images.float().clamp(0, 1).mul(255).round_().div_(255)


def seen_of(images: Images) -> Float[Tensor, "batch seen"]:
    """All that the compact DepictQA looks at in each picture: statistics of tones and texture, traces, and the size.

    Args:
        images: as `displayed` gives them. A NaN in a picture gives NaN.
    """
    if not len(images):
        return images.new_zeros(0, SEEN)
    found = torch.cat([torch.cat([views_of(one)[2], traces_of(one)], 1) for one in images.split(1)])
    height, width = (torch.full_like(found[:, :1], float(side)).log2() for side in images.shape[-2:])
    return torch.cat([found, height + width, height - width], 1)


def traces_of(images: Images) -> Float[Tensor, "batch traces"]:
    """`TRACES` numbers a picture, for pictures as `displayed` gives them; a NaN in a picture gives NaN."""
    if not len(images):
        return images.new_zeros(0, TRACES)
    found = torch.cat([torch.cat([_of_tones(one), _of_places(_middle(one))], 1) for one in images.split(1)])
    broken = images.flatten(1).isnan().any(1, keepdim=True)
    return torch.where(broken, torch.nan, found)


def planes_of(images: Images) -> Float[Tensor, "batch planes height width"]:
    """The seven planes, each from 0 to 1; in the two differences of colour 0.5 is grey."""
    red, green, blue = images.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    high, low = images.amax(1), images.amin(1)
    saturation = (high - low) / high.clamp_min(1 / 255)
    return torch.stack(
        [red, green, blue, luma, (blue - luma) / 1.772 + 0.5, (red - luma) / 1.402 + 0.5, saturation], 1
    )


def _middle(images: Images) -> Float[Tensor, "batch 3 middle_height middle_width"]:
    height, width = images.shape[-2:]
    top, left = max(0, height - LARGEST) // 2, max(0, width - LARGEST) // 2
    return images[..., top : top + LARGEST, left : left + LARGEST]


def _of_tones(images: Images) -> Float[Tensor, "batch tones"]:
    pixels = images.shape[-1] * images.shape[-2]
    step = 1 if pixels <= 150_000 else 2 if pixels <= 1_200_000 else 4
    seen = images[..., ::step, ::step]
    # Whole numbers, and NaN as black: the caller marks its picture anyway.
    planes = planes_of(seen.nan_to_num(nan=0.0)).mul_(TONES - 1).round_().clamp_(0, TONES - 1)
    levels = planes.int().flatten(2)
    return torch.cat([_histogram_traces(levels), _colour_traces(levels[:, :3])], 1)


def _histogram_traces(levels: Int[Tensor, "batch planes pixels"]) -> Float[Tensor, "batch shares"]:
    batch, count, pixels = levels.shape
    first = torch.arange(batch * count, device=levels.device, dtype=torch.int32).view(batch, count, 1) * TONES
    counts = torch.bincount((levels + first).flatten(), minlength=batch * count * TONES)
    shares = counts.view(batch, count, TONES).float() / pixels
    used = shares > 0
    tones = torch.arange(TONES, device=levels.device) / (TONES - 1)
    below = shares.cumsum(2)
    ranks = torch.tensor(RANKS, device=levels.device).expand(batch, count, -1).contiguous()
    quantiles = torch.searchsorted(below.contiguous(), ranks).clamp_(max=TONES - 1).float() / (TONES - 1)
    mean = (shares * tones).sum(2)
    spread = ((shares * tones.square()).sum(2) - mean.square()).clamp_min(0).sqrt()
    lowest = torch.where(used, tones, 1.0).amin(2)
    highest = torch.where(used, tones, 0.0).amax(2)
    span = (highest - lowest) * (TONES - 1) + 1
    # How rough the histogram is, as a comb is: each tone against the mean of its two neighbours.
    rough = (shares[..., 1:-1] - (shares[..., :-2] + shares[..., 2:]) / 2).abs().sum(2)
    entropy = -(shares * shares.clamp_min(1e-12).log2()).sum(2) / 8
    ordered = shares.sort(2, descending=True).values.cumsum(2)
    single = [
        used.sum(2) / TONES, used.sum(2) / span, lowest, highest, spread, rough, entropy,
        (shares[..., 0] + FLOOR).log(), (shares[..., -1] + FLOOR).log(),
    ]  # fmt: skip
    most = ordered[..., [number - 1 for number in MOST_FREQUENT]]
    return torch.cat([torch.stack(single, 2), quantiles, most], 2).flatten(1)


def _colour_traces(levels: Int[Tensor, "batch 3 pixels"]) -> Float[Tensor, "batch 4"]:
    """How many colours there are, as a logarithm, and how much the 4, 16 and 64 most frequent ones hold."""
    # The product of the largest numbers stays below 2^31.
    mixed = levels[:, 0] * 7919 + levels[:, 1] * 104_729 + levels[:, 2] * 6_700_417
    rows = []
    for row in mixed % COLOUR_CELLS:
        counts = torch.bincount(row, minlength=COLOUR_CELLS)
        most = counts.topk(64).values.cumsum(0).float() / len(row)
        rows.append(torch.stack([(counts > 0).sum().float().log2() / 16, most[3], most[15], most[63]]))
    return torch.stack(rows)


def _of_places(images: Images) -> Float[Tensor, "batch places"]:
    seen = images.nan_to_num(nan=0.0)
    # Traces need some room; smaller pictures go on as their border.
    room = [max(0, 16 - length) for length in seen.shape[-2:]]
    seen = functional.pad(seen, (0, room[1], 0, room[0]), mode="replicate") if any(room) else seen
    planes = planes_of(seen)
    luma = planes[:, 3]
    half = functional.avg_pool2d(luma.unsqueeze(1), 2).squeeze(1)
    return torch.cat(
        [
            _same_neighbours(seen),
            _periods(luma.diff(dim=2).abs().mean(1)),
            _periods(luma.diff(dim=1).abs().mean(2)),
            *(_residual_traces(planes[:, index]) for index in (3, 4, 5)),
            _residual_traces(half),
            _gradient_traces(luma),
            _noise_traces(seen, luma),
        ],
        1,
    )


def _same_neighbours(images: Images) -> Float[Tensor, "batch 8"]:
    """Shares of pixels that have the very colour of the one beside or below them, some pixels on."""
    levels = images.mul(255).round_().int()
    colours = (levels[:, 0] * 256 + levels[:, 1]) * 256 + levels[:, 2]
    shares = []
    for lag in LAGS:
        for a, b in ((colours[..., lag:], colours[..., :-lag]), (colours[:, lag:], colours[:, :-lag])):
            shares.append((a == b).float().mean((1, 2)))
    return torch.stack(shares, 1)


def _periods(profile: Float[Tensor, "batch places"]) -> Float[Tensor, "batch 7"]:
    """How strongly steps from pixel to pixel repeat at each of `PERIODS`, beside what is usual at all frequencies."""
    length = profile.shape[1]
    relative = profile / (profile.mean(1, keepdim=True) + FLOOR) - 1
    power = torch.fft.rfft(relative, dim=1).abs() / length**0.5
    usual = power.median(1, keepdim=True).values + 0.05
    columns = []
    for period in PERIODS:
        middle = round(period * length)
        near = power[:, max(1, middle - 1) : middle + 2]
        columns.append((near.amax(1) / usual[:, 0] + FLOOR).log())
    return torch.stack(columns, 1)


def _residual_traces(plane: Float[Tensor, "batch height width"]) -> Float[Tensor, "batch 6"]:
    """Of what a mean over 3x3 pixels takes away: its size, its tails, and how it goes on from pixel to pixel."""
    padded = functional.pad(plane.unsqueeze(1), (1, 1, 1, 1), mode="replicate").squeeze(1)
    # Rows, then columns: several times as fast as pooling.
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    residual = plane - (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9
    squares = residual.square()
    square = squares.mean((1, 2)) + 1e-9
    fourth = squares.square().mean((1, 2))
    across = (residual[..., 1:] * residual[..., :-1]).mean((1, 2)) / square
    down = (residual[..., 1:, :] * residual[..., :-1, :]).mean((1, 2)) / square
    far = (residual[..., 2:] * residual[..., :-2]).mean((1, 2)) / square
    third = (squares * residual).mean((1, 2)) / square.pow(1.5)
    tails = (fourth / square.square() + FLOOR).log()
    return torch.stack([square.log() / 2, tails, across, down, far, third.clamp(-10, 10)], 1)


def _gradient_traces(luma: Float[Tensor, "batch height width"]) -> Float[Tensor, "batch 4"]:
    """How steps between neighbours go on: after blur they do, after sharpening they turn back."""
    across, down = luma.diff(dim=2), luma.diff(dim=1)
    columns = []
    for step, axis in ((across, 2), (down, 1)):
        square = step.square().mean((1, 2)) + 1e-9
        for lag in (1, 2):
            length = step.shape[axis] - lag
            product = step.narrow(axis, lag, length) * step.narrow(axis, 0, length)
            columns.append(product.mean((1, 2)) / square)
    return torch.stack(columns, 1)


def _noise_traces(images: Images, luma: Float[Tensor, "batch height width"]) -> Float[Tensor, "batch 6"]:
    """Salt and pepper, how noise goes with brightness, and how it goes together in two colours."""
    centre = luma[:, 1:-1, 1:-1]
    right, left, below, top = luma[:, 1:-1, 2:], luma[:, 1:-1, :-2], luma[:, 2:, 1:-1], luma[:, :-2, 1:-1]
    most = torch.maximum(torch.maximum(right, left), torch.maximum(below, top))
    least = torch.minimum(torch.minimum(right, left), torch.minimum(below, top))
    above = (centre > most + ISOLATED).float().mean((1, 2))
    beneath = (centre < least - ISOLATED).float().mean((1, 2))
    rough = (images[..., 1:-1, 1:-1] * 2 - images[..., 1:-1, 2:] - images[..., 1:-1, :-2]) / 2
    red, green, blue = rough.unbind(1)
    with_light = _correlation(rough.abs().mean(1), centre)
    extremes = torch.stack([(above + FLOOR).log(), (beneath + FLOOR).log(), with_light], 1)
    colours = [_correlation(red, green), _correlation(green, blue), _correlation(red, blue)]
    return torch.cat([extremes, torch.stack(colours, 1)], 1)


def _correlation(a: Float[Tensor, "batch h w"], b: Float[Tensor, "batch h w"]) -> Float[Tensor, " batch"]:
    a, b = a.flatten(1), b.flatten(1)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return (a * b).mean(1) / (a.square().mean(1) * b.square().mean(1) + 1e-12).sqrt()
