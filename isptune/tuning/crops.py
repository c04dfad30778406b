"""How far the score of a pipeline without noise holds: the spread of the scores of crops of its pictures.

Rendered again such a picture is the same, so that there is no noise to take an interval over. What may differ is the
content: the candidate will be used on other pictures. The crops of those that are there are a small sample of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from isptune.arrays import Images
from isptune.interfaces import Objective
from isptune.scenes.scene import Scene
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.masks import compared
from isptune.tuning.recommend import Reevaluated
from isptune.tuning.regions import in_regions, regions_of

SMALLEST = 128
"""Side of a crop at least, pixels: many objectives look at several scales."""

ACROSS = (4, 3, 2)
"""Crops along a side, the first number that an objective can score."""


@torch.inference_mode()
def with_crops(evaluator: Evaluator, entries: Sequence[Reevaluated], seed: int) -> list[Reevaluated]:
    """The same candidates, with the scores of crops of their pictures where a pipeline draws no noise.

    Crops of all pictures of a scene lie at the same places. Where an objective can score none of them (it measures a
    given part of a chart, compares among rivals, needs more pixels) there are none.

    Args:
        evaluator: knows pipeline, scenes and objectives; its pictures are rendered or remembered.
        entries: candidates; those that failed are left as they are.
        seed: of the noise that is not drawn.
    """
    if evaluator.memory.draws_noise:
        return list(entries)
    working = [entry for entry in entries if entry.error is None]
    objectives = {
        name: one
        for name, one in evaluator.objectives.items()
        if not one.facts.rivals and not one.facts.whole_pictures
    }
    found: list[dict[str, Mapping[str, Sequence[float]]]] = [{} for _ in working]
    for scene in evaluator.scenes:
        pictures = [evaluator.render_one(entry.candidate, scene, seed) for entry in working]
        tables: list[dict[str, Sequence[float]]] = [{} for _ in working]
        for name, objective in objectives.items():
            rows = _of_crops(objective, pictures, scene)
            for table, row in zip(tables, rows, strict=False):
                table[name] = row
        for one, table in zip(found, tables, strict=True):
            one[scene.name] = table
    pooled = evaluator.pooled
    done = iter([replace(e, crops=c, pooled=pooled) for e, c in zip(working, found, strict=True)])
    return [entry if entry.error is not None else next(done) for entry in entries]


def _of_crops(objective: Objective, pictures: Sequence[Images], scene: Scene) -> list[list[float]]:
    """A row of scores a picture; no rows where the objective cannot score crops."""
    if regions_of(scene):
        return _of_regions(objective, pictures, scene)
    for across in ACROSS:
        height, width = (side // across for side in pictures[0].shape[-2:])
        if min(height, width) < SMALLEST:
            continue
        places = [(y * height, x * width) for y in range(across) for x in range(across)]
        try:
            columns = [_at(objective, pictures, scene, y, x, height, width) for y, x in places]
        except Exception:  # a plug-in may raise anything; larger crops may do
            continue
        rows = torch.stack(columns, 1)
        if bool(torch.isfinite(rows).all()):
            return rows.tolist()
    return []


def _of_regions(objective: Objective, pictures: Sequence[Images], scene: Scene) -> list[list[float]]:
    """Where some regions count only, they are the crops."""
    together = torch.cat(list(pictures))
    columns = [
        objective.score(compared(objective.facts, cut(together), part), part).double().cpu()
        for part, cut in in_regions(scene)
    ]
    return torch.stack(columns, 1).tolist() if len(columns) > 1 else []


def _at(
    objective: Objective,
    pictures: Sequence[Images],
    scene: Scene,
    top: int,
    left: int,
    height: int,
    width: int,
) -> torch.Tensor:
    part = slice(top, top + height), slice(left, left + width)
    reference = None if scene.reference is None else scene.reference[..., *part].contiguous()
    masked = None if scene.masked is None else scene.masked[..., *part].contiguous()
    crops = torch.cat([picture[..., *part] for picture in pictures])
    own = replace(
        scene, image=crops[:1], reference=reference, metadata={}, raw=None, rendered=None, masked=masked
    )
    return objective.score(compared(objective.facts, crops, own), own).double().cpu()
