"""The end of a run: the recommended candidate against the default, second opinions, pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from isptune.errors import AllFailed
from isptune.interfaces import Optimizer, ParetoOptimizer
from isptune.runs.answer import (
    Answer,
    FrontMember,
    HeldOut,
    Kept,
    Over,
    Rejected,
    RepeatAnswer,
    ScorePair,
    SecondOpinion,
)
from isptune.runs.log import Trial
from isptune.space import Candidate
from isptune.tuning.bench import Bench
from isptune.tuning.crops import with_crops
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.exported import compare_exports
from isptune.tuning.further_pictures import further, show_further
from isptune.tuning.opinions import OPINION_SEEDS, look_at, second_opinions
from isptune.tuning.parts import OnPart, Steps
from isptune.tuning.recommend import (
    Reevaluated,
    best,
    best_seen,
    disagreement,
    in_one_line,
    reevaluate,
    verdict,
)
from isptune.tuning.verification import compare_on

CONTENDERS = 6
"""So many of a search's best trials, at most, are compared with what its optimizer recommends."""


def evaluations_of(bench: Bench) -> int:
    """How many evaluations of a candidate a hand-over takes, about, for forecasts."""
    repeats = bench.settings.repeats
    if not bench.pipeline.facts.uses_seed:  # what the search rendered is known
        return repeats + 1
    contenders = (1 + _rivals(bench)) * len(bench.seeds.to_select()) if len(bench.objectives) == 1 else 0
    return repeats * contenders + (repeats + 1) * len(bench.seeds.to_confirm())


def hand_over(
    bench: Bench,
    folder: Path,
    optimizers: Sequence[Optimizer],
    stop_reasons: Sequence[str],
    trials: Sequence[Trial],
    on_part: OnPart = lambda done, total: None,
) -> Answer:
    """Choose what each repeat recommends, evaluate it again, choose among them, and write images/.

    The start competes: where nothing is better than it by more than its 95 % interval and what it costs, it stays.

    Args:
        bench, folder: of the run.
        optimizers, stop_reasons: one a repeat.
        trials: all of them.
        on_part: told of the progress, in evaluations of a candidate.

    Returns:
        What recommended.json holds.

    Raises:
        AllFailed: nothing that was recommended can be evaluated, nor can the start.
    """
    start = bench.space.complete({})
    steps = Steps(evaluations_of(bench), on_part)
    own = [optimizer.recommend() for optimizer in optimizers]
    recommended = _contend(bench, own, trials, steps.stage()) if len(bench.objectives) == 1 else own
    recommended = [bench.space.kept(candidate) for candidate in recommended]
    candidates = [bench.space.complete(candidate) for candidate in recommended]
    costs = [bench.rule.cost(candidate) for candidate in recommended]
    seeds = bench.seeds.to_confirm()
    evaluated = reevaluate(bench.evaluator, [start, *candidates], seeds, steps.stage())
    before, *entries = with_crops(bench.evaluator, evaluated, seeds[0])
    # Where nothing works but the start, that stays, whatever was found.
    nothing_works = before.error is None and all(entry.error for entry in entries)
    chosen = 0 if nothing_works else _best(bench, recommended, entries)
    rejected = _rejected(bench, before, entries[chosen], costs[chosen])
    after = entries[chosen] if rejected is None else before
    opinions = (
        second_opinions(bench, start, after.candidate, seeds[:OPINION_SEEDS], steps.stage())
        if rejected is None
        else ()
    )
    held_out, unknown = _held_out(bench, start, after.candidate)
    diagnoses, missing = look_at(bench, folder, start, after.candidate)
    front = _front(bench, optimizers, seeds[0])
    show_further(bench.evaluator, folder, further(rejected, front), seeds[0])
    kept: list[Literal["optimizer", "best trials"]] = [
        "optimizer" if candidate == mean else "best trials"
        for candidate, mean in zip(recommended, own, strict=True)
    ]
    limits = _kept(bench, before, after)
    answer = Answer(
        params=after.candidate,
        default=start,
        rejected=rejected,
        over=_over(bench, after),
        repeat=chosen,
        stop_reason=stop_reasons[chosen],
        seeds=tuple(seeds),
        objectives=_against(bench, before, after),
        **_distances(before, after),
        scenes=_by_scene(bench, before, after),
        constraints=limits,
        held_out=held_out,
        distance=bench.space.distance(bench.space.default, recommended[chosen]) if rejected is None else 0.0,
        cost=costs[chosen] if rejected is None else 0.0,
        repeats=tuple(_repeat(bench, i, entries[i], stop_reasons[i], kept[i]) for i in range(len(entries))),
        front=front,
        second_opinions=opinions,
        diagnoses=diagnoses,
        exported=compare_exports(bench, after.candidate),
        warnings=(*_warnings(bench, before, rejected, limits, opinions), *unknown, *missing),
    )
    steps.all_done()
    return answer


