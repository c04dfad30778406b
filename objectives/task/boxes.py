"""Where things are in the photographs of scenes: annotations as COCO has them (a JSON file), or YOLO (a folder).

COCO: `images` with file_name, width and height; `annotations` with image_id, category_id, bbox [x, y, width, height]
and iscrowd; `categories` with id and name. YOLO: a text file a photograph of the same stem, a line a thing: its class
from 0, then centre x, centre y, width and height in shares of the picture, or the corners of a polygon. One without
things has an empty file.

Source: Lin et al. 2014, Microsoft COCO: common objects in context, arXiv:1405.0312.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ConfigError, SceneError, one_line
from isptune.scenes.scene import Scene
from isptune.system.records import Pixels, read_bytes, read_json
from objectives.task.scene_file import ByFile

LARGEST_JSON = 512 * 2**20
"""Bytes: annotations of all of COCO's training pictures are 450 MB."""


MOST_KINDS = 100_000
"""Classes of a YOLO folder, at most."""

FARTHEST = 10.0
"""In shares of a picture: no thing in it reaches farther out."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in shares of the photograph."""


@dataclass(frozen=True)
class CocoImage:
    """A photograph; other keys are passed over."""

    id: int | str
    file_name: str
    width: Pixels
    height: Pixels


@dataclass(frozen=True)
class CocoAnnotation:
    """A thing in it: left, top, width and height in pixels; of a crowd, all of it."""

    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


@dataclass(frozen=True)
class CocoCategory:
    """What a thing is."""

    id: int
    name: str = ""


@dataclass(frozen=True)
class CocoFile:
    """Annotations."""

    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]
    categories: tuple[CocoCategory, ...] = ()


@dataclass(frozen=True)
class Thing:
    """A thing in a photograph.

    Attributes:
        kind: its class's number in the annotations.
        box: where it is.
        crowd: whether it is many: what is detected in it is neither right nor wrong.
    """

    kind: int
    box: Box
    crowd: bool = False


@dataclass(frozen=True)
class Annotated:
    """The things of a photograph, and its size in pixels where that is known."""

    things: tuple[Thing, ...]
    size: tuple[int, int] | None


@dataclass(frozen=True, eq=False)
class Annotations:
    """What is known of scenes.

    Attributes:
        kinds: numbers of the classes, in order.
        where: the file or folder, for messages.
        known: by the file of a scene.
    """

    kinds: tuple[int, ...]
    where: str
    known: ByFile[Annotated]

    def of(self, scene: Scene) -> tuple[Thing, ...]:
        """The things in the picture of a scene.

        Raises:
            SceneError: nothing is known of its file, or its picture is another part of the photograph.
        """
        found = self.known.of(scene)
        if found is None:
            raise SceneError(
                f"{scene.name}: has no annotations in {self.where}, by the file that it was made of"
            )
        height, width = scene.image.shape[-2:]
        if found.size is not None and not _same_part((width, height), found.size):
            raise SceneError(
                f"{scene.name}: is {width} x {height}, and annotated at {found.size[0]} x {found.size[1]}: a scene "
                "with boxes may be resized, and not cropped"
            )
        return found.things


def _same_part(size: tuple[int, int], annotated: tuple[int, int]) -> bool:
    """Whether one is the other, resized: sides may lose a sample to the grid of a sensor."""
    scale = max(size[0] / annotated[0], size[1] / annotated[1])
    return all(
        abs(own - scale * other) <= 2 * max(1.0, scale) for own, other in zip(size, annotated, strict=True)
    )


def read_annotations(path: Path) -> Annotations:
    """A COCO file, or a folder of YOLO's. Raises ConfigError in one line for what is neither."""
    return _yolo(path) if path.is_dir() else _coco(path)


def _coco(path: Path) -> Annotations:
    table = read_json(path, CocoFile, largest=LARGEST_JSON)
    sizes = {one.id: (one.width, one.height) for one in table.images}
    things: dict[int | str, list[Thing]] = {one.id: [] for one in table.images}
    for one in table.annotations:
        if one.image_id not in things:
            raise ConfigError(
                f"{one_line(str(path))}: an annotation is of no image: image_id = {one.image_id!r}"
            )
        (left, top, width, height), size = one.bbox, sizes[one.image_id]
        box = left / size[0], top / size[1], (left + width) / size[0], (top + height) / size[1]
        if not _is_box(box):
            raise ConfigError(
                f"{one_line(str(path))}: bbox = {one.bbox} is not left, top, width and height in pixels"
            )
        things[one.image_id].append(Thing(one.category_id, box, bool(one.iscrowd)))
    known = {one.file_name: Annotated(tuple(things[one.id]), sizes[one.id]) for one in table.images}
    kinds = {one.id for one in table.categories} | {one.category_id for one in table.annotations}
    return Annotations(tuple(sorted(kinds)), one_line(str(path)), ByFile(known, one_line(str(path))))


def _yolo(path: Path) -> Annotations:
    known = {
        file.name: Annotated(_lines(file), None)
        for file in sorted(path.glob("*.txt"))
        if file.name != "classes.txt"
    }
    if not known:
        raise ConfigError(f"{one_line(str(path))}: holds no .txt of YOLO's annotations")
    kinds = {thing.kind for one in known.values() for thing in one.things}
    every = tuple(range(max(kinds, default=0) + 1))
    return Annotations(every, one_line(str(path)), ByFile(known, one_line(str(path))))


def _lines(file: Path) -> tuple[Thing, ...]:
    found = []
    for number, line in enumerate(read_bytes(file).decode(errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            kind, *shares = line.split()
            thing = Thing(int(kind), _box(list(map(float, shares))))
        except ValueError:
            thing = Thing(-1, (math.nan, math.nan, math.nan, math.nan))
        if not 0 <= thing.kind <= MOST_KINDS or not _is_box(thing.box):
            raise ConfigError(
                f"{one_line(str(file))}: line {number}: {one_line(line[:60])!r} is not CLASS X Y WIDTH HEIGHT in shares"
            )
        found.append(thing)
    return tuple(found)


def _box(shares: list[float]) -> Box:
    """Of centre and size, or around a polygon of three corners or more. Raises ValueError for what is neither."""
    if len(shares) >= 6 and len(shares) % 2 == 0:
        return min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2])
    x, y, width, height = shares
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _is_box(box: Box) -> bool:
    """Whether it has corners in order, somewhere about the picture; of what is no number this is not so."""
    left, top, right, bottom = box
    return left <= right and top <= bottom and all(-FARTHEST <= end <= FARTHEST for end in box)
