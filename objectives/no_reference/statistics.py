"""Hand-made statistics of an image, without a reference and without anything learned.

| name | measures | better | prefers, if optimised alone |
|---|---|---|---|
| tv | differences between neighbours | less | flat pictures |
| sharpness | variance of the Laplacian | more | noise and ringing |
| colourfulness | spread of opponent colours | more | garish colours |
| noise | standard deviation of fine noise | less | smoothed pictures |
| blockiness | steps at the borders of 8x8 blocks | less | noise that hides the steps |
| jpeg_trace | coefficients that quantization made zero | less | noise after the compression |
| entropy | bits of the luma histogram | more | noise and equalised histograms |

Each sees one aspect and none sees quality: they are baselines, parts of a weighted objective, and examples
of metrics that an optimizer exploits.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isptune.arrays import Images, Scores
from objectives.full_reference.objective import refuse_argument
from objectives.no_reference.cells import ascending, cell_means
from objectives.no_reference.objective import NoReference, luma_levels

__all__ = ["blockiness", "colourfulness", "entropy", "jpeg_trace", "noise", "sharpness", "total_variation"]

BLOCK = 8
"""Side of a JPEG block, pixels."""

BLOCKINESS_FLOOR = 1.0
"""Levels of 255 added to the mean differences, so that a flat image has a blockiness of 0 and not 0/0."""

NEAR_ZERO = 0.45
"""Coefficients below this many levels of 255 count as zero: what rounding to 8 bits leaves of one is 0.29 on average.
No multiple of an eighth, as many coefficients of whole levels are."""

NOISE_CELL = 8
"""Side of the cells in which noise is estimated, pixels."""

QUIET_CELLS = 10
"""One cell in so many, the quietest ones, are believed to hold noise alone."""

QUIET_FACTOR = 0.7337
"""Mean of the quietest tenth of the cells over the mean of all, for white Gaussian noise; by simulation of a
million cells, standard error 0.0001."""


def total_variation(argument: str | None = None) -> NoReference:
    """Mean absolute difference between horizontal and between vertical neighbours, added, over RGB.

    The anisotropic form, for images in [0, 1]: a ramp that rises by s a pixel has s.

    Source: Rudin, Osher and Fatemi 1992, Nonlinear total variation based noise removal algorithms.
    """
    refuse_argument("tv", argument)
    return NoReference(
        name="tv",
        direction="minimize",
        range=(0.0, 2.0),
        unit="mean absolute difference of neighbours, [0, 1] images",
        source="Rudin, Osher and Fatemi 1992, Nonlinear total variation based noise removal algorithms",
        score_portion=_total_variation,
    )


def sharpness(argument: str | None = None) -> NoReference:
    """Variance of the Laplacian of luma, on the scale 0 to 255.

    The four-neighbour Laplacian with the border mirrored about the outer pixels. Noise counts as sharpness.

    Source: Pech-Pacheco, Cristóbal, Chamorro-Martínez and Fernández-Valdivia 2000, Diatom autofocusing in
    brightfield microscopy: a comparative study.
    """
    refuse_argument("sharpness", argument)
    return NoReference(
        name="sharpness",
        direction="maximize",
        range=(0.0, (4 * 255.0) ** 2),
        unit="levels^2 of 255",
        source="Pech-Pacheco et al. 2000, Diatom autofocusing in brightfield microscopy",
        score_portion=_sharpness,
    )


def colourfulness(argument: str | None = None) -> NoReference:
    """Spread and mean of the opponent colours red-green and yellow-blue: the M(3) of its authors.

    0 for a grey image; their observers called 15 slightly, 33 moderately and 82 highly colourful.

    Source: Hasler and Süsstrunk 2003, Measuring colourfulness in natural images.
    """
    refuse_argument("colourfulness", argument)
    return NoReference(
        name="colourfulness",
        direction="maximize",
        # Mean square of (rg, yb) is at most 1.25 * 255^2; a + 0.3 b with a^2 + b^2 fixed is at most sqrt(1.09).
        range=(0.0, 255 * math.sqrt(1.25 * 1.09)),
        unit="levels of 255",
        source="Hasler and Süsstrunk 2003, Measuring colourfulness in natural images",
        score_portion=_colourfulness,
    )


def noise(argument: str | None = None) -> NoReference:
    """Standard deviation of white noise, from the smoothest parts of each channel; root mean square over RGB.

    Immerkær's filter, the difference of two Laplacians, is blind to planes and ramps. Its mean magnitude over
    the whole image counts texture as noise; here it is taken over cells of 8x8, of which the quietest tenth
    is used, without cells that hold clipped pixels, and the factor that undoes the choice of the quietest is
    that of white Gaussian noise. An image with fewer than 10 such cells is used whole, as published.

    On 18 photographs with noise of 5, 10 and 20 levels the median estimate was 5.5, 10.4 and 20.3, the worst
    7.2, 11.9 and 21.5; without added noise it was 1.1, the worst 3.3.

    Source: Immerkær 1996, Fast noise variance estimation; cells as in Olsen 1993, Estimation of noise in
    images: an evaluation.
    """
    refuse_argument("noise", argument)
    return NoReference(
        name="noise",
        direction="minimize",
        range=(0.0, math.inf),
        unit="levels of 255",
        source="Immerkær 1996, Fast noise variance estimation",
        score_portion=_noise,
        smallest_side=3,
    )


def blockiness(argument: str | None = None) -> NoReference:
    """How much larger the steps between 8x8 blocks are than those within: (B - A) / (B + A + 1).

    B is the mean absolute difference of luma across the borders of blocks, A that of all other neighbours,
    in levels of 255, both directions. Near 0 without blocks, towards 1 where only the borders are left. The
    blocks are taken to begin in the upper left corner: a cropped or resized JPEG is not seen.

    Source: Wang, Sheikh and Bovik 2002, No-reference perceptual quality assessment of JPEG compressed images
    (B of equation 1 and A of equation 2, up to their weights); the ratio is ours.
    """
    refuse_argument("blockiness", argument)
    return NoReference(
        name="blockiness",
        direction="minimize",
        range=(-1.0, 1.0),
        unit="ratio",
        source="after Wang, Sheikh and Bovik 2002, No-reference quality assessment of JPEG compressed images",
        score_portion=_blockiness,
        smallest_side=2 * BLOCK,
    )


def jpeg_trace(argument: str | None = None) -> NoReference:
    """How many more coefficients are zero in the blocks of a JPEG than in blocks that straddle them.

    The share of AC coefficients of luma's 8x8 cosine transform below `NEAR_ZERO`, minus the share on a grid that is
    shifted by half a block each way. Quantization makes zeros on its own grid alone. On 18 photographs, 384x384:
    without compression 0.00 to 0.01, at a quality of 99 0.03 to 0.09, of 95 0.13 to 0.36, of 80 0.17 to 0.53; it falls
    again below a quality of 50, where `blockiness` rises. As there, the blocks begin in the upper left corner.

    Source: after Luo, Huang and Qiu 2010, JPEG error analysis and its applications to digital image forensics, whose
    classes of AC coefficients are counted here; comparing with a shifted grid is after Fan and de Queiroz 2003,
    Identification of bitmap compression history.
    """
    refuse_argument("jpeg_trace", argument)
    return NoReference(
        name="jpeg_trace",
        direction="minimize",
        range=(-1.0, 1.0),
        unit="share of coefficients",
        source="after Luo, Huang and Qiu 2010, JPEG error analysis and its applications to digital image forensics",
        score_portion=_jpeg_trace,
        smallest_side=2 * BLOCK,
    )


def entropy(argument: str | None = None) -> NoReference:
    """Entropy of the histogram of luma in 256 levels, in bits.

    Source: Shannon 1948, A mathematical theory of communication.
    """
    refuse_argument("entropy", argument)
    return NoReference(
        name="entropy",
        direction="maximize",
        range=(0.0, 8.0),
        unit="bit",
        source="Shannon 1948, A mathematical theory of communication",
        score_portion=_entropy,
        smallest_side=1,
    )


def _total_variation(images: Images) -> Scores:
    across = (images[..., 1:] - images[..., :-1]).abs_().mean((1, 2, 3))
    down = (images[..., 1:, :] - images[..., :-1, :]).abs_().mean((1, 2, 3))
    return across + down


def _sharpness(images: Images) -> Scores:
    luma = luma_levels(images)
    padded = torch.nn.functional.pad(luma.unsqueeze(1), (1, 1, 1, 1), mode="reflect")[:, 0]
    laplacian = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    laplacian += padded[:, :-2, 1:-1]
    laplacian += padded[:, 2:, 1:-1]
    laplacian.sub_(luma, alpha=4)
    return laplacian.var((1, 2), correction=0)


def _colourfulness(images: Images) -> Scores:
    red, green, blue = (images * 255).unbind(1)
    red_green = red - green
    yellow_blue = (red + green).mul_(0.5).sub_(blue)
    opponents = torch.stack([red_green, yellow_blue], 1).flatten(2)
    mean = opponents.mean(2, keepdim=True)
    variance = opponents.sub_(mean).square_().mean(2)  # in two passes, which are quicker than torch.var's one
    return variance.sum(1).sqrt() + 0.3 * mean.square().sum((1, 2)).sqrt()


def _noise(images: Images) -> Scores:
    # The mask [1 -2 1; -2 4 -2; 1 -2 1] is the second difference across of the second difference down.
    across = images[..., 2:] + images[..., :-2]
    across.sub_(images[..., 1:-1], alpha=2)
    response = across[..., 2:, :] + across[..., :-2, :]
    response.sub_(across[..., 1:-1, :], alpha=2).abs_()
    # E|response| of white Gaussian noise s is 6 s sqrt(2 / pi).
    scale = 255 * math.sqrt(math.pi / 2) / 6
    everywhere = response.mean((2, 3))
    if min(response.shape[-2:]) < NOISE_CELL:
        deviation = everywhere
    else:
        clipped = (1 - images).mul_(images).le_(0)  # 1 at 0, at 1 and beyond, else 0
        cells, usable = _cells(response, clipped[..., 1:-1, 1:-1])
        enough = usable.sum(2) >= QUIET_CELLS
        deviation = torch.where(enough, _quietest(cells, usable) / QUIET_FACTOR, everywhere)
    return deviation.square().mean(1).sqrt() * scale


def _cells(
    response: Float[Tensor, "batch 3 height width"], clipped: Float[Tensor, "batch 3 height width"]
) -> tuple[Float[Tensor, "batch 3 cells"], Bool[Tensor, "batch 3 cells"]]:
    """Mean response of each cell, and whether it is free of clipped pixels, where noise is cut off."""
    means, spoilt = (cell_means(plane, NOISE_CELL).flatten(2) for plane in (response, clipped))
    return means, spoilt == 0


def _quietest(
    cells: Float[Tensor, "batch 3 cells"], usable: Bool[Tensor, "batch 3 cells"]
) -> Float[Tensor, "batch 3"]:
    """Mean of the quietest tenth of the usable cells; anything where there are none."""
    quietest = ascending(torch.where(usable, cells, torch.inf))
    count = ((usable.sum(2) + QUIET_CELLS - 1) // QUIET_CELLS).clamp_min(1)
    chosen = torch.arange(cells.shape[2], device=cells.device) < count.unsqueeze(2)
    return torch.where(chosen, quietest, 0).sum(2) / count


def _blockiness(images: Images) -> Scores:
    luma = luma_levels(images)
    across = (luma[:, :, 1:] - luma[:, :, :-1]).abs_().mean(1)
    down = (luma[:, 1:, :] - luma[:, :-1, :]).abs_().mean(2)
    (border_across, within_across), (border_down, within_down) = map(_at_borders_and_within, (across, down))
    b, a = (border_across + border_down) / 2, (within_across + within_down) / 2
    return (b - a) / (b + a + BLOCKINESS_FLOOR)


def _at_borders_and_within(
    differences: Float[Tensor, "batch places"],
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Mean differences at every eighth place, between blocks, and at the places between."""
    at_border = torch.arange(differences.shape[1], device=differences.device) % BLOCK == BLOCK - 1
    return differences[:, at_border].mean(1), differences[:, ~at_border].mean(1)


