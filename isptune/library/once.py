"""Scoring, distorting and describing pictures from Python."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch

from isptune.arrays import Images
from isptune.diagnosis.finding import Diagnosis
from isptune.distortions import get, preset
from isptune.errors import ConfigError
from isptune.functions.objective import FunctionObjective
from isptune.functions.own_files import objective_of
from isptune.functions.said import name_of
from isptune.interfaces import Diagnoses, Objective
from isptune.library.pictures import as_array, as_images
from isptune.library.tune import AnyObjective
from isptune.registry import build
from isptune.scenes.scene import Scene, photograph


def score(
    pictures: Any,
    objective: AnyObjective,
    reference: Any = None,
    device: str = "cpu",
) -> Any:
    """Score one picture or several with one objective or several.

    Args:
        pictures: as `isptune.library.pictures.as_images` takes them: a path, array or tensor; a tensor of several, or a
            list, of any sizes.
        objective: a spec, a function, or a list of them; see `isptune.tune`.
        reference: the perfect picture, for objectives that compare with one.
        device: where to compute.

    Returns:
        A float for one picture, an array [pictures] for several; for a list of objectives a dict of these by name.

    Raises:
        SceneError, ConfigError: something given does not fit.
        ScoreError: a picture cannot be scored.
    """
    several = isinstance(objective, Sequence) and not isinstance(objective, str)
    listed: list[Any] = list(objective) if several else [objective]
    built = {one if isinstance(one, str) else name_of(one): _objective(one) for one in listed}
    scene = None if reference is None else photograph("reference", as_images(reference)).to(device)
    found = {name: _scores(one, pictures, scene, device) for name, one in built.items()}
    return found if several else found[next(iter(found))]


def distort(
    picture: Any,
    distortion: str,
    level: float | None = None,
    *,
    severity: Literal[1, 2, 3, 4, 5] | None = None,
    set: str | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Spoil a picture by one of the catalogue's distortions; see `isptune list distortions`.

    Args:
        picture: as `isptune.library.pictures.as_images` takes it.
        distortion: its name, "gaussian_blur"; with `set`, its name there.
        level: how much, in the distortion's own unit; 0 leaves the picture as it is.
        severity: 1 to 5, in place of a level, of a published set.
        set: arniqa, kadid10k, depictqa or imagenet_c.
        seed: of what it draws.

    Returns:
        The spoilt picture, [H, W, 3], float32 in [0, 1].

    Raises:
        UnknownName: there is no such distortion or set.
        ConfigError: not one of level and severity is given.
    """
    image, stream = as_images(picture), [torch.Generator().manual_seed(seed)]
    if set is None:
        if level is None or severity is not None:
            raise ConfigError("how much? give level; severities belong to a set: set='kadid10k', severity=3")
        return as_array(get(distortion)(image, level, generator=stream))
    if (level is None) == (severity is None):
        raise ConfigError("how much? give severity, 1 to 5, or level: one of the two")
    return as_array(preset(set, distortion).apply(image, severity, level=level, generator=stream))


def describe(picture: Any, judge: str = "depictqa", reference: Any = None, device: str = "cpu") -> Diagnosis:
    """Say what is wrong with a picture: kinds of distortion, severity, how sure, where.

    Raises:
        ConfigError: the judge does not describe pictures.
        ScoreError: this picture cannot be judged.
    """
    built = build("judge", judge, reference=reference is not None)
    if not isinstance(built, Diagnoses):
        raise ConfigError(f"the judge {judge!r} compares pictures and does not say what is wrong with one")
    image = as_images(picture).to(device)
    perfect = None if reference is None else as_images(reference).to(device)
    (diagnosis,) = built.describe(image, Scene("picture", image, perfect))
    return diagnosis


def _objective(given: Any) -> Objective:
    if isinstance(given, str):
        return objective_of(given)
    return given if isinstance(given, Objective) else FunctionObjective(given)


def _scores(objective: Objective, pictures: Any, scene: Scene | None, device: str) -> Any:
    if isinstance(pictures, list | tuple):
        return np.array([_scores(objective, one, scene, device) for one in pictures])
    images: Images = as_images(pictures).to(device)
    found = objective.score(images, scene or Scene("picture", images[:1])).double().cpu().numpy()
    return float(found[0]) if len(found) == 1 else found
