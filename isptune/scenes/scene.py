"""What a pipeline starts from: photographs and raw captures from files, and the bundled ones."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import SceneError, UnknownName
from isptune.registry import build, installed
from isptune.scenes.focus import Region, parse_focus, split_focus
from isptune.scenes.images import MAX_SIDE, Window, read_picture, refuse_too_large, to_images
from isptune.scenes.names import BUNDLED, missing_scene
from isptune.scenes.raw_capture import RawCapture, centre_of_about, on_grid, preview, with_measured_brightness
from isptune.scenes.raw_files import FILE_OPTIONS, is_raw, looks_like_raw, read_raw
from isptune.scenes.raw_reference import with_reference
from isptune.spec import has_options, refuse_unknown, split_name, split_options
from isptune.system.disk import file_name

RAW_PIXELS = 1 << 20
"""Of a raw file, the centre with about so many pixels is used unless a crop is given: 1 megapixel."""


Corner = tuple[float, float]
Regions = Mapping[str, tuple[Corner, Corner, Corner, Corner]]
"""Named parts of a picture by their corners (x, y), in pixels from the picture's top left corner, so that the middle
of the first pixel is (0.5, 0.5). Cropping and resizing a scene moves them."""


@dataclass(frozen=True, eq=False)
class RenderedReference:
    """Says of a scene that its reference is what the pipeline makes of another capture: see `isptune.scenes.pairs`.

    Attributes:
        scene: of the other capture, of the same size.
        residual: how far the other's content lies beside the scene's, pixels: x and y; less than two.
        set_file: values at which it is rendered, as `isptune.parameter_set` reads them; None for the starting set.
        set_sha256: of that file.
        unless_neutral: whether the scene's own reference stays where the pipeline is neutral (`PipelineFacts.neutral`).
    """

    scene: "Scene"
    residual: tuple[float, float] = (0.0, 0.0)
    set_file: str | None = None
    set_sha256: str = ""
    unless_neutral: bool = False


@dataclass(frozen=True, eq=False)
class Halves:
    """Of a capture that was split in two (`isptune.scenes.noise_halves`): the second, and what both become.

    Attributes:
        other: the second one.
        sha256: of the scene before it was split, which it keeps.
        plain: [2, 3, H, W], pictures of this scene's own capture and of the other one at values that leave noise and
            detail as they are; None until a bench has made them (`isptune.tuning.halves`).
    """

    other: "Scene"
    sha256: str
    plain: Images | None = None

    def to(self, device: torch.device | str) -> "Halves":
        """The same with the tensors on another device."""
        plain = None if self.plain is None else self.plain.to(device)
        return Halves(self.other.to(device), self.sha256, plain)


@dataclass(frozen=True, eq=False)
class Cut:
    """Says of a scene that it is a part of a larger one and is to be rendered as it is there: noise, lens and all.

    The part begins at `left` and `top` in the whole, pixels. Its picture is wanted in `inner`, and beyond may hold
    anything.
    """

    whole: "Scene"
    left: int
    top: int
    inner: Region


@dataclass(frozen=True, eq=False)
class Scene:
    """One pristine photograph or raw capture, with what is known of it.

    `image` and `reference` have shape [1, 3, H, W]; of a photograph both are the same tensor. Of a raw capture,
    `raw` holds what the sensor recorded, `image` is a plain preview of it, and pictures have the preview's size.
    Of a test chart, `metadata["regions"]` says where its parts are (see `Regions`).

    Where `rendered` is given, a bench makes the reference once it has the pipeline (`isptune.tuning.references`).
    `masked`, [1, 1, H, W], is True where the reference says nothing of the picture: there objectives that use the
    reference see it itself in place of the picture (`isptune.tuning.masks`). `metadata["warnings"]` are lines that a
    run tells, `metadata["note"]` one that its report does.
    """

    name: str
    image: Images
    reference: Float[Tensor, "batch 3 _ _"] | None = None  # of the size of pictures
    metadata: Mapping[str, Any] = field(default_factory=dict)
    raw: RawCapture | None = None
    rendered: RenderedReference | None = None
    masked: Bool[Tensor, "1 1 _ _"] | None = None
    halves: Halves | None = None
    cut: Cut | None = None

    @property
    def sha256(self) -> str:
        """A hash of the pixels, for provenance; of a raw capture, of its samples; of a pair, of both."""
        if self.halves is not None:
            return self.halves.sha256
        if self.rendered is not None and self.raw is not None:
            other = self.rendered
            parts = [self.raw.sha256, other.scene.sha256, repr(other.residual), other.set_sha256]
            mask = b"" if self.masked is None else self.masked.cpu().contiguous().numpy().tobytes()
            return hashlib.sha256(" ".join(parts).encode() + mask).hexdigest()
        if self.raw is not None:
            return self.raw.sha256
        if "sha256" in self.metadata:  # of a file whose picture only a pipeline can make
            return str(self.metadata["sha256"])
        return hashlib.sha256(self.image.detach().cpu().contiguous().numpy().tobytes()).hexdigest()

    def to(self, device: torch.device | str) -> "Scene":
        """The same scene with its tensors on another device."""
        reference = None if self.reference is None else self.reference.to(device)
        raw = None if self.raw is None else self.raw.to(device)
        masked = None if self.masked is None else self.masked.to(device)
        halves = self.halves and self.halves.to(device)
        return replace(
            self, image=self.image.to(device), reference=reference, raw=raw, masked=masked, halves=halves
        )


def photograph(name: str, image: Images, **metadata: Any) -> Scene:
    """A scene whose picture is its own reference."""
    return Scene(name, image, image, metadata)


def raw_scene(name: str, capture: RawCapture, reference: Images | None = None, **metadata: Any) -> Scene:
    """A scene of a raw capture; a reference, where there is one, has the capture's size."""
    return Scene(name, preview(capture), reference, metadata, capture)


