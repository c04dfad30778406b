"""What a pipeline starts from: photographs from files, and the bundled ones."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import SceneError, UnknownName
from isptune.images import MAX_SIDE, read_image, to_images
from isptune.registry import build, installed, parse

BUNDLED = ("astronaut", "cat", "coffee", "rocket")
"""Photographs that come with scikit-image: skin, hair, cloth and lettering; fur; wood and fine
detail; sky. astronaut: NASA, public domain. cat (Chelsea, S. van der Walt), coffee (P. Hönig): no
copyright restrictions. rocket: SpaceX, public domain."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One pristine photograph or raw capture, with what is known of it.

    `image` and `reference` have shape [1, 3, H, W]; of a photograph both are the same tensor.
    """

    name: str
    image: Images
    reference: Images | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """A hash of the pixels, for provenance."""
        return hashlib.sha256(self.image.detach().cpu().contiguous().numpy().tobytes()).hexdigest()

    def to(self, device: torch.device | str) -> "Scene":
        """The same scene with its tensors on another device."""
        reference = None if self.reference is None else self.reference.to(device)
        return replace(self, image=self.image.to(device), reference=reference)


def photograph(name: str, image: Images, **metadata: Any) -> Scene:
    """A scene whose picture is its own reference."""
    return Scene(name, image, image, metadata)


def bundled(argument: str | None) -> list[Scene]:
    """The scenes of `bundled:NAME`, or all four for `bundled`. Raises UnknownName."""
    import skimage.data

    names = BUNDLED if argument is None else (argument,)
    for name in names:
        if name not in BUNDLED:
            raise UnknownName("bundled scene", name, list(BUNDLED))
    return [photograph(name, to_images(getattr(skimage.data, name)(), name)) for name in names]


def load_scenes(specs: Iterable[str], crop: str | None = None, resize: str | None = None) -> list[Scene]:
    """Load files and `SOURCE:ARGUMENT` specs, then crop and resize each.

    Args:
        specs: paths, names of bundled photographs, or sources such as `bundled:cat`.
        crop: `WIDTHxHEIGHT` from the centre, or `WIDTHxHEIGHT+X+Y`.
        resize: `WIDTHxHEIGHT`, or one number for the longer side.

    Raises:
        SceneError: a file cannot be used, or is smaller than the crop, or no spec was given.
    """
    scenes = [scene for spec in specs for scene in _load(spec)]
    if not scenes:
        raise SceneError("no scene was given")
    scenes = [_resize(_crop(scene, crop), resize) for scene in scenes]
    return _with_unique_names(scenes)


def _load(spec: str) -> list[Scene]:
    if Path(spec).exists():
        return [photograph(Path(spec).stem, read_image(spec), file=Path(spec).name)]
    name, argument = parse(spec)
    if argument is not None and name in installed("scene"):
        return build("scene", spec)
    if spec in installed("scene"):
        return build("scene", spec)
    if spec in BUNDLED:
        return bundled(spec)
    raise SceneError(f"{spec}: no such file, and no bundled scene ({', '.join(BUNDLED)})")


def _with_unique_names(scenes: list[Scene]) -> list[Scene]:
    """Append _2, _3, ... where needed. Names that differ only in what files are not named by count as equal."""
    taken: set[str] = set()
    unique = []
    for scene in scenes:
        names = (f"{scene.name}_{count}" if count > 1 else scene.name for count in itertools.count(1))
        name = next(name for name in names if _as_file_name(name) not in taken)
        taken.add(_as_file_name(name))
        unique.append(replace(scene, name=name))
    return unique


def _as_file_name(name: str) -> str:
    """The same for names whose pictures `isptune.runlog.image_path` may put into one file, on any system."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).casefold()


def _crop(scene: Scene, crop: str | None) -> Scene:
    if crop is None:
        return scene
    size, *offset = crop.split("+")
    try:
        width, height = (int(part) for part in size.lower().split("x"))
        place = [int(part) for part in offset]
    except ValueError:
        place, width, height = [0], 0, 0
    if width < 1 or height < 1 or len(place) not in (0, 2):
        raise SceneError(f"crop {crop!r} is not WIDTHxHEIGHT or WIDTHxHEIGHT+X+Y")
    full_height, full_width = scene.image.shape[-2:]
    left, top = place or ((full_width - width) // 2, (full_height - height) // 2)
    if left < 0 or top < 0 or left + width > full_width or top + height > full_height:
        raise SceneError(f"{scene.name}: {full_width}x{full_height} has no room for the crop {crop}")
    return _map_pixels(scene, lambda x: x[..., top : top + height, left : left + width].contiguous())


def _resize(scene: Scene, resize: str | None) -> Scene:
    if resize is None:
        return scene
    full_height, full_width = scene.image.shape[-2:]
    try:
        sides = [int(part) for part in resize.lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise SceneError(f"resize {resize!r} is not WIDTHxHEIGHT or the length of the longer side")
    if len(sides) == 1:
        scale = sides[0] / max(full_height, full_width)
        sides = [max(1, round(full_width * scale)), max(1, round(full_height * scale))]
    width, height = sides
    if max(sides) > MAX_SIDE:
        raise SceneError(f"resize {resize!r}: {width}x{height} is larger than {MAX_SIDE} pixels a side")
    return _map_pixels(scene, lambda x: _bicubic(x, height, width))


def _bicubic(image: Tensor, height: int, width: int) -> Tensor:
    # Antialiased bicubic keeps edges without ringing past [0, 1] after the clamp.
    resized = torch.nn.functional.interpolate(image, (height, width), mode="bicubic", antialias=True)
    return resized.clamp(0, 1)


def _map_pixels(scene: Scene, change: Any) -> Scene:
    image = change(scene.image)
    same = scene.reference is scene.image
    reference = image if same else None if scene.reference is None else change(scene.reference)
    return replace(scene, image=image, reference=reference)
