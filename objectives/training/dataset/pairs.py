"""Two spoilt pictures of one photograph, and which of them is better.

Where people have scored pictures, the paper asks them (instant rating: pictures of BAPPS, KADID-10k and PIPAL, the
one with the higher mean opinion is better), and for pairs that it spoils itself (comparison reasoning) it asks a
network that was trained on these. A folder of photographs has no opinions, and no such network is given. So a pair is
kept only where two independent opinions agree, and is drawn anew elsewhere:

* the severities: what one picture suffered is contained in what the other suffered (pristine against spoilt, the
  same types at lower severities, one distortion against the same one and another), or its severities sum up to less
  by `MARGIN` or more;
* full-reference objectives: none of them contradicts, and at least one has an opinion.

Source of how pairs are drawn: You et al. 2024, DepictQA-Wild, section III-C, and its published code.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from isptune.arrays import Images
from isptune.distortions.depictqa_recipes import (
    Recipe,
    Step,
    categories_of,
    draw_recipe,
    noticed_without_reference,
    severities_of,
)
from isptune.distortions.presets import SEVERITIES
from isptune.distortions.recipes import DEPICTQA_PAIR_SEVERITIES
from isptune.errors import ConfigError
from isptune.interfaces import Objective
from isptune.scenes.scene import Scene

MARGIN = 2
"""By how much the sums of severities differ where different types can be ordered by them. Ours."""

RELATED_SHARE = 0.25
"""How often the second picture has the first one's types at severities of its own: independent draws nearly never
do, while human-scored sets have many such pairs. Ours."""

SATURATED = {"saturate_strengthen_HSV": 2}
"""Types of which no higher severity looks worse than this one: all saturations are at their limit by then."""

TIE = 1e-6
"""Scores that differ by less, relative to the larger, are no opinion: an objective of luma sees no change of colour."""


def draw_pair(
    rng: np.random.Generator, kind: str = "single", reference: bool = True
) -> tuple[Recipe, Recipe]:
    """Draw what is done to one photograph for the two pictures of a pair.

    Args:
        rng: of all that is drawn.
        kind: `single`: at most one distortion each; `multi`: at least one of the two pictures has two.
        reference: as for `draw_recipe`.

    Returns:
        Two recipes that differ in their categories or severities, in no particular order.

    Raises:
        ConfigError: another kind.
    """
    if kind not in ("single", "multi"):
        raise ConfigError(f"kind = {kind!r}: pairs are single or multi")
    each = "single" if kind == "single" else "mixed"
    while True:
        first = draw_recipe(rng, each, reference)
        if first.steps and rng.random() < RELATED_SHARE:
            second = _with_other_severities(rng, first)
        else:
            second = draw_recipe(rng, each, reference)
        if kind == "multi" and max(len(first.steps), len(second.steps)) < 2:
            continue
        if not reference and not (noticed_without_reference(first) and noticed_without_reference(second)):
            continue
        if (categories_of(first), severities_of(first)) != (categories_of(second), severities_of(second)):
            return first, second


def order_by_severity(first: Recipe, second: Recipe) -> int:
    """1 where the severities say that the first is better, -1 where the second is, 0 where they do not tell."""
    less, more = _contained(first, second), _contained(second, first)
    if less or more:
        return 0 if less and more else 1 if less else -1
    gap = sum(map(_strength, second.steps)) - sum(map(_strength, first.steps))
    return 0 if abs(gap) < MARGIN else 1 if gap > 0 else -1


def opinions(raters: Mapping[str, Objective], reference: Images, first: Images, second: Images) -> list[int]:
    """What each objective says of two pictures: 1 for the first, -1 for the second, 0 for a tie or a NaN.

    Args:
        raters: by name.
        reference, first, second: [1, 3, H, W], in [0, 1].
    """
    scene = Scene("pair", reference, reference)
    return [_opinion(rater, scene, first, second) for rater in raters.values()]


def settled(severity_order: int, opinions: Sequence[int]) -> bool | None:
    """Whether the first is better where severities and objectives agree, None where they do not."""
    if severity_order == 0 or -severity_order in opinions or severity_order not in opinions:
        return None
    return severity_order > 0


def _opinion(rater: Objective, scene: Scene, first: Images, second: Images) -> int:
    one, other = (float(rater.score(images, scene)) for images in (first, second))
    if not abs(one - other) > TIE * max(abs(one), abs(other)):  # also where one is NaN
        return 0
    return 1 if (one > other) == (rater.facts.direction == "maximize") else -1


def _with_other_severities(rng: np.random.Generator, recipe: Recipe) -> Recipe:
    choices = SEVERITIES if len(recipe.steps) == 1 else DEPICTQA_PAIR_SEVERITIES
    return Recipe(tuple(Step(s.preset, choices[int(rng.integers(len(choices)))]) for s in recipe.steps))


def _contained(small: Recipe, large: Recipe) -> bool:
    """Whether all that `small` suffered, `large` suffered too, in the same order and at least as much."""
    steps = iter(large.steps)
    return all(any(s.preset == o.preset and _strength(s) <= _strength(o) for o in steps) for s in small.steps)


def _strength(step: Step) -> int:
    return min(step.severity, SATURATED.get(step.preset.name, step.severity))
