"""What a finished run recommends: recommended.json as data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isptune.space import Value


@dataclass(frozen=True)
class Interval:
    """A mean over fresh seeds with its 95 % interval; NaN where it is not known."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class ScorePair:
    """One objective's score of the recommended candidate and of the default.

    `gain` is the recommended score minus the default's, evaluated seed by seed, where the run wrote it.
    """

    recommended: Interval
    default: Interval
    gain: Interval | None = None

    @property
    def difference(self) -> Interval:
        """Recommended minus default.

        Without a paired difference in the file the two intervals are taken as independent, so their half
        widths add in quadrature; common seeds make the true interval narrower, not wider.
        """
        if self.gain is not None:
            return self.gain
        mean = self.recommended.mean - self.default.mean
        half = math.hypot(self.recommended.half_width, self.default.half_width)
        return Interval(mean, mean - half, mean + half, min(self.recommended.n, self.default.n))


@dataclass(frozen=True)
class Distance:
    """How far a candidate is from pristine; empty and None where the pipeline does not know."""

    levels: tuple[float, ...] = ()
    l1: float | None = None
    l1_normalised: float | None = None


@dataclass(frozen=True)
class RepeatAnswer:
    """What one of the lockstep optimisations recommends by itself; no scores where that failed."""

    repeat: int
    seed: int
    params: Mapping[str, Value]
    scores: Mapping[str, Interval]
    distance: Distance
    stop_reason: str
    error: str | None = None


@dataclass(frozen=True)
class FrontMember:
    """A candidate that no other one dominates."""

    params: Mapping[str, Value]
    scores: Mapping[str, float]


@dataclass(frozen=True)
class SecondOpinion:
    """What an objective that took no part says: better, worse or same, or None where it could not score."""

    objective: str
    direction: str
    default: float
    recommended: float
    says: str | None
    error: str | None = None


@dataclass(frozen=True)
class Diagnosed:
    """What a judge finds wrong with the pictures of a scene, a sentence each; or why it could not say."""

    judge: str
    scene: str
    default: str
    recommended: str


@dataclass(frozen=True)
class Answer:
    """recommended.json: the candidate to hand over, evaluated again, and what others think of it.

    `scenes` has the scores by scene and objective, where there is more than one scene; `distance` is how far the
    tuned knobs went from the default, a mean share of their ranges, and `cost` what that cost in the search.
    """

    params: Mapping[str, Value]
    default: Mapping[str, Value]
    repeat: int
    stop_reason: str
    seeds: tuple[int, ...]
    scores: Mapping[str, ScorePair]
    recommended_distance: Distance
    default_distance: Distance
    repeats: tuple[RepeatAnswer, ...]
    front: tuple[FrontMember, ...]
    second_opinions: tuple[SecondOpinion, ...]
    warnings: tuple[str, ...]
    scenes: Mapping[str, Mapping[str, ScorePair]] = field(default_factory=dict)
    distance: float | None = None
    cost: float = 0.0
    diagnoses: tuple[Diagnosed, ...] = ()


def parse_answer(item: Mapping[str, Any]) -> Answer:
    """Read recommended.json. Raises KeyError, TypeError or ValueError where it is not one."""
    return Answer(
        params=item["params"],
        default=item["default"],
        repeat=int(item.get("repeat") or 0),
        stop_reason=str(item.get("stop_reason") or ""),
        seeds=tuple(int(seed) for seed in item.get("seeds") or ()),
        scores={name: _pair(pair) for name, pair in item["objectives"].items()},
        recommended_distance=_distance_of(item, "recommended"),
        default_distance=_distance_of(item, "default"),
        repeats=tuple(_repeat(part) for part in item.get("repeats") or ()),
        front=tuple(_member(part) for part in item.get("front") or ()),
        second_opinions=tuple(_opinion(part) for part in item.get("second_opinions") or ()),
        warnings=tuple(str(text) for text in item.get("warnings") or ()),
        scenes={
            scene: {name: _pair(pair) for name, pair in table.items()}
            for scene, table in (item.get("scenes") or {}).items()
        },
        distance=None if item.get("distance") is None else float(item["distance"]),
        cost=float(item.get("cost") or 0.0),
        diagnoses=tuple(_diagnosed(part) for part in item.get("diagnoses") or ()),
    )


def gamed(opinions: Sequence[SecondOpinion]) -> list[SecondOpinion]:
    """The second opinions that call the recommended candidate worse, if they outnumber those that call it better.

    The same rule as `isptune.recommend.disagreement`.
    """
    worse = [opinion for opinion in opinions if opinion.says == "worse"]
    better = [opinion for opinion in opinions if opinion.says == "better"]
    return worse if len(worse) > len(better) else []


def _pair(item: Mapping[str, Any]) -> ScorePair:
    gain = item.get("gain")
    return ScorePair(
        _interval(item.get("recommended")), _interval(item.get("default")), gain and _interval(gain)
    )


def _interval(item: Mapping[str, Any] | None) -> Interval:
    if item is None:
        return Interval(math.nan, math.nan, math.nan, 0)
    return Interval(_number(item["mean"]), _number(item["low"]), _number(item["high"]), int(item["n"]))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _distance_of(item: Mapping[str, Any], which: str) -> Distance:
    parts = {name: (item.get(name) or {}).get(which) for name in ("levels", "l1", "l1_normalised")}
    return _distance(parts)


def _distance(item: Mapping[str, Any]) -> Distance:
    levels = tuple(_number(level) for level in item.get("levels") or ())
    l1, normalised = item.get("l1"), item.get("l1_normalised")
    return Distance(
        levels, None if l1 is None else float(l1), None if normalised is None else float(normalised)
    )


def _repeat(item: Mapping[str, Any]) -> RepeatAnswer:
    return RepeatAnswer(
        repeat=int(item["repeat"]),
        seed=int(item["seed"]),
        params=item["params"],
        scores={name: _interval(part) for name, part in item["objectives"].items()},
        distance=_distance(item),
        stop_reason=str(item.get("stop_reason") or ""),
        error=item.get("error"),
    )


def _member(item: Mapping[str, Any]) -> FrontMember:
    return FrontMember(item["params"], {name: _number(score) for name, score in item["scores"].items()})


def _diagnosed(item: Mapping[str, Any]) -> Diagnosed:
    said = [
        str(one["text"]) if "text" in one else f"could not say: {one.get('error')}"
        for one in (item["default"], item["recommended"])
    ]
    return Diagnosed(str(item["judge"]), str(item["scene"]), *said)


def _opinion(item: Mapping[str, Any]) -> SecondOpinion:
    if item["says"] not in ("better", "worse", "same", None):
        raise ValueError(f"a second opinion says {item['says']!r}, which is none of better, worse, same")
    values = _number(item["default"]), _number(item["recommended"])
    return SecondOpinion(item["objective"], item["direction"], *values, item["says"], item.get("error"))
