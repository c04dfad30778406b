"""From the scores of several scenes to one: their mean, the worst, or a quantile."""

import math
from collections.abc import Callable, Sequence
from operator import mul
from typing import Literal

import numpy as np

from isptune.errors import ConfigError

Aggregate = Callable[[Sequence[float], Literal["minimize", "maximize"], Sequence[float]], float]
"""Takes one score a scene, the direction in which scores are better, and the scenes' weights, whose mean is 1."""


def parse_aggregate(spec: str) -> Aggregate:
    """The function that a spec stands for.

    Args:
        spec: `mean`; `worst`, the score of the scene that is served worst; or `quantile:Q` with Q in [0, 1], the
            score that a share Q of the scenes does not reach (0 is the worst scene, 0.5 the median), linear
            between scenes.

    Raises:
        ConfigError: it is none of these.
    """
    name, colon, argument = spec.partition(":")
    if spec == "mean":
        return lambda scores, direction, weights: sum(map(mul, weights, scores)) / len(scores)
    if spec == "worst":
        return lambda scores, direction, weights: min(scores) if direction == "maximize" else max(scores)
    share = _share(argument) if name == "quantile" and colon else math.nan
    if not 0 <= share <= 1:
        raise ConfigError(
            f"aggregate = {spec!r} is none of mean, worst and quantile:Q with Q from 0 (the worst scene) to 1"
        )
    return lambda scores, direction, weights: float(
        np.quantile(np.asarray(scores, dtype=np.float64), share if direction == "maximize" else 1 - share)
    )


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
