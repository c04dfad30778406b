"""Pictures for the compact DepictQA, as numbers: what it sees of each, and what was done to it.

A table is one safetensors file. In a cut, one part of one photograph, the first row is the photograph as it is and the
others are its versions. Unknown numbers are NaN, unknown categories and types -1.

`python -m objectives.training.depictqa.pictures --data DIR --out spoilt0.safetensors --cuts 600 --seed 0`
`python -m objectives.training.depictqa.pictures --data DIR --out native4.safetensors --kind native --cuts 300 --seed 4`
`python -m objectives.training.depictqa.pictures --data DIR --out rated.safetensors --kind rated`
`python -m objectives.training.depictqa.pictures --data DIR --out resized.safetensors --kind resized --cuts 300`
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from isptune.arrays import Images
from isptune.distortions.depictqa_recipes import CATEGORIES, TYPES, Recipe, draw_recipe, spoil
from isptune.scenes.images import to_images
from isptune.scenes.scene import Scene
from objectives.depictqa.differences import differences_of
from objectives.depictqa.traces import displayed, seen_of
from objectives.full_reference.fsim import fsim
from objectives.full_reference.gmsd import gmsd
from objectives.training.pictures.photographs import Photograph, read_photographs
from objectives.training.pictures.tables import (
    PictureTable,
    below_each_other,
    read_tables,
    taken,
    write_table,
)

SMALLEST, NATIVE_SMALLEST, LARGEST = 112, 224, 512
"""Sides of cuts, pixels."""

VERSIONS = 8
LIKENESS_EVERY = 4
"""FSIM takes much of the time, and some of the cuts are enough to learn from it."""

SCALES = (0.5, 0.95)
TYPE_NAMES = tuple(name for names in TYPES.values() for name in names)
METADATA = {"format": "isptune depictqa pictures 1"}


@final
@dataclass(frozen=True, eq=False)
class Pictures(PictureTable):
    """The rows of a table.

    Attributes:
        seen: from `seen_of`.
        beside: from `differences_of`, beside the photograph as it is; zeros for itself.
        categories, severities, types: of what was done first and second; -1, 0 and -1 for nothing.
        likeness: FSIM and 1 - GMSD beside the photograph as it is: more is better; of some cuts.
        opinion: of people.
        scale: 1, less for a copy that was made smaller, 0 for one whose sides were swapped.
        cut: the same number for versions of one part of a photograph.
        photograph: the same number for parts of one photograph.
    """

    seen: Float[Tensor, "pictures seen"]
    beside: Float[Tensor, "pictures differences"]
    categories: Int[Tensor, "pictures 2"]
    severities: Int[Tensor, "pictures 2"]
    types: Int[Tensor, "pictures 2"]
    likeness: Float[Tensor, "pictures 2"]
    opinion: Float[Tensor, " pictures"]
    scale: Float[Tensor, " pictures"]
    cut: Int[Tensor, " pictures"]
    photograph: Int[Tensor, " pictures"]

    def __len__(self) -> int:
        return len(self.seen)

    def take(self, rows: Tensor) -> "Pictures":
        """Some rows, by number or by a mask."""
        return taken(self, rows)


def write_pictures(path: Path, pictures: Pictures) -> None:
    """Write a table, features as fp16."""
    write_table(path, pictures, ("seen", "beside"), METADATA)


def read_pictures(paths: Sequence[Path]) -> Pictures:
    """Read tables as one. Raises ValueError for a file of another kind."""
    return read_tables(Pictures, paths, METADATA)


@final
class Measuring:
    """Turns pictures into rows."""

    def __init__(self):
        self.fsim, self.gmsd = fsim(), gmsd()

    def versions(self, images: Images, recipes: Sequence[Recipe], cut: int, photograph: int) -> Pictures:
        """Rows of a photograph, which comes first, and its versions of the same size."""
        images = displayed(images)
        scene = Scene("", images[:1], images[:1])
        likeness = torch.full((len(images), 2), torch.nan)
        if cut % LIKENESS_EVERY == 0:
            likeness = torch.stack([self.fsim.score(images, scene), 1 - self.gmsd.score(images, scene)], 1)
        beside = differences_of(images, images[:1])
        one = self.plain(images, cut, photograph)
        return replace(
            one,
            beside=beside,
            likeness=likeness,
            categories=_column(recipes, "group"),
            severities=_column(recipes, "severity"),
            types=_column(recipes, "type"),
        )

    def plain(self, images: Images, cut: int, photograph: int) -> Pictures:
        """Rows of pictures of which nothing is known."""
        images = displayed(images)
        count = len(images)
        nothing = torch.full((count, 2), -1)
        same = torch.zeros(count, dtype=torch.long)
        unknown = torch.full((count,), torch.nan)
        return Pictures(
            seen_of(images), torch.zeros(count, differences_of(images[:1], images[:1]).shape[1]),
            nothing, nothing + 1, nothing, torch.full((count, 2), torch.nan), unknown, unknown + 0,
            same + cut, same + photograph,
        )  # fmt: skip


def _column(recipes: Sequence[Recipe], what: str) -> Int[Tensor, "pictures 2"]:
    values = torch.full((len(recipes), 2), 0 if what == "severity" else -1)
    for row, recipe in enumerate(recipes):
        for place, step in enumerate(recipe.steps):
            values[row, place] = {
                "group": CATEGORIES.index(step.preset.group),
                "severity": step.severity,
                "type": TYPE_NAMES.index(step.preset.name),
            }[what]
    return values


def draw_part(
    photograph: Photograph, random: np.random.Generator, smallest: int = SMALLEST, native: bool = False
) -> Images:
    """A part of a photograph, of a drawn size and scale, [1, 3, height, width]; `native`: of its largest scale."""
    full = photograph.pixels
    largest = [min(LARGEST, int(side * photograph.largest_scale)) for side in full.shape[:2]]
    sides = np.exp(random.uniform(np.log(smallest), np.log(min(largest))) + random.uniform(-0.3, 0.3, 2))
    height, width = (int(np.clip(side, smallest, most)) for side, most in zip(sides, largest, strict=True))
    low = max(height / full.shape[0], width / full.shape[1])
    most = max(low, photograph.largest_scale)
    scale = most if native else float(np.exp(random.uniform(np.log(low), np.log(most))))
    size = (max(width, round(full.shape[1] * scale)), max(height, round(full.shape[0] * scale)))
    small = cv2.resize(full.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    top = int(random.integers(size[1] - height + 1))
    left = int(random.integers(size[0] - width + 1))
    part = small[top : top + height, left : left + width]
    part = part[:, ::-1] if random.random() < 0.5 else part
    return torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1))).div_(255).clamp_(0, 1).unsqueeze(0)


def stored(image: Images, random: np.random.Generator) -> Images:
    """A picture as people have it: mostly as it is, now and then with a little noise or a good JPEG's losses.

    So that what a file of 8 bits tells is used where it is there, and not relied on.
    """
    kind = random.random()
    if kind < 0.1:
        amount = random.uniform(0.3, 1.0) / 255
        return (image + torch.from_numpy(random.normal(0, amount, image.shape)).float()).clamp(0, 1)
    if kind < 0.2:
        pixels = image[0].permute(1, 2, 0).mul(255).round().byte().numpy()
        quality = int(random.integers(88, 98))
        _, coded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert decoded is not None  # what was just encoded
        return to_images(np.asarray(decoded, np.uint8)[..., ::-1], "")
    return image


def spoilt_rows(
    photographs: Sequence[Photograph], measuring: Measuring, cuts: int, seed: int, native: bool = False
) -> Iterator[Pictures]:
    """Parts of pristine photographs, each with `VERSIONS` versions by one or two distortions.

    `native`: large parts, as they are, of those photographs alone that are pristine at their full size.
    """
    random = np.random.default_rng([seed, 7])
    least = 1.0 if native else 0.0
    pristine = [index for index, one in enumerate(photographs) if one.pristine and one.largest_scale >= least]
    for number in range(cuts):
        index = int(random.choice(pristine))
        original = draw_part(photographs[index], random, NATIVE_SMALLEST if native else SMALLEST, native)
        if random.random() < 0.75:
            original = displayed(original)
        kinds = ["single", "multi"] * (VERSIONS // 2)
        recipes = [Recipe(), *(draw_recipe(random, kind, True, 0.0) for kind in kinds)]
        seeds = random.integers(2**62, size=len(recipes))
        spoilt = [spoil(original, one, int(s)) for one, s in zip(recipes, seeds, strict=True)]
        images = torch.cat([stored(one, random) for one in spoilt])
        yield measuring.versions(images, recipes, number, index)


def rated_rows(photographs: Sequence[Photograph], measuring: Measuring) -> Iterator[Pictures]:
    """Photographs with opinions, whole."""
    for index, one in enumerate(photographs):
        if one.opinion is not None:
            rows = measuring.plain(to_images(one.pixels, one.name), index, index)
            rows.opinion.fill_(one.opinion)
            yield rows


def resized_rows(
    photographs: Sequence[Photograph], measuring: Measuring, cuts: int, seed: int
) -> Iterator[Pictures]:
    """Parts of pristine photographs, each with smaller copies and one whose sides were swapped."""
    random = np.random.default_rng([seed, 8])
    pristine = [index for index, one in enumerate(photographs) if one.pristine]
    for number in range(cuts):
        index = int(random.choice(pristine))
        original = draw_part(photographs[index], random, 192)
        height, width = original.shape[-2:]
        scales = [1.0, *random.uniform(*SCALES, 3).tolist()]
        sizes = [(round(height * scale), round(width * scale)) for scale in scales]
        if max(height, width) >= 1.2 * min(height, width):
            sizes.append((width, height))
            scales.append(0.0)
        for scale, size in zip(scales, sizes, strict=True):
            rows = measuring.plain(stored(resized(original, size), random), number, index)
            rows.scale.fill_(scale)
            yield rows


def resized(image: Images, size: tuple[int, int]) -> Float[Tensor, "batch 3 new_height new_width"]:
    """Bilinear, as the paper's copies were made, without a filter against aliases."""
    if tuple(image.shape[-2:]) == size:
        return image
    return functional.interpolate(image, size, mode="bilinear", align_corners=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one table."""
    parser = argparse.ArgumentParser(description="Turn pictures into rows for training the compact DepictQA.")
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--kind", choices=["spoilt", "native", "rated", "resized"], default="spoilt")
    parser.add_argument("--cuts", type=int, default=600, help="parts of photographs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    train, _, _ = read_photographs(options.data)
    measuring = Measuring()
    if options.kind == "rated":
        rows = rated_rows(train, measuring)
    elif options.kind in ("spoilt", "native"):
        rows = spoilt_rows(train, measuring, options.cuts, options.seed, options.kind == "native")
    else:
        rows = resized_rows(train, measuring, options.cuts, options.seed)
    tables, saved = [], time.monotonic()
    with torch.no_grad():
        for table in rows:
            tables.append(table)
            if time.monotonic() - saved > 60:
                # What is there already can be trained on.
                write_pictures(options.out, one := below_each_other(tables))
                print(f"{len(one)} pictures", flush=True)
                saved = time.monotonic()
    write_pictures(options.out, below_each_other(tables))


if __name__ == "__main__":
    main()
