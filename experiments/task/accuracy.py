"""Is a classifier more often right on pictures of an ISP that was tuned for it than of one that was tuned for looks?

Usage: python -m experiments.task.accuracy --data DIR [--population 8] [--generations 8] [--learn 40] [--check 60]
       python -m experiments.task.accuracy --table

Photographs with labels of ImageNet become raw captures (`unprocessed:`) at ISO 3200 and 12800 in turn. Each of LEADERS
tunes the raw ISP's denoising and sharpening on the same captures with the same budget; then the sets are compared on
photographs that took no part, at both ISOs, by a network that led none of them. DIR holds imagenet_samples with its
labels.csv. results.csv, a line a leader and capture, and table.md, made from it, are written beside this file.
"""

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isptune.registry import build
from isptune.runs.answer import read_answer
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import load_scenes
from isptune.space import Candidate
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.run import run

HERE = Path(__file__).parent
TUNED = (
    "defects.threshold", "raw_denoise.*", "demosaic.median_passes", "denoise.*", "sharpen.*", "local.detail",
)  # fmt: skip
ISO = (3200, 12800)
LEADERS = {
    "task:imagenet": "task:imagenet?labels={labels}&network=lite0",
    "task_guided": "task_guided:network=lite0",
    "camera": "camera",
    "psnr": "psnr",
}
JUDGES = {
    "right": "task:imagenet?labels={labels}&network=lite1&measure=accuracy",
    "log_probability": "task:imagenet?labels={labels}&network=lite1",
    "right, lite0": "task:imagenet?labels={labels}&network=lite0&measure=accuracy",
    "psnr": "psnr",
    "ssim": "ssim",
}
RESAMPLES = 10_000


def drawn(data: Path, learn: int, check: int) -> tuple[list[Path], list[Path]]:
    """Photographs to tune on, and others to check on, of different classes."""
    files = sorted((data / "imagenet_samples").glob("*.jpg"))
    order = np.random.default_rng(0).permutation(len(files))[: learn + check]
    return [files[i] for i in order[:learn]], [files[i] for i in order[learn:]]


def tuned(
    data: Path, leader: str, photographs: Sequence[Path], runs: Path, options: Mapping[str, Any]
) -> Candidate:
    """The set that a leader chooses; a run that was cut off goes on."""
    scenes = [f"unprocessed:{path}?iso={ISO[i % 2]}&seed=1" for i, path in enumerate(photographs)]
    settings = RunSettings(
        pipeline="raw",
        objectives=(LEADERS[leader].format(labels=data / "imagenet_samples" / "labels.csv"),),
        scenes=tuple(scenes),
        tune=TUNED,
        confirm=1,
        second_opinions=("none",),
        device="cpu",
        **options,
    )
    folder = runs / leader.replace(":", "_")
    run(Bench(settings), folder)
    return read_answer(folder).params


def judged(data: Path, sets: Mapping[str, Candidate], photographs: Sequence[Path]) -> list[dict[str, str]]:
    """A row a set and capture."""
    labels = data / "imagenet_samples" / "labels.csv"
    judges = {name: build("objective", spec.format(labels=labels)) for name, spec in JUDGES.items()}
    pipeline, rows = build("pipeline", "raw"), []
    for path in photographs:
        for iso in ISO:
            scenes = load_scenes([f"unprocessed:{path}?iso={iso}&seed=2"])
            trials = Evaluator(pipeline, judges, scenes).evaluate(list(sets.values()), 0)
            for led_by, trial in zip(sets, trials, strict=True):
                scores = {name: f"{trial.scores[name]:.6g}" for name in judges}
                rows.append({"led by": led_by, "photograph": path.name, "iso": str(iso), **scores})
    return rows


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Means of each set and ISO, and what they gain over the defaults, with 95 % intervals over photographs."""
    lines = ["| led by | ISO | " + " | ".join(JUDGES) + " |", "|---" * (len(JUDGES) + 2) + "|"]
    for led_by in dict.fromkeys(row["led by"] for row in rows):
        for iso in ISO:
            cells = [_cell(rows, led_by, str(iso), name) for name in JUDGES]
            lines.append(f"| {led_by} | {iso} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(rows: Sequence[Mapping[str, str]], led_by: str, iso: str, name: str) -> str:
    own, before = (_column(rows, who, iso, name) for who in (led_by, "defaults"))
    mean = f"{own.mean():.3g}"
    if led_by == "defaults":
        return mean
    gains = own - before
    low, high = np.quantile(_resampled_means(gains), (0.025, 0.975))
    return f"{mean} ({gains.mean():+.3g}: {low:+.3g} to {high:+.3g})"


def _column(rows: Sequence[Mapping[str, str]], led_by: str, iso: str, name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows if (row["led by"], row["iso"]) == (led_by, iso)])


def _resampled_means(values: np.ndarray) -> np.ndarray:
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    return values[drawn].mean(1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="holds imagenet_samples")
    parser.add_argument(
        "--table", action="store_true", help="make table.md from results.csv again, and do no more"
    )
    parser.add_argument("--population", type=int, default=8)
    parser.add_argument("--generations", type=int, default=8)
    parser.add_argument("--learn", type=int, default=40)
    parser.add_argument("--check", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("runs/task"))
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = options.out / "results.csv"
    if not options.table:
        if options.data is None:
            parser.error("--data names the folder that holds imagenet_samples")
        learn, check = drawn(options.data, options.learn, options.check)
        budget = {key: getattr(options, key) for key in ("population", "generations", "seed")}
        sets = {"defaults": build("pipeline", "raw").space.default}
        for leader in LEADERS:
            sets[leader] = tuned(options.data, leader, learn, options.runs, budget)
            print(
                leader,
                {key: value for key, value in sets[leader].items() if value != sets["defaults"][key]},
                flush=True,
            )
        rows = judged(options.data, sets, check)
        options.out.mkdir(parents=True, exist_ok=True)
        with results.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    with results.open(newline="") as file:
        text = table(list(csv.DictReader(file)))
    (options.out / "table.md").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
