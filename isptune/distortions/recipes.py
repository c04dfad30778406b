"""Random compositions of distortions, as ARNIQA and DepictQA make their training images.

A sampler draws a `Recipe`: which types, in which order, at which severities; `apply_recipes` cooks a batch, each
image by its own. The two are apart so that recipes can be stored, counted and shared.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch

from isptune.arrays import Images
from isptune.distortions.draws import streams
from isptune.distortions.presets import SEVERITIES, Preset, preset, presets_of
from isptune.errors import ConfigError

ARNIQA_LEVEL_SIGMA = 2.5
"""Severities 1 to 5 have the weights of a normal density at 0 to 4 (Agnolucci et al. 2024, arXiv:2310.14918, 3.1)."""

ARNIQA_MOST_DISTORTIONS = 4
"""How many at most, in ARNIQA's published configuration."""

PRISTINE_SHARE = 0.05
"""How often an image stays as it is, in both training sets."""

DEPICTQA_PAIR_SEVERITIES = (1, 2, 3)
"""Two distortions at once come at these (DepictQA's code; the paper does not say so)."""

_SECOND = {
    "blur": "brighten compression contrast_strengthen contrast_weaken darken noise quantization "
    "saturate_strengthen saturate_weaken",
    "brighten": "blur compression noise pixelate quantization",
    "compression": "blur brighten contrast_strengthen contrast_weaken darken noise saturate_strengthen "
    "saturate_weaken",
    "contrast_strengthen": "blur compression noise pixelate quantization",
    "contrast_weaken": "blur compression noise pixelate quantization",
    "darken": "blur compression noise pixelate quantization",
    "noise": "blur brighten compression contrast_strengthen contrast_weaken darken oversharpen pixelate "
    "saturate_strengthen saturate_weaken",
    "oversharpen": "brighten",
    "pixelate": "brighten contrast_strengthen contrast_weaken darken noise oversharpen quantization "
    "saturate_strengthen saturate_weaken",
    "quantization": "brighten contrast_strengthen contrast_weaken darken noise oversharpen pixelate "
    "saturate_strengthen saturate_weaken",
    "saturate_strengthen": "blur compression noise oversharpen pixelate quantization",
    "saturate_weaken": "blur compression noise oversharpen pixelate quantization",
}

DEPICTQA_SECOND: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {first: tuple(second.split()) for first, second in _SECOND.items()}
)
"""Which categories may follow a category: 78 ordered pairs, 8 of them in one order only (You et al. 2024,
DepictQA-Wild, arXiv:2405.18842, Table S1)."""

DEPICTQA_SUBTLE = (
    "brighten",
    "darken",
    "contrast_weaken",
    "contrast_strengthen",
    "saturate_weaken",
    "saturate_strengthen",
    "quantization",
    "oversharpen",
)
"""Categories whose severity 1 nobody notices without a reference: left out there (DepictQA's code)."""


@dataclass(frozen=True)
class Step:
    """One distortion of a recipe."""

    preset: Preset
    severity: int


@dataclass(frozen=True)
class Recipe:
    """Distortions in the order in which they are applied; none for a pristine image."""

    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return " + ".join(f"{step.preset.name} {step.severity}" for step in self.steps) or "pristine"


def sample_arniqa(
    generator: np.random.Generator,
    most: int = ARNIQA_MOST_DISTORTIONS,
    pristine_share: float = PRISTINE_SHARE,
) -> Recipe:
    """Draw a recipe from ARNIQA's degradation model.

    The number of distortions is uniform from 1 to `most`, their groups are distinct and in random order, each type
    is uniform within its group, and severities have the weights .293, .270, .213, .143 and .081.

    Args:
        generator: of all that is drawn.
        most: 1 to 7, the number of groups.
        pristine_share: the probability of no distortion.

    Raises:
        ConfigError: `most` or `pristine_share` is out of range.
    """
    groups = _by_group("arniqa")
    if not 1 <= most <= len(groups):
        raise ConfigError(f"most = {most}: ARNIQA composes 1 to {len(groups)} distortions")
    _check_share(pristine_share)
    if generator.random() < pristine_share:
        return Recipe()
    count = int(generator.integers(1, most + 1))
    chosen = generator.permutation(len(groups))[:count]
    names = [_one_of(generator, tuple(groups.values())[index]) for index in chosen]
    severities = generator.choice(SEVERITIES, size=count, p=arniqa_severity_weights())
    return Recipe(tuple(Step(preset("arniqa", n), int(s)) for n, s in zip(names, severities, strict=True)))


def arniqa_severity_weights() -> list[float]:
    """The probabilities of severities 1 to 5 in ARNIQA's degradation model."""
    density = [float(np.exp(-((s - 1) ** 2) / (2 * ARNIQA_LEVEL_SIGMA**2))) for s in SEVERITIES]
    return [value / sum(density) for value in density]


