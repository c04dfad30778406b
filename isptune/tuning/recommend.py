"""Which candidate to hand over when scores are noisy: evaluated again, on noise that no search has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from isptune.errors import AllFailed
from isptune.facts import Direction
from isptune.runs.answer import Interval, SecondOpinion, Verdict, gamed
from isptune.runs.log import Trial
from isptune.space import Candidate
from isptune.tuning.evaluate import Evaluator


@dataclass(frozen=True)
class Reevaluated:
    """One candidate, evaluated again under several fresh seeds; its scores by objective, one a seed.

    `scenes` holds the same by scene, where there is more than one.
    """

    candidate: Candidate
    scores: Mapping[str, Sequence[float]]
    levels: tuple[float, ...]
    l1: float | None
    l1_normalised: float | None
    error: str | None
    scenes: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    def interval(self, objective: str) -> Interval:
        return Interval.of(self.scores[objective])


def reevaluate(
    evaluator: Evaluator, candidates: Sequence[Candidate], seeds: Sequence[int]
) -> list[Reevaluated]:
    """Evaluate complete candidates under each of the seeds; one that fails under any seed has failed."""
    rounds = [evaluator.evaluate(candidates, seed) for seed in seeds]
    return [_gather(candidates[i], [row[i] for row in rounds]) for i in range(len(candidates))]


def _gather(candidate: Candidate, evaluations: Sequence[Trial]) -> Reevaluated:
    error = next((e.error for e in evaluations if e.error is not None), None)
    names = list(evaluations[0].scores) if error is None else []
    scores = {name: [e.scores[name] for e in evaluations] for name in names}
    first = evaluations[0]
    scenes = {
        scene: {name: [e.scenes[scene][name] for e in evaluations] for name in names}
        for scene in (first.scenes if error is None else ())
    }
    return Reevaluated(candidate, scores, first.levels, first.l1, first.l1_normalised, error, scenes)


def best(
    entries: Sequence[Reevaluated], objective: str, direction: Direction, costs: Sequence[float] | None = None
) -> int:
    """The index of the entry with the best mean, less what it costs.

    Args:
        entries: the candidates to choose from.
        objective, direction: by whose scores.
        costs: one an entry, in the objective's unit, 0 or more; none by default.

    Raises:
        AllFailed: none works; with the first reason.
    """
    sign = 1.0 if direction == "minimize" else -1.0
    working = [i for i, entry in enumerate(entries) if entry.error is None]
    if not working:
        raise AllFailed(f"no recommended candidate could be evaluated again: {entries[0].error}")
    prices = costs or [0.0] * len(entries)
    return min(working, key=lambda i: sign * float(np.mean(entries[i].scores[objective])) + prices[i])


def best_seen(
    trials: Sequence[Trial], losses: Sequence[float], known: Sequence[Candidate], count: int
) -> list[Candidate]:
    """The candidates of the trials with the least losses, none of them twice nor among the `known` ones.

    Args:
        trials: of one search.
        losses: one a trial, NaN where it failed; under noise the least ones are partly luck.
        known: candidates that are not wanted.
        count: how many at most.
    """
    chosen: list[Candidate] = []
    for i in np.argsort(np.asarray(losses, dtype=np.float64), kind="stable"):
        if len(chosen) == count or not np.isfinite(losses[i]):
            break
        candidate = dict(trials[i].params)
        if candidate not in chosen and candidate not in known:
            chosen.append(candidate)
    return chosen


def verdict(default: Sequence[float], recommended: Sequence[float], direction: Direction) -> Verdict:
    """What an objective says of the change, paired over seeds: `same` if the 95 % interval holds 0."""
    gains = np.asarray(recommended) - np.asarray(default)
    interval = Interval.of((gains if direction == "maximize" else -gains).tolist())
    # Scores are float32: what lies within their rounding is no change.
    rounding = 1e-5 * max(1e-12, float(np.abs(np.concatenate([default, recommended])).max()))
    if interval.low > rounding:
        return "better"
    return "worse" if interval.high < -rounding else "same"


def disagreement(objective: str, opinions: Sequence[SecondOpinion]) -> str | None:
    """A warning if more second opinions call the recommended set worse than call it better; see `gamed`."""
    worse = gamed(opinions)
    if not worse:
        return None
    told = [opinion for opinion in opinions if opinion.says is not None]
    return (
        f"{len(worse)} of {len(told)} second opinions ({', '.join(opinion.objective for opinion in worse)}) call the "
        f"recommended set worse than the default: {objective} may have been gamed; look at the pictures before you "
        "use it"
    )