def _rivals(bench: Bench) -> int:
    """How many of a repeat's best trials are compared with what its optimizer recommends, at most."""
    return max(1, min(CONTENDERS, bench.settings.budget // 50))


def _contend(
    bench: Bench, own: Sequence[Candidate], trials: Sequence[Trial], on_part: OnPart
) -> list[Candidate]:
    """Each repeat's own recommendation, or one of its best trials that is better under fresh noise.

    The centre of a search distribution misses optima at the end of a range, such as no compression at all. The score of
    the best trial is partly luck, so that it is compared under noise that no generation saw, and confirmed under other.
    Scores that hold within a generation only are not compared with those of others: then the last one's trials contend.
    """
    rivals = []
    for repeat, recommended in enumerate(own):
        searched = [trial for trial in trials if trial.repeat == repeat]
        if bench.relative:
            searched = searched[-bench.settings.population :]
        costs = np.array([bench.rule.cost(trial.params) for trial in searched])
        losses = bench.rule.losses([trial.scores for trial in searched])[:, 0] + costs
        rivals.append([recommended, *best_seen(searched, losses.tolist(), [recommended], _rivals(bench))])
    everyone = [candidate for group in rivals for candidate in group]
    entries = reevaluate(
        bench.evaluator, [bench.space.complete(c) for c in everyone], bench.seeds.to_select(), on_part
    )
    chosen, start = [], 0
    for group in rivals:
        mine = entries[start : start + len(group)]
        start += len(group)
        if all(entry.error for entry in mine):
            chosen.append(group[0])
            continue
        chosen.append(group[_best(bench, group, mine)])
    return chosen


def _held_out(bench: Bench, start: Candidate, recommended: Candidate) -> tuple[HeldOut | None, list[str]]:
    """Both on the scenes that the search never saw, where there are any; and why not, where that fails."""
    if not bench.held_out or start == recommended:
        return None, []
    settings = bench.settings
    evaluator = Evaluator(bench.pipeline, bench.objectives, bench.held_out, bench.device, settings.aggregate)
    try:
        return compare_on(evaluator, start, recommended, bench.seeds.to_confirm()), []
    except AllFailed as error:
        return None, [f"on the scenes that were held out {error}"]


def _best(bench: Bench, candidates: Sequence[Candidate], entries: Sequence[Reevaluated]) -> int:
    """Which of them is the best, less what it costs and breaks. Raises AllFailed."""
    prices = [
        bench.rule.cost(candidate) + bench.rule.penalty(entry.means)
        for candidate, entry in zip(candidates, entries, strict=True)
    ]
    return best(entries, *bench.first_objective, prices)


def _rejected(bench: Bench, start: Reevaluated, found: Reevaluated, cost: float) -> Rejected | None:
    """What was found, if it is not better than the start."""
    if start.error is not None:
        return None
    if found.error is not None:
        return Rejected(found.candidate, error=found.error)
    broken, before = bench.rule.penalty(found.means), bench.rule.penalty(start.means)
    if broken < before:  # closer to the limits, or within them: that comes before the score
        return None
    if broken > 0:
        return Rejected(
            found.candidate,
            _against(bench, start, found),
            "the best that was found breaks the limits, and no less than the start",
        )
    if verdict(start, found, *bench.first_objective, cost) == "better":
        return None
    return Rejected(found.candidate, _against(bench, start, found))


def _kept(bench: Bench, start: Reevaluated, chosen: Reevaluated) -> tuple[Kept, ...]:
    """Each limit with what it limits, of both."""
    if chosen.error is not None:
        return ()
    means = chosen.means
    return tuple(
        Kept(str(one), chosen.against(start, one.objective), one.violation(means[one.objective]) == 0)
        for one in bench.constraints
    )


def _over(bench: Bench, entry: Reevaluated) -> Over:
    """What the intervals are over."""
    name, _ = bench.first_objective
    if entry.interval(name).n < 2:
        return ""
    if bench.pipeline.facts.uses_seed:
        return "noise seeds"
    return "scenes" if name in entry.over_scenes else "crops"


def _against(bench: Bench, start: Reevaluated, chosen: Reevaluated) -> dict[str, ScorePair]:
    return {name: chosen.against(start, name) for name in bench.objectives}


def _by_scene(bench: Bench, start: Reevaluated, chosen: Reevaluated) -> dict[str, dict[str, ScorePair]]:
    """By scene and objective the scores of both, and the gain; empty for one scene."""
    return {
        scene: {name: chosen.against(start, name, scene) for name in bench.objectives}
        for scene in chosen.scenes
    }


def _distances(default: Reevaluated, chosen: Reevaluated) -> dict[str, Any]:
    """Levels, l1 and l1_normalised of both; None where the pipeline does not know them."""
    both = {"recommended": chosen, "default": default}
    return {
        key: {who: getattr(entry, key) for who, entry in both.items()} if chosen.levels else None
        for key in ("levels", "l1", "l1_normalised")
    }


def _repeat(
    bench: Bench, index: int, entry: Reevaluated, stop_reason: str, kept: Literal["optimizer", "best trials"]
) -> RepeatAnswer:
    return RepeatAnswer(
        repeat=index,
        seed=bench.settings.seed + index,
        params=entry.candidate,
        objectives={} if entry.error else {name: entry.interval(name) for name in bench.objectives},
        levels=entry.levels,
        l1=entry.l1,
        l1_normalised=entry.l1_normalised,
        stop_reason=stop_reason,
        error=entry.error,
        from_=kept,
    )


def _front(bench: Bench, optimizers: Sequence[Optimizer], seed: int) -> tuple[FrontMember, ...]:
    """The candidates of all repeats that no other one dominates, evaluated again under one fresh seed."""
    if len(bench.objectives) < 2:
        return ()
    found: list[Candidate] = []
    for optimizer in optimizers:
        if isinstance(optimizer, ParetoOptimizer):
            found += [bench.space.complete(candidate) for candidate in optimizer.front()]
    unique = [candidate for i, candidate in enumerate(found) if candidate not in found[:i]]
    if not unique:
        return ()
    evaluations = bench.evaluator.evaluate(unique, seed)
    losses = bench.rule.losses([evaluation.scores for evaluation in evaluations])
    kept = [
        i
        for i, own in enumerate(losses)
        if not any((other <= own).all() and (other < own).any() for other in losses)
        and own.sum() == own.sum()
    ]
    return tuple(
        FrontMember(unique[i], evaluations[i].scores, evaluations[i].levels)
        for i in sorted(kept, key=lambda i: losses[i][0])
    )


def _warnings(
    bench: Bench,
    start: Reevaluated,
    rejected: Rejected | None,
    kept: Sequence[Kept],
    opinions: Sequence[SecondOpinion],
) -> list[str]:
    warnings = list(bench.warnings)
    if start.error:
        warnings.append(f"the default could not be rendered or scored: {start.error}")
    warnings += [f"the recommended set breaks the limit {one.constraint}" for one in kept if not one.kept]
    if rejected is not None:
        return [*warnings, in_one_line(rejected, *bench.first_objective)]
    warning = disagreement(" and ".join(bench.objectives), opinions)
    return [*warnings, warning] if warning else warnings
