"""Candidates x scenes -> scores: grouping, batching, and one bad candidate costs one trial."""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import torch

from isptune.arrays import Images, OtherImages, Params
from isptune.errors import RenderError, ScoreError, in_words
from isptune.interfaces import KnownLevels, Objective, Pipeline, ScoresAmong
from isptune.runs.aggregate import parse_aggregate
from isptune.runs.log import Trial
from isptune.runs.unfinished import Outcome
from isptune.scenes.scene import Scene
from isptune.space import Candidate

PIXELS_A_BATCH = {"cpu": 2_500_000, "cuda": 128_000_000}
"""How many pixels one batch may have. On a CPU a tensor of a batch stays below 32 MB, up to which the C library
keeps freed memory: beyond it every new tensor pays for its pages again, which costs more than most filters."""


@dataclass(frozen=True)
class Part:
    """What is rendered and scored as one batch: candidates of equal choices, one scene, one noise seed.

    `rivals` are what objectives that compare (`ScoresAmong`) compare with, of any choices.
    """

    candidates: tuple[Candidate, ...]
    scene: int
    seed: int
    rivals: tuple[Candidate, ...] = ()


RunParts = Callable[[Sequence[Part]], Iterable[tuple[int, Outcome]]]
"""Evaluates parts somewhere, and gives the number of each with its outcome as they come, in any order."""


