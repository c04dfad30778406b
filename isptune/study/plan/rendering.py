"""Pictures for a study that a pipeline renders: from a finished run, or one scene in many qualities (DMC)."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from isptune.arrays import Images
from isptune.errors import AllFailed, RunFolderError
from isptune.interfaces import Objective, Pipeline
from isptune.runs.answer import read_answer
from isptune.runs.files import CONFIG, RECOMMENDED
from isptune.runs.log import RunLog, Trial
from isptune.scenes.scene import Scene
from isptune.space import Candidate, Choice, Space
from isptune.study.plan.making import REFERENCE, Picture
from isptune.system.disk import slug
from isptune.trust import NOTHING_NAMED, Trust
from isptune.tuning.effects import bench_of
from isptune.tuning.evaluate import Evaluator

POOL = 8
"""Of the DMC recipe: so many candidates are drawn for every image that is kept."""


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Pictures, rendered as they are asked for, how many there are, and the references of their scenes."""

    pictures: Iterator[Picture]
    count: int
    references: dict[str, Images]


OnPart = Callable[[float, int], None]
"""Is told how many pictures are rendered and scored, of how many."""


def from_run(
    folder: Path,
    finalists: int,
    on_part: OnPart = lambda done, total: None,
    trust: Trust = NOTHING_NAMED,
) -> Stimuli:
    """The pictures of a finished run: finalists spread over the scores of its trials, the start, and the reference.

    The recommended candidate is among the finalists, as `recommended`; the start is `default`; the reference, of scenes
    that have one, is a condition too. Scores are those of the run's first objective, turned so that higher is better.

    Raises:
        RunFolderError: the folder is no run, or has fewer than two trials that worked.
        ConfigError: what the run was built from is not there any more, or would act and is not trusted.
    """
    if not (folder / CONFIG).is_file():
        raise RunFolderError(f"{folder}: is no run (there is no {CONFIG})")
    bench = bench_of(folder, trust)
    name, direction = bench.first_objective
    trials = [t for g in RunLog(folder).generations() for t in g.trials if name in t.scores]
    if len(trials) < 2:
        raise RunFolderError(f"{folder}: has {len(trials)} trials that worked; a study needs two at least")
    sign = 1.0 if direction == "maximize" else -1.0
    chosen = spread([sign * trial.scores[name] for trial in trials], finalists)
    candidates = {"default": bench.space.complete({})}
    if (folder / RECOMMENDED).is_file():
        candidates["recommended"] = read_answer(folder).params
        chosen = chosen[:-1]  # which is about as good
    candidates |= {f"trial-{k:05d}": bench.space.complete(trials[k].params) for k in chosen}
    seed = bench.seeds.to_confirm()[0]
    evaluations = bench.evaluator.evaluate(list(candidates.values()), seed, on_part)
    pictures = _of_candidates(bench.evaluator, candidates, evaluations, name, sign, seed)
    references = {slug(s.name): s.reference for s in bench.evaluator.scenes if s.reference is not None}
    count = len(candidates) * len(bench.evaluator.scenes) + len(references)
    return Stimuli(_with_references(pictures, references), count, references)