def _jpeg_trace(images: Images) -> Scores:
    luma = luma_levels(images)
    return _near_zero(luma) - _near_zero(luma[:, BLOCK // 2 :, BLOCK // 2 :])


def _near_zero(luma: Float[Tensor, "batch height width"]) -> Scores:
    """Share of AC coefficients near zero, over whole blocks."""
    rows, columns = (side // BLOCK for side in luma.shape[-2:])
    transform = _cosines(luma)
    blocks = luma[:, : rows * BLOCK, : columns * BLOCK].reshape(-1, rows, BLOCK, columns * BLOCK)
    down = (transform @ blocks).reshape(-1, columns, BLOCK)
    coefficients = (down @ transform.mT).reshape(len(luma), rows, BLOCK, columns, BLOCK)
    coefficients[:, :, 0, :, 0] = torch.inf  # the means of blocks are not counted
    zeros = (coefficients.abs_() < NEAR_ZERO).flatten(1).count_nonzero(1)
    return zeros / (rows * columns * (BLOCK * BLOCK - 1))


def _cosines(like: Tensor) -> Float[Tensor, "8 8"]:
    """The orthonormal cosine transform, a frequency a row."""
    place = torch.arange(BLOCK, dtype=like.dtype, device=like.device)
    rows = torch.cos(math.pi / (2 * BLOCK) * (2 * place + 1) * place[:, None]) * math.sqrt(2 / BLOCK)
    rows[0] /= math.sqrt(2)
    return rows


def _entropy(images: Images) -> Scores:
    luma = luma_levels(images).flatten(1).long()
    counts = torch.zeros(len(luma), 256, dtype=torch.long, device=luma.device)
    counts.scatter_add_(1, luma, torch.ones_like(luma))
    share = counts.double() / luma.shape[1]
    return -torch.special.xlogy(share, share).sum(1).div(math.log(2)).float()
