"""How far the score of a pipeline without noise holds: the spread of the scores of crops of its pictures.

Rendered again such a picture is the same, so that there is no noise to take an interval over. What may differ is the
content: the candidate will be used on other pictures. The crops of those that are there are a small sample of it; of a
score of all scenes together, the scenes are (`isptune.tuning.together`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from isptune.interfaces import Objective
from isptune.scenes.focus import Region
from isptune.scenes.scene import Scene
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.masks import compared
from isptune.tuning.recommend import Reevaluated, with_jackknife
from isptune.tuning.region_rendering import Shown
from isptune.tuning.regions import counted, part_of

SMALLEST = 128
"""Side of a crop at least, pixels: many objectives look at several scales."""

ACROSS = (4, 3, 2)
"""Crops along a side, the first number that an objective can score."""


@torch.inference_mode()
def with_crops(evaluator: Evaluator, entries: Sequence[Reevaluated], seed: int) -> list[Reevaluated]:
    """The same candidates, with the scores of crops of their pictures where a pipeline draws no noise.

    Crops of all pictures of a scene lie at the same places. Where an objective can score none of them (it measures a
    given part of a chart, compares among rivals, needs more pixels) there are none. What scores all scenes together
    gets the jackknife over them.

    Args:
        evaluator: knows pipeline, scenes and objectives; its pictures are rendered or remembered.
        entries: candidates; those that failed are left as they are.
        seed: of the noise that is not drawn.
    """
    if evaluator.pipeline.facts.uses_seed:
        return list(entries)
    working = [entry for entry in entries if entry.error is None]
    if not working:
        return list(entries)
    objectives = {
        name: one
        for name, one in evaluator.objectives.items()
        if not one.facts.rivals and not one.facts.whole_pictures and name not in evaluator.together
    }
    found: list[dict[str, Mapping[str, Sequence[float]]]] = [{} for _ in working]
    for scene in evaluator.scenes:
        pictures = [evaluator.shown([entry.candidate], scene, seed) for entry in working]
        tables: list[dict[str, Sequence[float]]] = [{} for _ in working]
        for name, objective in objectives.items():
            rows = _of_crops(objective, pictures, scene)
            for table, row in zip(tables, rows, strict=False):
                table[name] = row
        for one, table in zip(found, tables, strict=True):
            one[scene.name] = table
    pooled = evaluator.pooled
    cropped = [replace(e, crops=c, pooled=pooled) for e, c in zip(working, found, strict=True)]
    done = iter(with_jackknife(evaluator, cropped))
    return [entry if entry.error is not None else next(done) for entry in entries]


def _of_crops(objective: Objective, pictures: Sequence[Shown], scene: Scene) -> list[list[float]]:
    """A row of scores a picture; no rows where the objective cannot score crops."""
    for regions in _grids(objective, scene, pictures[0]):
        try:
            rows = torch.stack([_at(objective, pictures, scene, region) for region in regions], 1)
        except Exception:  # a plug-in may raise anything; larger crops may do
            continue
        if bool(torch.isfinite(rows).all()):
            return rows.tolist()
    return []


def _grids(objective: Objective, scene: Scene, shown: Shown) -> Iterator[Sequence[Region]]:
    """Crops to try: a grid of many, then of fewer and larger ones; where some regions alone count, these are they."""
    if own := counted(objective.facts, scene):
        if len(own) > 1:
            yield own
        return
    height, width = shown.of(None).shape[-2:]
    for across in ACROSS:
        down, right = height // across, width // across
        if min(down, right) >= SMALLEST:
            yield [Region(x * right, y * down, right, down) for y in range(across) for x in range(across)]


def _at(objective: Objective, pictures: Sequence[Shown], scene: Scene, region: Region) -> torch.Tensor:
    crops = torch.cat([shown.of(region) for shown in pictures])
    part = replace(part_of(scene, region), image=crops[:1])
    return objective.score(compared(objective.facts, crops, part), part).double().cpu()
