"""The end of a run: the recommended candidate against the default, second opinions, pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isptune.arrays import Images
from isptune.diagnosis.in_words import as_dict
from isptune.errors import in_words
from isptune.interfaces import Diagnoses, Objective, Optimizer, ParetoOptimizer
from isptune.runs.log import RECOMMENDED, RunLog, Trial, image_path
from isptune.scenes.images import write_image
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.recommend import (
    Interval,
    Reevaluated,
    Verdict,
    best,
    best_seen,
    disagreement,
    reevaluate,
    verdict,
)

CONTENDERS = 6
"""So many of a search's best trials, at most, are compared with what its optimizer recommends."""

OPINION_SEEDS = 3
"""Second opinions are asked on this many of the confirmation seeds: they only have to see a trend."""


def hand_over(
    bench: Bench,
    log: RunLog,
    optimizers: Sequence[Optimizer],
    stop_reasons: Sequence[str],
    trials: Sequence[Trial],
) -> None:
    """Choose what each repeat recommends, evaluate it again, choose among them, write recommended.json and images/.

    Args:
        bench, log: of the run.
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
    diagnoses, missing = _look_at(bench, log.folder, default, candidates[chosen])
    log.write_json(
        RECOMMENDED,
        {
            "params": candidates[chosen],
            "default": default,
            "repeat": chosen,
            "stop_reason": stop_reasons[chosen],
            "seeds": seeds,
            **_against_default(bench, reference, entries[chosen]),
            "scenes": _by_scene(bench, reference, entries[chosen]),
            "distance": bench.space.distance(bench.space.default, recommended[chosen]),
            "cost": costs[chosen],
            "repeats": [
                _repeat(bench, i, entry, reason) | {"from": "optimizer" if kept == mean else "best trials"}
                for i, (entry, reason, kept, mean) in enumerate(
                    zip(entries, stop_reasons, recommended, own, strict=True)
                )
            ],
            "front": _front(bench, optimizers, seeds[0]),
            "second_opinions": opinions,
            "diagnoses": diagnoses,
            "warnings": _warnings(bench, reference, entries[chosen], opinions) + missing,
        },
    )


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


def _against_default(bench: Bench, default: Reevaluated, chosen: Reevaluated) -> dict[str, Any]:
    pair = {"recommended": chosen, "default": default}
    intervals = {
        name: {who: entry.interval(name).as_dict() for who, entry in pair.items() if entry.error is None}
        for name in bench.objectives
    }
    if default.error is None:
        for name, both in intervals.items():
            gains = [
                after - before
                for after, before in zip(chosen.scores[name], default.scores[name], strict=True)
            ]
            both["gain"] = Interval.of(gains).as_dict()
    levels: dict[str, Any] = {"levels": None, "l1": None, "l1_normalised": None}
    if chosen.levels:
        for key in levels:
            levels[key] = {who: getattr(entry, key) for who, entry in pair.items()}
    return {"objectives": intervals, **levels}


def _by_scene(bench: Bench, default: Reevaluated, chosen: Reevaluated) -> dict[str, Any]:
    """By scene and objective the mean score of both, and the gain with its interval; empty for one scene."""
    table: dict[str, Any] = {}
    for scene, scores in chosen.scenes.items():
        table[scene] = {}
        for name in bench.objectives:
            row: dict[str, Any] = {"recommended": Interval.of(scores[name]).as_dict()}
            if scene in default.scenes:
                before = default.scenes[scene][name]
                row["default"] = Interval.of(before).as_dict()
                gains = [new - old for new, old in zip(scores[name], before, strict=True)]
                row["gain"] = Interval.of(gains).as_dict()
            table[scene][name] = row
    return table


def _repeat(bench: Bench, index: int, entry: Reevaluated, stop_reason: str) -> dict[str, Any]:
    scores = {} if entry.error else {name: entry.interval(name).as_dict() for name in bench.objectives}
    return {
        "repeat": index,
        "seed": bench.settings.seed + index,
        "params": entry.candidate,
        "objectives": scores,
        "levels": list(entry.levels),
        "l1": entry.l1,
        "l1_normalised": entry.l1_normalised,
        "stop_reason": stop_reason,
        "error": entry.error,
    }


def _front(bench: Bench, optimizers: Sequence[Optimizer], seed: int) -> list[dict[str, Any]]:
    """The candidates of all repeats that no other one dominates, evaluated again under one fresh seed."""
    if len(bench.objectives) < 2:
        return []
    found: list[Candidate] = []
    for optimizer in optimizers:
        if isinstance(optimizer, ParetoOptimizer):
            found += [bench.space.complete(candidate) for candidate in optimizer.front()]
    unique = [candidate for i, candidate in enumerate(found) if candidate not in found[:i]]
    if not unique:
        return []
    evaluations = bench.evaluator.evaluate(unique, seed)
    losses = bench.rule.losses([evaluation.scores for evaluation in evaluations])
    kept = [
        i
        for i, own in enumerate(losses)
        if not any((other <= own).all() and (other < own).any() for other in losses)
        and own.sum() == own.sum()
    ]
    return [
        {"params": unique[i], "scores": dict(evaluations[i].scores), "levels": list(evaluations[i].levels)}
        for i in sorted(kept, key=lambda i: losses[i][0])
    ]


def _second_opinions(
    bench: Bench, default: Candidate, recommended: Candidate, seeds: Sequence[int]
) -> list[dict[str, Any]]:
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
    opinions = []
    for name, objective in bench.second_opinions.items():
        before, after = answers[name]
        opinion: dict[str, Any] = {"objective": name, "direction": objective.facts.direction}
        error = before.error or after.error
        if error:
            opinion |= {"default": None, "recommended": None, "says": None, "error": error}
        else:
            opinion |= {
                "default": before.interval(name).mean,
                "recommended": after.interval(name).mean,
                "says": verdict(before.scores[name], after.scores[name], objective.facts.direction),
            }
        opinions.append(opinion)
    return opinions


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
) -> tuple[list[dict[str, Any]], list[str]]:
    """Write the pictures of both, under the first confirmation seed.

    Returns:
        What judges find wrong with them, a row a judge and scene; one that cannot say is listed with its reason. And
        which pictures are missing, and why.
    """
    (folder / "images").mkdir(exist_ok=True)
    seed = bench.seeds.to_confirm()[0]
    scenes = bench.evaluator.scenes
    rows: dict[tuple[str, str], dict[str, Any]] = {
        (name, scene.name): {"judge": name, "scene": scene.name}
        for name in bench.diagnosing
        for scene in scenes
    }
    missing = []
    for scene in scenes:
        for label, candidate in (("default", default), ("recommended", recommended)):
            try:
                image = bench.evaluator.render_one(candidate, scene, seed)
            except Exception as error:  # a plug-in may raise anything, and it costs one picture
                missing.append(f"there is no picture of {label} on {scene.name}: {in_words(error)}")
                found = {name: {"error": in_words(error)} for name in bench.diagnosing}
            else:
                write_image(image_path(folder, scene.name, label), image.cpu())
                found = {name: _described(judge, image, scene) for name, judge in bench.diagnosing.items()}
            for name, told in found.items():
                rows[name, scene.name][label] = told
        if scene.reference is not None:
            write_image(image_path(folder, scene.name, "reference"), scene.reference.cpu())
    return list(rows.values()), missing


def _described(judge: Diagnoses, image: Images, scene: Scene) -> dict[str, Any]:
    try:
        return as_dict(judge.describe(image, scene)[0])
    except Exception as error:  # a plug-in may raise anything, and it costs one diagnosis
        return {"error": in_words(error)}


def _warnings(
    bench: Bench, default: Reevaluated, chosen: Reevaluated, opinions: Sequence[Mapping[str, Any]]
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
    verdicts: dict[str, Verdict] = {o["objective"]: o["says"] for o in opinions if o["says"] is not None}
    warning = disagreement(" and ".join(bench.objectives), verdicts)
    return [*warnings, warning] if warning else warnings
