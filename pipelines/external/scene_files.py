"""What pipelines outside of this process share: plain values, a file for the scene, the picture that comes back."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import final
from weakref import WeakKeyDictionary, finalize

import cv2
import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images, Params
from isptune.errors import RenderError, SceneError
from isptune.scenes.images import read_image, read_picture, to_uint16
from isptune.scenes.raw_capture import RawCapture
from isptune.scenes.raw_files import is_raw
from isptune.scenes.scene import Scene, window_of
from isptune.space import Candidate, Integer, Space
from isptune.spec import refuse_unknown, split_options
from isptune.system.temporary import new_folder
from pipelines.external.camera_tags import TakenWith, taken_with
from pipelines.external.dng import write_dng

SMALLEST_RAW_FILE = 1 << 17
"""RawTherapee takes no file below 100,000 bytes for a raw file: small captures get zeros at the end, bytes."""


def candidates_of(params: Params, space: Space) -> list[Candidate]:
    """A batch of parameters as one plain candidate for each of its images, in the order of the space."""
    whole = {param.name for param in space if isinstance(param, Integer)}
    columns: dict[str, list[float]] = {
        name: [float(value) for value in column.tolist()]
        for name, column in params.items()
        if not isinstance(column, str)
    }
    count = len(next(iter(columns.values()))) if columns else 1
    return [
        {
            name: str(params[name])
            if name not in columns
            else round(columns[name][i])
            if name in whole
            else columns[name][i]
            for name in space.names
        }
        for i in range(count)
    ]


_MIRRORED = (2, 4, 5, 7)
"""Orientations of Exif (CIPA DC-008) in which left and right are exchanged."""


@final
class SceneFiles:
    """Gives programs a file for each scene.

    A scene of `file:PATH` is that file. Of any other what isptune sees of it, cropped and resized, is written once:
    a raw capture as a DNG with its camera's tags, a photograph as a PNG of 16 bits. Their folder goes with this object.

    Args:
        originals: a raw file stands for itself: the program gets it as the user has it, and its picture is cut. So it
            is except where something was said of the file that is not in it, or it is no raw file to developers.
        at_least: bytes of a raw file; of a smaller one the program gets the same bytes with zeros behind them.
        mirrors: whether the program turns a mirrored raw file; else it gets an upright copy.
    """

    def __init__(self, originals: bool = False, at_least: int = 0, mirrors: bool = True):
        self._originals, self._at_least, self._mirrors = originals, at_least, mirrors
        self._folder: Path | None = None
        self._written: WeakKeyDictionary[Scene, Path] = WeakKeyDictionary()
        self._numbers = count()  # no name is given twice: what knows a file by its path may outlive its scene

    def original(self, scene: Scene) -> bool:
        """Whether the program gets the user's own file, of which the scene may be a part."""
        if scene.raw is None:
            return "path" in scene.metadata
        turned = self._mirrors or scene.metadata.get("orientation") not in _MIRRORED
        return self._originals and "whole" in scene.metadata and turned

    def path(self, scene: Scene) -> Path:
        """The scene's file, absolute. Raises RenderError if it cannot be written, or is no longer there."""
        if self.original(scene):
            own = Path(scene.metadata["path"])
            if not own.is_file():
                raise RenderError(f"{own}: the scene's file is no longer there")
            if not is_raw(own) or own.stat().st_size >= self._at_least:
                return own
        if scene not in self._written:
            self._folder = self._folder or lasting_folder(self, "scenes")
            self._written[scene] = self._write(self._folder / f"{next(self._numbers)}", scene)
        return self._written[scene]

    def _write(self, path: Path, scene: Scene) -> Path:
        if self.original(scene):
            own = Path(scene.metadata["path"])
            path = path.with_suffix(own.suffix)
            write_bytes(path, own.read_bytes().ljust(self._at_least, b"\0"))
        else:
            path = path.with_suffix(".png" if scene.raw is None else ".dng")
            write_scene(path, scene)
        return path

    def part(self, image: Tensor, scene: Scene, smaller: int = 1) -> Tensor:
        """What the scene is about of a picture that was made of its file, [1, 3, H, W].

        Args:
            image: the picture.
            scene: a part of the file, or all of it.
            smaller: how many samples of a raw file a pixel stands for, across and down.

        Raises:
            RenderError: the picture has no room for it.
        """
        if not self.original(scene):
            return image
        if scene.raw is not None:
            return _at_window(image, scene, smaller)
        for crop in scene.metadata.get("crops", ()):
            try:
                left, top, width, height = window_of(crop, (image.shape[-1], image.shape[-2]), scene.name)
            except SceneError as error:
                raise RenderError(f"the program's picture cannot be cut: {error}") from error
            image = image[..., top : top + height, left : left + width]
        return image.contiguous()


