"""Pictures of a run at 1:1, cut from those that are saved at a few places of each scene, for a page of bounded size."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isptune.errors import RunFolderError
from isptune.report.places import places
from isptune.runs.files import IMAGES, image_path
from isptune.scenes.places import Place

if TYPE_CHECKING:
    from PIL.Image import Image

CROP_PX = 256
OVERVIEW_PX = 260
FRAME = (213, 94, 0)
SHOWN = 8
"""Scenes on the page at most, so that it stays small enough to send; those that differ most."""

PAGE_BYTES = 6 << 20
"""Of all cuts of a page: in the page they take a third more. First come the places that changed most, scene by
scene, then the other places of each. Where not even one scene's pictures fit, as of a hundred conditions, the later
ones go."""

KINDS = ("default", "recommended", "reference")
_FURTHER = re.compile(r"(found|(front|trial)-(\d{1,6}))")


@dataclass(frozen=True)
class Subject:
    """One scene's pictures on disk.

    Attributes:
        scene: its name.
        files: by what they show, in words. Places are looked for where the first two differ, in the second one.
    """

    scene: str
    files: Mapping[str, Path]


@dataclass(frozen=True)
class Cut:
    """One place of a scene.

    Attributes:
        place: where, and what it was chosen for.
        crops: PNG bytes by what they show.
    """

    place: Place
    crops: Mapping[str, bytes]

    @property
    def bytes(self) -> int:
        """Of all its crops."""
        return sum(map(len, self.crops.values()))


@dataclass(frozen=True)
class BeforeAfter:
    """One scene's pictures as PNG bytes, each cut at the same places.

    Attributes:
        scene: its name.
        size: width, height of the full picture, pixels.
        difference: mean absolute difference of the first two at the first place, in 8-bit steps.
        cuts: the first one is where they differ most.
        overview: the whole second picture, made smaller, with that place framed.
        left_out: what the pictures show for which there was no room.
    """

    scene: str
    size: tuple[int, int]
    difference: float
    cuts: tuple[Cut, ...]
    overview: bytes
    left_out: tuple[str, ...] = ()

    @property
    def crops(self) -> Mapping[str, bytes]:
        """Of the place that changed most."""
        return self.cuts[0].crops

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The place that changed most: left, top, width, height, pixels."""
        return self.cuts[0].place.box


def before_after(folder: Path, scenes: Iterable[str]) -> tuple[list[BeforeAfter], int]:
    """The pictures of a run, see `compared`.

    Raises:
        RunFolderError: a picture cannot be read, or two of a scene differ in size.
    """
    return compared([subject for scene in scenes if (subject := of_run(folder, scene)) is not None])


def of_run(folder: Path, scene: str, words: Mapping[str, str] | None = None) -> Subject | None:
    """What a run keeps of a scene; None where default or recommended is missing.

    Args:
        words: what to call pictures, in place of the names in their files.
    """
    known = {kind: image_path(folder, scene, kind) for kind in (*KINDS, *_further(folder, scene))}
    files = {kind: path for kind, path in known.items() if path.exists()}
    if not {"default", "recommended"} <= files.keys():
        return None
    return Subject(scene, {(words or {}).get(kind, kind.replace("-", " ")): p for kind, p in files.items()})


def _further(folder: Path, scene: str) -> list[str]:
    """Front members, trials and what was found, as far as there are pictures; by their numbers."""
    stem = image_path(folder, scene, "").stem
    kinds = [path.stem.removeprefix(stem) for path in (folder / IMAGES).glob("*.png")]
    matches = [found for kind in kinds if (found := _FURTHER.fullmatch(kind))]
    return [one[0] for one in sorted(matches, key=lambda one: (one[2] or "", int(one[3] or 0)))]


