"""The scale so far, for the owner's page: quick, and with intervals as soon as there are a few observers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from isptune.study.comparisons import Comparisons, comparisons
from isptune.study.folder import Study
from isptune.study.scale import Scale, count, fit
from isptune.study.votes import VoteRecord

RESAMPLES = 60
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
    scenes = [
        {"scene": table.scene, "unit": "JOD", "conditions": _scaled(table)} for table in tables.values()
    ]
    return {"note": _note(list(tables.values())), "scenes": scenes}


def _scaled(table: Comparisons) -> list[dict[str, Any]]:
    scale = fit(table)
    interval = _interval(table, scale) if len(table.observers) >= FEWEST_OBSERVERS else None
    rows = []
    for k in np.flatnonzero(table.counts):
        low, high = (None, None) if interval is None else (float(interval[0, k]), float(interval[1, k]))
        rows.append({"name": table.conditions[k], "value": float(scale.scores[k]), "low": low, "high": high})
    return rows


def _interval(table: Comparisons, scale: Scale) -> Float64[np.ndarray, "2 images"]:
    """The middle 95 % of the scales of observers drawn again, with repetition."""
    rng = np.random.default_rng(0)
    people = len(table.observers)
    draws = rng.multinomial(people, np.full(people, 1 / people), size=RESAMPLES).astype(np.float64)
    scores = [fit(count(table, weights), start=scale).scores for weights in draws]
    return np.quantile(np.stack(scores), [0.025, 0.975], axis=0)


def _note(tables: Sequence[Comparisons]) -> str:
    if not tables:
        return "It appears with the first votes that count."
    apart = [table.scene for table in tables if len(table.parts()) > 1]
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