class Evaluator:
    """Renders and scores populations; knows where the time went.

    Args:
        pipeline, objectives, scenes: what to work with.
        device: where the scenes are put, and so where everything is computed.
        aggregate: how the scores of several scenes become one, see `isptune.runs.aggregate`.
        run_parts: evaluates the parts elsewhere (`isptune.tuning.workers`); by default they are evaluated here. The
            parts do not depend on it, so neither do the scores.

    Attributes:
        on_part: told after each part how many trials are done, of how many; a trial of three scenes counts in thirds.
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
        self.pipeline = pipeline
        self.objectives = dict(objectives)
        self.device = torch.device(device)
        self.scenes = [scene.to(self.device) for scene in scenes]
        self.aggregate = parse_aggregate(aggregate)
        self.run_parts: RunParts = run_parts or (lambda parts: enumerate(map(self.evaluate_part, parts)))
        self.on_part: Callable[[float, int], None] = lambda done, total: None
        self.render_s = 0.0
        self.score_s = 0.0
        self._last_rivals: _Rivals | None = None

    def evaluate(self, candidates: Sequence[Candidate], seed: int) -> list[Trial]:
        """Evaluate complete candidates (every parameter of the pipeline), in order, under one noise seed.

        Who asked for them is not known here: the trials are those of repeat 0.
        """
        groups = _equal_choices(candidates)
        indices = [
            (scene, group[start : start + limit])
            for scene, limit in enumerate(map(self._batch_limit, self.scenes))
            for group in groups
            for start in range(0, len(group), limit)
        ]
        rivals = tuple(candidates[i] for i in self._rival_indices(len(candidates)))
        parts = [Part(tuple(candidates[i] for i in index), scene, seed, rivals) for scene, index in indices]
        found: list[dict[str, Mapping[str, float] | str]] = [{} for _ in candidates]
        for (scene, index), outcome in zip(indices, self._outcomes(parts, len(candidates)), strict=True):
            for i, result in zip(index, outcome.results, strict=True):
                found[i][self.scenes[scene].name] = result
        levels = self._levels(candidates)
        return [self._trial(candidates[i], found[i], levels[i]) for i in range(len(candidates))]

    def _rival_indices(self, count: int) -> list[int]:
        """Which of so many candidates are rivals: all, or evenly spaced ones."""
        wanted = max((o.rivals for o in self.objectives.values() if isinstance(o, ScoresAmong)), default=0)
        return list(range(count)) if wanted >= count else [i * count // wanted for i in range(wanted)]

    def _outcomes(self, parts: Sequence[Part], total: int) -> list[Outcome]:
        """The outcomes in the order of the parts, in whatever order they come."""
        outcomes: dict[int, Outcome] = {}
        done = 0
        for number, outcome in self.run_parts(parts):
            outcomes[number] = outcome
            self.render_s += outcome.render_s
            self.score_s += outcome.score_s
            done += len(parts[number].candidates)
            self.on_part(done / len(self.scenes), total)
        return [outcomes[number] for number in range(len(parts))]

    @torch.inference_mode()
    def evaluate_part(self, part: Part) -> Outcome:
        """Render and score one part; on failure halve it, down to the candidates that fail."""
        clock = _Clock()
        return Outcome(tuple(self._results(part, clock)), clock.render_s, clock.score_s)

    @torch.inference_mode()
    def render_one(self, candidate: Candidate, scene: Scene, seed: int) -> Images:
        """One image of one candidate, [1, 3, H, W]. Raises RenderError."""
        return self.pipeline.render(scene, _to_params([candidate], self.device), seed)

    def _results(self, part: Part, clock: "_Clock") -> list[dict[str, float] | str]:
        try:
            columns = self._scores(part, clock)
        except Exception as error:  # a plug-in may raise anything, and it costs one trial
            if len(part.candidates) == 1:
                return [in_words(error)]
        else:
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            return [_finite(row) for row in rows]
        # Out here, since an error that is being handled keeps the batch that ran out of memory alive.
        halves = _halves(part.candidates)
        return [r for half in halves for r in self._results(replace(part, candidates=half), clock)]

    def _scores(self, part: Part, clock: "_Clock") -> dict[str, list[float]]:
        scene = self.scenes[part.scene]
        with clock.rendering():
            images = self._render(part.candidates, part.scene, part.seed)
            rivals = self._rival_images(part) if part.rivals else None
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
        with clock.scoring():
            scores: dict[str, list[float]] = {}
            for name, objective in self.objectives.items():
                if isinstance(objective, ScoresAmong) and rivals:
                    others = _others(part.candidates, rivals.candidates).to(self.device)
                    found = objective.score_among(images, rivals.images, others, scene)
                else:
                    found = objective.score(images, scene)
                if found.shape != (len(images),):
                    raise ScoreError(f"gave scores of shape {tuple(found.shape)} for {len(images)} images")
                scores[name] = found.double().cpu().tolist()
            del images  # giving their memory back takes time too, and belongs here
        return scores

    def _render(self, candidates: Sequence[Candidate], scene: int, seed: int) -> Images:
        images = self.pipeline.render(self.scenes[scene], _to_params(candidates, self.device), seed)
        if images.shape[0] != len(candidates) or images.ndim != 4 or images.shape[1] != 3:
            raise RenderError(f"the pipeline gave {tuple(images.shape)} for {len(candidates)} candidates")
        return images

    def _rival_images(self, part: Part) -> "_Rivals":
        """The pictures of a part's rivals without those that fail; all parts of a generation have the same."""
        key = (part.scene, part.seed, json.dumps(part.rivals))
        if self._last_rivals is None or self._last_rivals.key != key:
            self._last_rivals = None  # its memory first
            working: list[tuple[Candidate, Images]] = []
            limit = self._batch_limit(self.scenes[part.scene])
            for group in _equal_choices(part.rivals):
                for start in range(0, len(group), limit):
                    some = tuple(part.rivals[i] for i in group[start : start + limit])
                    working += self._rendered(some, part.scene, part.seed)
            if not working:
                raise ScoreError("there is nothing to compare with: none of the rivals can be rendered")
            candidates, images = zip(*working, strict=True)
            self._last_rivals = _Rivals(key, candidates, torch.cat(images))
        return self._last_rivals

    def _rendered(
        self, candidates: tuple[Candidate, ...], scene: int, seed: int
    ) -> list[tuple[Candidate, Images]]:
        """Each candidate that can be rendered, with its picture."""
        with suppress(Exception):  # it costs its own trial, which says why
            images = self._render(candidates, scene, seed)
            return [(candidate, images[i : i + 1]) for i, candidate in enumerate(candidates)]
        if len(candidates) == 1:
            return []
        return [pair for half in _halves(candidates) for pair in self._rendered(half, scene, seed)]

    def _batch_limit(self, scene: Scene) -> int:
        pixels = scene.image.shape[-2] * scene.image.shape[-1]
        budget = PIXELS_A_BATCH.get(self.device.type, PIXELS_A_BATCH["cpu"])
        return max(1, min(self.pipeline.max_batch, budget // pixels))

    def _levels(self, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
        if not isinstance(self.pipeline, KnownLevels):
            return [() for _ in candidates]
        levels: list[tuple[float, ...]] = [() for _ in candidates]
        for group in _equal_choices(candidates):
            params = _to_params([candidates[i] for i in group], torch.device("cpu"))
            for i, row in zip(group, self.pipeline.levels(params).tolist(), strict=True):
                levels[i] = tuple(row)
        return levels

    def _trial(
        self,
        candidate: Candidate,
        found: Mapping[str, Mapping[str, float] | str],
        levels: tuple[float, ...],
    ) -> Trial:
        l1 = l1_normalised = None
        if isinstance(self.pipeline, KnownLevels):
            l1 = sum(abs(d) for d in levels) / len(levels)
            ranges = self.pipeline.level_ranges
            l1_normalised = sum(abs(d) / r for d, r in zip(levels, ranges, strict=True)) / len(levels)
        scenes = {name: result for name, result in found.items() if not isinstance(result, str)}
        if len(scenes) < len(found):
            error = next(f"{name}: {result}" for name, result in found.items() if isinstance(result, str))
            return Trial(0, candidate, {}, {}, levels, l1, l1_normalised, error)
        rows = list(scenes.values())
        scores = {
            name: self.aggregate([row[name] for row in rows], objective.direction)
            for name, objective in self.objectives.items()
        }
        return Trial(0, candidate, scores, scenes if len(scenes) > 1 else {}, levels, l1, l1_normalised)


@dataclass(frozen=True)
class _Rivals:
    """What candidates are compared with; the key says of which parts."""

    key: tuple[int, int, str]
    candidates: tuple[Candidate, ...]
    images: OtherImages


def _others(candidates: Sequence[Candidate], rivals: Sequence[Candidate]) -> torch.Tensor:
    """Which rivals each candidate can be compared with: not with itself. Booleans, [candidates, rivals]."""
    return torch.tensor([[candidate != rival for rival in rivals] for candidate in candidates])


class _Clock:
    """Adds up the seconds of rendering and scoring."""

    def __init__(self):
        self.render_s = self.score_s = 0.0

    @contextmanager
    def rendering(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.render_s += time.perf_counter() - start

    @contextmanager
    def scoring(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.score_s += time.perf_counter() - start


def _finite(scores: dict[str, float]) -> dict[str, float] | str:
    bad = [name for name, value in scores.items() if not math.isfinite(value)]
    return f"{bad[0]} gave {scores[bad[0]]}" if bad else scores


def _halves(candidates: tuple[Candidate, ...]) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    middle = len(candidates) // 2
    return candidates[:middle], candidates[middle:]


def _equal_choices(candidates: Sequence[Candidate]) -> list[list[int]]:
    """Indices of the candidates, grouped by the values of their choices, in order of first appearance."""
    groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for i, candidate in enumerate(candidates):
        key = tuple((name, value) for name, value in candidate.items() if isinstance(value, str))
        groups.setdefault(key, []).append(i)
    return list(groups.values())


def _to_params(candidates: Sequence[Candidate], device: torch.device) -> Params:
    params: dict[str, torch.Tensor | str] = {}
    for name, first in candidates[0].items():
        if isinstance(first, str):
            params[name] = first
        else:
            values = [float(candidate[name]) for candidate in candidates]
            params[name] = torch.tensor(values, dtype=torch.float64, device=device)
    return params
