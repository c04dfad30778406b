"""Pictures of regions, rendered by themselves: cut from the scene with a margin, which is cut away from the picture.

Where a pipeline says in its facts how far it looks, that gives what lies there in the whole picture.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import RenderError
from isptune.facts import Support
from isptune.interfaces import NarrowsSupport, Pipeline
from isptune.scenes.focus import Region
from isptune.scenes.large import cut_out, size_of, widened
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.tuning.batches import batch_limit, to_params

MOST_OF_FRAME = 0.6
"""Where regions with their margins are more of the scene than this, it is rendered whole."""

KEPT_CUTS = 24
"""Parts of scenes that are kept for the next candidates."""


Part = Float[Tensor, "batch 3 _ _"]
"""Pictures of a region, one a candidate: regions have sizes of their own."""

Row = Float[Tensor, "batch 3 1 pixels"]
"""Pictures of all regions of a scene as one row of pixels for each candidate, as which they are kept."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Pictures of candidates, [batch, 3, H, W]: whole, or of regions."""

    whole: Images | None
    regions: Sequence[Region] = ()
    parts: Sequence[Part] = ()

    def of(self, region: Region | None) -> Part:
        """What lies in a region; None for all of it, which only whole pictures have."""
        if region is not None and region in self.regions:
            return self.parts[self.regions.index(region)]
        assert self.whole is not None, "whole pictures were not rendered"
        return self.whole if region is None else region.of(self.whole)


def joined(parts: Sequence[Part]) -> Row:
    """Pictures of regions as one row."""
    return torch.cat([part.flatten(2) for part in parts], 2)[:, :, None]


def parted_again(row: Row, regions: Sequence[Region]) -> list[Part]:
    """The pictures of regions that `joined` made one row of."""
    lengths = [region.width * region.height for region in regions]
    pieces = row[:, :, 0].split(lengths, 2)
    return [
        piece.unflatten(2, (region.height, region.width)).contiguous()
        for piece, region in zip(pieces, regions, strict=True)
    ]


@final
class RegionRenderer:
    """Renders regions of scenes.

    Args:
        pipeline: what renders.
        support: its own, which is bounded.
        device: where the scenes are.
    """

    def __init__(self, pipeline: Pipeline, support: Support, device: torch.device):
        self._pipeline, self._support, self._device = pipeline, support, device
        # A cut holds the scene that it is of, so that the scene's id is not given to another one.
        self._cuts: OrderedDict[tuple[int, Region, Region], Scene] = OrderedDict()

    def render(
        self, scene: Scene, regions: Sequence[Region], candidates: Sequence[Candidate], seed: int
    ) -> list[Part]:
        """For each region its pictures, [batch, 3, H, W], one a candidate; candidates are of equal choices.

        A candidate's picture does not depend on the others: each has the margin that it needs itself.

        Raises:
            RenderError: the pipeline's, or its pictures are not of their scenes' size.
        """
        margins = self._margins(candidates)
        rows: list[list[Part]] = [[] for _ in candidates]
        for margin in dict.fromkeys(margins):
            group = [i for i, own in enumerate(margins) if own == margin]
            parts = self._with_margin(scene, regions, margin, [candidates[i] for i in group], seed)
            for place, i in enumerate(group):
                rows[i] = [part[place : place + 1] for part in parts]
        return [torch.cat(column) for column in zip(*rows, strict=True)]

    def _margins(self, candidates: Sequence[Candidate]) -> list[int]:
        """How far each looks, up to whole cells of the grid."""
        assert self._support.margin_px is not None, "the support is not bounded"
        found = [self._support.margin_px] * len(candidates)
        if isinstance(self._pipeline, NarrowsSupport):
            found = self._pipeline.margins_px(to_params(candidates, torch.device("cpu")))
        return [math.ceil(one / self._support.grid_px) * self._support.grid_px for one in found]

    def _with_margin(
        self,
        scene: Scene,
        regions: Sequence[Region],
        margin: int,
        candidates: Sequence[Candidate],
        seed: int,
    ) -> list[Part]:
        width, height = size_of(scene)
        windows = [widened(region, margin, self._support.grid_px, (width, height)) for region in regions]
        if sum(one.width * one.height for one in windows) > MOST_OF_FRAME * width * height:
            return self._cut_from_whole(scene, regions, candidates, seed)
        return [
            within(region, window).of(self._rendered(self._cut(scene, region, window), candidates, seed))
            for region, window in zip(regions, windows, strict=True)
        ]

    def _cut_from_whole(
        self, scene: Scene, regions: Sequence[Region], candidates: Sequence[Candidate], seed: int
    ) -> list[Part]:
        limit = batch_limit(size_of(scene), self._device, self._pipeline.facts.max_batch)
        pieces: list[list[Part]] = []
        for start in range(0, len(candidates), limit):
            images = self._rendered(scene, candidates[start : start + limit], seed)
            pieces.append([region.of(images) for region in regions])
        return [torch.cat(column) for column in zip(*pieces, strict=True)]

    def _rendered(self, scene: Scene, candidates: Sequence[Candidate], seed: int) -> Images:
        images = self._pipeline.render(scene, to_params(candidates, self._device), seed)
        width, height = size_of(scene)
        if images.shape != (len(candidates), 3, height, width):
            raise RenderError(
                f"the pipeline gave {tuple(images.shape)} for {len(candidates)} candidates of {width}x{height}, "
                "although its facts say that pictures lie on their scenes pixel on pixel"
            )
        return images

    def _cut(self, scene: Scene, region: Region, window: Region) -> Scene:
        key = (id(scene), region, window)
        if key not in self._cuts:
            self._cuts[key] = cut_out(scene, window, within(region, window))
            while len(self._cuts) > KEPT_CUTS:
                self._cuts.popitem(last=False)
        self._cuts.move_to_end(key)
        return self._cuts[key]


def within(region: Region, window: Region) -> Region:
    """Where a region lies in a window."""
    return Region(region.left - window.left, region.top - window.top, region.width, region.height)