def compared(subjects: Sequence[Subject], most: int = SHOWN) -> tuple[list[BeforeAfter], int]:
    """Those scenes whose first two pictures differ most, `most` at most, and how many more there are.

    Raises:
        RunFolderError: a picture cannot be read, or two of a scene differ in size.
    """
    opened = [_opened(subject) for subject in subjects]
    opened.sort(key=lambda scene: -scene.difference)
    firsts: list[tuple[_Opened, Cut]] = []
    left = PAGE_BYTES
    for scene in opened[:most]:
        cut = _first_within(scene, PAGE_BYTES)
        left -= cut.bytes
        if firsts and left < 0:
            left += cut.bytes
            break
        firsts.append((scene, cut))
    found = [_with_others(scene, cut, left // len(firsts)) for scene, cut in firsts]
    return found, len(opened) - len(found)


@dataclass(frozen=True, eq=False)
class _Opened:
    """A scene that was looked at: its places, and how much it changed; its pictures are not kept."""

    subject: Subject
    places: Sequence[Place]
    difference: float


def _opened(subject: Subject) -> _Opened:
    first, second = (np.asarray(read_saved(path)) for path in list(subject.files.values())[:2])
    if first.shape != second.shape:
        names = " and ".join(list(subject.files)[:2])
        folder = next(iter(subject.files.values())).parent.parent
        raise RunFolderError(f"{folder}: the {names} pictures of {subject.scene} differ in size")
    chosen = places(first, second, CROP_PX)
    left, top, width, height = chosen[0].box
    cut = [pixels[top : top + height, left : left + width].astype(np.int16) for pixels in (first, second)]
    return _Opened(subject, chosen, float(np.abs(cut[0] - cut[1]).mean()))


def _first_within(scene: _Opened, budget: int) -> Cut:
    """The place that changed most: the first two pictures, and of the others as many as fit."""
    crops: dict[str, bytes] = {}
    for kind, png in _crops(_pictures(scene), scene.places[0]):
        budget -= len(png)
        if len(crops) >= 2 and budget < 0:
            break
        crops[kind] = png
    return Cut(scene.places[0], crops)


def _with_others(scene: _Opened, first: Cut, budget: int) -> BeforeAfter:
    """A scene with those of its further places that fit."""
    pictures = _pictures(scene)
    shown = {kind: picture for kind, picture in pictures.items() if kind in first.crops}
    cuts = [first]
    for place in scene.places[1:]:
        cut = Cut(place, dict(_crops(shown, place)))
        budget -= cut.bytes
        if budget < 0:
            break
        cuts.append(cut)
    after = list(pictures.values())[1]
    left_out = tuple(kind for kind in pictures if kind not in shown)
    overview = _overview(after, first.place)
    return BeforeAfter(scene.subject.scene, after.size, scene.difference, tuple(cuts), overview, left_out)


def _pictures(scene: _Opened) -> dict[str, "Image"]:
    """By what they show; those of another size than the second are not of the same scene any more."""
    pictures = {kind: read_saved(path) for kind, path in scene.subject.files.items()}
    size = list(pictures.values())[1].size
    return {kind: picture for kind, picture in pictures.items() if picture.size == size}


def _crops(pictures: Mapping[str, "Image"], place: Place) -> Iterator[tuple[str, bytes]]:
    left, top, width, height = place.box
    for kind, picture in pictures.items():
        yield kind, _png(picture.crop((left, top, left + width, top + height)))


def _overview(picture: "Image", place: Place) -> bytes:
    from PIL import Image, ImageDraw

    scale = min(1.0, OVERVIEW_PX / picture.width, CROP_PX / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = picture.resize(size, Image.Resampling.LANCZOS)
    x, y, across, down = place.box
    left, top, right, bottom = (round(edge * scale) for edge in (x, y, x + across, y + down))
    corners = left, top, min(right, size[0]) - 1, min(bottom, size[1]) - 1
    draw = ImageDraw.Draw(small)
    if corners[2] > left and corners[3] > top:
        draw.rectangle(corners, outline=(255, 255, 255), width=4)
        draw.rectangle(corners, outline=FRAME, width=2)
    return _png(small)


def read_saved(path: Path) -> "Image":
    """A picture of a run's folder. Raises RunFolderError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}") from error


def _png(picture: "Image") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()
