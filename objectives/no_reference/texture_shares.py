"""What the fine structure of a picture tells of noise, blur and blocks: energies by scale, and steps of blocks.

Convolutions learn these slowly, since they are ratios and quantiles of squares; and they cost little.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from objectives.no_reference.cells import JPEG_BLOCK, ascending, cell_means

CELL = 8
"""Side of the cells whose energies are ranked, pixels."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SCALES = ((0, 1, 2, 3), (1, 2), (1, 2))
"""How often luma and the two opponent colours are halved before they are looked at."""

STEPS = (0.6, 1.2, 2.5, 5.0, 10.0, 20.0, 40.0)
"""Borders of the classes of differences between neighbours, in levels of 255."""

_TENTHS = [round(10 * step) - 1 for step in STEPS]
_LAST_TENTH = round(10 * STEPS[-1])

FLOOR = 1e-3
"""Added to energies before their logarithm: a quarter of a level."""

_AT_ONCE = 4  # on a CPU: what fits its caches is faster

TEXTURE_FEATURES = 2 * (len(QUANTILES) + 1) * sum(map(len, SCALES)) + 2 * len(STEPS) + 2 * 3


def texture_shares(images: Images) -> Float[Tensor, "batch texture"]:
    """Logarithms of fine energies.

    For luma and the opponent colours red - green and yellow - blue, at each scale, of first differences and of
    Immerkaer's noise mask (1996, Fast noise variance estimation): quantiles over cells and the mean. Then shares of
    differences between neighbours in luma by size, and how far differences across the borders of blocks stand out
    (after Wang, Sheikh and Bovik 2002), at the border that a JPEG has and at the phase where it is strongest.
    """
    if images.device.type == "cpu" and len(images) > _AT_ONCE:
        return torch.cat([texture_shares(part) for part in images.split(_AT_ONCE)])
    red, green, blue = images.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    across, down = luma.diff(dim=2).abs_(), luma.diff(dim=1).abs_()
    steps = [_step_shares(across), _step_shares(down), _blocks(across.mean(1)), _blocks(down.mean(2))]
    planes = torch.stack([luma, red - green, (red + green) / 2 - blue], 1)
    energies: dict[tuple[int, int], Tensor] = {}
    for scale in range(max(map(max, SCALES)) + 1):
        wanted = [plane for plane, scales in enumerate(SCALES) if scale <= max(scales)]
        planes = planes[:, : len(wanted)]  # luma comes first, and goes furthest
        # A picture too small for a scale is looked at as it is.
        if scale and min(planes.shape[-2:]) >= 4 * CELL:
            planes = cell_means(planes, 2)
        looked_at = [plane for plane in wanted if scale in SCALES[plane]]
        x = planes[:, : len(looked_at)]
        found = torch.cat([_energies(_gradient(x)), _energies(_noise(x))], 2)
        energies |= {(plane, scale): found[:, plane] for plane in looked_at}
    ordered = [energies[plane, scale] for plane, scales in enumerate(SCALES) for scale in scales]
    return torch.cat([*ordered, *steps], 1)


def _gradient(x: Float[Tensor, "batch planes height width"]) -> Float[Tensor, "batch planes _ _"]:
    return (x[..., :-1, 1:] - x[..., :-1, :-1]).abs_() + (x[..., 1:, :-1] - x[..., :-1, :-1]).abs_()


def _noise(x: Float[Tensor, "batch planes height width"]) -> Float[Tensor, "batch planes _ _"]:
    across = x[..., 2:] + x[..., :-2] - 2 * x[..., 1:-1]
    return (across[..., 2:, :] + across[..., :-2, :] - 2 * across[..., 1:-1, :]).abs_()


def _energies(response: Float[Tensor, "batch planes height width"]) -> Float[Tensor, "batch planes energies"]:
    cells = cell_means(response, CELL).flatten(2)
    places = torch.tensor(QUANTILES, device=cells.device) * (cells.shape[2] - 1)
    chosen = ascending(cells)[..., places.round().long()]
    return (torch.cat([chosen, cells.mean(2, keepdim=True)], 2) + FLOOR).log()


def _step_shares(differences: Float[Tensor, "batch height width"]) -> Float[Tensor, "batch shares"]:
    """The share of differences below each of `STEPS`; counted in tenths of a level, six times as fast as comparing."""
    cells = (differences.flatten(1) * 2550).to(torch.int32).clamp_(0, _LAST_TENTH)
    counts = torch.stack([row.bincount(minlength=_LAST_TENTH + 1) for row in cells]).cumsum(1)
    return counts[:, _TENTHS].float() / cells.shape[1]


def _blocks(profile: Float[Tensor, "batch places"]) -> Float[Tensor, "batch 3"]:
    """Mean difference at each phase of a block against the mean of all: at the usual border, the largest, the least."""
    length = profile.shape[1] // JPEG_BLOCK * JPEG_BLOCK
    if not length:
        return profile.new_zeros(len(profile), 3)
    phases = profile[:, :length].unflatten(1, (-1, JPEG_BLOCK)).mean(1) + FLOOR
    relative = (phases / phases.mean(1, keepdim=True)).log()
    return torch.stack([relative[:, JPEG_BLOCK - 1], relative.amax(1), relative.amin(1)], 1)
