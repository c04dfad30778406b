"""Tables of pictures that nothing was trained on, which the other experiments of this folder read.

    python -m experiments.depictqa.kept_out --data DIR --out FOLDER [--only NAME ...]

DIR is described in `objectives.training.pictures.photographs`. FOLDER gets one file for each of `TABLES`:

| table | photographs | versions of each |
|---|---|---|
| kept_out | the 18 of `KEPT_OUT`, whole, 512 pixels high | 8 by one distortion, 8 by two |
| small | the same, 224 pixels high, as the paper's | 20 and 20 |
| validation | 156 good ones of BIQ2021's validation part, 224 pixels high | 2 and 2 |
| out_of_distribution | the 18, 224 pixels high | 20 and 20, by the types that Table S2 keeps for validation alone |
| resized | the 18 and 62 of the 156, cut to 4:3 where they are nearer to a square | seven copies, see `copies_of` |
| fixed | the same | the same, all of 224x224 pixels: the resolution is not retained |
| opinions | the 350 of BIQ2021's validation part | none |

Recipes are drawn by the paper's rule (`isptune.distortions.depictqa_recipes`), 5 % of them pristine; seed 2026.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from isptune.arrays import Images
from isptune.distortions.depictqa_recipes import OUT_OF_DISTRIBUTION, Recipe, draw_recipe, spoil
from isptune.scenes.images import to_images
from objectives.training.depictqa.pictures import (
    Measuring,
    Pictures,
    rated_rows,
    resized,
    write_pictures,
)
from objectives.training.pictures.photographs import Photograph, read_photographs
from objectives.training.pictures.tables import below_each_other

TABLES = ("kept_out", "resized", "fixed", "opinions", "validation", "out_of_distribution", "small")
SEED = 2026
SCALES = (0.5, 0.75, 0.8, 0.85, 0.9, 0.95)
FIXED = 224


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description="Tables of pictures that nothing was trained on.")
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--only", nargs="*", choices=TABLES, default=TABLES, help="tables to write")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    _, validation, kept_out = read_photographs(options.data)
    good = [one for one in validation if one.pristine]
    measuring = Measuring()
    with torch.no_grad():
        for name in options.only:
            rows = _rows(name, kept_out, good, validation, measuring)
            write_pictures(options.out / f"{name}.safetensors", below_each_other(list(rows)))
            print(name, flush=True)


def _rows(
    name: str,
    kept_out: Sequence[Photograph],
    good: Sequence[Photograph],
    validation: Sequence[Photograph],
    measuring: Measuring,
) -> Iterator[Pictures]:
    if name == "kept_out":
        return versions([whole(one) for one in kept_out], measuring, 8)
    if name == "small":
        return versions([whole(one, FIXED) for one in kept_out], measuring, 20)
    if name == "validation":
        return versions([whole(one, FIXED) for one in good], measuring, 2)
    if name == "out_of_distribution":
        return versions([whole(one, FIXED) for one in kept_out], measuring, 20, True)
    if name == "opinions":
        return rated_rows(validation, measuring)
    return copies([cut(whole(one)) for one in (*kept_out, *good[:62])], measuring, name == "fixed")


def whole(photograph: Photograph, side: int | None = None) -> Images:
    """A photograph, made smaller to this shorter side."""
    pixels = photograph.pixels
    if side is not None and min(pixels.shape[:2]) > side:
        scale = side / min(pixels.shape[:2])
        size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return to_images(np.asarray(pixels, np.uint8), photograph.name)


def cut(image: Images) -> Images:
    """The middle of 4:3 of a picture that is nearer to a square."""
    height, width = image.shape[-2:]
    if max(height, width) >= 4 / 3 * min(height, width):
        return image
    kept = round(width * 3 / 4)
    top = (height - kept) // 2
    return image[..., top : top + kept, :]


def versions(
    originals: Sequence[Images], measuring: Measuring, each: int, unseen: bool = False
) -> Iterator[Pictures]:
    """Each photograph as it is, then as many versions by one distortion and by two."""
    random = np.random.default_rng(SEED)
    types = OUT_OF_DISTRIBUTION if unseen else None
    for number, original in enumerate(originals):
        kinds = ["single"] * each + ["multi"] * each
        recipes = [Recipe(), *(draw_recipe(random, kind, True, types=types) for kind in kinds)]
        images = [spoil(original, one, int(random.integers(2**62))) for one in recipes]
        yield measuring.versions(torch.cat(images), recipes, 2 * number + 1, number)


def copies(originals: Sequence[Images], measuring: Measuring, fixed: bool) -> Iterator[Pictures]:
    """Each photograph as it is, then its copies, each of its own size or all of one."""
    for number, original in enumerate(originals):
        for scale, image in copies_of(original):
            seen = resized(image, (FIXED, FIXED)) if fixed else image
            rows = measuring.plain(seen, number, number)
            rows.scale.fill_(scale)
            yield rows


def copies_of(image: Images) -> list[tuple[float, Images]]:
    """A picture, bilinear copies at the six scales, and one with its sides swapped, which has the scale 0."""
    height, width = image.shape[-2:]
    sizes = [(scale, (round(height * scale), round(width * scale))) for scale in SCALES]
    made = [(scale, resized(image, size)) for scale, size in (*sizes, (0.0, (width, height)))]
    return [(1.0, image), *made]


if __name__ == "__main__":
    main()
