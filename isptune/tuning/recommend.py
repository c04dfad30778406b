"""Which candidate to hand over when scores are noisy: evaluated again, on noise that no search has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from isptune.errors import AllFailed
from isptune.facts import Direction
from isptune.runs.answer import Interval, Rejected, ScorePair, SecondOpinion, Verdict, gamed
from isptune.runs.log import Trial
from isptune.space import Candidate
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.parts import OnPart
from isptune.tuning.together import ENOUGH_SCENES, Evidence, pseudo_values


@dataclass(frozen=True)
class Reevaluated:
    """One candidate, evaluated again.

    Attributes:
        scores: by objective, one a fresh seed.
        scenes: the same by scene, where there is more than one.
        crops: of a pipeline that draws no noise, by scene and objective the scores of crops of its picture, see
            `isptune.tuning.crops`; the same crops for all candidates.
        pooled: whether the score of all scenes is their mean, so that their crops say how sure it is.
        evidence: by objective that scores all scenes together, one a seed of one a scene.
        over_scenes: by objective pseudo-values of the jackknife, one a scene, where they are to say how sure its score
            of all scenes is: `with_jackknife`.
    """

    candidate: Candidate
    scores: Mapping[str, Sequence[float]]
    levels: tuple[float, ...]
    l1: float | None
    l1_normalised: float | None
    error: str | None
    scenes: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    crops: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    pooled: bool = True
    evidence: Mapping[str, Sequence[Sequence[tuple[float, ...]]]] = field(default_factory=dict)
    over_scenes: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def means(self) -> dict[str, float]:
        """The mean score by objective; empty where it failed."""
        return {name: float(np.mean(values)) for name, values in self.scores.items()}

    def interval(self, objective: str, scene: str | None = None) -> Interval:
        """The score with its interval; of all scenes, or of one."""
        values, parts = self._scores(objective, scene), self._parts(objective, scene)
        return Interval.about(float(np.mean(values)), parts) if parts else Interval.of(values)

    def gain(self, before: "Reevaluated", objective: str, scene: str | None = None) -> Interval:
        """This score less that of another candidate, paired over seeds, crops or scenes."""
        own, other = self._scores(objective, scene), before._scores(objective, scene)
        gains = [new - old for new, old in zip(own, other, strict=True)]
        parts, others = self._parts(objective, scene), before._parts(objective, scene)
        if parts and len(parts) == len(others):
            return Interval.about(
                float(np.mean(gains)), [new - old for new, old in zip(parts, others, strict=True)]
            )
        return Interval.of(gains)

    def against(self, before: "Reevaluated", objective: str, scene: str | None = None) -> ScorePair:
        """This score, that of another candidate and the gain; the score alone where the other one failed."""
        own = self.interval(objective, scene)
        if before.error is not None:
            return ScorePair(own)
        return ScorePair(own, before.interval(objective, scene), self.gain(before, objective, scene))

    def _scores(self, objective: str, scene: str | None) -> Sequence[float]:
        return self.scores[objective] if scene is None else self.scenes[scene][objective]

    def _parts(self, objective: str, scene: str | None) -> Sequence[float]:
        """What the score is made of and an interval is over, where that is not seeds: crops, or scenes."""
        if scene is not None:
            return self.crops.get(scene, {}).get(objective, ())
        if objective in self.over_scenes:
            return self.over_scenes[objective]
        return [one for table in self.crops.values() for one in table.get(objective, ()) if self.pooled]


def reevaluate(
    evaluator: Evaluator,
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    on_part: OnPart = lambda done, total: None,
) -> list[Reevaluated]:
    """Evaluate complete candidates under each of the seeds; one that fails under any seed has failed."""
    rounds, evidence, count = [], [], len(candidates)
    for number, seed in enumerate(seeds):

        def told(done: float, total: int, before: int = number * count) -> None:
            on_part(before + done, count * len(seeds))

        rounds.append(evaluator.evaluate(candidates, seed, told, keep=True))
        evidence.append(evaluator.evidence)
        told(count, count)
    return [
        _gather(candidates[i], [row[i] for row in rounds], [row[i] for row in evidence]) for i in range(count)
    ]


def _gather(candidate: Candidate, evaluations: Sequence[Trial], evidence: Sequence[Evidence]) -> Reevaluated:
    error = next((e.error for e in evaluations if e.error is not None), None)
    names = list(evaluations[0].scores) if error is None else []
    scores = {name: [e.scores[name] for e in evaluations] for name in names}
    first = evaluations[0]
    scenes = {
        scene: {name: [e.scenes[scene][name] for e in evaluations] for name in names}
        for scene in (first.scenes if error is None else ())
    }
    seen = {name: [row[name] for row in evidence] for name in (evidence[0] if error is None else ())}
    return Reevaluated(
        candidate, scores, first.levels, first.l1, first.l1_normalised, error, scenes, evidence=seen
    )


def with_jackknife(evaluator: Evaluator, entries: Sequence[Reevaluated]) -> list[Reevaluated]:
    """The same candidates, with intervals over scenes, where these are enough, for what has no crops.

    That is a score of all scenes together, and the mean of scores of whole pictures: of a mean the jackknife's
    pseudo-values are the scores by scene.
    """
    return [replace(entry, over_scenes=_pseudo_values(evaluator, entry)) for entry in entries]


def _pseudo_values(evaluator: Evaluator, entry: Reevaluated) -> dict[str, list[float]]:
    """By objective, one a scene, the mean over the seeds."""
    found: dict[str, list[float]] = {}
    for name, objective in evaluator.objectives.items():
        if name in entry.evidence:
            rows = [pseudo_values(evaluator.together[name], row) for row in entry.evidence[name]]
            if all(rows):
                found[name] = np.mean(rows, axis=0).tolist()
        elif objective.facts.whole_pictures and evaluator.pooled and len(entry.scenes) >= ENOUGH_SCENES:
            found[name] = [float(np.mean(table[name])) for table in entry.scenes.values()]
    return found


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


def verdict(
    start: Reevaluated, found: Reevaluated, objective: str, direction: Direction, cost: float = 0.0
) -> Verdict:
    """What an objective says of a candidate that replaces the start: `same` if the 95 % interval of its gain holds 0.

    Args:
        start, found: neither has failed.
        objective, direction: who says it.
        cost: what the candidate costs, in the objective's unit, 0 or more: it has to be gained first.
    """
    scores = np.abs([*start.scores[objective], *found.scores[objective]])
    rounding = 1e-5 * max(1e-12, float(scores.max()))  # scores are float32: within that nothing has changed
    return found.gain(start, objective).as_gain(direction, cost, rounding)


def in_one_line(rejected: Rejected, objective: str, direction: Direction) -> str:
    """Why the start is recommended, and what one may do."""
    begin = (
        f"{objective} calls nothing that was found better than the start, so that the start is recommended"
    )
    if rejected.objectives and rejected.error is not None:
        return f"{begin}: {rejected.error}"
    if rejected.error is not None:
        return f"{begin}: what the search recommends failed when it was evaluated again: {rejected.error}"
    gain = rejected.objectives[objective].difference
    sign = 1.0 if direction == "maximize" else -1.0
    change = "better" if sign * gain.mean > 0 else "worse"
    if gain.mean == 0:
        return f"{begin}: the best that was found is just as good; more trials or other knobs may find a better one"
    text = f"{begin}: the best that was found is {change} by {abs(gain.mean):.4g}"
    if gain.n > 1:
        text += f" (95 % interval of the difference {gain.low:.4g} to {gain.high:.4g})"
    return f"{text}; more trials, other knobs or another objective may find one that is"


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
