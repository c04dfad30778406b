"""The same twins through other people's raw developers: what tuning their denoising is worth over their defaults.

Usage: python -m experiments.cameras.developers --data DIR [--developers libraw,rawtherapee,darktable] [--runs DIR]

Photographs of CID22 become DNG files of a Canon EOS 550D at one ISO (`twin:`). A developer's knobs of noise and detail
are tuned on two of them, led by PSNR to its own rendering of the twin without noise and lens; the recommended set and
the defaults are compared on four photographs that took no part. Writes developers.csv (a row for each developer and
photograph) and a picture of each developer: default, tuned, and the truth side by side.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from experiments.cameras.tune import CHECK, LEARN, photographs, twin_of
from experiments.raw.unprocessed_gain import difference
from isptune.registry import build
from isptune.runs.answer import read_answer
from isptune.runs.settings import RunSettings
from isptune.scenes.images import to_uint8
from isptune.scenes.scene import load_scenes
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.references import with_references
from isptune.tuning.run import run

TUNED = {
    "libraw": ("denoise.*", "demosaic.median_passes", "demosaic.algorithm"),
    "rawtherapee": (
        "denoise.luma", "denoise.luma_detail", "denoise.chroma", "denoise.impulse", "capture_sharpening.*",
        "demosaic.false_color_steps",
    ),
    "darktable": ("raw.denoise", "denoise.*", "demosaic.color_smoothing", "sharpen.*"),
}  # fmt: skip
"""What acts on noise and detail."""

START = {"libraw": {"exposure.auto_bright": "off", "sensor.adjust_maximum": 0.0}}
"""Not at its default in both sets: LibRaw's own brightening follows histogram and maximum, and so the noise."""

CAMERA, SEED = "canon", 0
MORE = "&reference=isp&target=sharp"
METRICS = ("psnr", "ssim")


def main() -> None:
    """Tune, compare, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/developers"))
    parser.add_argument("--developers", default=",".join(TUNED))
    parser.add_argument("--iso", type=int, default=3200)
    parser.add_argument("--variance", type=float, default=8.0, help="times that of the profile's noise")
    parser.add_argument("--population", type=int, default=8)
    parser.add_argument("--generations", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    rows = [row for name in options.developers.split(",") for row in compared(name, options)]
    with open(options.out / "developers.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def specs(options: argparse.Namespace, part: slice, count: int) -> tuple[str, ...]:
    """Twins of the first photographs of a part."""
    chosen = photographs(options.data, part)[:count]
    return tuple(
        twin_of(photo, options.data, CAMERA, options.iso, options.variance, MORE) for photo in chosen
    )


def compared(name: str, options: argparse.Namespace) -> list[dict[str, object]]:
    """Tune a developer, and compare what it recommends with its defaults on photographs that took no part."""
    settings = RunSettings(
        pipeline=name,
        objectives=("psnr",),
        scenes=specs(options, LEARN, 2),
        tune=TUNED[name],
        start=START.get(name, {}),
        population=options.population,
        generations=options.generations,
        seed=SEED,
        second_opinions=("none",),
        device="cpu",
    )
    bench = Bench(settings)
    folder = options.runs / name
    run(bench, folder)
    pipeline, space = bench.pipeline, bench.pipeline.space.starting_at(settings.start)
    sets = (space.default, {**space.default, **read_answer(folder).params})
    scenes = with_references(load_scenes(specs(options, CHECK, 4)), pipeline, space, 0, torch.device("cpu"))
    evaluator = Evaluator(pipeline, {metric: build("objective", metric) for metric in METRICS}, scenes)
    scores = [trial.scenes for trial in evaluator.evaluate(list(sets), 0)]
    rows, parts = [], []
    for scene in evaluator.scenes:
        row: dict[str, object] = {"developer": name, "scene": scene.name}
        images = [evaluator.render_one(chosen, scene, 0) for chosen in sets]
        for who, score, image in zip(("default", "tuned"), scores, images, strict=True):
            row |= {f"{metric}_{who}": f"{score[scene.name][metric]:.4f}" for metric in METRICS}
            row[f"ciede2000_{who}"] = f"{difference(image, scene):.4f}"
        rows.append(row)
        assert scene.reference is not None
        cut = [to_uint8(image)[0][64:160, 64:192] for image in (*images, scene.reference)]
        parts.append(np.hstack([part.repeat(3, 0).repeat(3, 1) for part in cut]))
        print(row, flush=True)
    Image.fromarray(np.vstack(parts[:2])).save(options.out / f"developers_{name}.jpg", quality=88)
    print({key: value for key, value in sets[1].items() if sets[0][key] != value}, flush=True)
    return rows


if __name__ == "__main__":
    main()
