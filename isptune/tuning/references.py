"""References that the pipeline itself renders: of the clean capture of a pair, before any objective sees the scene."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from isptune.arrays import Images
from isptune.errors import ConfigError, SceneError, in_words
from isptune.interfaces import Objective, Pipeline
from isptune.parameter_set import read_set
from isptune.scenes.scene import RenderedReference, Scene
from isptune.scenes.sliding import slid
from isptune.space import Space
from isptune.tuning.batches import to_params


def with_references(
    scenes: Sequence[Scene], pipeline: Pipeline, space: Space, seed: int, device: torch.device
) -> list[Scene]:
    """The scenes, those whose reference is to be rendered with it. The same arguments give the same bytes.

    Args:
        scenes: in memory of the CPU.
        pipeline: of the run.
        space: that the search starts from: its defaults stand for what a set does not say.
        seed: of the noise that the pipeline may draw.
        device: where to render.

    Raises:
        SceneError: the pipeline cannot render the clean capture.
        ConfigError: a set cannot be read, or is none of this pipeline.
    """
    return [
        scene
        if scene.rendered is None or (scene.rendered.unless_neutral and pipeline.facts.neutral)
        else _with_reference(scene, scene.rendered, pipeline, space, seed, device)
        for scene in scenes
    ]


def refuse_without_reference(objectives: Mapping[str, Objective], scenes: Iterable[Scene]) -> None:
    """Say before anything is rendered that an objective has nothing to compare a scene's pictures with.

    Args:
        objectives: by spec.
        scenes: with the references that they will have.

    Raises:
        ConfigError: such an objective and scene are among them.
    """
    for scene in scenes:
        needy = (
            []
            if scene.reference is not None
            else [n for n, o in objectives.items() if o.facts.uses_reference]
        )
        if needy:
            raise ConfigError(
                f"{needy[0]} compares with a reference, and the scene {scene.name!r} has none; give a scene that "
                "has one (`isptune list scenes`: pair, twin, file with reference=...), or an objective that needs none "
                "(`isptune list objectives`)"
            )


def _with_reference(
    scene: Scene,
    other: RenderedReference,
    pipeline: Pipeline,
    space: Space,
    seed: int,
    device: torch.device,
) -> Scene:
    values = {} if other.set_file is None else read_set(Path(other.set_file)).values
    candidate = space.complete(pipeline.space.check(values, partial=True))
    try:
        with torch.no_grad():
            image = pipeline.render(other.scene.to(device), to_params((candidate,), device), seed)
    except Exception as error:  # a plug-in may raise anything
        said = in_words(error).replace(f"{other.scene.name} is", "it is")
        raise SceneError(
            f"{scene.name}: its clean shot cannot be rendered, which is its reference: {said}"
        ) from error
    if image.shape[:2] != (1, 3) or not bool(torch.isfinite(image).all()):
        raise SceneError(
            f"{scene.name}: the picture of its clean shot, which is its reference, has shape or values "
            f"that no picture has: {tuple(image.shape)}"
        )
    across, down = (image.shape[-1 - i] / scene.image.shape[-1 - i] for i in (0, 1))
    x, y = other.residual
    reference = slid(image.cpu().clone(), x * across, y * down)
    return replace(scene, reference=reference, masked=_of_size(scene.masked, reference))


def _of_size(masked: torch.Tensor | None, reference: Images) -> torch.Tensor | None:
    """The mask in the size of the pictures: a pixel is masked where any of its samples is."""
    if masked is None or masked.shape[-2:] == reference.shape[-2:]:
        return masked
    size = (reference.shape[-2], reference.shape[-1])
    return torch.nn.functional.adaptive_max_pool2d(masked.float(), size) > 0
