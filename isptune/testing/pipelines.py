"""The contract of pipelines."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.facts import PipelineFacts
from isptune.interfaces import KnownLevels, Pipeline, WritesParameterFiles
from isptune.scenes.scene import Scene
from isptune.space import Space


def check_pipeline(pipeline: Any, scene: Scene, *, tolerance: float = 1e-6) -> None:
    """Check what the evaluator relies on.

    Args:
        pipeline: built.
        scene: one that it can render; small, for speed.
        tolerance: by how much an image may differ from the same one rendered alone.
    """
    assert isinstance(pipeline, Pipeline), "it lacks space, facts or render"
    assert len(pipeline.space) > 0, "its space is empty"
    _check_facts(pipeline)
    before = scene.image.clone()
    params = _batch_of_params(pipeline.space, 4)
    together = pipeline.render(scene, params, 1)
    _check_images(together, 4, scene)
    assert torch.equal(scene.image, before), "rendering writes into the scene"
    assert torch.equal(together, pipeline.render(scene, params, 1)), "the same seed gave another picture"
    for i in range(4):
        own = {name: p if isinstance(p, str) else p[i : i + 1] for name, p in params.items()}
        # Where the seed changes nothing by its facts, another one must not.
        alone = pipeline.render(scene, own, 1 if pipeline.facts.uses_seed else 2)
        apart = float((alone[0] - together[i]).abs().max())
        assert apart <= tolerance, f"image {i} differs by {apart:.3g} from the same one rendered alone"
    if isinstance(pipeline, KnownLevels) and pipeline.facts.levels:
        shape, count = tuple(pipeline.levels(params).shape), len(pipeline.facts.levels)
        assert shape == (4, count), f"levels of shape {shape} for {count} in its facts"


def _check_facts(pipeline: Pipeline) -> None:
    facts = pipeline.facts
    assert isinstance(facts, PipelineFacts), f"its facts are a {type(facts).__name__}, no PipelineFacts"
    assert facts.max_batch >= 1, f"max_batch = {facts.max_batch}"
    assert not facts.levels or isinstance(pipeline, KnownLevels), "its facts name levels that it cannot tell"
    limits = [level.limit for level in facts.levels]
    assert all(limit > 0 for limit in limits), f"largest magnitudes of levels {limits}: one is not above 0"
    writes = isinstance(pipeline, WritesParameterFiles)
    assert writes or not facts.file_formats, "its facts name file formats that it cannot write"
    for file_format, names in facts.left_out.items():
        assert file_format in facts.file_formats, f"it leaves params out of {file_format!r}, no format of it"
        unknown = sorted(set(names) - set(pipeline.space.names))
        assert not unknown, f"it leaves {unknown} out of {file_format}, which are no params of it"


def _batch_of_params(space: Space, count: int) -> dict[str, Tensor | str]:
    random_points = np.random.default_rng(0).random((count, len(space.numeric)))
    candidates = [space.from_unit(point) for point in random_points]
    params: dict[str, Tensor | str] = {choice.name: choice.default for choice in space.choices}
    for param in space.numeric:
        values = [float(candidate[param.name]) for candidate in candidates]
        params[param.name] = torch.tensor(values, dtype=torch.float64)
    return params


def _check_images(images: Tensor, count: int, scene: Scene) -> None:
    shape = tuple(images.shape)
    assert shape[:2] == (count, 3), f"images of shape {shape} for {count} candidates"
    assert images.dtype == torch.float32, f"images of type {images.dtype}"
    assert bool(torch.isfinite(images).all()), "a picture has NaN or infinite pixels"
    assert torch.equal(images, images.clamp(0, 1)), "a picture leaves [0, 1]"
