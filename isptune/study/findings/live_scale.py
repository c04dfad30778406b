"""The scale so far, for the owner's page: quick, and with intervals as soon as there are a few observers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from isptune.study.plan.folder import Study
from isptune.study.scale.intervals import bootstrap, limits, observer_weights
from isptune.study.scale.scale import centred, fit
from isptune.study.votes.comparisons import Comparisons, comparisons
from isptune.study.votes.votes import VoteRecord

RESAMPLES = 50
"""Few, since the page asks again and again; `isptune study fit` takes many more."""

FEWEST_OBSERVERS = 3
"""An interval over observers says nothing with fewer."""


def live_scale(study: Study, votes: Sequence[VoteRecord]) -> dict[str, Any]:
    """Thurstone scales, scene by scene, in JOD, with 95 % intervals by a bootstrap over observers.

    Returns:
        `note`, a sentence about the whole, and `scenes`: name, unit, and for each picture that was voted on its name,
        value, low and high (None without an interval). Training, repeats and anchors do not count here.
    """
    conditions = {scene: [s.condition for s in study.of_scene(scene)] for scene in study.scenes}
    tables = comparisons(votes, conditions)
    scenes = [scale for table in tables.values() for scale in _scales(table)]
    return {"note": _note(list(tables.values())), "scenes": scenes}


def _scales(table: Comparisons) -> list[dict[str, Any]]:
    """One for each group of pictures that votes connect: between groups there is no order."""
    groups, scaled = table.groups(), _scaled(table)
    names = (
        [table.scene] if len(groups) == 1 else [f"{table.scene}, group {n + 1}" for n in range(len(groups))]
    )
    return [
        {"scene": name, "unit": "JOD", "conditions": [scaled[k] for k in sorted(members)]}
        for name, members in zip(names, groups, strict=True)
    ]


def _scaled(table: Comparisons) -> list[dict[str, Any]]:
    groups = table.groups()
    scale = fit(table, reduce_bias=True)
    scores = centred(scale.scores, groups)
    people = len(table.observers)
    low = high = np.full(table.images, np.nan)
    if people >= FEWEST_OBSERVERS:
        drawn = centred(bootstrap(table, scale, observer_weights(people, RESAMPLES, seed=0)), groups)
        low, high = limits(scores, drawn, people)
    return [
        {
            "name": table.conditions[k],
            "value": float(scores[k]),
            "low": _known(low[k]),
            "high": _known(high[k]),
        }
        for k in range(table.images)
    ]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _note(tables: Sequence[Comparisons]) -> str:
    if not tables:
        return "It appears with the first votes that count."
    apart = [table.scene for table in tables if len(table.groups()) > 1 or not table.counts.all()]
    if apart:
        return (
            f"Not all pictures of {', '.join(apart)} are connected by votes yet, so their distances are not known. "
            "Of two pictures 1 JOD apart, 75 % of the answers prefer the better one."
        )
    if max(len(table.observers) for table in tables) < FEWEST_OBSERVERS:
        return (
            "Of two pictures 1 JOD apart, 75 % of the answers prefer the better one. "
            f"Intervals come with {FEWEST_OBSERVERS} observers."
        )
    return (
        "Of two pictures 1 JOD apart, 75 % of the answers prefer the better one. Lines are 95 % intervals over "
        "observers, roughly; 'isptune study fit' gives the final ones."
    )
