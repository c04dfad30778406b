"""Candidates x scenes -> scores: grouping, batching, and one bad candidate costs one trial."""

import math
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import torch
from jaxtyping import Bool
from torch import Tensor

from isptune.arrays import Images, OtherImages, Scores
from isptune.errors import RenderError, ScoreError, in_words
from isptune.interfaces import Objective, Pipeline, ScoresTogether
from isptune.runs.aggregate import parse_aggregate
from isptune.runs.log import Trial
from isptune.runs.times import Span
from isptune.runs.unfinished import Outcome
from isptune.scenes.focus import Region
from isptune.scenes.large import size_of
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.tuning.batches import batch_limit, batches, halves, to_params
from isptune.tuning.levels import known_levels, level_errors
from isptune.tuning.masks import compared
from isptune.tuning.memory import Key, Memory, of_regions
from isptune.tuning.parts import OnPart, Part, RunParts, Stopwatch
from isptune.tuning.region_rendering import RegionRenderer, Shown, joined, parted_again
from isptune.tuning.regions import counted, part_of, regions_of, rendered_apart, weights_of
from isptune.tuning.rivals import RivalPictures, Rivals, rivals_among, score_beside
from isptune.tuning.spans import Spans
from isptune.tuning.together import Evidence, evidence_of, require_fit, together_among


@dataclass(frozen=True)
class Found:
    """Of a picture its scores by objective, and the evidence of those that score all scenes together."""

    scores: Mapping[str, float]
    evidence: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


Result = Found | str
"""What was found, or why there is nothing."""


