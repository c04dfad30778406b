"""`study:DIR`: the sum of objectives whose weights were fitted to a study's votes.

`isptune study weights DIR --objectives ssim,niqe,...` fits and keeps them in the study's folder; this only reads them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from isptune.deeds import Named, deeds_of
from isptune.errors import ConfigError, one_line
from isptune.study.plan.folder import WEIGHTS
from isptune.system.records import convert, parse_json, read_bytes
from objectives.checkpoints.reading import sha256_of
from objectives.weighted import Weighted
from objectives.weighted import build as build_weighted


@dataclass(frozen=True)
class Fitted:
    """What is read of the file of weights; how well they fit stands there too, for people."""

    objective: str


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
    if not path.exists():
        raise ConfigError(
            f"study:{shown}: no weights were fitted to its votes yet: "
            f"isptune study weights {shown} --objectives ssim,niqe,sharpness"
        )
    place = f"{path}: holds no weights; fit them again"
    spec = convert(parse_json(read_bytes(path), place), Fitted, place).objective
    name, _, terms = spec.partition(":")
    if name != "weighted":
        raise ConfigError(f"{one_line(str(path))}: holds {one_line(spec)}, which is no weighted sum")
    _refuse_what_acts(str(path), spec)
    objective = build_weighted(terms)
    weights = {**objective.facts.weights, WEIGHTS: sha256_of(path)}
    return replace(objective, facts=replace(objective.facts, weights=weights))


def _refuse_what_acts(place: str, spec: str) -> None:
    """The folder may be somebody else's: what acts is built where the command names it, and not from here."""
    acts = deeds_of([Named("objective", spec)])
    if acts or "study:" in spec:
        would = "; ".join(deed.what for deed in acts) or "read the weights of another study"
        raise ConfigError(
            f"{one_line(place)}: holds {one_line(spec)}, which would {would}; if you trust it, name the sum itself: "
            f"--objective '{one_line(spec)}'"
        )
