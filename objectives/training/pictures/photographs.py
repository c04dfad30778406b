"""The photographs that the bundled encoder is trained on, and those that are kept out.

DATA is a folder with `biq2021/` (pictures and scores.csv with the columns file, mos, subset, part) and `photos/`
(folders of pristine photographs). Nothing of the validation part is trained on, nor a picture that looks like one
of it, nor any photograph of `KEPT_OUT`.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from isptune.scenes.images import read_image, to_uint8
from objectives.training.pictures.look_alikes import like_any, thumbnail

GOOD_OPINION = 0.55
"""Mean opinion (0 to 1) from which a photograph is taken as one that nothing was done to."""

SIDE = 512
"""Photographs are kept with this shorter side, pixels."""

KEPT_OUT = {
    "kodak": ("3", "5", "8", "13", "15", "19", "20", "23"),
    "cid22": (
        "1028637", "1130683", "1428647", "1624307", "2062426", "2387532", "2599868", "3315291",
        "3534924", "35875869841_0b10e41e57_o",
    ),
}  # fmt: skip
"""Pristine photographs for experiments: never trained on, whatever the seed."""

Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture and what is known of it.

    Attributes:
        name: folder and file.
        pixels: red first.
        opinion: mean opinion, 0 (bad) to 1 (excellent), or None.
        pristine: whether it can stand for a picture that nothing was done to.
        largest_scale: how much of its size may be used when it stands for a pristine one; below 1 where its own
            compression shows at full size.
        file: that it was read from, whole; None for a part of one.
    """

    name: str
    pixels: Picture
    opinion: float | None
    pristine: bool
    largest_scale: float
    file: Path | None = None


def read_photographs(data: Path) -> tuple[list[Photograph], list[Photograph], list[Photograph]]:
    """Photographs to train on, with opinions to validate on, and pristine ones that are kept out."""
    train, validation = _read_part(data / "biq2021", "train"), read_validation(data)
    thumbnails = [np.stack([thumbnail(p.pixels) for p in part]) for part in (train, validation)]
    alike = like_any(*thumbnails)
    train = [photograph for photograph, same in zip(train, alike, strict=True) if not same]
    train += _tiles_of_large(data / "photos" / "unsplash_4k")
    return train + _read_pristine(data, kept_out=False), validation, read_kept_out(data)


def read_validation(data: Path) -> list[Photograph]:
    """Photographs with opinions to validate on."""
    return _read_part(data / "biq2021", "validation")


def read_kept_out(data: Path) -> list[Photograph]:
    """Pristine photographs that are kept out."""
    return _read_pristine(data, kept_out=True)


def _read_pristine(data: Path, kept_out: bool) -> list[Photograph]:
    return [
        Photograph(f"{folder}/{path.stem}", _read(path), None, True, 1.0, path)
        for folder, names in KEPT_OUT.items()
        for path in sorted((data / "photos" / folder).glob("*.png"))
        if (path.stem in names) == kept_out
    ]


def _read_part(folder: Path, part: str) -> list[Photograph]:
    with (folder / "scores.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["part"] == part]
    found = []
    for row in rows:
        opinion = float(row["mos"])
        pristine = opinion >= GOOD_OPINION and row["subset"] != "ss02"
        file = folder / row["file"]
        found.append(Photograph(f"biq2021/{row['file']}", _read(file), opinion, pristine, 0.85, file))
    return found


def _tiles_of_large(folder: Path, width: int = 1600) -> list[Photograph]:
    """Large photographs, made smaller and cut into tiles of `SIDE`."""
    tiles = []
    for path in sorted(folder.glob("*.jpg")):
        full = _read(path, None)
        scale = width / full.shape[1]
        small = cv2.resize(full, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for top in range(0, small.shape[0] - SIDE + 1, SIDE):
            for left in range(0, small.shape[1] - SIDE + 1, SIDE):
                tile = np.ascontiguousarray(small[top : top + SIDE, left : left + SIDE])
                tiles.append(Photograph(f"{path.stem}_{top}_{left}", tile, None, True, 1.0))
    return tiles


def _read(path: Path, side: int | None = SIDE) -> Picture:
    pixels = to_uint8(read_image(path))[0]
    shorter = min(pixels.shape[:2])
    if side is not None and shorter > side:
        scale = side / shorter
        size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(pixels, np.uint8)