@final
class Evaluator:
    """Renders and scores populations; knows where the time went.

    Args:
        pipeline, objectives, scenes: what to work with.
        device: where the scenes are put, and so where everything is computed.
        aggregate: how the scores of several scenes become one, see `isptune.runs.aggregate`.
        run_parts: evaluates the parts elsewhere (`isptune.tuning.workers`); by default they are evaluated here.
            The parts do not depend on it, so neither do the scores.
        memory: of the same pipeline on the same scenes; a new one by default.

    Attributes:
        weights: of the scenes' scores, a mean of 1.
        pooled: whether the score of several scenes is their plain mean.
        together: the objectives that score all scenes together.
        render_s, score_s: seconds spent in pipelines and objectives so far; of all workers together.
        spans: when each candidate of the last call of `evaluate` was evaluated.
        evidence: of each of these candidates, by objective of `together`, one a scene; of one that failed none.

    Raises:
        ConfigError: an aggregate, weights or regions of scenes that an objective cannot do with.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        objectives: Mapping[str, Objective],
        scenes: Sequence[Scene],
        device: torch.device | str = "cpu",
        aggregate: str = "mean",
        run_parts: RunParts | None = None,
        memory: Memory | None = None,
    ):
        self.pipeline, self.objectives = pipeline, dict(objectives)
        self.device = torch.device(device)
        self.scenes = tuple(scene.to(self.device) for scene in scenes)
        self.aggregate, self.weights = parse_aggregate(aggregate), weights_of(self.scenes, aggregate)
        self.pooled = aggregate == "mean" and len(set(self.weights)) == 1
        require_fit(self.objectives, self.scenes, aggregate)
        self.together = together_among(self.objectives)
        self.run_parts: RunParts = run_parts or (lambda parts: enumerate(map(self.evaluate_part, parts)))
        self.memory = memory or Memory(pipeline.facts.uses_seed)
        self.render_s = self.score_s = 0.0
        self.spans: list[Span] = []
        self.evidence: list[Evidence] = []
        self._known: dict[Key, Result] = {}
        self._rivals = RivalPictures(self._render)
        self._apart = [rendered_apart(one, pipeline, self.objectives.values()) for one in self.scenes]
        support = pipeline.facts.support
        self._regions = None if support is None else RegionRenderer(pipeline, support, self.device)
        self._parts: dict[tuple[int, Region], Scene] = {}

    def evaluate(
        self,
        candidates: Sequence[Candidate],
        seed: int,
        on_part: OnPart = lambda done, total: None,
        run_parts: RunParts | None = None,
        keep: bool = False,
    ) -> list[Trial]:
        """Evaluate complete candidates (every parameter of the pipeline), in order, under one noise seed.

        Who asked for them is not known here: the trials are those of repeat 0. What is known already, of a pipeline
        that draws no noise, is not evaluated again.

        Args:
            on_part: told of the progress.
            run_parts: evaluates the parts in place of the evaluator's own.
            keep: whether the same pictures will be asked for again, see `Memory`.
        """
        known, spans = self._known if self._scores_stand else {}, Spans()
        rivals, scenes = rivals_among(candidates, self._rivals_asked), range(len(self.scenes))
        keys = [[self.memory.key(candidate, scene, seed) for candidate in candidates] for scene in scenes]
        parts = [
            Part(batch, scene, seed, rivals, keep)
            for scene in scenes
            for batch in self._batches(candidates, keys[scene], known, scene)
        ]
        results: ChainMap[Key, Result] = ChainMap({}, known)  # what is new goes into the first
        missing = sum(len(part.candidates) for part in parts)
        done = len(candidates) * len(scenes) - missing
        for number, outcome in (run_parts or self.run_parts)(parts):  # in whatever order they come
            part = parts[number]
            self.render_s += outcome.render_s
            self.score_s += outcome.score_s
            own = [self.memory.key(candidate, part.scene, seed) for candidate in part.candidates]
            spans.add(own, outcome.render_s + outcome.score_s)
            results.update(zip(own, _found(outcome), strict=True))
            done += len(part.candidates)
            on_part(done / len(scenes), len(candidates))
        known.update((key, new) for key, new in results.maps[0].items() if not isinstance(new, str))
        found = [
            {scene.name: results[row[i]] for scene, row in zip(self.scenes, keys, strict=True)}
            for i in range(len(candidates))
        ]
        self.spans = [spans.of(row[i] for row in keys) for i in range(len(candidates))]
        self.evidence = [self._evidence(own) for own in found]
        levels = known_levels(self.pipeline, candidates)
        return [self._trial(*one) for one in zip(candidates, found, levels, strict=True)]

    def learn(self, trial: Trial, candidate: Candidate) -> None:
        """What an earlier session found of a complete candidate need not be found again where no noise is drawn.

        The log holds no evidence: what scores all scenes together finds it again.
        """
        if not self._scores_stand or trial.error is not None or self.together:
            return
        for number, scene in enumerate(self.scenes):
            scores = trial.scenes.get(scene.name) or trial.scores
            self._known[self.memory.key(candidate, number, 0)] = Found(scores)

    @property
    def _rivals_asked(self) -> int:
        return max((objective.facts.rivals for objective in self.objectives.values()), default=0)

    @property
    def _scores_stand(self) -> bool:
        """Whether a candidate scores the same whenever it is asked: not under other noise or among other rivals."""
        return not (self.pipeline.facts.uses_seed or self._rivals_asked)

    def _batches(
        self, candidates: Sequence[Candidate], keys: Sequence[Key], known: Mapping[Key, Result], scene: int
    ) -> list[tuple[Candidate, ...]]:
        """What has to be evaluated on a scene, equal candidates once, in batches."""
        missing = list(
            {key: one for key, one in zip(keys, candidates, strict=True) if key not in known}.values()
        )
        return [tuple(missing[i] for i in batch) for batch in batches(missing, self._batch_limit(scene))]

    @torch.inference_mode()
    def evaluate_part(self, part: Part) -> Outcome:
        """Render and score one part; on failure halve it, down to the candidates that fail."""
        clock = Stopwatch()
        results = self._results(part, clock)
        scores = tuple(one if isinstance(one, str) else one.scores for one in results)
        evidence = tuple({} if isinstance(one, str) else one.evidence for one in results)
        return Outcome(scores, clock.render_s, clock.score_s, evidence if self.together else ())

    @torch.inference_mode()
    def render_one(self, candidate: Candidate, scene: Scene, seed: int, keep: bool = True) -> Images:
        """One image of one candidate, [1, 3, H, W]; `scene` is one of the evaluator's own. Raises RenderError.

        `keep` is whether it will be asked for again, see `Memory`.
        """
        (number,) = (i for i, own in enumerate(self.scenes) if own is scene)
        return self._render((candidate,), number, seed, keep)

    @torch.inference_mode()
    def shown(self, candidates: Sequence[Candidate], scene: Scene, seed: int) -> Shown:
        """The pictures that are scored of candidates of equal choices on one of the evaluator's own scenes.

        Raises RenderError.
        """
        (number,) = (i for i, own in enumerate(self.scenes) if own is scene)
        return self._shown(tuple(candidates), number, seed, keep=True)

    def _results(self, part: Part, clock: Stopwatch) -> list[Result]:
        try:
            columns, evidence = self._scores(part, clock)
        except Exception as error:  # a plug-in may raise anything, and it costs one trial
            if len(part.candidates) == 1:
                return [in_words(error)]
        else:
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            return [
                _finite(Found(row, {name: own[i] for name, own in evidence.items()}))
                for i, row in enumerate(rows)
            ]
        # Out here, since an error that is being handled keeps the batch that ran out of memory alive.
        return [
            r
            for half in halves(part.candidates)
            for r in self._results(replace(part, candidates=half), clock)
        ]

    def _scores(
        self, part: Part, clock: Stopwatch
    ) -> tuple[dict[str, list[float]], dict[str, list[tuple[float, ...]]]]:
        """By objective one score a candidate, and by objective of all scenes together one piece of evidence."""
        scene = self.scenes[part.scene]
        with clock.rendering():
            images = self._shown(part.candidates, part.scene, part.seed, part.keep)
            limit = self._batch_limit(part.scene)
            rivals = self._rivals.of(part.rivals, part.scene, part.seed, limit) if part.rivals else None
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
        with clock.scoring():
            scores: dict[str, list[float]] = {}
            evidence: dict[str, list[tuple[float, ...]]] = {}
            for name, objective in self.objectives.items():
                if isinstance(objective, ScoresTogether):
                    shown = compared(objective.facts, images.of(None), scene)
                    evidence[name] = evidence_of(objective, shown, scene)
                    scores[name] = [float(objective.together([own])) for own in evidence[name]]
                    continue
                others = rivals.others(part.candidates) if rivals else None
                found = self._where_it_counts(objective, images, part.scene, rivals, others)
                if found.shape != (len(part.candidates),):
                    raise ScoreError(
                        f"gave scores of shape {tuple(found.shape)} for {len(part.candidates)} images"
                    )
                scores[name] = found.double().cpu().tolist()
            del images  # giving their memory back takes time too, and belongs here
        return scores, evidence

    def _render(self, candidates: tuple[Candidate, ...], scene: int, seed: int, keep: bool = False) -> Images:
        def anew(wanted: tuple[Candidate, ...]) -> Images:
            images = self.pipeline.render(self.scenes[scene], to_params(wanted, self.device), seed)
            if images.shape[0] != len(wanted) or images.ndim != 4 or images.shape[1] != 3:
                raise RenderError(f"the pipeline gave {tuple(images.shape)} for {len(wanted)} candidates")
            return images

        return self.memory.rendered(candidates, scene, seed, keep, anew)

    def _shown(self, candidates: tuple[Candidate, ...], scene: int, seed: int, keep: bool) -> Shown:
        """Whole pictures, or those of regions where nothing looks at more."""
        if not self._apart[scene] or self._regions is None:
            return Shown(self._render(candidates, scene, seed, keep))
        renderer, whole = self._regions, self.scenes[scene]
        regions = regions_of(whole)

        def anew(wanted: tuple[Candidate, ...]) -> Images:
            return joined(renderer.render(whole, regions, wanted, seed))

        rows = self.memory.rendered(candidates, of_regions(scene), seed, keep, anew)
        return Shown(None, regions, parted_again(rows, regions))

    @property
    def cuts(self) -> dict[str, int]:
        """By scene into how many pictures at most a population is cut; the memory may make it fewer."""
        return {scene.name: self._batch_limit(place) for place, scene in enumerate(self.scenes)}

    def _batch_limit(self, scene: int) -> int:
        size = size_of(self.scenes[scene])
        if self._apart[scene]:
            size = max(
                ((one.width, one.height) for one in regions_of(self.scenes[scene])),
                key=lambda size: size[0] * size[1],
            )
        return batch_limit(size, self.device, self.pipeline.facts.max_batch)

    def _where_it_counts(
        self,
        objective: Objective,
        shown: Shown,
        scene: int,
        rivals: Rivals | None,
        others: Bool[Tensor, "batch other"] | None,
    ) -> Scores:
        """The scores of pictures, or the means of those of the scene's regions of interest."""
        beside = None if rivals is None else rivals.images
        regions = counted(objective.facts, self.scenes[scene])
        if not regions:
            return _scored(objective, shown.of(None), self.scenes[scene], beside, others)
        parts = [
            _scored(
                objective,
                shown.of(region),
                self._part(scene, region),
                None if beside is None else region.of(beside),
                others,
            )
            for region in regions
        ]
        return torch.stack(parts).mean(0)

    def _part(self, scene: int, region: Region) -> Scene:
        """The scene in a region, the same each time, so that what objectives prepare of its reference stands."""
        if (scene, region) not in self._parts:
            self._parts[scene, region] = part_of(self.scenes[scene], region)
        return self._parts[scene, region]

    def _trial(
        self,
        candidate: Candidate,
        found: Mapping[str, Result],
        levels: tuple[float, ...],
    ) -> Trial:
        l1, l1_normalised = level_errors(levels, self.pipeline.facts)
        scenes = {name: result.scores for name, result in found.items() if not isinstance(result, str)}
        if len(scenes) < len(found):
            error = next(f"{name}: {result}" for name, result in found.items() if isinstance(result, str))
            return Trial(0, candidate, {}, {}, levels, l1, l1_normalised, error)
        try:
            scores = self._of_all_scenes(scenes, self._evidence(found))
        except Exception as error:  # a plug-in may raise anything, and it costs one trial
            return Trial(0, candidate, {}, {}, levels, l1, l1_normalised, f"all scenes: {in_words(error)}")
        return Trial(0, candidate, scores, scenes if len(scenes) > 1 else {}, levels, l1, l1_normalised)

    def _of_all_scenes(
        self, scenes: Mapping[str, Mapping[str, float]], evidence: Evidence
    ) -> dict[str, float]:
        """By objective one score of all scenes. Raises ScoreError for one that is no number."""
        scores: dict[str, float] = {}
        for name, objective in self.objectives.items():
            if name in self.together:
                scores[name] = float(self.together[name].together(evidence[name]))
                if not math.isfinite(scores[name]):
                    raise ScoreError(f"{name} gave {scores[name]}")
            else:
                rows = [row[name] for row in scenes.values()]
                scores[name] = self.aggregate(rows, objective.facts.direction, self.weights)
        return scores

    def _evidence(self, found: Mapping[str, Result]) -> Evidence:
        """Of a candidate, by objective that scores all scenes together; nothing where it failed on any."""
        whole = [result for result in found.values() if not isinstance(result, str)]
        if len(whole) < len(found):
            return {}
        return {name: tuple(result.evidence[name] for result in whole) for name in self.together}


def _found(outcome: Outcome) -> list[Result]:
    evidence = outcome.evidence or ({},) * len(outcome.results)
    return [
        result if isinstance(result, str) else Found(result, own)
        for result, own in zip(outcome.results, evidence, strict=True)
    ]


def _scored(
    objective: Objective,
    images: Images,
    scene: Scene,
    beside: OtherImages | None,
    others: Bool[Tensor, "batch other"] | None,
) -> Scores:
    shown = compared(objective.facts, images, scene)
    if beside is None or others is None:
        return objective.score(shown, scene)
    return score_beside(objective, shown, compared(objective.facts, beside, scene), others, scene)


def _finite(found: Found) -> Result:
    bad = [name for name, value in found.scores.items() if not math.isfinite(value)]
    return f"{bad[0]} gave {found.scores[bad[0]]}" if bad else found
