"""Candidates x scenes -> scores: grouping, batching, and one bad candidate costs one trial."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import final

import torch

from isptune.arrays import Images
from isptune.errors import RenderError, ScoreError, in_words
from isptune.interfaces import Objective, Pipeline
from isptune.runs.aggregate import parse_aggregate
from isptune.runs.log import Trial
from isptune.runs.unfinished import Outcome
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.tuning.batches import batch_limit, batches, halves, to_params
from isptune.tuning.levels import known_levels, level_errors
from isptune.tuning.parts import OnPart, Part, RunParts, Stopwatch
from isptune.tuning.rivals import RivalPictures, rivals_among, score_beside


@final
class Evaluator:
    """Renders and scores populations; knows where the time went.

    Args:
        pipeline, objectives, scenes: what to work with.
        device: where the scenes are put, and so where everything is computed.
        aggregate: how the scores of several scenes become one, see `isptune.runs.aggregate`.
        run_parts: evaluates the parts elsewhere (`isptune.tuning.workers`); by default they are evaluated here.
            The parts do not depend on it, so neither do the scores.

    Attributes:
        render_s, score_s: seconds spent in pipelines and objectives so far; of all workers together.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        objectives: Mapping[str, Objective],
        scenes: Sequence[Scene],
        device: torch.device | str = "cpu",
        aggregate: str = "mean",
        run_parts: RunParts | None = None,
    ):
        self.pipeline, self.objectives = pipeline, dict(objectives)
        self.device = torch.device(device)
        self.scenes = tuple(scene.to(self.device) for scene in scenes)
        self.aggregate = parse_aggregate(aggregate)
        self.run_parts: RunParts = run_parts or (lambda parts: enumerate(map(self.evaluate_part, parts)))
        self.render_s = self.score_s = 0.0
        self._rivals = RivalPictures(self._render)

    def evaluate(
        self,
        candidates: Sequence[Candidate],
        seed: int,
        on_part: OnPart = lambda done, total: None,
        run_parts: RunParts | None = None,
    ) -> list[Trial]:
        """Evaluate complete candidates (every parameter of the pipeline), in order, under one noise seed.

        Who asked for them is not known here: the trials are those of repeat 0.

        Args:
            on_part: told of the progress.
            run_parts: evaluates the parts in place of the evaluator's own.
        """
        indices = [
            (scene, batch)
            for scene in range(len(self.scenes))
            for batch in batches(candidates, self._batch_limit(scene))
        ]
        rivals = rivals_among(candidates, max((o.facts.rivals for o in self.objectives.values()), default=0))
        parts = [Part(tuple(candidates[i] for i in batch), scene, seed, rivals) for scene, batch in indices]
        outcomes: dict[int, Outcome] = {}
        done = 0
        for number, outcome in (run_parts or self.run_parts)(parts):
            outcomes[number] = outcome
            self.render_s += outcome.render_s
            self.score_s += outcome.score_s
            done += len(parts[number].candidates)
            on_part(done / len(self.scenes), len(candidates))
        found: list[dict[str, Mapping[str, float] | str]] = [{} for _ in candidates]
        for number, (scene, batch) in enumerate(indices):  # in whatever order the outcomes came
            for i, result in zip(batch, outcomes[number].results, strict=True):
                found[i][self.scenes[scene].name] = result
        levels = known_levels(self.pipeline, candidates)
        return [self._trial(*one) for one in zip(candidates, found, levels, strict=True)]

    @torch.inference_mode()
    def evaluate_part(self, part: Part) -> Outcome:
        """Render and score one part; on failure halve it, down to the candidates that fail."""
        clock = Stopwatch()
        return Outcome(tuple(self._results(part, clock)), clock.render_s, clock.score_s)

    @torch.inference_mode()
    def render_one(self, candidate: Candidate, scene: Scene, seed: int) -> Images:
        """One image of one candidate, [1, 3, H, W]. Raises RenderError."""
        return self.pipeline.render(scene, to_params([candidate], self.device), seed)

    def _results(self, part: Part, clock: Stopwatch) -> list[dict[str, float] | str]:
        try:
            columns = self._scores(part, clock)
        except Exception as error:  # a plug-in may raise anything, and it costs one trial
            if len(part.candidates) == 1:
                return [in_words(error)]
        else:
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            return [_finite(row) for row in rows]
        # Out here, since an error that is being handled keeps the batch that ran out of memory alive.
        return [
            r
            for half in halves(part.candidates)
            for r in self._results(replace(part, candidates=half), clock)
        ]

    def _scores(self, part: Part, clock: Stopwatch) -> dict[str, list[float]]:
        scene = self.scenes[part.scene]
        with clock.rendering():
            images = self._render(part.candidates, part.scene, part.seed)
            limit = self._batch_limit(part.scene)
            rivals = self._rivals.of(part.rivals, part.scene, part.seed, limit) if part.rivals else None
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
        with clock.scoring():
            scores: dict[str, list[float]] = {}
            for name, objective in self.objectives.items():
                if rivals:
                    others = rivals.others(part.candidates)
                    found = score_beside(objective, images, rivals.images, others, scene)
                else:
                    found = objective.score(images, scene)
                if found.shape != (len(images),):
                    raise ScoreError(f"gave scores of shape {tuple(found.shape)} for {len(images)} images")
                scores[name] = found.double().cpu().tolist()
            del images  # giving their memory back takes time too, and belongs here
        return scores

    def _render(self, candidates: tuple[Candidate, ...], scene: int, seed: int) -> Images:
        images = self.pipeline.render(self.scenes[scene], to_params(candidates, self.device), seed)
        if images.shape[0] != len(candidates) or images.ndim != 4 or images.shape[1] != 3:
            raise RenderError(f"the pipeline gave {tuple(images.shape)} for {len(candidates)} candidates")
        return images

    def _batch_limit(self, scene: int) -> int:
        return batch_limit(self.scenes[scene], self.device, self.pipeline.facts.max_batch)

    def _trial(
        self,
        candidate: Candidate,
        found: Mapping[str, Mapping[str, float] | str],
        levels: tuple[float, ...],
    ) -> Trial:
        l1, l1_normalised = level_errors(levels, self.pipeline.facts)
        scenes = {name: result for name, result in found.items() if not isinstance(result, str)}
        if len(scenes) < len(found):
            error = next(f"{name}: {result}" for name, result in found.items() if isinstance(result, str))
            return Trial(0, candidate, {}, {}, levels, l1, l1_normalised, error)
        scores = {
            name: self.aggregate([row[name] for row in scenes.values()], objective.facts.direction)
            for name, objective in self.objectives.items()
        }
        return Trial(0, candidate, scores, scenes if len(scenes) > 1 else {}, levels, l1, l1_normalised)


def _finite(scores: dict[str, float]) -> dict[str, float] | str:
    bad = [name for name, value in scores.items() if not math.isfinite(value)]
    return f"{bad[0]} gave {scores[bad[0]]}" if bad else scores
