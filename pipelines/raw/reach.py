"""How far around a part of its picture the raw ISP looks, at which values."""

from torch import Tensor

from isptune.arrays import Params
from isptune.space import Space
from pipelines.raw.stages.demosaic import REACH_PX as DEMOSAIC
from pipelines.raw.stages.local_contrast import reach_px
from pipelines.raw.stages.planes import gaussian
from pipelines.raw.stages.raw_denoise import SCALES
from pipelines.raw.stages.shrinkage import reach_of

CELL = 2
"""Pixels on a side of what the first stages work on."""

JPEG = 17
"""Its blocks with chroma are 16 pixels on a side, and a pixel of the next one is mixed in."""

GRID_PX = 32
"""Parts begin where the whole's vector registers do, so that filters round alike: at blocks of JPEG and at cells."""


def margins_px(params: Params) -> list[int]:
    """For each value of the batch."""
    columns = {name: value.tolist() for name, value in params.items() if isinstance(value, Tensor)}
    rows = zip(*columns.values(), strict=True)
    return [_margin(dict(zip(columns, row, strict=True))) for row in rows]


def widest_px(space: Space) -> int:
    """The most of all values that its params can have."""
    return _margin(_widest(space))


def widest_after_local_px(space: Space) -> int:
    """The same of the stages after local tone mapping."""
    return _of_the_last(_widest(space))


def _widest(space: Space) -> dict[str, float]:
    most = {param.name: param.high for param in space.numeric} | {"jpeg.quality": 0}
    return {name: float(value) for name, value in most.items()}


def _margin(v: dict[str, float]) -> int:
    demosaicing = DEMOSAIC + round(v["demosaic.median_passes"])
    return _of_cells(v) + demosaicing + _of_local(v) + _of_the_last(v)


def _of_cells(v: dict[str, float]) -> int:
    """Defects look at the next cell, denoising at several scales."""
    denoised = max(v["raw_denoise.luma"], v["raw_denoise.chroma"]) > 0
    return CELL * (1 + (reach_of(SCALES) if denoised else 0))


def _of_local(v: dict[str, float]) -> int:
    active = v["local.compression"] > 0 or v["local.detail"] != 0
    return reach_px(v["local.radius"]) if active else 0


def _of_the_last(v: dict[str, float]) -> int:
    """Of what comes after local tone mapping."""
    denoised = max(
        reach_of(v[f"denoise.{which}_scales"]) if v[f"denoise.{which}"] > 0 else 0
        for which in ("luma", "chroma")
    )
    sharpened = len(gaussian(v["sharpen.radius"])) // 2 if v["sharpen.amount"] > 0 else 0
    return denoised + sharpened + (JPEG if v["jpeg.quality"] < 100 else 0)
