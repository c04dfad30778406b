"""One sample of a data set: its pictures, and its records in the layout of the paper's published files.

A sample depends on the plan, its task and its number alone, so that any process can make it at any time.

The four tasks and their `task_type`: identification with a reference (`quality_single_A`) and without
(`quality_single_A_noref`), rating with one (`quality_compare`) and without (`quality_compare_noref`). Training records
hold a conversation, validation records a `query` and its `answer`. Layout: You et al. 2024, DepictQA-Wild, published
code.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.depictqa_recipes import (
    Recipe,
    categories_of,
    draw_recipe,
    noticed_without_reference,
    recipe_rows,
    severities_of,
    spoil,
)
from isptune.errors import DatasetError, DiskError, SceneError
from isptune.interfaces import Objective
from isptune.scenes.images import read_fitting, read_image, to_uint8, write_image
from isptune.system.disk import folder_in
from objectives.training.dataset.features import features_of
from objectives.training.dataset.pairs import draw_pair, opinions, order_by_severity, settled
from objectives.training.dataset.plan import SMALLEST_SIDE_PX, TASKS, Plan, cannot_go_on
from objectives.training.dataset.wording import Exchange, ask_better, ask_distortions

KIND_OF_NUMBER = ("single", "multi")
"""Even samples have one distortion, odd ones two."""

SHORT_KIND = {"single": "sd", "multi": "md"}

MOST_DRAWS = 500
"""So many pairs are drawn for a sample at most before it is given up."""

PICTURES_A_FOLDER = 1000


def photograph_of(plan: Plan, task: str, number: int) -> int:
    """Which photograph a sample is of, by its place in the plan."""
    return int(_stream(plan, task, number).integers(len(plan.photographs)))


def make_reference(plan: Plan, photos: Path, folder: Path, number: int) -> tuple[str, ...]:
    """Write a photograph into the data set, shrunk as the plan says; never enlarged.

    Returns:
        Lines on what was done to it: colours converted, turned upright, cut to its middle.

    Raises:
        SceneError: it cannot be read, or is too small.
        DatasetError: the disk refuses it.
    """
    photograph = plan.photographs[number]
    found = read_fitting(photos / photograph.name)
    image = found.image
    height, width = image.shape[-2:]
    if min(height, width) < SMALLEST_SIDE_PX:
        raise SceneError(
            f"{photos / photograph.name}: {width}x{height} is smaller than {SMALLEST_SIDE_PX} pixels a side; "
            "take it out of the folder"
        )
    _write(folder / photograph.reference(number), _shrunk(image, plan.side))
    return found.told


def make_sample(
    plan: Plan, folder: Path, task: str, number: int, raters: Mapping[str, Objective]
) -> dict[str, Any]:
    """Make one sample, and write its pictures.

    Returns:
        `part`, `kind` (sd or md), `recipes` (types and severities of each picture), `features` of each picture, and
        `records` by list: refA, A, refAB or AB; lists without a reference leave out what nobody notices then.

    Raises:
        DatasetError: the disk refuses a picture, or no pair can be rated.
    """
    rng = _stream(plan, task, number)
    place = int(rng.integers(len(plan.photographs)))
    photograph = plan.photographs[place]
    reference = photograph.reference(place)
    kind, training = KIND_OF_NUMBER[number % 2], photograph.part == "train"
    image = read_image(folder / reference)
    stem = f"pictures/{task}/{number // PICTURES_A_FOLDER:04d}/{number:07d}"
    better: bool | None = None
    if task == "identification":
        recipes = [draw_recipe(rng, kind)]
        pictures = [spoil(image, recipes[0], _seed(rng))]
        names = [f"{stem}.png"]
    else:
        recipes, pictures, better = _rated_pair(rng, kind, image, raters, f"{task} sample {number}")
        names = [f"{stem}_A.png", f"{stem}_B.png"]
    for name, picture in zip(names, pictures, strict=True):
        _write(folder / name, picture)
    record = {
        "id": f"{task}_{number:07d}",
        "image_A": names[0],
        "image_B": names[1] if len(names) > 1 else None,
    }
    if better is None:
        records = _identification(
            rng, record | _spoilt_by(recipes[0], kind), recipes[0], kind, reference, training
        )
    else:
        records = _rating(rng, record, recipes, better, reference, training)
    features = [features_of(to_uint8(picture)[0]) for picture in pictures]
    return {
        "part": photograph.part,
        "kind": SHORT_KIND[kind],
        "recipes": [recipe_rows(recipe) for recipe in recipes],
        "features": features,
        "records": records,
    }


def _rated_pair(
    rng: np.random.Generator, kind: str, image: Images, raters: Mapping[str, Objective], what: str
) -> tuple[list[Recipe], list[Images], bool]:
    for _ in range(MOST_DRAWS):
        first, second = draw_pair(rng, kind)
        seeds = _seed(rng), _seed(rng)
        order = order_by_severity(first, second)
        if order == 0:
            continue
        pictures = [spoil(image, recipe, seed) for recipe, seed in zip((first, second), seeds, strict=True)]
        better = settled(order, opinions(raters, image, *pictures))
        if better is not None:
            return [first, second], pictures, better
    raise DatasetError(
        f"{what}: of {MOST_DRAWS} pairs there is none on which severities and {', '.join(raters)} agree; "
        "give other --raters, or look whether its photograph shows anything"
    )


def _identification(
    rng: np.random.Generator,
    record: dict[str, Any],
    recipe: Recipe,
    kind: str,
    reference: str,
    training: bool,
) -> dict[str, dict[str, Any]]:
    count = 1 if kind == "single" else 2
    with_it = ask_distortions(rng, recipe, count, True, training)
    without = ask_distortions(rng, recipe, count, False, training)
    records = {"refA": _asked(record, reference, "quality_single_A", with_it, training)}
    if noticed_without_reference(recipe):
        records["A"] = _asked(record, None, "quality_single_A_noref", without, training)
    return records


def _rating(
    rng: np.random.Generator,
    record: dict[str, Any],
    recipes: list[Recipe],
    better: bool,
    reference: str,
    training: bool,
) -> dict[str, dict[str, Any]]:
    exchange = ask_better(rng, better, training)
    record = record | {
        "A_better_B": better,
        "distortions_A": _spoilt_by(recipes[0], "multi"),
        "distortions_B": _spoilt_by(recipes[1], "multi"),
    }
    records = {"refAB": _asked(record, reference, "quality_compare", exchange, training)}
    if all(map(noticed_without_reference, recipes)):
        records["AB"] = _asked(record, None, "quality_compare_noref", exchange, training)
    return records


def _spoilt_by(recipe: Recipe, kind: str) -> dict[str, Any]:
    """What was done, as the published files say it: one of each, or lists; nothing at severity 0 for pristine."""
    names = [step.preset.name for step in recipe.steps]
    classes, severities = list(categories_of(recipe)), list(severities_of(recipe))
    if kind == "multi":
        return {"distortion_classes": classes, "distortion_names": names, "severities": severities}
    return {
        "distortion_class": classes[0] if classes else None,
        "distortion_name": names[0] if names else None,
        "severity": severities[0] if severities else 0,
    }


def _asked(
    record: dict[str, Any], reference: str | None, task_type: str, exchange: Exchange, training: bool
) -> dict[str, Any]:
    asked: dict[str, Any] = {"query": exchange.question, "answer": exchange.answer}
    if training:
        said = (("human", exchange.question), ("gpt", exchange.answer))
        asked = {"conversations": [{"from": who, "value": what} for who, what in said]}
    return {**record, "image_ref": reference, "task_type": task_type, **asked}


def _stream(plan: Plan, task: str, number: int) -> np.random.Generator:
    return np.random.default_rng([plan.seed, TASKS.index(task), number])


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**62))


def _shrunk(image: Images, side: int) -> Tensor:
    height, width = image.shape[-2:]
    if not side or min(height, width) <= side:
        return image
    scale = side / min(height, width)
    size = (round(height * scale), round(width * scale))
    return torch.nn.functional.interpolate(image, size, mode="bicubic", antialias=True).clamp(0, 1)


def _write(path: Path, picture: Images) -> None:
    try:
        folder_in(path.parent.parent, path.parent.name)
        write_image(path, picture)
    except DiskError as error:
        raise cannot_go_on(error) from error
