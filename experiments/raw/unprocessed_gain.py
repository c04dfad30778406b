"""What tuning the raw ISP's denoising and sharpening is worth, where the truth is known.

Usage: python -m experiments.raw.unprocessed_gain --data DIR [--population 12] [--generations 20] [--side 256]

Kodak photographs become raw captures at ISO 1600 to 6400 (`unprocessed:`). The knobs of TUNED are tuned on eight
of them with PSNR; then the recommended set and the defaults are compared on these and on four photographs that
took no part. What a no-reference objective chooses (--objective niqe, or camera) is reported in the same way. DIR holds
photos/kodak; the table goes beside this file, or into --out, the run's folder into --runs.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from isptune.registry import build
from isptune.runs.answer import read_answer
from isptune.runs.settings import RunSettings
from isptune.scenes.color import rgb_to_lab
from isptune.scenes.images import to_uint8
from isptune.scenes.scene import Scene, load_scenes
from isptune.space import Candidate
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.run import run
from objectives.charts.colour import ciede2000

TUNED = (
    "defects.threshold", "raw_denoise.*", "demosaic.median_passes", "denoise.*", "sharpen.*", "local.detail",
)  # fmt: skip
"""Fourteen knobs: all that acts on noise and detail."""

ISO = (1600, 3200, 6400)
LEARN, CHECK = (1, 3, 5, 8, 13, 15, 19, 23), (4, 7, 20, 22)
"""Numbers of Kodak photographs: to tune on, and to check on."""


def specs(data: Path, numbers: Sequence[int], side: int) -> tuple[str, ...]:
    """Unprocessed scenes, the ISO going round."""
    found = {
        int("".join(c for c in path.stem if c.isdigit())): path
        for path in (data / "photos/kodak").glob("*.png")
    }
    query = f"crop={side}x{side}&seed=1"
    return tuple(
        f"unprocessed:{found[number]}?iso={ISO[i % len(ISO)]}&{query}" for i, number in enumerate(numbers)
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/unprocessed_gain"))
    parser.add_argument("--objective", default="psnr")
    parser.add_argument("--population", type=int, default=12)
    parser.add_argument("--generations", type=int, default=20)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all-knobs", action="store_true", help="tune all 36 knobs, not the fourteen")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = RunSettings(
        pipeline="raw",
        objectives=(options.objective,),
        scenes=specs(options.data, LEARN, options.side),
        tune=("*",) if options.all_knobs else TUNED,
        population=options.population,
        seed=options.seed,
        generations=options.generations,
        confirm=1,
        second_opinions=("none",),
        device="cpu",
    )
    bench = Bench(settings)
    named = f"{options.objective}_seed{options.seed}" if options.seed else options.objective
    named += "_all_knobs" if options.all_knobs else ""
    named += f"_{options.generations}_generations" if options.generations != 20 else ""
    folder = options.runs / named
    run(bench, folder)
    chosen = read_answer(folder).params
    rows = compare(bench, chosen, options)
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"unprocessed_gain_{named}.csv"
    with open(target, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    picture(
        bench, chosen, load_scenes(specs(options.data, CHECK, options.side))[1:], target.with_suffix(".jpg")
    )
    for part in ("tuned on", "not tuned on"):
        own = [row for row in rows if row["part"] == part]
        for name in ("psnr", "ssim", "ciede2000"):
            before, after = (
                sum(float(row[f"{name}_{who}"]) for row in own) / len(own) for who in ("default", "tuned")
            )
            print(f"{part:13} {name} {before:8.4f} -> {after:8.4f}  ({after - before:+.4f})")
    print(
        "\n".join(
            f"{name} = {value}"
            for name, value in chosen.items()
            if bench.pipeline.space.default[name] != value
        )
    )


def compare(bench: Bench, chosen: Candidate, options: argparse.Namespace) -> list[dict[str, str]]:
    """PSNR and SSIM of the defaults and of the chosen set, for every scene."""
    scenes = {
        "tuned on": load_scenes(specs(options.data, LEARN, options.side)),
        "not tuned on": load_scenes(specs(options.data, CHECK, options.side)),
    }
    rows = []
    for part, own in scenes.items():
        for scene in own:
            objectives = {name: build("objective", name) for name in ("psnr", "ssim")}
            evaluator = Evaluator(bench.pipeline, objectives, [scene])
            before, after = evaluator.evaluate([bench.pipeline.space.default, chosen], 0)
            row: dict[str, str] = {"part": part, "scene": scene.name}
            for who, candidate in (("default", bench.pipeline.space.default), ("tuned", chosen)):
                image = evaluator.render_one(candidate, evaluator.scenes[0], 0)
                row[f"ciede2000_{who}"] = f"{difference(image, scene):.4f}"
            for name in objectives:
                row |= {
                    f"{name}_default": f"{before.scores[name]:.4f}",
                    f"{name}_tuned": f"{after.scores[name]:.4f}",
                }
            rows.append(row)
    return rows


def difference(image: torch.Tensor, scene: Scene) -> float:
    """Mean CIEDE2000 to the truth over all pixels."""
    assert scene.reference is not None
    first, second = (rgb_to_lab(x.double())[0].movedim(0, -1) for x in (image, scene.reference))
    return float(ciede2000(first, second).mean())


def picture(bench: Bench, chosen: Candidate, scenes: Sequence[Scene], path: Path) -> None:
    """Defaults, tuned and truth side by side, a scene a row, three times as large as they are in the middle."""
    rows = []
    for scene in scenes:
        assert scene.reference is not None
        evaluator = Evaluator(bench.pipeline, {}, [scene])
        both = (bench.pipeline.space.default, chosen)
        images = [evaluator.render_one(c, evaluator.scenes[0], 0) for c in both]
        cut = [to_uint8(image)[0][32:128, 32:160] for image in (*images, scene.reference)]
        rows.append(np.hstack([part.repeat(3, 0).repeat(3, 1) for part in cut]))
    Image.fromarray(np.vstack(rows)).save(path, quality=90)


if __name__ == "__main__":
    main()
