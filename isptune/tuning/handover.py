"""The end of a run: the recommended candidate against the default, second opinions, pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from isptune.arrays import Images
from isptune.diagnosis.in_words import as_dict
from isptune.errors import in_words
from isptune.facts import Direction
from isptune.interfaces import Diagnoses, Objective, Optimizer, ParetoOptimizer
from isptune.runs.answer import (
    Answer,
    Diagnosed,
    FrontMember,
    Interval,
    RepeatAnswer,
    ScorePair,
    SecondOpinion,
    Told,
    write_answer,
)
from isptune.runs.files import IMAGES, image_path
from isptune.runs.log import Trial
from isptune.scenes.images import write_image
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.system.records import convert
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.exported import compare_exports
from isptune.tuning.recommend import Reevaluated, best, best_seen, disagreement, reevaluate, verdict

CONTENDERS = 6
"""So many of a search's best trials, at most, are compared with what its optimizer recommends."""

OPINION_SEEDS = 3
"""Second opinions are asked on this many of the confirmation seeds: they only have to see a trend."""


def hand_over(
    bench: Bench,
    folder: Path,
    optimizers: Sequence[Optimizer],
    stop_reasons: Sequence[str],
    trials: Sequence[Trial],
) -> None:
    """Choose what each repeat recommends, evaluate it again, choose among them, write recommended.json and images/.

    Args:
        bench, folder: of the run.
        optimizers, stop_reasons: one a repeat.
        trials: all of them.

    Raises:
        AllFailed: nothing that was recommended can be evaluated.
    """
    default = bench.space.complete({})
    own = [optimizer.recommend() for optimizer in optimizers]
    recommended = _contend(bench, own, trials) if len(bench.objectives) == 1 else own
    candidates = [bench.space.complete(candidate) for candidate in recommended]
    costs = [bench.rule.cost(candidate) for candidate in recommended]
    seeds = bench.seeds.to_confirm()
    reference, *entries = reevaluate(bench.evaluator, [default, *candidates], seeds)
    chosen = best(entries, *bench.first_objective, costs)
    opinions = _second_opinions(bench, default, candidates[chosen], seeds[:OPINION_SEEDS])
    diagnoses, missing = _look_at(bench, folder, default, candidates[chosen])
    kept: list[Literal["optimizer", "best trials"]] = [
        "optimizer" if candidate == mean else "best trials"
        for candidate, mean in zip(recommended, own, strict=True)
    ]
    answer = Answer(
        params=candidates[chosen],
        default=default,
        repeat=chosen,
        stop_reason=stop_reasons[chosen],
        seeds=tuple(seeds),
        objectives=_against_default(bench, reference, entries[chosen]),
        **_distances(reference, entries[chosen]),
        scenes=_by_scene(bench, reference, entries[chosen]),
        distance=bench.space.distance(bench.space.default, recommended[chosen]),
        cost=costs[chosen],
        repeats=tuple(_repeat(bench, i, entries[i], stop_reasons[i], kept[i]) for i in range(len(entries))),
        front=_front(bench, optimizers, seeds[0]),
        second_opinions=opinions,
        diagnoses=diagnoses,
        exported=compare_exports(bench, candidates[chosen]),
        warnings=(*_warnings(bench, reference, entries[chosen], opinions), *missing),
    )
    write_answer(folder, answer)


