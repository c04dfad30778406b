"""The shots of a pair: read, and refused where they cannot be of one scene by one camera."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isptune.errors import SceneError
from isptune.scenes.pairs.shot_tags import ShotTags, read_tags
from isptune.scenes.raw_capture import RawCapture
from isptune.scenes.raw_files import is_raw, read_raw
from isptune.scenes.scene import load_scenes

_ORDERS = {(0, 0): "RGGB", (1, 0): "GRBG", (0, 1): "GBRG", (1, 1): "BGGR"}
"""The filters at a frame's corner, by where its first red sample lies."""

_SAME_FOCAL_LENGTH = 0.02
_SAME_MATRIX = 0.02


@dataclass(frozen=True, eq=False)
class Shot:
    """One capture.

    Attributes:
        name: of the file or scene.
        capture: as far as it was read.
        tags: how it was taken.
        origin: where its first sample lies in the upright frame.
        measure: whether its brightness is still to be measured: it comes from a file.
        facts: what else is known.
    """

    name: str
    capture: RawCapture
    tags: ShotTags = field(default_factory=ShotTags)
    origin: tuple[int, int] = (0, 0)
    measure: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


def read_shot(spec: str) -> Shot:
    """A raw file, or a scene of a raw capture (`raw:FILE?...`, `unprocessed:PHOTO?...`). Raises SceneError."""
    path = Path(spec)
    if is_raw(path) and (path.exists() or ":" not in spec):
        capture, facts = read_raw(path)
        return Shot(path.stem, capture, read_tags(path), facts["origin"], True, facts)
    scenes = load_scenes([spec])
    if len(scenes) != 1 or scenes[0].raw is None:
        what = f"{len(scenes)} scenes" if len(scenes) != 1 else "a photograph"
        raise SceneError(
            f"{spec}: is {what}; a pair is made of raw captures (a raw file that has another name: raw:FILE)"
        )
    (scene,) = scenes
    facts = dict(scene.metadata)
    window = facts.get("window", (0, 0))
    tags = read_tags(Path(facts["path"])) if "path" in facts else ShotTags(iso=facts.get("iso"))
    assert scene.raw is not None
    return Shot(scene.name, scene.raw, tags, (window[0], window[1]), False, facts)


def clean_specs(argument: str, noisy: str) -> list[str]:
    """The clean shots that `clean=` names: one, those that a pattern matches, or the raw files of a folder.

    The noisy shot itself is left out. Raises SceneError if there is none.
    """
    path = Path(argument)
    if path.is_dir():
        found = sorted(str(one) for one in path.iterdir() if is_raw(one))
    elif not path.exists() and glob.has_magic(argument) and ":" not in argument:
        found = sorted(one for one in glob.glob(argument) if Path(one).is_file())
    else:
        return [argument]
    found = [one for one in found if not (Path(noisy).exists() and Path(one).samefile(noisy))]
    if not found:
        raise SceneError(f"clean={argument}: there is no such raw file")
    return found


def refuse_strangers(noisy: Shot, clean: Shot) -> None:
    """Raise SceneError, one line, where two shots differ in what makes them comparable."""
    both = f"{noisy.name} and {clean.name} are no pair"
    if torch.equal(noisy.capture.mosaic, clean.capture.mosaic):
        raise SceneError(f"{both}: they are the same samples")
    first, second = noisy.tags, clean.tags
    if first.camera and second.camera and first.camera != second.camera:
        raise SceneError(f"{both}: one is of {first.camera}, the other of {second.camera}")
    if noisy.capture.size != clean.capture.size and _order(noisy) == _order(clean):
        sizes = ["{}x{}".format(*shot.capture.size) for shot in (noisy, clean)]
        raise SceneError(f"{both}: one has {sizes[0]} samples, the other {sizes[1]}")
    if _order(noisy) != _order(clean):
        raise SceneError(
            f"{both}: the filters of one begin with {_order(noisy)}, of the other with {_order(clean)}"
        )
    if noisy.origin != clean.origin:
        raise SceneError(
            f"{both}: they are other parts of the frame, from {noisy.origin} and from {clean.origin}"
        )
    lengths = first.focal_mm, second.focal_mm
    if lengths[0] and lengths[1] and abs(lengths[0] / lengths[1] - 1) > _SAME_FOCAL_LENGTH:
        raise SceneError(
            f"{both}: one has a focal length of {lengths[0]:g} mm, the other of {lengths[1]:g} mm"
        )
    matrices = np.array(noisy.capture.matrix), np.array(clean.capture.matrix)
    named = first.camera and second.camera
    if not named and np.abs(matrices[0] - matrices[1]).max() > _SAME_MATRIX:
        raise SceneError(f"{both}: their colour matrices differ, as those of two cameras")


def zero_tags(shots: Sequence[Shot]) -> list[str]:
    """A warning for each shot whose exposure tags say 0."""
    return [
        f"{shot.name}: its tags give {' and '.join(shot.tags.zeros)} as 0: its brightness is measured"
        for shot in shots
        if shot.tags.zeros
    ]


def _order(shot: Shot) -> str:
    x, y = shot.origin
    return _ORDERS[x % 2, y % 2]
