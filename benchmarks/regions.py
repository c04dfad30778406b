"""What large scenes cost by regions against whole: `python benchmarks/regions.py [--threads 2] [--candidates 4]`.

Prints a Markdown table: seconds a candidate of rendering and of scoring, on a 3840x2160 photograph through the
synthetic chain, and on raw captures of 12 and 24 megapixels (made from a photograph) through the raw ISP with every
param drawn at random, as a search draws them. Both sides in one process, the same candidates, whole and regions in
turn; means over candidates. What depends on the scene alone is made before, as in a run.
"""

import argparse
import statistics
from collections.abc import Sequence

import cv2
import numpy as np
import torch

from isptune.interfaces import Pipeline
from isptune.registry import build
from isptune.scenes.scene import Scene, load_scenes, photograph, raw_scene
from isptune.space import Candidate
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.regions import looked_at
from pipelines.raw.unprocessing import random_camera, unprocess


def main() -> None:
    """Time what was asked for, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--objectives", nargs="*", default=["scorenet", "niqe", "ssim"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    print("| scene | objective | whole, render + score, s | regions, render + score, s | ratio |")
    print("|---|---|---|---|---|")
    for case in options.cases:
        pipeline, scene = CASES[case]()
        candidates = drawn(pipeline, options.candidates)
        for objective in options.objectives:
            print(row(case, pipeline, scene, objective, candidates), flush=True)


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


def row(case: str, pipeline: Pipeline, scene: Scene, name: str, candidates: Sequence[Candidate]) -> str:
    """One line of the table."""
    objective = build("objective", name)
    by_regions = looked_at([scene], pipeline, [objective], full_frame=False)
    sides = [Evaluator(pipeline, {name: objective}, [one]) for one in (scene, *by_regions)]
    for evaluator in sides:
        evaluator.evaluate(candidates[:1], 0)  # what is made once
    seconds: list[list[tuple[float, float]]] = [[], []]
    for candidate in candidates[1:]:
        for place, evaluator in enumerate(sides):
            before = evaluator.render_s, evaluator.score_s
            (trial,) = evaluator.evaluate([candidate], 0)
            assert trial.error is None, trial.error
            seconds[place].append((evaluator.render_s - before[0], evaluator.score_s - before[1]))
    whole, parts = ([statistics.mean(column) for column in zip(*one, strict=True)] for one in seconds)
    width, height = scene.image.shape[-1], scene.image.shape[-2]
    return (
        f"| {case} {width}x{height} | {name} | {whole[0]:.2f} + {whole[1]:.2f} | {parts[0]:.2f} + {parts[1]:.2f} | "
        f"{sum(whole) / sum(parts):.1f} |"
    )


if __name__ == "__main__":
    main()