def dmc(
    scene: Scene,
    pipeline: Pipeline,
    objective: Objective,
    images: int,
    seed: int,
    device: torch.device | str = "cpu",
    say: Callable[[str], Any] = lambda _: None,
    on_part: OnPart = lambda done, total: None,
) -> Stimuli:
    """One scene in many qualities: parameters perturbed around their defaults, so that quality is spread evenly.

    Candidates are drawn with perturbations of all sizes, of all parameters or of a few, and of `POOL` times as many as
    are wanted those are kept whose scores lie closest to even steps from the worst to the best. Where the scene has no
    reference, as a raw file, the picture of the defaults stands for one: DMC perturbs a tuned camera.

    Raises:
        AllFailed: fewer candidates could be rendered and scored than images are wanted.

    Source: Rashidi et al. 2026, ScoreNet, supplement, section 2 (over 100 parameters, 100 images of a chart).
    """
    evaluator = Evaluator(pipeline, {"quality": objective}, [scene], device)
    if scene.reference is None:
        start = evaluator.render_one(pipeline.space.complete({}), evaluator.scenes[0], seed)
        evaluator = Evaluator(pipeline, {"quality": objective}, [replace(scene, reference=start)], device)
    (scene,) = evaluator.scenes
    pool = perturbed(pipeline.space, POOL * images, np.random.default_rng([seed, 100]))
    say(f"{scene.name}: rendering and scoring {len(pool)} pictures, of which {images} are kept")
    evaluations = evaluator.evaluate(pool, seed, on_part)
    sign = 1.0 if objective.facts.direction == "maximize" else -1.0
    worked = [k for k, evaluation in enumerate(evaluations) if evaluation.error is None]
    if len(worked) < images:
        error = next((e.error for e in evaluations if e.error), "")
        raise AllFailed(f"{len(worked)} of {len(pool)} candidates worked; {images} are needed: {error}")
    ranks = spread([sign * evaluations[k].scores["quality"] for k in worked], images)
    # The names must not tell the quality: they follow the order of the draw.
    chosen = sorted(worked[k] for k in ranks)
    candidates = {f"{number:03d}": pool[k] for number, k in enumerate(chosen, 1)}
    kept = [evaluations[k] for k in chosen]
    pictures = _of_candidates(evaluator, candidates, kept, "quality", sign, seed)
    references = {slug(scene.name): scene.reference} if scene.reference is not None else {}
    return Stimuli(pictures, len(candidates), references)


def perturbed(space: Space, count: int, rng: np.random.Generator) -> list[Candidate]:
    """The defaults, and candidates around them: each has its own strength and its own share of parameters moved.

    A strength of s moves a parameter by a share s of the way to a value drawn from its whole range; a choice changes
    with probability s.
    """
    default = space.to_unit(space.default)
    found = [space.complete({})]
    while len(found) < count:
        strength, share = rng.random(), rng.random()
        moved = rng.random(len(default)) < max(share, 1 / max(len(default), 1))
        target = rng.random(len(default))
        point = np.where(moved, default + strength * (target - default), default)
        candidate = space.from_unit(point)
        candidate |= {c.name: _choice(c, strength, rng) for c in space.choices}
        found.append(space.complete(candidate))
    return found


def spread(scores: Sequence[float], count: int) -> list[int]:
    """The indices of the scores that lie closest to even steps from the lowest to the highest, each taken once.

    All are taken where there are no more than asked for. In order of the scores, the lowest first.
    """
    from scipy.optimize import linear_sum_assignment

    values: Float64[np.ndarray, " scores"] = np.asarray(scores, dtype=np.float64)
    steps = np.linspace(values.min(), values.max(), min(count, len(values)))
    taken = linear_sum_assignment(np.abs(steps[:, None] - values[None, :]))[1]
    return sorted((int(k) for k in taken), key=lambda k: values[k])


def _choice(param: Choice, strength: float, rng: np.random.Generator) -> str:
    return str(rng.choice(param.options)) if rng.random() < strength else param.default


def _of_candidates(
    evaluator: Evaluator,
    candidates: dict[str, Candidate],
    evaluations: Sequence[Trial],
    objective: str,
    sign: float,
    seed: int,
) -> Iterator[Picture]:
    for scene in evaluator.scenes:
        for (condition, candidate), evaluation in zip(candidates.items(), evaluations, strict=True):
            scores = evaluation.scenes.get(scene.name, evaluation.scores)
            image = evaluator.render_one(candidate, scene, seed).cpu()
            score = sign * scores.get(objective, math.nan)
            yield Picture(slug(scene.name), slug(condition), image, candidate, score)


def _with_references(pictures: Iterator[Picture], references: dict[str, Images]) -> Iterator[Picture]:
    yield from pictures
    for scene, image in references.items():
        yield Picture(scene, REFERENCE, image.cpu())