RAW_OPTIONS = {
    "crop": "WxH, WxH+X+Y or full",
    "reference": "PICTURE, what it should become, such as the camera's JPEG",
    **FILE_OPTIONS,
}
"""The keys of the source `raw`, and what they take."""


def raw_file(argument: str | None) -> list[Scene]:
    """The scene of `raw:FILE[?KEY=VALUE&...]`: a raw file, whatever it is called, and what is said of it.

    Keys: crop; reference; what stands in place of its tags (cfa, black, white, noise, orientation, matrix,
    white_balance); where the samples of a file without a header lie (size, format, endian, offset, stride).
    """
    path, options = split_options(argument)
    if not path:
        raise SceneError("'raw' needs a file: raw:FILE[?crop=WxH&matrix=identity&white_balance=grey]")
    refuse_unknown("raw", options, RAW_OPTIONS)
    return [_read_raw_scene(path, options.pop("crop", None), options)]


def _read_raw_scene(path: str, crop: str | None, options: Mapping[str, str]) -> Scene:
    """The middle of a raw file, or the crop that was asked for; `window` says which part of the upright picture."""
    said = {key: value for key, value in options.items() if key != "reference"}
    capture, facts = read_raw(path, said)
    (x, y), frame, reference = facts.pop("origin"), facts.pop("frame"), None
    if "reference" in options:
        found = with_reference(capture, (x, y), frame, Path(options["reference"]))
        capture, (x, y), reference, told = found
        facts["warnings"] = (*facts["warnings"], *told)
    if crop is None:
        window = centre_of_about(capture.size, RAW_PIXELS)
    elif crop == "full":
        window = (0, 0, *capture.size)
    else:
        window = on_grid(*window_of(crop, capture.size, Path(path).name))
    left, top, width, height = window
    refuse_too_large(path, width, height)
    capture = with_measured_brightness(capture.cropped(left, top, width, height))
    if reference is not None:
        reference = reference[..., top : top + height, left : left + width].contiguous()
    return raw_scene(Path(path).stem, capture, reference, **facts, window=(x + left, y + top, width, height))


def scene_warnings(scenes: Iterable[Scene]) -> list[str]:
    """What readers of scenes found odd in their files, a line each; what is true of several is said once."""
    return list(dict.fromkeys(text for scene in scenes for text in scene.metadata.get("warnings", ())))


def bundled(argument: str | None) -> list[Scene]:
    """The scenes of `bundled:NAME`, or all four for `bundled`. Raises UnknownName."""
    import skimage.data

    names = BUNDLED if argument is None else (argument,)
    for name in names:
        if name not in BUNDLED:
            raise UnknownName("bundled scene", name, list(BUNDLED))
    return [photograph(name, to_images(getattr(skimage.data, name)(), name)) for name in names]


