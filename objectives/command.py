"""Any program as an objective: `command:metric.toml` gives it pictures and reads numbers.

::

    command = ["{python}", "metric.py", "{reference}", "{images}"]
    direction = "maximize"      # or "minimize"
    unit = "mAP"                # these four may be left out
    range = [0, 1]
    timeout_s = 600
    bits = 16                   # of each channel of the PNG files; 8 if left out

No shell reads the command. In its words

* `{images}`, as a word of its own, is one path for each picture (PNG, sRGB); `{list}` is the path of a text file with
  these paths, a line each, and `{folder}` the folder that they are in;
* `{reference}` is the path of the scene's reference: an objective with it needs one;
* `{scene}` is the scene's name, `{python}` the Python that runs isptune, `{out}` a path for the scores.

The program gives one number for each picture, in their order: a JSON list, or a line each (the number alone, or behind
the picture's file name); in the file `{out}` if that is named, else on its standard output, where other lines are not
read. Its working directory is the folder of the TOML file. Pictures that it has scored are not given to it again.
"""

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import cv2
import numpy as np
import torch

from isptune.arrays import Images, Scores
from isptune.deeds import Deed
from isptune.errors import ConfigError, DiskError, ProgramError, ScoreError, one_line
from isptune.facts import ObjectiveFacts
from isptune.scenes.images import to_uint8, to_uint16
from isptune.scenes.scene import Scene
from isptune.spec import refuse_unknown, split_options, typed
from isptune.system.argv import beside, filled, named_files, placeholders, shown_command
from isptune.system.program import call_folder, run_program
from isptune.system.records import convert, parse_json, parse_toml, read_bytes
from objectives.command_settings import Settings

PLACES = ("images", "list", "folder", "reference", "scene", "python", "out")
"""What may stand in braces."""

KEPT = 100_000
"""Scores of so many pictures are remembered."""

MAX_TEXT_BYTES = 64 << 20
"""A program that says more gave no scores."""


@final
class CommandObjective:
    """Objective: one call of a program for the pictures of a batch that it has not scored yet."""

    def __init__(self, path: Path, settings: Settings, sha256: str):
        self.settings, self.folder = settings, path.parent
        places = self._checked(str(path))
        files = named_files(settings.command, self.folder)
        low, high = settings.range
        self.facts = ObjectiveFacts(
            direction=settings.direction,
            range=(float(low), float(high)),
            unit=settings.unit,
            source=settings.source or f"a program of one's own, {path.name}",
            uses_reference="reference" in places,
            weights={path.name: sha256, **files},
            whole_pictures=True,
        )
        self._known: OrderedDict[str, float] = OrderedDict()

    def score(self, images: Images, scene: Scene) -> Scores:
        """Its numbers. Raises ScoreError: the program failed, or gave something else than a number a picture."""
        if self.facts.uses_reference and scene.reference is None:
            raise ScoreError(f"{scene.name} has no reference to compare with")
        to_pixels = to_uint8 if self.settings.bits == 8 else to_uint16
        reference = None
        if self.facts.uses_reference and scene.reference is not None:
            reference = to_pixels(scene.reference)[0]
        pictures = list(to_pixels(images))
        context = hashlib.sha256(scene.name.encode())
        if reference is not None:
            context.update(reference.tobytes())
        keys = [hashlib.sha256(context.digest() + one.tobytes()).hexdigest() for one in pictures]
        missing = {key: one for key, one in zip(keys, pictures, strict=True) if key not in self._known}
        found = {key: self._known[key] for key in keys if key in self._known}
        names = list(missing)
        for first in range(0, len(names), self.settings.max_images):
            part = names[first : first + self.settings.max_images]
            scores = self._call([missing[key] for key in part], reference, scene.name)
            found |= dict(zip(part, scores, strict=True))
        for key in keys:
            self._known[key] = found[key]
            self._known.move_to_end(key)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return torch.tensor([found[key] for key in keys], dtype=torch.float32, device=images.device)

    def _call(self, pictures: Sequence[np.ndarray], reference: np.ndarray | None, scene: str) -> list[float]:
        try:
            with call_folder() as folder:
                paths = [folder / f"{number:04d}.png" for number in range(len(pictures))]
                for path, pixels in zip(paths, pictures, strict=True):
                    _write(path, pixels)
                if reference is not None:
                    _write(folder / "reference.png", reference)
                (folder / "images.txt").write_text("".join(f"{path}\n" for path in paths))
                out = folder / "scores.txt"
                run_program(
                    self._argv(folder, paths, out, scene),
                    folder,
                    self.settings.timeout_s,
                    work_in=self.folder,
                    max_file_mb=self.settings.max_file_mb,
                )
                file = out if out.exists() else folder / "stdout.txt"
                if file.stat().st_size > MAX_TEXT_BYTES:
                    raise ScoreError(f"the program said more than {MAX_TEXT_BYTES >> 20} MB")
                return _numbers(file.read_text(errors="replace"), [path.name for path in paths])
        except ProgramError as error:
            raise ScoreError(str(error)) from error
        except OSError as error:
            raise ScoreError(
                f"pictures for the program cannot be written: {error.strerror or error}"
            ) from error

    def _argv(self, folder: Path, images: Sequence[Path], out: Path, scene: str) -> list[str]:
        places = {
            "list": str(folder / "images.txt"),
            "folder": str(folder),
            "reference": str(folder / "reference.png"),
            "scene": scene,
            "python": sys.executable,
            "out": str(out),
        }
        argv: list[str] = []
        for word in self.settings.command:
            argv += map(str, images) if word == "{images}" else [filled(word, places)]
        return beside(argv, self.folder)

    def _checked(self, file: str) -> set[str]:
        """The placeholders of the command."""
        if not self.settings.command or not self.settings.command[0]:
            raise ConfigError(f"{file}: command must name a program")
        found: set[str] = set()
        for word in self.settings.command:
            names = placeholders(word, file)
            for name in names:
                if name not in PLACES:
                    known = ", ".join(f"{{{place}}}" for place in PLACES)
                    raise ConfigError(f"{file}: command has {{{name}}}; a placeholder is one of {known}")
            if "images" in names and word != "{images}":
                raise ConfigError(f"{file}: command has {word!r}: {{images}} must be a word of its own")
            found |= set(names)
        if not found & {"images", "list", "folder"}:
            raise ConfigError(
                f"{file}: command says nowhere what to score: {{images}}, {{list}} or {{folder}}"
            )
        return found


