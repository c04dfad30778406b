"""Captures are split in two where an objective compares the halves, before any candidate is rendered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from isptune.errors import ConfigError, SceneError, in_words
from isptune.interfaces import Objective, Pipeline
from isptune.scenes.noise_halves import split
from isptune.scenes.scene import Scene
from isptune.space import Candidate, Space
from isptune.tuning.batches import to_params


def with_halves(
    scenes: Sequence[Scene],
    objectives: Mapping[str, Objective],
    pipeline: Pipeline,
    space: Space,
    seed: int,
    device: torch.device,
) -> list[Scene]:
    """The scenes, split with their plain pictures if any of the objectives needs that, else as they are.

    Args:
        scenes: in memory of the CPU.
        objectives: of a run, by their specs.
        pipeline: of the run.
        space: that the search starts from: plain pictures have its defaults but for noise and detail.
        seed: of the noise that the pipeline may draw.
        device: where to render.

    Raises:
        ConfigError: nobody knows at which values the pipeline leaves noise and detail as they are.
        SceneError: a scene is a photograph, or the pipeline cannot render the second half.
    """
    asking = [spec for spec, objective in objectives.items() if objective.facts.splits_noise]
    if not asking:
        return list(scenes)
    halved = [_split(scene, asking[0]) for scene in scenes]
    if not pipeline.facts.plain:
        raise ConfigError(
            f"{asking[0]} compares with a rendering that leaves noise and detail as they are, and this pipeline does "
            "not say at which values it does: give each [[param]] that smooths or sharpens a key plain (plain = 0.0)"
        )
    chosen = {**space.complete({}), **pipeline.space.check(pipeline.facts.plain, partial=True)}
    return [_with_plain(scene, chosen, pipeline, seed, device) for scene in halved]


def _split(scene: Scene, spec: str) -> Scene:
    if scene.raw is None:
        raise SceneError(
            f"{scene.name}: is no raw capture, and {spec} judges what a pipeline makes of one: give a raw file, or an "
            "objective for photographs such as scorenet"
        )
    return split(scene)


def _with_plain(
    scene: Scene, chosen: Candidate, pipeline: Pipeline, seed: int, device: torch.device
) -> Scene:
    assert scene.halves is not None
    params = to_params((chosen,), device)
    pictures = []
    for half in (scene, scene.halves.other):
        try:
            with torch.no_grad():
                pictures.append(pipeline.render(half.to(device), params, seed).cpu())
        except Exception as error:  # a plug-in may raise anything
            raise SceneError(f"{scene.name}: cannot be rendered plainly: {in_words(error)}") from error
    if pictures[0].shape != pictures[1].shape or not all(bool(torch.isfinite(x).all()) for x in pictures):
        raise SceneError(f"{scene.name}: its plain pictures have values or sizes that no pictures have")
    return replace(scene, halves=replace(scene.halves, plain=torch.cat(pictures)))
