"""A Python function as a pipeline: an ISP of one's own in a few lines."""

from collections.abc import Callable, Iterable
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images, Params
from isptune.errors import ConfigError, RenderError, SceneError
from isptune.facts import PipelineFacts
from isptune.functions.said import in_its_words, name_of, parameters, plain, source_hash
from isptune.scenes.images import to_images
from isptune.scenes.scene import Scene
from isptune.space import Integer, Param, Space

_BATCHED = 64
"""Candidates that a function on batches gets at once, at most; one that fails costs the others of its batch a second
rendering, so that not more are risked."""


@final
class FunctionPipeline:
    """Renders by calling `function(scene, params)`, or `function(scene, params, seed)`.

    Args:
        function: what it gets and gives depends on `batched`. If not, `params` are plain numbers and names, and it
            gives one picture: an array [H, W, 3] or [H, W], a tensor [3, H, W] or [1, 3, H, W]; floats in [0, 1], what
            lies outside is cut off, or 8 or 16 bits. If so, `params` hold a float64 tensor [batch] for each number, and
            it gives a tensor [batch, 3, H, W]. A function that takes no seed draws no noise, and is believed to give
            the same picture each time.
        params: what can be tuned.
        batched: whether it renders a whole population at once.

    Raises:
        ConfigError: the function takes something else; there are no params.
        SpaceError: two params have the same name.
    """

    def __init__(self, function: Callable[..., Any], params: Iterable[Param], batched: bool = False):
        self.function, self.batched = function, batched
        self.space = params if isinstance(params, Space) else Space(tuple(params))
        wanted = parameters(function, "the pipeline")
        self._seeded = len(wanted) == 3
        if len(wanted) not in (2, 3):
            raise ConfigError(
                f"the pipeline {name_of(function)} takes ({', '.join(wanted)}); it must take (scene, params) or "
                "(scene, params, seed)"
            )
        # Beside the params, and only where there are any, so that runs of before keep their hash.
        rules = [(self.space.constraints, [dict(p.when) for p in self.space])] if self.space.has_rules else []
        self._whole = frozenset(param.name for param in self.space if isinstance(param, Integer))
        self.facts = PipelineFacts(
            max_batch=_BATCHED if batched else 1,
            uses_seed=self._seeded,
            versions={name_of(function): source_hash(function, self.space, batched, *rules)},
        )

    def __call__(self, *arguments: Any) -> Any:
        """The function itself."""
        return self.function(*arguments)

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """The function's pictures. Raises RenderError for whatever goes wrong in it."""
        numbers = [value for value in params.values() if isinstance(value, Tensor)]
        count = len(numbers[0]) if numbers else 1
        tail = (seed,) if self._seeded else ()
        try:
            if self.batched:
                return _batch(self.function(scene, params, *tail), count)
            pictures = [
                _picture(self.function(scene, plain(params, i, self._whole), *tail)) for i in range(count)
            ]
            return torch.cat(pictures).to(scene.image.device)
        except Exception as error:  # it is the user's own code, which may raise anything
            raise RenderError(in_its_words(error, self.function)) from error


def pipeline(
    *params: Param, batched: bool = False, constraints: Iterable[str] = ()
) -> Callable[[Callable[..., Any]], FunctionPipeline]:
    """A decorator that makes a function an ISP with these params: see `FunctionPipeline`.

    Example:
        ```python
        @isptune.pipeline(isptune.Real("gain", 0.5, 2.0, 1.0))
        def isp(scene, params):
            return (scene.image * params["gain"]).clamp(0, 1)
        ```
    """
    space = Space(params, constraints=tuple(constraints))
    return lambda function: FunctionPipeline(function, space, batched)


def _batch(found: Any, count: int) -> Images:
    if not isinstance(found, Tensor) or found.ndim != 4 or found.shape[:2] != (count, 3):
        raise RenderError(
            f"gave {_shown(found)}; a function on batches must give a tensor [{count}, 3, H, W]"
        )
    return _checked(found.float())


def _picture(found: Any) -> Images:
    if isinstance(found, Tensor):
        image = found[None] if found.ndim == 3 else found
        if image.ndim != 4 or image.shape[:2] != (1, 3):
            raise RenderError(f"gave {_shown(found)}; a picture is a tensor [3, H, W] or an array [H, W, 3]")
        return _checked(image.float() if image.is_floating_point() else image.float() / 255)
    if not isinstance(found, np.ndarray):
        raise RenderError(f"gave {_shown(found)}; a picture is a tensor [3, H, W] or an array [H, W, 3]")
    try:
        return to_images(found, "its picture", clips=True)
    except SceneError as error:
        raise RenderError(str(error)) from error


def _checked(images: Tensor) -> Images:
    if not images.isfinite().all():
        raise RenderError("gave pixels that are NaN or infinite")
    return images.clamp(0, 1)


def _shown(found: Any) -> str:
    shape = getattr(found, "shape", None)
    return f"{type(found).__name__}" + (f" of shape {tuple(shape)}" if shape is not None else "")
