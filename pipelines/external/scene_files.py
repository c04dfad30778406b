"""What pipelines outside of this process share: plain values, a file for the scene, the picture that comes back."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import final
from weakref import WeakKeyDictionary, finalize

import cv2
import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images, Params
from isptune.errors import RenderError, SceneError
from isptune.scenes.images import read_image
from isptune.scenes.scene import Scene
from isptune.space import Candidate, Integer, Space
from isptune.spec import refuse_unknown, split_options
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


@final
class SceneFiles:
    """Gives programs a file for each scene.

    A scene of `file:PATH` is that file. Of any other what isptune sees of it, cropped and resized, is written once:
    a raw capture as a DNG, a photograph as a PNG of 16 bits. Their folder goes with this object.
    """

    def __init__(self):
        self._folder: Path | None = None
        self._written: WeakKeyDictionary[Scene, Path] = WeakKeyDictionary()

    def path(self, scene: Scene) -> Path:
        """The scene's file, absolute. Raises RenderError if it cannot be written, or is no longer there."""
        own = None if scene.raw is not None else scene.metadata.get("path")
        if own is not None:
            if not Path(own).is_file():
                raise RenderError(f"{own}: the scene's file is no longer there")
            return Path(own)
        if scene not in self._written:
            self._folder = self._folder or lasting_folder(self, "isptune-scenes-")
            path = self._folder / f"{len(self._written)}.{'png' if scene.raw is None else 'dng'}"
            write_scene(path, scene)
            self._written[scene] = path
        return self._written[scene]


def write_scene(path: Path, scene: Scene) -> None:
    """Write a photograph as a PNG of 16 bits, or a raw capture as a DNG. Raises RenderError."""
    try:
        if scene.raw is not None:
            write_dng(path, scene.raw)
            os.truncate(path, max(SMALLEST_RAW_FILE, path.stat().st_size))
            return
        pixels = scene.image[0].clamp(0, 1).mul(65535).round().cpu().numpy().astype(np.uint16)
        done, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels[::-1].transpose(1, 2, 0)))
        assert done, "a PNG of 16 bits can always be encoded"
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise RenderError(f"the scene {scene.name} cannot be written: {error.strerror}") from error
    except SceneError as error:
        raise RenderError(f"the scene {scene.name} cannot be written: {error}") from error


def lasting_folder(owner: object, prefix: str) -> Path:
    """A temporary folder that is there for as long as its owner is. Raises RenderError if there is no room for it."""
    try:
        folder = tempfile.mkdtemp(prefix=prefix)
    except OSError as error:
        raise RenderError(f"no temporary folder can be made: {error.strerror}") from error
    finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def sha256_of(path: Path) -> str:
    """The hash of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def call_folder() -> Iterator[Path]:
    """A temporary folder for one call of a program, gone afterwards with all that is in it.

    Raises:
        RenderError: there is no room for it.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="isptune-call-", ignore_cleanup_errors=True)
    except OSError as error:
        raise RenderError(f"no temporary folder can be made: {error.strerror}") from error
    with folder as name:
        yield Path(name)


def write_text(file: Path, text: str) -> None:
    """Write the values of a candidate. Raises RenderError."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, data: bytes) -> None:
    """Write a file of parameters. Raises RenderError."""
    try:
        file.write_bytes(data)
    except OSError as error:
        raise RenderError(f"the parameters cannot be written: {error.strerror}") from error


def read_result(path: Path, said: str, scene: Scene, size: tuple[int, int] | None = None) -> Images:
    """The picture that a program left, [1, 3, H, W].

    Args:
        path: where it had to write it.
        said: its last words, for the message if there is nothing.
        scene: what was rendered: with a reference, the picture must be of its size.
        size: the width and height that were announced, if any.

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
    check_size(image, scene, size)
    return image


def check_size(image: Images, scene: Scene, size: tuple[int, int] | None = None) -> None:
    """Raises RenderError if a picture has not the announced size, or not that of the scene's reference."""
    height, width = image.shape[-2:]
    if size is None and scene.reference is not None:
        size = (scene.reference.shape[-1], scene.reference.shape[-2])
    if size is not None and (width, height) != size:
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
    reference = read_image(options["reference"]) if "reference" in options else None
    image = torch.zeros(1, 3, 1, 1) if reference is None else reference
    return [Scene(path.stem, image, reference, {"path": str(path.resolve()), "sha256": digest})]
