"""`study:DIR`: the sum of objectives whose weights were fitted to a study's votes.

`isptune study weights DIR --objectives ssim,niqe,...` fits and keeps them in the study's folder; this only reads them.
"""

import json
from dataclasses import replace
from pathlib import Path

from isptune.errors import ConfigError, one_line
from isptune.study.plan.folder import WEIGHTS
from objectives.checkpoints.reading import sha256_of
from objectives.weighted import Weighted
from objectives.weighted import build as build_weighted


def build(argument: str | None) -> Weighted:
    """What agrees with a study's votes (study:DIR), after `isptune study weights DIR --objectives ...`.

    Raises:
        ConfigError: no folder is named, no weights were fitted there, or the file does not hold any.
        UnknownName, MissingExtra: an objective of the sum is not there any more.
    """
    if not argument:
        raise ConfigError("study: which? study:DIR, the folder of a study whose weights were fitted")
    path = Path(argument).expanduser() / WEIGHTS
    shown = one_line(argument)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        spec = found["objective"]
    except FileNotFoundError as error:
        raise ConfigError(
            f"study:{shown}: no weights were fitted to its votes yet: "
            f"isptune study weights {shown} --objectives ssim,niqe,sharpness"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{one_line(str(path))}: holds no weights; fit them again: {error!r}") from error
    name, _, terms = str(spec).partition(":")
    if name != "weighted":
        raise ConfigError(f"{one_line(str(path))}: holds {one_line(str(spec))}, which is no weighted sum")
    objective = build_weighted(terms)
    weights = {**objective.facts.weights, WEIGHTS: sha256_of(path)}
    return replace(objective, facts=replace(objective.facts, weights=weights))
