"""Which outputs of a detector are boxes, scores and classes: by what is said, by their names, then by their shapes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from isptune.errors import ConfigError

_WORDS = {"boxes": ("box",), "scores": ("score", "conf", "prob"), "classes": ("class", "label", "cls")}


@dataclass(frozen=True, eq=False)
class Outputs:
    """Boxes [N, 4] as the network gives them, scores [N] and classes [N]."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def outputs_of(found: Mapping[str, Tensor], said: Mapping[str, str], file: str) -> Outputs:
    """Sort the outputs of one picture.

    One output [N, 6] is box, score and class; [N, 5] is box and score. Of scores [N, classes] the highest counts.

    Args:
        found: by name, with or without a batch of one.
        said: names of the outputs `boxes`, `scores`, `classes`, as far as the user says them.
        file: for messages.

    Raises:
        ConfigError: they cannot be told apart.
    """
    missing = [name for name in said.values() if name not in found]
    if missing:
        raise ConfigError(f"{file}: has no output called {missing[0]!r}; it has {', '.join(found)}")
    flat = {name: _without_batch(value).double().numpy() for name, value in found.items()}
    if len(flat) == 1 and not said:
        (only,) = flat.values()
        if only.ndim == 2 and only.shape[1] == 6:
            return Outputs(only[:, :4], only[:, 4], only[:, 5])
    whole = {name for name, value in found.items() if not value.is_floating_point()}
    names = _by_shape(_by_name(dict(said), flat), flat, whole)
    boxes: np.ndarray = flat[names["boxes"]] if "boxes" in names else np.zeros(0)
    scores: np.ndarray
    if boxes.ndim == 2 and boxes.shape[1] == 5 and "scores" not in names:
        boxes, scores = boxes[:, :4], boxes[:, 4]
    else:
        scores = flat[names["scores"]] if "scores" in names else np.zeros(0)
    if scores.ndim == 2 and scores.shape[1] > 0 and "classes" not in names:
        scores, classes = scores.max(1), scores.argmax(1).astype(np.float64)
    else:
        classes = flat[names["classes"]] if "classes" in names else np.zeros(len(scores))
    if boxes.shape != (len(boxes), 4) or scores.shape != (len(boxes),) or classes.shape != (len(boxes),):
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in found.items())
        raise ConfigError(
            f"{file}: which of its outputs are boxes, scores and classes of as many things? it has {shapes}; say "
            "boxes=NAME&scores=NAME&classes=NAME"
        )
    return Outputs(boxes, scores, classes)


def _without_batch(value: Tensor) -> Tensor:
    return value[0] if value.ndim > 1 and value.shape[0] == 1 else value


def _by_name(names: dict[str, str], flat: Mapping[str, np.ndarray]) -> dict[str, str]:
    """With those roles that one name alone fits."""
    for role, words in _WORDS.items():
        rest = [name for name in flat if name not in names.values()]
        fits = [name for name in rest if any(word in name.lower() for word in words)]
        if role not in names and len(fits) == 1:
            names[role] = fits[0]
    return names


def _by_shape(names: dict[str, str], flat: Mapping[str, np.ndarray], whole: set[str]) -> dict[str, str]:
    """With those roles that one shape alone fits: `whole` are the outputs of whole numbers."""
    for role in ("boxes", "classes", "scores"):
        rest = {name: value for name, value in flat.items() if name not in names.values()}
        if role == "boxes":
            fits = [name for name, value in rest.items() if value.ndim == 2 and value.shape[1] in (4, 5)]
        else:
            fits = [
                name
                for name, value in rest.items()
                if value.ndim in (1, 2) and (name in whole) == (role == "classes")
            ]
            count = len(flat[names["boxes"]]) if "boxes" in names else -1
            fits = [name for name in fits if len(flat[name]) == count]
        if role not in names and len(fits) == 1:
            names[role] = fits[0]
    return names