def load_scenes(
    specs: Iterable[str | Scene], crop: str | None = None, resize: str | None = None
) -> list[Scene]:
    """Load files and `SOURCE:ARGUMENT` specs, then crop and resize each.

    Args:
        specs: paths, names of bundled photographs, sources such as `bundled:cat`, or scenes that are loaded already;
            of any of them but the last `?weight=3&roi=WxH+X+Y` says what counts, see `isptune.scenes.focus`.
        crop: `WIDTHxHEIGHT` from the centre, or `WIDTHxHEIGHT+X+Y`; of raw captures, down to even numbers. Raw
            files are cut to about 1 megapixel without it.
        resize: `WIDTHxHEIGHT`, or one number for the longer side; not for raw captures.

    Raises:
        SceneError: a file cannot be used, or is smaller than the crop, or no spec was given.
    """
    scenes = [scene for spec in specs for scene in _load_focused(spec, crop, resize)]
    if not scenes:
        raise SceneError("no scene was given")
    return _with_unique_names(scenes)


def _load_focused(spec: str | Scene, crop: str | None, resize: str | None) -> list[Scene]:
    if isinstance(spec, Scene):
        return [_resize(scene, resize) for scene in _load_cropped(spec, crop)]
    plain, weight, roi = split_focus(spec)
    found = []
    for scene in (_resize(scene, resize) for scene in _load_cropped(plain, crop)):
        height, width = scene.image.shape[-2:]
        told = parse_focus(scene.name, (width, height), weight, roi)
        found.append(replace(scene, metadata={**scene.metadata, **told}))
    return found


def _load_cropped(spec: str | Scene, crop: str | None) -> list[Scene]:
    if isinstance(spec, Scene):
        return [crop_scene(spec, crop)]
    if Path(spec).exists() and is_raw(spec):  # cut before it is looked at: raw files are large
        return [_read_raw_scene(spec, crop, {})]
    if Path(spec).exists():
        return [_photograph_of_file(spec, crop)]
    return [crop_scene(scene, crop) for scene in _load(spec)]


def _photograph_of_file(path: str, crop: str | None) -> Scene:
    """Cut before it is looked at: of a panorama that is too large a part can be used."""

    def cut(width: int, height: int) -> Window:
        return (0, 0, width, height) if crop is None else window_of(crop, (width, height), Path(path).stem)

    try:
        read = read_picture(path, cut)
    except SceneError as error:
        if looks_like_raw(path):
            raise SceneError(f"{error}; if it is a raw file, give it as raw:{path}") from error
        raise
    told = {"warnings": read.told} if read.told else {}
    return photograph(Path(path).stem, read.image, file=Path(path).name, **told)


def _load(spec: str) -> list[Scene]:
    name, argument = split_name(spec)
    if argument is not None and name in installed("scene"):
        return build("scene", spec)
    if spec in installed("scene"):
        return build("scene", spec)
    if spec in BUNDLED:
        return bundled(spec)
    if has_options(spec) and is_raw(split_options(spec)[0] or ""):  # what `raw:` stands before is clear
        return raw_file(spec)
    raise SceneError(missing_scene(spec, list(installed("scene"))))


def _with_unique_names(scenes: list[Scene]) -> list[Scene]:
    """Append _2, _3, ... where needed. Names that differ only in what files are not named by count as equal."""
    taken: set[str] = set()
    unique = []
    for scene in scenes:
        names = (f"{scene.name}_{count}" if count > 1 else scene.name for count in itertools.count(1))
        name = next(name for name in names if file_name(name).casefold() not in taken)
        taken.add(file_name(name).casefold())
        unique.append(replace(scene, name=name))
    return unique