def _contend(bench: Bench, own: Sequence[Candidate], trials: Sequence[Trial]) -> list[Candidate]:
    """Each repeat's own recommendation, or one of its best trials that is better under fresh noise.

    The centre of a search distribution misses optima at the end of a range, such as no compression at all. The score of
    the best trial is partly luck, so that it is compared under noise that no generation saw, and confirmed under other.
    Scores that hold within a generation only are not compared with those of others: then the last one's trials contend.
    """
    count = max(1, min(CONTENDERS, bench.settings.budget // 50))
    rivals = []
    for repeat, recommended in enumerate(own):
        searched = [trial for trial in trials if trial.repeat == repeat]
        if bench.relative:
            searched = searched[-bench.settings.population :]
        costs = np.array([bench.rule.cost(trial.params) for trial in searched])
        losses = bench.rule.losses([trial.scores for trial in searched])[:, 0] + costs
        rivals.append([recommended, *best_seen(searched, losses.tolist(), [recommended], count)])
    everyone = [candidate for group in rivals for candidate in group]
    entries = reevaluate(
        bench.evaluator, [bench.space.complete(c) for c in everyone], bench.seeds.to_select()
    )
    chosen, start = [], 0
    for group in rivals:
        mine = entries[start : start + len(group)]
        start += len(group)
        if all(entry.error for entry in mine):
            chosen.append(group[0])
            continue
        chosen.append(group[best(mine, *bench.first_objective, [bench.rule.cost(c) for c in group])])
    return chosen


def _against_default(bench: Bench, default: Reevaluated, chosen: Reevaluated) -> dict[str, ScorePair]:
    before = default.scores if default.error is None else {}
    return {name: _pair(chosen.scores[name], before.get(name)) for name in bench.objectives}


def _by_scene(bench: Bench, default: Reevaluated, chosen: Reevaluated) -> dict[str, dict[str, ScorePair]]:
    """By scene and objective the scores of both, and the gain; empty for one scene."""
    return {
        scene: {
            name: _pair(scores[name], default.scenes.get(scene, {}).get(name)) for name in bench.objectives
        }
        for scene, scores in chosen.scenes.items()
    }


def _pair(after: Sequence[float], before: Sequence[float] | None) -> ScorePair:
    if before is None:
        return ScorePair(Interval.of(after))
    gains = [new - old for new, old in zip(after, before, strict=True)]
    return ScorePair(Interval.of(after), Interval.of(before), Interval.of(gains))


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


def _second_opinions(
    bench: Bench, default: Candidate, recommended: Candidate, seeds: Sequence[int]
) -> tuple[SecondOpinion, ...]:
    """What objectives that took no part say of both; one that cannot score is listed with its reason."""
    pairs = _asked(bench, bench.second_opinions, [default, recommended], seeds)
    # One that cannot score costs the others nothing.
    if len(bench.second_opinions) > 1 and any(entry.error for entry in pairs):
        answers = {
            name: _asked(bench, {name: objective}, [default, recommended], seeds)
            for name, objective in bench.second_opinions.items()
        }
    else:
        answers = dict.fromkeys(bench.second_opinions, pairs)
    return tuple(
        _opinion(name, objective.facts.direction, *answers[name])
        for name, objective in bench.second_opinions.items()
    )


def _opinion(name: str, direction: Direction, before: Reevaluated, after: Reevaluated) -> SecondOpinion:
    error = before.error or after.error
    if error:
        return SecondOpinion(name, direction, None, None, None, error)
    means = before.interval(name).mean, after.interval(name).mean
    return SecondOpinion(name, direction, *means, verdict(before.scores[name], after.scores[name], direction))


def _asked(
    bench: Bench,
    objectives: Mapping[str, Objective],
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
) -> list[Reevaluated]:
    if not objectives:
        return []
    evaluator = Evaluator(bench.pipeline, objectives, bench.scenes, bench.device, bench.settings.aggregate)
    return reevaluate(evaluator, candidates, seeds)


def _look_at(
    bench: Bench, folder: Path, default: Candidate, recommended: Candidate
) -> tuple[tuple[Diagnosed, ...], list[str]]:
    """Write the pictures of both, under the first confirmation seed.

    Returns:
        What judges find wrong with them, a row a judge and scene; one that cannot say is listed with its reason. And
        which pictures are missing, and why.
    """
    (folder / IMAGES).mkdir(exist_ok=True)
    seed = bench.seeds.to_confirm()[0]
    scenes = bench.evaluator.scenes
    told: dict[tuple[str, str], dict[str, Told]] = {
        (name, scene.name): {} for name in bench.diagnosing for scene in scenes
    }
    missing = []
    for scene in scenes:
        for label, candidate in (("default", default), ("recommended", recommended)):
            try:
                image = bench.evaluator.render_one(candidate, scene, seed)
            except Exception as error:  # a plug-in may raise anything, and it costs one picture
                missing.append(f"there is no picture of {label} on {scene.name}: {in_words(error)}")
                found = {name: Told(error=in_words(error)) for name in bench.diagnosing}
            else:
                write_image(image_path(folder, scene.name, label), image.cpu())
                found = {name: _told(judge, image, scene) for name, judge in bench.diagnosing.items()}
            for name, words in found.items():
                told[name, scene.name][label] = words
        if scene.reference is not None:
            write_image(image_path(folder, scene.name, "reference"), scene.reference.cpu())
    return tuple(Diagnosed(judge, scene, **both) for (judge, scene), both in told.items()), missing


def _told(judge: Diagnoses, image: Images, scene: Scene) -> Told:
    try:
        return convert(as_dict(judge.describe(image, scene)[0]), Told, "diagnosis")
    except Exception as error:  # a plug-in may raise anything, and it costs one diagnosis
        return Told(error=in_words(error))


def _warnings(
    bench: Bench, default: Reevaluated, chosen: Reevaluated, opinions: Sequence[SecondOpinion]
) -> list[str]:
    name, direction = bench.first_objective
    warnings = list(bench.warnings)
    if default.error:
        warnings.append(f"the default could not be rendered or scored: {default.error}")
    elif (
        len(bench.objectives) == 1
        and verdict(default.scores[name], chosen.scores[name], direction) != "better"
    ):
        warnings.append(f"{name} does not call the recommended set better than the default: keep the default")
    warning = disagreement(" and ".join(bench.objectives), opinions)
    return [*warnings, warning] if warning else warnings