def _at_window(image: Tensor, scene: Scene, smaller: int) -> Tensor:
    """The part of a whole picture that a raw scene holds.

    Programs leave more or less of a sensor's border out: a picture of another size than the frame is taken to have the
    same middle.
    """
    left, top, width, height = (length // smaller for length in scene.metadata["window"])
    whole_width, whole_height = (length // smaller for length in scene.metadata["whole"])
    full_height, full_width = image.shape[-2:]
    left += (full_width - whole_width) // 2
    top += (full_height - whole_height) // 2
    left, top = (
        max(0, min(start, room)) for start, room in ((left, full_width - width), (top, full_height - height))
    )
    return image[..., top : top + height, left : left + width].contiguous()


def write_scene(path: Path, scene: Scene) -> None:
    """Write a photograph as a PNG of 16 bits, or a raw capture as a DNG. Raises RenderError."""
    try:
        if scene.raw is not None:
            source = scene.metadata.get("path")
            taken = TakenWith() if source is None else taken_with(Path(source))
            taken = taken.at_iso(scene.metadata.get("iso"))
            order = str(scene.metadata.get("cfa", "RGGB"))
            write_dng(path, _before_red(scene.raw, order), order, taken=taken)
            os.truncate(path, max(SMALLEST_RAW_FILE, path.stat().st_size))
            return
        done, encoded = cv2.imencode(".png", np.ascontiguousarray(to_uint16(scene.image)[0, ..., ::-1]))
        assert done, "a PNG of 16 bits can always be encoded"
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise RenderError(f"the scene {scene.name} cannot be written: {error.strerror}") from error
    except SceneError as error:
        raise RenderError(f"the scene {scene.name} cannot be written: {error}") from error


def _before_red(capture: RawCapture, order: str) -> RawCapture:
    """The capture with so much more, mirrored, at its left and top that in this order its picture keeps its size.

    Its content moves by a pixel: orders are for scenes whose reference is made of such a file, too.
    """
    rows, columns = (2 * (order.index("R") // 2), 2 * (order.index("R") % 2))
    return replace(
        capture, mosaic=torch.nn.functional.pad(capture.mosaic, (columns, 0, rows, 0), mode="reflect")
    )


def lasting_folder(owner: object, kind: str) -> Path:
    """A temporary folder that is there for as long as its owner is. Raises RenderError if there is no room for it."""
    try:
        folder = new_folder(kind)
    except OSError as error:
        raise RenderError(f"no temporary folder can be made: {error.strerror}") from error
    finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return folder


def sha256_of(path: Path) -> str:
    """The hash of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(file: Path, text: str) -> None:
    """Write the values of a candidate. Raises RenderError."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, data: bytes) -> None:
    """Write a file of parameters. Raises RenderError."""
    try:
        file.write_bytes(data)
    except OSError as error:
        raise RenderError(f"the parameters cannot be written: {error.strerror}") from error


def read_result(
    path: Path, said: str, scene: Scene, files: SceneFiles, size: tuple[int, int] | None = None
) -> Images:
    """The picture that a program left, [1, 3, H, W]; of a scene that is a part of a file, that part.

    Args:
        path: where it had to write it.
        said: its last words, for the message if there is nothing.
        scene: what was rendered: with a reference, the picture must be of its size.
        files: what it was made of.
        size: the width and height that were announced of the whole picture, if any.

    Raises:
        RenderError: there is none, it is no picture, or its size is wrong.
    """
    if not path.exists():
        words = f"; it said: {said}" if said else ""
        raise RenderError(f"the program ended well but wrote no picture{words}")
    try:
        image = read_image(path)
    except SceneError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise RenderError(f"the program's picture {path.name} cannot be used: {reason}") from error
    if size is not None:
        _check_size(image, size)
    return part_of(image, scene, files)


def part_of(image: Tensor, scene: Scene, files: SceneFiles) -> Images:
    """What the scene is about of a picture of its file. Raises RenderError if that has not the reference's size."""
    part = files.part(image, scene)
    if scene.reference is not None:
        _check_size(part, (scene.reference.shape[-1], scene.reference.shape[-2]))
    return part


def _check_size(image: Images, size: tuple[int, int]) -> None:
    height, width = image.shape[-2:]
    if (width, height) != size:
        raise RenderError(f"the picture is {width}x{height}, not {size[0]}x{size[1]}")


def stack(images: Sequence[Tensor], scene: Scene) -> Images:
    """Pictures as one batch on the scene's device. Raises RenderError if their sizes differ."""
    if len({image.shape for image in images}) > 1:
        sizes = sorted({f"{image.shape[-1]}x{image.shape[-2]}" for image in images})
        raise RenderError(f"the pictures of a batch have different sizes: {', '.join(sizes)}")
    return torch.cat(list(images)).to(scene.image.device)


def file_scenes(argument: str | None) -> list[Scene]:
    """`file:PATH[?reference=PICTURE]`: a file that programs get as it is, and the picture it should become.

    Without a reference nothing is known of the picture: the scene's image is one black pixel.

    Raises:
        ConfigError: an option that does not exist.
        SceneError: no file is named, or it cannot be read.
    """
    name, options = split_options(argument)
    refuse_unknown("file", options, {"reference": "PICTURE"})
    path = Path(name or "")
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise SceneError(f"file:{argument}: cannot be read: {error.strerror}; give file:PATH") from error
    if path.stat().st_size == 0:
        raise SceneError(f"file:{argument}: the file is empty")
    facts = {"path": str(path.resolve()), "sha256": digest}
    if "reference" not in options:
        return [Scene(path.stem, torch.zeros(1, 3, 1, 1), None, facts)]
    read = read_picture(options["reference"])
    return [Scene(path.stem, read.image, read.image, {**facts, "warnings": read.told})]