def crop_scene(scene: Scene, crop: str | None) -> Scene:
    """A part of a scene, as `load_scenes` cuts it; the scene itself for None. Raises SceneError."""
    if crop is None:
        return scene
    if scene.raw is None and "path" in scene.metadata and scene.reference is None:
        return _cut_later(scene, crop, window_of(crop.partition("+")[0], (MAX_SIDE, MAX_SIDE), scene.name))
    full_height, full_width = scene.image.shape[-2:]
    window = window_of(crop, (full_width, full_height), scene.name)
    left, top, width, height = window if scene.raw is None else on_grid(*window)
    cut = _map_pixels(scene, lambda x: x[..., top : top + height, left : left + width].contiguous())
    cut = map_regions(cut, lambda corner: (corner[0] - left, corner[1] - top))
    if scene.raw is None:
        return _cut_later(cut, crop, window) if "path" in scene.metadata else cut
    metadata = dict(cut.metadata)
    if "window" in metadata:
        metadata["window"] = (metadata["window"][0] + left, metadata["window"][1] + top, width, height)
    rendered = scene.rendered
    if rendered is not None:
        inner = f"{width}x{height}+{left}+{top}"
        rendered = replace(rendered, scene=crop_scene(rendered.scene, inner))
    raw = scene.raw.cropped(left, top, width, height)
    return replace(cut, raw=raw, metadata=metadata, rendered=rendered)


def _cut_later(scene: Scene, crop: str, window: tuple[int, int, int, int]) -> Scene:
    """A scene of a file that programs get as it is: what is cut is the picture that they make, when it is there."""
    image = scene.image if scene.reference is not None else torch.zeros(1, 3, window[3], window[2])
    return replace(
        scene, image=image, metadata={**scene.metadata, "crops": (*scene.metadata.get("crops", ()), crop)}
    )


def window_of(crop: str, full: tuple[int, int], name: str) -> tuple[int, int, int, int]:
    """Left, top, width and height of a crop of a frame of this width and height.

    Raises:
        SceneError: it is no crop, or the frame has no room for it.
    """
    size, *offset = crop.split("+")
    try:
        width, height = (int(part) for part in size.lower().split("x"))
        place = [int(part) for part in offset]
    except ValueError:
        place, width, height = [0], 0, 0
    if width < 1 or height < 1 or len(place) not in (0, 2):
        raise SceneError(f"crop {crop!r} is not WIDTHxHEIGHT or WIDTHxHEIGHT+X+Y")
    full_width, full_height = full
    left, top = place or ((full_width - width) // 2, (full_height - height) // 2)
    if left < 0 or top < 0 or left + width > full_width or top + height > full_height:
        raise SceneError(f"{name}: {full_width}x{full_height} has no room for the crop {crop}")
    return left, top, width, height


def _resize(scene: Scene, resize: str | None) -> Scene:
    if resize is None:
        return scene
    if scene.raw is not None:
        raise SceneError(
            f"{scene.name}: a raw capture cannot be resized, only cropped: its samples are behind filters"
        )
    if "path" in scene.metadata:
        raise SceneError(
            f"{scene.name}: the picture of a file that a program develops cannot be resized, only cropped"
        )
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
    refuse_too_large(f"resize {resize!r}", width, height, "make it smaller")
    across, down = width / full_width, height / full_height
    resized = _map_pixels(scene, lambda x: _bicubic(x, height, width))
    return map_regions(resized, lambda corner: (corner[0] * across, corner[1] * down))


def _bicubic(image: Tensor, height: int, width: int) -> Tensor:
    # Antialiased bicubic keeps edges without ringing past [0, 1] after the clamp.
    resized = torch.nn.functional.interpolate(image, (height, width), mode="bicubic", antialias=True)
    return resized.clamp(0, 1)


def _map_pixels(scene: Scene, change: Any) -> Scene:
    image = change(scene.image)
    same = scene.reference is scene.image
    reference = image if same else None if scene.reference is None else change(scene.reference)
    masked = None if scene.masked is None else change(scene.masked)
    return replace(scene, image=image, reference=reference, masked=masked)


def map_regions(scene: Scene, move: Callable[[Corner], Corner]) -> Scene:
    """Move the named parts; those that are no longer wholly inside the picture are dropped."""
    if "regions" not in scene.metadata:
        return scene
    height, width = scene.image.shape[-2:]
    moved = {name: tuple(map(move, corners)) for name, corners in scene.metadata["regions"].items()}
    kept = {n: c for n, c in moved.items() if all(0 <= x <= width and 0 <= y <= height for x, y in c)}
    return replace(scene, metadata={**scene.metadata, "regions": kept})
