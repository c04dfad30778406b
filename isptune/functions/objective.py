"""A Python function as an objective: a metric of one's own in a few lines."""

from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, ScoreError
from isptune.facts import Direction, ObjectiveFacts
from isptune.functions.said import in_its_words, name_of, parameters, source_hash
from isptune.scenes.scene import Scene

_ON_BATCHES = "images"
_MORE = ("reference", "scene")


@final
class FunctionObjective:
    """Scores by calling a function; what it gets is said by the names of its parameters.

    | first parameter | gets | gives |
    |---|---|---|
    | `images` | a tensor [batch, 3, H, W], floats in [0, 1] | a score each: a tensor, array or list |
    | any other name | one picture as an array [H, W, 3], floats in [0, 1] | a number |

    | further parameters | get |
    |---|---|
    | `reference` | the scene's perfect picture in the same form (a tensor [1, 3, H, W]); the scene must have one |
    | `scene` | the `isptune.Scene` |

    Args:
        function: the metric.
        direction: whether larger scores are better, `maximize`, or smaller ones.
        range: of the scores.
        unit: of the scores.

    Raises:
        ConfigError: the function takes something else, or the direction is none.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        direction: Direction = "maximize",
        range: tuple[float, float] = (-float("inf"), float("inf")),
        unit: str = "",
    ):
        if direction not in ("maximize", "minimize"):
            raise ConfigError(f"direction = {direction!r} must be maximize or minimize")
        wanted = parameters(function, "the objective")
        if not wanted or [name for name in wanted[1:] if name not in _MORE]:
            raise ConfigError(
                f"the objective {name_of(function)} takes ({', '.join(wanted)}); it must take one picture, or "
                f"`images` for a batch of them, and then at most: {', '.join(_MORE)}"
            )
        self.function = function
        self._batched, self._more = wanted[0] == _ON_BATCHES, wanted[1:]
        self.facts = ObjectiveFacts(
            direction=direction,
            range=range,
            unit=unit,
            source=f"a function of one's own, {name_of(function)}",
            uses_reference="reference" in self._more,
            weights={f"function {name_of(function)}": source_hash(function)},
            whole_pictures=True,
        )

    def __call__(self, *arguments: Any) -> Any:
        """The function itself."""
        return self.function(*arguments)

    def score(self, images: Images, scene: Scene) -> Scores:
        """The function's scores. Raises ScoreError for whatever goes wrong in it, or without a reference."""
        if self.facts.uses_reference and scene.reference is None:
            raise ScoreError(f"{name_of(self.function)} needs a reference; the scene {scene.name} has none")
        more = [self._given(name, scene) for name in self._more]
        try:
            if self._batched:
                return _scores(self.function(images, *more), len(images)).to(images.device)
            found = [_number(self.function(_as_array(image), *more)) for image in images.split(1)]
        except Exception as error:  # it is the user's own code, which may raise anything
            raise ScoreError(in_its_words(error, self.function)) from error
        return torch.tensor(found, dtype=torch.float32, device=images.device)

    def _given(self, name: str, scene: Scene) -> Any:
        if name == "scene":
            return scene
        assert scene.reference is not None
        return scene.reference if self._batched else _as_array(scene.reference)


def objective(
    direction: Direction = "maximize",
    range: tuple[float, float] = (-float("inf"), float("inf")),
    unit: str = "",
) -> Callable[[Callable[..., Any]], FunctionObjective]:
    """A decorator that makes a function an objective: see `FunctionObjective`.

    Example:
        ```python
        @isptune.objective(direction="minimize", unit="levels")
        def grain(image):
            return 255 * abs(image[:, 1:] - image[:, :-1]).mean()
        ```
    """
    return lambda function: FunctionObjective(function, direction, range, unit)


def _as_array(image: Images) -> np.ndarray:
    return np.ascontiguousarray(image[0].permute(1, 2, 0).cpu().numpy())


def _number(found: Any) -> float:
    value = found.detach().cpu().numpy() if isinstance(found, Tensor) else np.asarray(found)
    if value.size != 1 or value.dtype.kind not in "fiub":
        raise ScoreError(f"gave {type(found).__name__} {str(found)[:60]!r} where a number was expected")
    return float(value.reshape(()))


def _scores(found: Any, count: int) -> Scores:
    scores = found.detach() if isinstance(found, Tensor) else torch.as_tensor(np.asarray(_listed(found)))
    if scores.shape != (count,):
        raise ScoreError(f"gave scores of shape {tuple(scores.shape)} for {count} images")
    return scores.float()


def _listed(found: Any) -> Sequence[float] | np.ndarray:
    return found if isinstance(found, np.ndarray) else [float(one) for one in found]
