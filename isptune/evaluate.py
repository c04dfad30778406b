"""Candidates x scenes -> scores: grouping, batching, and one bad candidate costs one trial."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from isptune.arrays import Images, Params
from isptune.errors import IsptuneError, RenderError, ScoreError
from isptune.interfaces import KnownLevels, Objective, Pipeline
from isptune.scenes import Scene
from isptune.space import Candidate

PIXELS_A_BATCH = {"cpu": 8_000_000, "cuda": 128_000_000}
"""How many pixels one batch may have. On a CPU small batches stay nearer to its caches and are no slower."""


@dataclass(frozen=True)
class Evaluation:
    """What became of one candidate; see `isptune.runlog.Trial` for the fields."""

    scores: Mapping[str, float] = field(default_factory=dict)
    scenes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    levels: tuple[float, ...] = ()
    l1: float | None = None
    l1_normalised: float | None = None
    error: str | None = None


class Evaluator:
    """Renders and scores populations; knows where the time went.

    Attributes:
        render_s, score_s: seconds spent in pipelines and objectives so far.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        objectives: Mapping[str, Objective],
        scenes: Sequence[Scene],
        device: torch.device | str = "cpu",
    ):
        self.pipeline = pipeline
        self.objectives = dict(objectives)
        self.device = torch.device(device)
        self.scenes = [scene.to(self.device) for scene in scenes]
        self.render_s = 0.0
        self.score_s = 0.0

    @torch.inference_mode()
    def evaluate(self, candidates: Sequence[Candidate], seed: int) -> list[Evaluation]:
        """Evaluate complete candidates (every parameter of the pipeline), in order, under one noise seed."""
        results: list[dict[str, dict[str, float]]] = [{} for _ in candidates]
        errors: dict[int, str] = {}
        for scene in self.scenes:
            limit = self._batch_limit(scene)
            for group in _equal_choices(candidates):
                for start in range(0, len(group), limit):
                    part = [i for i in group[start : start + limit] if i not in errors]
                    self._evaluate_part(candidates, part, scene, seed, results, errors)
        levels = self._levels(candidates)
        return [self._evaluation(results[i], levels[i], errors.get(i)) for i in range(len(candidates))]

    @torch.inference_mode()
    def render_one(self, candidate: Candidate, scene: Scene, seed: int) -> Images:
        """One image of one candidate, [1, 3, H, W]. Raises RenderError."""
        return self.pipeline.render(scene, _to_params([candidate], self.device), seed)

    def _evaluate_part(
        self,
        candidates: Sequence[Candidate],
        part: list[int],
        scene: Scene,
        seed: int,
        results: list[dict[str, dict[str, float]]],
        errors: dict[int, str],
    ) -> None:
        """Render and score candidates of equal choices; on failure halve, down to the one that fails."""
        if not part:
            return
        try:
            scores = self._scores([candidates[i] for i in part], scene, seed)
        except Exception as error:  # a plug-in may raise anything, and it costs one trial
            if len(part) == 1:
                errors[part[0]] = f"{scene.name}: {_in_words(error)}"
                return
            middle = len(part) // 2
            self._evaluate_part(candidates, part[:middle], scene, seed, results, errors)
            self._evaluate_part(candidates, part[middle:], scene, seed, results, errors)
            return
        for row, i in enumerate(part):
            values = {name: column[row] for name, column in scores.items()}
            bad = [name for name, value in values.items() if not math.isfinite(value)]
            if bad:
                errors[i] = f"{scene.name}: {bad[0]} gave {values[bad[0]]}"
            else:
                results[i][scene.name] = values

    def _scores(self, candidates: Sequence[Candidate], scene: Scene, seed: int) -> dict[str, list[float]]:
        start = time.perf_counter()
        try:
            images = self.pipeline.render(scene, _to_params(candidates, self.device), seed)
            if images.shape[0] != len(candidates) or images.ndim != 4 or images.shape[1] != 3:
                raise RenderError(f"the pipeline gave {tuple(images.shape)} for {len(candidates)} candidates")
            self._wait()
        finally:
            self.render_s += time.perf_counter() - start
        start = time.perf_counter()
        try:
            return {name: self._score(objective, images, scene) for name, objective in self.objectives.items()}
        finally:
            self.score_s += time.perf_counter() - start

    def _score(self, objective: Objective, images: Images, scene: Scene) -> list[float]:
        scores = objective.score(images, scene)
        if scores.shape != (len(images),):
            raise ScoreError(f"gave scores of shape {tuple(scores.shape)} for {len(images)} images")
        return scores.double().cpu().tolist()

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

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

    def _evaluation(
        self, scenes: dict[str, dict[str, float]], levels: tuple[float, ...], error: str | None
    ) -> Evaluation:
        l1 = l1_normalised = None
        if isinstance(self.pipeline, KnownLevels):
            l1 = sum(abs(d) for d in levels) / len(levels)
            ranges = self.pipeline.level_ranges
            l1_normalised = sum(abs(d) / r for d, r in zip(levels, ranges, strict=True)) / len(levels)
        if error is not None:
            return Evaluation({}, {}, levels, l1, l1_normalised, error)
        rows = list(scenes.values())
        means = {name: sum(row[name] for row in rows) / len(rows) for name in self.objectives}
        return Evaluation(means, scenes if len(scenes) > 1 else {}, levels, l1, l1_normalised)


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


def _in_words(error: Exception) -> str:
    message = " ".join(str(error).split()) or "no message"
    return message if isinstance(error, IsptuneError) else f"{type(error).__name__}: {message}"
