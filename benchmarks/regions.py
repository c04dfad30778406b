"""What large scenes cost by regions against whole: `python benchmarks/regions.py [--threads 2] [--candidates 6]`.

Prints a Markdown table: seconds a candidate of rendering and of scoring, and CPU seconds of both over all threads, on a
3840x2160 photograph through the synthetic chain, and on raw captures of 12 and 24 megapixels (made from a photograph)
through the raw ISP with every param drawn at random, as a search draws them. Both sides in one process, the same
candidates. What depends on the scene alone is made before, as in a run. What regions cost depends on the candidate, how
far it looks: they are rendered for all, whole frames for the first ones only (`--whole 1`).
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch

from isptune.interfaces import Pipeline
from isptune.registry import build
from isptune.scenes.scene import Scene, load_scenes, photograph, raw_scene
from isptune.space import Candidate
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.memory import Memory
from isptune.tuning.regions import looked_at
from pipelines.raw.unprocessing import random_camera, unprocess


def main() -> None:
    """Time what was asked for, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--candidates", type=int, default=6)
    parser.add_argument("--whole", type=int, default=1)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--objectives", nargs="*", default=["scorenet", "niqe", "ssim"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    print(
        "| scene | objective | whole: render + score, s | regions | ratio | whole, CPU s | regions | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for case in options.cases:
        pipeline, scene = CASES[case]()
        for line in rows(case, pipeline, scene, options.objectives, options):
            print(line, flush=True)


def large_photograph(width: int, height: int) -> Scene:
    """A photograph of this size: the bundled one, mirrored side by side, so that its detail is that of a camera."""
    image = load_scenes(["rocket"])[0].image
    while image.shape[-1] < width:
        image = torch.cat((image, image.flip(3)), 3)
    while image.shape[-2] < height:
        image = torch.cat((image, image.flip(2)), 2)
    return photograph("rocket", image[..., :height, :width].contiguous())


def synthetic() -> tuple[Pipeline, Scene]:
    """4K through the chain."""
    return build("pipeline", "synthetic"), large_photograph(3840, 2160)


def raw(width: int, height: int) -> tuple[Pipeline, Scene]:
    """A capture of a photograph, whose picture is its reference."""
    image = large_photograph(width, height).image
    capture = unprocess(image, random_camera(0, 1600), 0)
    return build("pipeline", "raw"), raw_scene("rocket", capture, image)


CASES = {
    "synthetic": synthetic,
    "raw12": lambda: raw(4000, 3000),
    "raw24": lambda: raw(6000, 4000),
}


def drawn(pipeline: Pipeline, count: int) -> list[Candidate]:
    """Candidates all over the space; choices at their defaults."""
    points = np.random.default_rng(0).random((count, len(pipeline.space.numeric)))
    return [pipeline.space.complete(pipeline.space.from_unit(point)) for point in points]


@dataclass
class Cost:
    """Of one way of looking: seconds and CPU seconds, sums over candidates."""

    render: float = 0.0
    render_cpu: float = 0.0
    score: dict[str, float] = field(default_factory=dict)
    score_cpu: dict[str, float] = field(default_factory=dict)

    def of(self, name: str, count: int) -> tuple[float, float, float]:
        """Rendering, scoring, and the CPU seconds of both, a candidate."""
        cpu = self.render_cpu + self.score_cpu[name]
        return self.render / count, self.score[name] / count, cpu / count


def cost(pipeline: Pipeline, scene: Scene, names: Sequence[str], candidates: Sequence[Candidate]) -> Cost:
    """What candidates cost, in batches as in a run; pictures are rendered once for all objectives."""
    total = Cost(score=dict.fromkeys(names, 0.0), score_cpu=dict.fromkeys(names, 0.0))
    memory = Memory(pipeline.facts.uses_seed)
    evaluators = {n: Evaluator(pipeline, {n: build("objective", n)}, [scene], memory=memory) for n in names}
    at_once = evaluators[names[0]].cuts[scene.name]
    for start in range(0, len(candidates), at_once):
        batch = candidates[start : start + at_once]
        for place, (name, evaluator) in enumerate(evaluators.items()):
            if place == 0:
                began, cpu = time.perf_counter(), time.process_time()
                evaluator.shown(batch, evaluator.scenes[0], 0)
                total.render += time.perf_counter() - began
                total.render_cpu += time.process_time() - cpu
            cpu, before = time.process_time(), evaluator.score_s
            trials = evaluator.evaluate(batch, 0, keep=True)
            assert not any(trial.error for trial in trials), trials
            total.score[name] += evaluator.score_s - before
            total.score_cpu[name] += time.process_time() - cpu
    return total


def rows(
    case: str, pipeline: Pipeline, scene: Scene, names: Sequence[str], options: argparse.Namespace
) -> list[str]:
    """Lines of the table, one an objective."""
    objectives = [build("objective", name) for name in names]
    (seen,) = looked_at([scene], pipeline, objectives, full_frame=False)
    candidates = drawn(pipeline, options.candidates)
    cost(pipeline, seen, names, candidates[:1])  # what is made once
    parts, whole = (
        cost(pipeline, seen, names, candidates),
        cost(pipeline, scene, names, candidates[: options.whole]),
    )
    lines = []
    for name in names:
        a, b = whole.of(name, options.whole), parts.of(name, options.candidates)
        size = f"{scene.image.shape[-1]}x{scene.image.shape[-2]}"
        lines.append(
            f"| {case} {size} | {name} | {a[0]:.2f} + {a[1]:.2f} | {b[0]:.2f} + {b[1]:.2f} | "
            f"{(a[0] + a[1]) / (b[0] + b[1]):.1f} | {a[2]:.1f} | {b[2]:.1f} | {a[2] / b[2]:.1f} |"
        )
    return lines


if __name__ == "__main__":
    main()
