"""Pictures and scenes as people have them in Python: paths, arrays, tensors, Pillow's images."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import SceneError
from isptune.scenes.images import read_fitting, to_images
from isptune.scenes.scene import Scene, photograph

LOG = logging.getLogger(__name__)


def as_images(picture: Any) -> Images:
    """One picture, or a batch of equal size, as images [batch, 3, H, W].

    What was done to a file's pixels (colours converted, cut to its middle) is a warning of this module's logger; that
    it was turned upright is information.

    Args:
        picture: a path; an array [H, W, 3] or [H, W] (floats in [0, 1], 8 or 16 bits); a tensor [3, H, W] or
            [batch, 3, H, W] with floats in [0, 1]; an image of Pillow.

    Raises:
        SceneError: it is something else, or cannot be read.
    """
    if isinstance(picture, str | Path):
        found = read_fitting(picture)
        for line in found.told:
            LOG.warning("%s", line)
        if found.turned:
            LOG.info("%s: was stored lying and is turned upright", picture)
        return found.image
    if isinstance(picture, Tensor):
        images = picture[None] if picture.ndim == 3 else picture
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise SceneError(
                f"a tensor of shape {tuple(picture.shape)}, {picture.dtype}, is no picture; that is [3, H, W] or "
                "[batch, 3, H, W], floats"
            )
        return images.float()
    if hasattr(picture, "__array_interface__"):
        return to_images(np.asarray(picture), "the picture")
    raise SceneError(
        f"{type(picture).__name__} is no picture: give a path, an array, a tensor or an image of Pillow"
    )


def as_scenes(scenes: Any) -> dict[str, Scene | None]:
    """Scenes by what names them in a run's settings; None for those that a spec names.

    Args:
        scenes: one or several of: a spec or path, a `Scene`, or a picture as `as_images` takes it, which then is the
            scene's perfect picture too.
    """
    several = (
        scenes
        if isinstance(scenes, Iterable) and not isinstance(scenes, str | np.ndarray | Tensor)
        else [scenes]
    )
    found: dict[str, Scene | None] = {}
    for number, given in enumerate(several, 1):
        if isinstance(given, str | Path):
            found[str(given)] = None
            continue
        scene = given if isinstance(given, Scene) else photograph(f"scene{number}", as_images(given))
        key = next(name for name in (scene.name, f"{scene.name}_{number}") if name not in found)
        found[key] = scene
    return found


def as_array(images: Images) -> np.ndarray:
    """The first of a batch as an array [H, W, 3], float32."""
    return np.ascontiguousarray(images[0].permute(1, 2, 0).cpu().numpy())
