"""What a run is built from, as bench.json has it: the parameters, objectives and scenes themselves become records."""

from collections.abc import Iterable, Sequence

import numpy as np

from isptune.interfaces import Objective, ScoresTogether
from isptune.runs.facts import ObjectiveRecord, ParamRecord, RegionRecord, SceneRecord
from isptune.scenes.scene import Scene
from isptune.space import Choice, Integer, Param


def describe_params(params: Iterable[Param]) -> tuple[ParamRecord, ...]:
    """Parameters as bench.json has them."""
    return tuple(map(_describe_param, params))


def describe_scenes(scenes: Sequence[Scene]) -> tuple[SceneRecord, ...]:
    """Scenes as bench.json has them."""
    return tuple(map(_describe_scene, scenes))


def _describe_scene(scene: Scene) -> SceneRecord:
    size, note = (scene.image.shape[-1], scene.image.shape[-2]), str(scene.metadata.get("note", ""))
    chosen = scene.metadata.get("chosen", ())
    regions = tuple(
        RegionRecord(region.left, region.top, region.width, region.height, why)
        for region, why in zip(scene.metadata["roi"] if chosen else (), chosen, strict=True)
    )
    return SceneRecord(scene.name, *size, scene.reference is not None, note, regions)


def describe_objective(name: str, objective: Objective) -> ObjectiveRecord:
    """An objective's facts as bench.json has them."""
    facts = objective.facts
    low, high = (float(limit) if np.isfinite(limit) else None for limit in facts.range)
    together = isinstance(objective, ScoresTogether)
    return ObjectiveRecord(
        name, facts.direction, facts.unit, (low, high), facts.source, facts.rivals > 0, together
    )


def _describe_param(param: Param) -> ParamRecord:
    shared = param.name, param.default, param.unit, param.help
    when = {
        choice: (given,) if isinstance(given, str) else tuple(given) for choice, given in param.when.items()
    }
    if isinstance(param, Choice):
        return ParamRecord(*shared, "choice", options=param.options, when=when)
    kind = "integer" if isinstance(param, Integer) else "real"
    return ParamRecord(*shared, kind, low=param.low, high=param.high, log=param.log, when=when)
