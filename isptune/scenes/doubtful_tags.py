"""Tags of a raw file that cannot be right, as its samples show: a line each, with the key that mends it."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from isptune.scenes.raw_frame import Frame
from isptune.scenes.raw_tags import BAYER, MONO, QUAD, Tags

BLOCK, LARGE_BLOCK = 8, 32
"""Samples of one place in the pattern, each way, that are averaged: fine structure and noise then nearly cancel. The
colours of large frames are compared over larger blocks, in which they cancel better."""

LOOKED_AT = 2048
"""Of the frame, the middle with at most so many samples each way."""

APART = 2.5
"""How many times further apart than the other pair the greens must be. Of twelve raw files of nine cameras, each begun
at all four places of its pattern, red and blue lie 4.5 to 70 times as far apart as the greens (in parts of a megapixel
at least 3.6 times); so the same factors the other way round where a pattern is read one row or one column too late.
Greens of one sensor differ by a few per cent (crosstalk, two readout channels), whatever the scene."""

VISIBLE = 0.05
"""And how far apart at least, as a share of the mean level: in a grey scene under a light for which red equals blue
both pairs agree, and the order cannot be seen."""

EXCEEDED = 0.1
"""By how much of the range a white level must be exceeded: many a sensor clips a little above the level that is known
of it (15000 of 16383 in some), none by this much."""

NEVER_REACHED = 4.0
"""A white level so many times above the brightest sample needs two bits that no sample has."""

BELOW_BLACK = 0.005
"""How far the mean of a block must lie below black, as a share of the range: noise is averaged out there, and light
cannot be negative."""

SURE = 4.0
"""And by how many standard errors of that mean: noise alone goes so far once in thirty thousand."""

FEW = 1e-3
"""The share of samples, or of blocks, that are hot or dead pixels and dirt."""

BlockMeans = Float[np.ndarray, "places rows columns"]
"""Over the blocks of a frame, for each place of the pattern row by row."""

Kept = Float[np.ndarray, "places blocks"]


def doubts(frame: Frame, tags: Tags) -> Iterator[str]:
    """What is odd in a frame's tags, a line each; levels that were given are believed, if they can be.

    Args:
        frame: with the tags that were given in it.
        tags: those that were given.
    """
    samples = _middle(frame.samples)
    if min(samples.shape) < 4 * BLOCK:
        return
    if frame.cfa != MONO:
        yield from _order(frame, samples)
    yield from _white(frame, samples, given=tags.white is not None)
    yield from _black(frame, samples, given=tags.black is not None)


def _middle(samples: np.ndarray) -> np.ndarray:
    """The middle of a large frame, from the first place of the pattern on."""
    height, width = samples.shape
    top, left = (max(0, n - LOOKED_AT) // 8 * 4 for n in (height, width))
    return samples[top : top + LOOKED_AT, left : left + LOOKED_AT]


def _block_means(samples: np.ndarray, period: int, block: int = BLOCK) -> BlockMeans:
    """Means over blocks of block x block samples of each place of a pattern of period x period samples."""
    side = block * period
    height, width = (n // side for n in samples.shape)
    blocks = samples[: height * side, : width * side].astype(np.float32)
    blocks = blocks.reshape(height, block, period, width, block, period)
    return blocks.mean((1, 4)).transpose(1, 3, 0, 2).reshape(period * period, height, width)


def _unclipped(means: BlockMeans, frame: Frame) -> Kept:
    """Blocks that are not near clipping, where all colours are equal."""
    usable = means.max(0) < 0.9 * frame.white
    return means[:, usable]


def _order(frame: Frame, samples: np.ndarray) -> Iterator[str]:
    quad = frame.cfa.startswith(QUAD)
    if not quad and (order := _seen_as_quad(frame, samples)):
        yield (
            f"{frame.name}: four neighbours each are alike, as where every filter covers 2x2 samples; "
            f"if it is a quad Bayer sensor, bin it: cfa={QUAD}{order}"
        )
        return
    if quad:
        return
    block = min(LARGE_BLOCK, max(BLOCK, min(samples.shape) // 32))
    means = _unclipped(_block_means(samples, 2, block), frame)
    if not means.size:
        return
    level = float((means - np.reshape(frame.black, (4, 1))).mean())
    across, along = (float(np.abs(means[i] - means[j]).mean()) for i, j in ((1, 2), (0, 3)))
    greens, others = (across, along) if frame.cfa[1] == "G" else (along, across)
    if level > 0 and greens > max(APART * others, VISIBLE * level):
        first, second = _candidates(frame, means)
        yield (
            f"{frame.name}: its samples called green differ by {100 * greens / level:.0f} % and those called red and "
            f"blue by {100 * others / level:.0f} %, so {frame.cfa} cannot be right; give cfa={first} (or cfa={second})"
        )


def _candidates(frame: Frame, means: Kept) -> tuple[str, str]:
    """The two orders with their greens where this one has none, the one in front that the white balance speaks for."""
    light = means.mean(1) - np.array(frame.black)
    orders = [order for order in BAYER if (order[1] == "G") != (frame.cfa[1] == "G")]
    gains = frame.white_balance if not isinstance(frame.white_balance, str) else (1.0, 1.0, 1.0)

    def far_from_grey(order: str) -> float:
        red, blue = light[order.index("R")] * gains[0], light[order.index("B")] * gains[2]
        green = light[[i for i, letter in enumerate(order) if letter == "G"]].mean() * gains[1]
        return sum(abs(math.log(max(x, 1e-6) / max(green, 1e-6))) for x in (red, blue))

    first, second = sorted(orders, key=far_from_grey)
    return first, second


def _seen_as_quad(frame: Frame, samples: np.ndarray) -> str | None:
    """The order of a quad Bayer sensor, if the samples are like those of one: alike in twos each way, and only so."""
    means = _unclipped(_block_means(samples, 4), frame)
    if not means.size:
        return None
    level = float(means.mean()) - sum(frame.black) / 4
    grid = means.reshape(
        2, 2, 2, 2, -1
    )  # rows of filters, rows in a filter, columns of filters, columns in one
    within = float(np.abs(grid - grid.mean((1, 3), keepdims=True)).mean())
    filters = grid.mean((1, 3))
    across, along = np.abs(filters[0, 1] - filters[1, 0]).mean(), np.abs(filters[0, 0] - filters[1, 1]).mean()
    if level <= 0 or max(across, along) < max(APART * within, VISIBLE * level):
        return None
    return "RGGB" if across < along else "GRBG"


def _white(frame: Frame, samples: np.ndarray, given: bool) -> Iterator[str]:
    low, white = min(frame.black), frame.white
    limit = white + EXCEEDED * (white - low)
    share = float((samples > limit).mean())
    brightest = float(np.partition(samples.ravel(), -_few(samples))[-_few(samples)])
    most = float(samples.max())
    if share > FEW:
        yield (
            f"{frame.name}: {100 * share:.1f} % of its samples lie far above its white level {white:g} (up to "
            f"{most:g}); give white={_full_scale(most)}, or endian= where bytes are swapped"
        )
    elif not given and brightest * NEVER_REACHED <= white:
        yield (
            f"{frame.name}: its brightest samples are {brightest:g}, far below its white level {white:g}; unless it "
            f"is that dark, give white={_full_scale(brightest)}"
        )


def _few(samples: np.ndarray) -> int:
    """How many samples may be hot pixels where one asks for the brightest."""
    return max(1, int(samples.size * 1e-5))


def _full_scale(value: float) -> int:
    """The largest number of as many bits as a value needs, at least eight."""
    return 2 ** max(8, int(value).bit_length()) - 1


def _black(frame: Frame, samples: np.ndarray, given: bool) -> Iterator[str]:
    means = _block_means(samples, 2)
    spread = _block_means(samples.astype(np.float32) ** 2, 2) - means**2
    below = np.reshape(frame.black, (4, 1, 1)) - means
    allowed = BELOW_BLACK * (frame.white - min(frame.black)) + SURE * np.sqrt(spread.clip(min=0)) / BLOCK
    dark = float(means.min())
    if float((below > allowed).mean()) > FEW:
        levels = "/".join(f"{level:g}" for level in dict.fromkeys(frame.black))
        yield (
            f"{frame.name}: its darkest parts have the mean {dark:.0f}, below its black level {levels}; "
            f"give black={max(0, math.floor(dark))} or less"
        )
    elif frame.bare and not given:
        yield (
            f"{frame.name}: no black level is known, and 0 is taken; its darkest parts have the mean {dark:.0f}; "
            "give black=N"
        )