def sample_depictqa(
    generator: np.random.Generator,
    distortions: int = 1,
    with_reference: bool = True,
    pristine_share: float = PRISTINE_SHARE,
    types: Collection[str] | None = None,
) -> Recipe:
    """Draw a recipe as DepictQA-Wild's data were made.

    One distortion: its category is uniform over 12, its type uniform within, its severity uniform from 1 to 5. Two:
    uniform over the 78 ordered pairs of categories that may follow each other, with severities from 1 to 3.

    Args:
        generator: of all that is drawn.
        distortions: 1 or 2.
        with_reference: without one, recipes with severity 1 of a subtle category are drawn anew, so that pristine
            images are somewhat more frequent than `pristine_share`, as in the source.
        pristine_share: the probability of no distortion.
        types: draw only these, and only from categories that have one of them; None for all 35.

    Raises:
        ConfigError: another number of distortions, a share outside [0, 1], or types that leave nothing to draw.
    """
    if distortions not in (1, 2):
        raise ConfigError(f"distortions = {distortions}: DepictQA's images have 1 or 2")
    _check_share(pristine_share)
    kinds = _kinds(types)
    chains = _chains(kinds, distortions)
    severities = SEVERITIES if distortions == 1 else DEPICTQA_PAIR_SEVERITIES
    while True:
        recipe = (
            Recipe() if generator.random() < pristine_share else _draw(generator, chains, kinds, severities)
        )
        if with_reference or all(_noticed_alone(step) for step in recipe.steps):
            return recipe


def apply_recipes(
    images: Images,
    recipes: Sequence[Recipe],
    generator: torch.Generator | Sequence[torch.Generator],
) -> Images:
    """Distort each image of a batch by its own recipe.

    At each position of the recipes, the images with the same type are distorted together. What an image becomes
    does not depend on which others are in the batch.

    Args:
        images: [batch, 3, H, W], in [0, 1].
        recipes: one for each image.
        generator: one, from which a stream for each image is seeded, or one for every image.

    Raises:
        ConfigError: the numbers of images, recipes and generators differ.
    """
    if len(recipes) != len(images):
        raise ConfigError(f"{len(recipes)} recipes for a batch of {len(images)}: give one an image")
    own = _streams(generator, len(images))
    result = images.clone()
    for position in range(max((len(recipe.steps) for recipe in recipes), default=0)):
        for one, rows in _rows_by_preset(recipes, position).items():
            severities = [recipes[row].steps[position].severity for row in rows]
            index = torch.tensor(rows, device=images.device)
            result[index] = one.apply(result[index], severities, generator=[own[row] for row in rows])
    return result


def _by_group(set: str) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for one in presets_of(set).values():
        if one.part == "main":
            groups.setdefault(one.group, []).append(one.name)
    return groups


def _one_of(generator: np.random.Generator, names: Sequence[str]) -> str:
    return names[int(generator.integers(len(names)))]


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigError(f"pristine_share = {share} is no probability")


def _kinds(types: Collection[str] | None) -> dict[str, list[str]]:
    """DepictQA's types by category, in its order; of the given types only."""
    groups = _by_group("depictqa")
    if types is None:
        return groups
    unknown = set(types) - {name for names in groups.values() for name in names}
    if unknown:
        raise ConfigError(f"types: {', '.join(sorted(unknown))}: none of DepictQA's 35 types")
    return {group: [name for name in names if name in types] for group, names in groups.items()}


def _chains(kinds: Mapping[str, Sequence[str]], distortions: int) -> list[tuple[str, ...]]:
    """The categories, or the ordered pairs of them, that can be drawn."""
    if distortions == 1:
        chains: list[tuple[str, ...]] = [(category,) for category in DEPICTQA_SECOND]
    else:
        chains = [(first, second) for first, seconds in DEPICTQA_SECOND.items() for second in seconds]
    possible = [chain for chain in chains if all(kinds[category] for category in chain)]
    if not possible:
        raise ConfigError(f"types: no {'pair of ' if distortions == 2 else ''}categories can be made of them")
    return possible


def _draw(
    generator: np.random.Generator,
    chains: Sequence[tuple[str, ...]],
    kinds: Mapping[str, Sequence[str]],
    severities: tuple[int, ...],
) -> Recipe:
    chain = chains[int(generator.integers(len(chains)))]
    return Recipe(tuple(_depictqa_step(generator, kinds[category], severities) for category in chain))


def _depictqa_step(generator: np.random.Generator, names: Sequence[str], severities: tuple[int, ...]) -> Step:
    name = _one_of(generator, names)
    return Step(preset("depictqa", name), severities[int(generator.integers(len(severities)))])


def _noticed_alone(step: Step) -> bool:
    return step.severity > 1 or step.preset.group not in DEPICTQA_SUBTLE


def _streams(generator: torch.Generator | Sequence[torch.Generator], batch: int) -> Sequence[torch.Generator]:
    if isinstance(generator, torch.Generator):
        return streams(generator, batch)
    if len(generator) != batch:
        raise ConfigError(f"{len(generator)} generators for a batch of {batch}: give one, or one an image")
    return generator


def _rows_by_preset(recipes: Sequence[Recipe], position: int) -> dict[Preset, list[int]]:
    rows: dict[Preset, list[int]] = {}
    for row, recipe in enumerate(recipes):
        if position < len(recipe.steps):
            rows.setdefault(recipe.steps[position].preset, []).append(row)
    return rows
