"""What is done to a photograph, drawn as DepictQA-Wild draws it, and what such a picture is called.

A `Recipe` is a tuple of steps, each a type (`step.preset.name`, one of 35) of a category (`step.preset.group`, one of
12) at a severity from 1 to 5; none for a pristine photograph. The catalogue has the types and their levels
(`isptune list distortions --set depictqa`). Source: You et al. 2024, DepictQA-Wild, arXiv:2405.18842 (tables I, S1
and S2, appendix A), and its published code, where the two differ.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np
import torch

from isptune.arrays import Images
from isptune.distortions import preset, presets_of
from isptune.distortions.recipes import (
    DEPICTQA_SECOND,
    DEPICTQA_SUBTLE,
    PRISTINE_SHARE,
    Recipe,
    Step,
    apply_recipes,
    sample_depictqa,
)
from isptune.errors import ConfigError

__all__ = [
    "ANSWERS",
    "CATEGORIES",
    "KINDS",
    "OUT_OF_DISTRIBUTION",
    "SEVERITY_WORDS",
    "TYPES",
    "Recipe",
    "Step",
    "allowed_pairs",
    "answer_of",
    "categories_of",
    "draw_recipe",
    "noticed_without_reference",
    "parse_recipe",
    "recipe_rows",
    "severities_of",
    "spoil",
]

KINDS = ("single", "multi", "mixed")
"""One distortion; two of them in an allowed order; one or the other with equal chances."""

CATEGORIES: tuple[str, ...] = tuple(DEPICTQA_SECOND)
"""The 12 super-categories, in the order of Table S1."""

TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        category: tuple(
            one.name
            for one in presets_of("depictqa").values()
            if one.group == category and one.part == "main"
        )
        for category in CATEGORIES
    }
)
"""The 35 types by category."""

SEVERITY_WORDS = ("slight", "moderate", "obvious", "serious", "catastrophic")
"""Severities 1 to 5 in the paper's words."""

ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "blur": "blur",
        "brighten": "overly high brightness",
        "compression": "compression",
        "contrast_strengthen": "overly high contrast",
        "contrast_weaken": "insufficient contrast",
        "darken": "insufficient brightness",
        "noise": "noise",
        "oversharpen": "oversharpening",
        "pixelate": "pixelation",
        "quantization": "color quantization",
        "saturate_strengthen": "overly high saturation",
        "saturate_weaken": "insufficient saturation",
    }
)
"""What the published model calls each category: answers are compared with these words."""

OUT_OF_DISTRIBUTION: frozenset[str] = frozenset(
    {
        "blur_gaussian",
        "blur_jitter",
        "noise_gaussian_RGB",
        "noise_impulse",
        "compression_jpeg_2000",
        "brightness_brighten_gamma_RGB",
        "brightness_darken_gamma_RGB",
        "contrast_strengthen_stretch",
        "contrast_weaken_stretch",
        "saturate_strengthen_YCrCb",
        "saturate_weaken_YCrCb",
        "quantization_hist",
    }
)
"""The types that Table S2 keeps for validation. It trains on the others of their categories, and says nothing of
over-sharpening and pixelation, which have one type each."""


def allowed_pairs() -> list[tuple[str, str]]:
    """The 78 ordered pairs of categories that may follow each other (Table S1)."""
    return [(first, second) for first, seconds in DEPICTQA_SECOND.items() for second in seconds]


def draw_recipe(
    rng: np.random.Generator,
    kind: str = "single",
    reference: bool = True,
    pristine_share: float = PRISTINE_SHARE,
    types: Collection[str] | None = None,
) -> Recipe:
    """Draw what is done to one photograph.

    One distortion: its category is uniform over 12, its type uniform within, its severity uniform from 1 to 5. Two:
    uniform over the 78 ordered pairs, severities uniform from 1 to 3.

    Args:
        rng: of all that is drawn.
        kind: one of `KINDS`.
        reference: whether the reference will be shown; without it, severity 1 of the eight categories that nobody
            notices then is never drawn.
        pristine_share: how often the photograph stays as it is.
        types: only these, such as `OUT_OF_DISTRIBUTION`; None for all 35.

    Raises:
        ConfigError: another kind, a share outside [0, 1], or types that leave nothing to draw.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind = {kind!r} is none of {', '.join(KINDS)}")
    if kind == "mixed":
        kind = "multi" if rng.random() < 0.5 else "single"
    return sample_depictqa(rng, 2 if kind == "multi" else 1, reference, pristine_share, types)


def spoil(image: Images, recipe: Recipe, seed: int) -> Images:
    """Do to one photograph what a recipe says.

    Args:
        image: [1, 3, H, W], in [0, 1]; left as it is.
        recipe: pristine gives an equal copy.
        seed: of what is random in it, below 2^63: the same seed gives the same picture.

    Returns:
        [1, 3, H, W], on the grid of 255ths (rounded downwards, as in the source) unless pristine.
    """
    return apply_recipes(image, [recipe], [torch.Generator().manual_seed(seed)])


def categories_of(recipe: Recipe) -> tuple[str, ...]:
    """The categories in the order in which they were applied."""
    return tuple(step.preset.group for step in recipe.steps)


def severities_of(recipe: Recipe) -> tuple[int, ...]:
    """The severities, in the same order."""
    return tuple(step.severity for step in recipe.steps)


def answer_of(recipe: Recipe) -> str:
    """The short answer in the published model's words: `Noise`, `Blur and insufficient contrast`, `None`."""
    text = " and ".join(ANSWERS[category] for category in categories_of(recipe)) or "none"
    return text[0].upper() + text[1:]


def noticed_without_reference(recipe: Recipe) -> bool:
    """Whether no step is a slight one of a category that needs a reference to be noticed."""
    return all(step.severity > 1 or step.preset.group not in DEPICTQA_SUBTLE for step in recipe.steps)


def recipe_rows(recipe: Recipe) -> list[tuple[str, int]]:
    """A recipe as plain data: type and severity of each step."""
    return [(step.preset.name, step.severity) for step in recipe.steps]


def parse_recipe(rows: list[tuple[str, int]]) -> Recipe:
    """The inverse of `recipe_rows`. Raises UnknownName for a type that DepictQA-Wild does not have."""
    return Recipe(tuple(Step(preset("depictqa", name), severity) for name, severity in rows))
