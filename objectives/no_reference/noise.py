"""The standard deviation of fine noise.

Source: Immerkær 1996, Fast noise variance estimation, doi:10.1006/cviu.1996.0060; cells as in Olsen 1993, Estimation of
noise in images: an evaluation.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.no_reference.cells import ascending, cell_means
from objectives.no_reference.objective import NoReference
from objectives.options import refuse_argument

NOISE_CELL = 8
"""Side of the cells in which noise is estimated, pixels."""

QUIET_CELLS = 10
"""One cell in so many, the quietest ones, are believed to hold noise alone."""

QUIET_FACTOR = 0.7337
"""Mean of the quietest tenth of the cells over the mean of all, for white Gaussian noise; by simulation of a
million cells, standard error 0.0001."""


def noise(argument: str | None = None) -> NoReference:
    """Standard deviation of white noise, from the smoothest parts of each channel; root mean square over RGB.

    Immerkær's filter, the difference of two Laplacians, is blind to planes and ramps. Its mean magnitude over
    the whole image counts texture as noise; here it is taken over cells of 8x8, of which the quietest tenth
    is used, without cells that hold clipped pixels, and the factor that undoes the choice of the quietest is
    that of white Gaussian noise. An image with fewer than 10 such cells is used whole, as published.

    On 18 photographs with noise of 5, 10 and 20 levels the median estimate was 5.5, 10.4 and 20.3, the worst
    7.2, 11.9 and 21.5; without added noise it was 1.1, the worst 3.3.
    """
    refuse_argument("noise", argument)
    return NoReference(
        name="noise",
        facts=ObjectiveFacts(
            direction="minimize",
            by_regions=True,
            range=(0.0, math.inf),
            unit="levels of 255",
            source="Immerkær 1996, Fast noise variance estimation, doi:10.1006/cviu.1996.0060",
        ),
        score_portion=_score,
        smallest_side=3,
    )


def _score(images: Images) -> Scores:
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
