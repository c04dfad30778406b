"""Where a tuner ends that follows a score on the raw ISP."""

from collections.abc import Callable

import cmaes
import numpy as np
import torch

from isptune.arrays import Images, Scores
from isptune.scenes.scene import Scene
from objectives.training.pictures.camera_pictures import DETAIL, VERSIONS, Captures

POPULATION, GENERATIONS = 12, 12
ALL_KNOBS = 0.3
"""The share of walks that move every knob, and not those of noise and detail alone."""


def raw_walk(
    captures: Captures, scene: Scene, score: Callable[[Images], Scores], random: np.random.Generator
) -> Images:
    """Renderings of a capture: at the defaults, where CMA-ES ends that follows the score, and on the way between.

    Args:
        captures: with the raw ISP.
        scene: the capture.
        score: higher is better.
        random: of the search, and of the places on the way.

    Returns:
        `VERSIONS` pictures, the defaults first, then the end.
    """
    space = captures.isp.space
    start = space.to_unit(space.default)
    fine = np.isin([param.name for param in space.numeric], space.select(DETAIL).names)
    moved = np.ones_like(fine) if random.random() < ALL_KNOBS else fine
    count = int(moved.sum())

    def rendered(points: list[np.ndarray]) -> Images:
        units = []
        for point in points:
            unit = start.copy()
            unit[moved] = point
            units.append({**space.default, **space.from_unit(unit.clip(0, 1))})
        return captures.render(scene, units)

    search = cmaes.CMA(
        mean=start[moved],
        sigma=0.2,
        bounds=np.stack([np.zeros(count), np.ones(count)], 1),
        population_size=POPULATION,
        seed=int(random.integers(2**31)),
    )
    for _ in range(GENERATIONS):
        asked = [search.ask() for _ in range(POPULATION)]
        losses = (-score(rendered(asked))).tolist()
        search.tell(list(zip(asked, losses, strict=True)))
    end = search.mean.clip(0, 1)
    between = [start[moved] + share * (end - start[moved]) for share in (0.3, 0.6, 1.3)]
    apart = [
        np.where(random.random(count) < 0.5, start[moved], end) for _ in range(VERSIONS - 2 - len(between))
    ]
    with torch.inference_mode():
        return rendered([start[moved], end, *between, *apart])
