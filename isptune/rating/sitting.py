"""The folder in which a person's rating stands: it can be broken off at any moment and gone on with.

::

    mine.csv                       image,score: written when the rating is finished, never replaced
    mine_pictures/01.png ...       the pictures, numbered in an order that tells nothing
    mine_pictures/contact_sheet.png
    mine_pictures/sitting.json     where they come from
    mine_pictures/ratings.json     the scores so far, by number
"""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from isptune.errors import ConfigError, RunFolderError
from isptune.rating.choice import FEWEST, Chosen
from isptune.rating.contact_sheet import write_contact_sheet
from isptune.scenes.images import write_image
from isptune.system.disk import make_folder, new_folder_for, write_atomically
from isptune.system.records import Kind, Record, convert, parse_json, read_bytes

SITTING, RATINGS, SHEET = "sitting.json", "ratings.json", "contact_sheet.png"


@final
@dataclass(eq=False)
class Sitting:
    """Pictures with numbers from 1 on, and the scores that some have by now.

    Attributes:
        target: the CSV to be.
        source: what the pictures were chosen from, as it was asked for.
        sizes: width and height of each picture, pixels.
        scores: by number.
    """

    target: Path
    source: Mapping[str, Any]
    sizes: Sequence[tuple[int, int]]
    scores: dict[int, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return folder_of(self.target)

    @property
    def numbers(self) -> range:
        return range(1, len(self.sizes) + 1)

    @property
    def missing(self) -> list[int]:
        """The numbers of the pictures without a score."""
        return [number for number in self.numbers if number not in self.scores]

    def picture(self, number: int) -> Path:
        """The file of a picture."""
        return self.folder / file_name(number)

    def rate(self, number: int, score: float) -> None:
        """Keep a score; when this returns it is on the disk. Raises ConfigError, or RunFolderError if it cannot be."""
        if number not in self.numbers:
            raise ConfigError(f"there is no picture {number}; there are 1 to {len(self.sizes)}")
        if not math.isfinite(score):
            raise ConfigError(f"picture {number}: a score is a finite number; got {score}")
        scores = {**self.scores, number: score}
        text = json.dumps({str(key): scores[key] for key in sorted(scores)}, indent=1)
        write_atomically(self.folder / RATINGS, text.encode())
        self.scores = scores

    def finish(self) -> None:
        """Write the CSV. Raises ConfigError for too few scores or where it exists."""
        if len(self.scores) < FEWEST:
            raise ConfigError(f"{len(self.scores)} pictures have a score; at least {FEWEST} are needed")
        refuse_existing(self.target)
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("image", "score"))
        for number in sorted(self.scores):
            writer.writerow((f"{self.folder.name}/{file_name(number)}", f"{self.scores[number]:.10g}"))
        write_atomically(self.target, table.getvalue().encode())


def folder_of(target: Path) -> Path:
    """Where the pictures of a CSV lie."""
    return target.with_name(f"{target.stem}_pictures")


def file_name(number: int) -> str:
    return f"{number:02d}.png"


def refuse_existing(target: Path) -> None:
    """Raise ConfigError if the CSV is there."""
    if target.exists():
        raise ConfigError(f"{target}: exists; a finished rating is not replaced, give another name")


def begin(
    target: Path,
    source: Mapping[str, Any],
    chosen: Sequence[Chosen],
    seed: int,
    on_picture: Callable[[int], None] = lambda number: None,
) -> Sitting:
    """Write the pictures in a random order, and their contact sheet, in one step: the folder is whole or not there.

    Raises:
        RunFolderError, SceneError: the disk refuses, or a picture cannot be read.
        RenderError: a trial cannot be rendered again.
    """
    final = folder_of(target)
    try:
        make_folder(final.parent)
        with new_folder_for(final) as part:
            sitting = {"source": dict(source), "pictures": _write_pictures(part, chosen, seed, on_picture)}
            sheet = [part / file_name(n + 1) for n in range(len(chosen))]
            write_contact_sheet(part / SHEET, sheet, target.name)
            write_atomically(part / SITTING, (json.dumps(sitting, indent=1) + "\n").encode())
    except OSError as error:
        raise RunFolderError(f"{final}: cannot be written: {error.strerror or error}") from error
    return go_on(target)


def _write_pictures(
    folder: Path, chosen: Sequence[Chosen], seed: int, on_picture: Callable[[int], None]
) -> list[dict[str, Any]]:
    pictures = []
    for number, index in enumerate(np.random.default_rng(seed).permutation(len(chosen)), 1):
        image = chosen[index].load()
        write_image(folder / file_name(number), image)
        height, width = image.shape[-2:]
        pictures.append({**chosen[index].origin, "chosen_by": chosen[index].score, "size": [width, height]})
        on_picture(number)
    return pictures


@dataclass(frozen=True)
class _Picture:
    """What sitting.json must say of a picture; where it is from stands beside that, for people."""

    size: tuple[int, int]


@dataclass(frozen=True)
class _SittingFile:
    source: Mapping[str, Any]
    pictures: tuple[_Picture, ...]


def _held(path: Path, kind: Kind[Record]) -> Record:
    place = f"{path}: is damaged"
    return convert(parse_json(read_bytes(path), place), kind, place)


def go_on(target: Path) -> Sitting:
    """The rating of a CSV as it stands. Raises ConfigError if the folder holds something else, or is damaged."""
    folder = folder_of(target)
    if not (folder / SITTING).is_file():
        raise ConfigError(f"{folder}: exists and holds no rating that was begun; give another name")
    sitting = _held(folder / SITTING, _SittingFile)
    held = folder / RATINGS
    kept = _held(held, dict[str, float]) if held.exists() else {}
    try:
        scores = {int(number): score for number, score in kept.items()}
    except ValueError as error:
        raise ConfigError(f"{held}: is damaged: {error}") from error
    sizes = [picture.size for picture in sitting.pictures]
    found = Sitting(target, dict(sitting.source), sizes, scores)
    for number in found.numbers:
        if not found.picture(number).is_file():
            raise ConfigError(f"{folder}: picture {number} is missing")
    if not set(scores) <= set(found.numbers):
        raise ConfigError(f"{folder}: {RATINGS} is damaged: it has scores of other pictures, or none")
    return found