def build(argument: str | None) -> CommandObjective:
    """`command:FILE.toml[?KEY=VALUE&...]`: any program that scores pictures; options win over the file's settings.

    Raises:
        ConfigError: no file is named, or the file or an option is wrong.
    """
    file, options = split_options(argument)
    if not file:
        raise ConfigError("which program? Give command:FILE.toml, which says how it is called")
    known = {name: "" for name in Settings.__dataclass_fields__ if name != "command"}
    refuse_unknown("command", options, known)
    data = read_bytes(Path(file))
    table = parse_toml(data, file)
    convert(table, Settings, file, known_only=True)  # so that a message about the file names the file
    given = {key: typed(value) for key, value in options.items()}
    settings = convert({**table, **given}, Settings, "option", known_only=True)
    return CommandObjective(Path(file).resolve(), settings, hashlib.sha256(data).hexdigest())


def deeds(argument: str | None, options: Mapping[str, Any]) -> list[Deed]:
    """The program that it starts for each batch of pictures."""
    file = ""
    try:
        file = split_options(argument)[0] or ""
        settings = convert(parse_toml(read_bytes(Path(file)), file), Settings, file)
    except ConfigError:
        return [Deed(f"start what {one_line(file)} says")]
    return [Deed(f"start {shown_command(settings.command, Path(file))}")]


def _write(path: Path, pixels: np.ndarray) -> None:
    """Write a PNG, quickly: it is read once. Raises DiskError."""
    if not cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1]):
        raise DiskError(f"{path}: cannot be written")


def _numbers(text: str, names: Sequence[str]) -> list[float]:
    """One number for each picture. Raises ScoreError."""
    numbers = _of_json(text)
    if numbers is None:
        lines = (_of_line(line, names) for line in text.splitlines())
        numbers = [number for number in lines if number is not None]
    if len(numbers) != len(names):
        raise ScoreError(f"the program gave {len(numbers)} numbers for {len(names)} pictures")
    return numbers


def _of_json(text: str) -> list[float] | None:
    try:
        return [float(one) for one in convert(parse_json(text, "scores"), list[float], "scores")]
    except ConfigError:
        return None


def _of_line(line: str, names: Sequence[str]) -> float | None:
    """The number of a line that holds nothing else, or a picture's name before it."""
    words = line.replace(",", " ").replace("\t", " ").split()
    if not words or len(words) > 2 or (len(words) == 2 and Path(words[0].rstrip(":")).name not in names):
        return None
    try:
        return float(words[-1])
    except ValueError:
        return None
