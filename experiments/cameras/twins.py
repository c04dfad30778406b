"""What tuning on twins of a camera is worth: gains over the defaults on twins that took no part.

Usage: python -m experiments.cameras.twins --data DIR [--population 14] [--generations 15] [--iso 3200]

Pristine photographs become raw captures of three makers' cameras (`twin:`; noise of darktable's profiles, lens of the
default point spread). Fourteen knobs of `raw`, all that acts on noise and detail, are tuned on eight twins with PSNR;
the recommended set and the defaults are then compared on these and on eight other photographs. DIR holds photos/cid22
and measured/noiseprofiles.json; twins.csv goes beside this file, or into --out, runs into --runs.
"""

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from experiments.raw.unprocessed_gain import TUNED
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.runs.answer import read_answer
from isptune.runs.settings import RunSettings
from isptune.scenes.color import rgb_to_lab
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.run import run
from objectives.charts.colour import ciede2000

CAMERAS = {"canon": "Canon EOS 550D", "nikon": "Nikon D7100", "sony": "Sony ILCE-6000"}
METRICS = ("psnr", "ssim", "ciede2000")


def specs(data: Path, camera: str, iso: int, part: slice) -> tuple[str, ...]:
    """Twins of some photographs, in the order of their names."""
    photos = sorted((data / "photos" / "cid22").glob("*.png"))[part]
    profiles = data / "measured" / "noiseprofiles.json"
    return tuple(f"twin:{p}?camera={CAMERAS[camera]}&iso={iso}&noiseprofiles={profiles}" for p in photos)


def tuned(options: argparse.Namespace, camera: str) -> tuple[Bench, Candidate]:
    """The bench of a run on eight twins, and what it recommends."""
    settings = RunSettings(
        pipeline="raw",
        objectives=("psnr",),
        scenes=specs(options.data, camera, options.iso, slice(0, 8)),
        holdout=specs(options.data, camera, options.iso, slice(8, 16)),
        tune=TUNED,
        population=options.population,
        generations=options.generations,
        seed=options.seed,
        second_opinions=("none",),
        device="cpu",
    )
    bench = Bench(settings)
    folder = options.runs / f"{camera}_{options.iso}_{options.seed}"
    run(bench, folder)
    return bench, dict(read_answer(folder).params)


def measure(bench: Bench, scenes: Iterable[Scene], chosen: Candidate) -> list[dict[str, float | str]]:
    """Scores of the defaults and of a set, by scene."""
    objectives: dict[str, Objective] = {name: build("objective", name) for name in ("psnr", "ssim")}
    evaluator = Evaluator(bench.pipeline, objectives, list(scenes))
    both = [bench.pipeline.space.default, chosen]
    trials = evaluator.evaluate(both, 0)
    rows = []
    for scene in evaluator.scenes:
        row: dict[str, float | str] = {"scene": scene.name}
        for who, candidate, trial in zip(("default", "tuned"), both, trials, strict=True):
            scores = trial.scenes[scene.name]
            row |= {f"{name}_{who}": scores[name] for name in objectives}
            row[f"ciede2000_{who}"] = _difference(evaluator.render_one(candidate, scene, 0), scene)
        rows.append(row)
    return rows


def _difference(image: torch.Tensor, scene: Scene) -> float:
    """Mean CIEDE2000 to the reference over all pixels."""
    assert scene.reference is not None
    first, second = (rgb_to_lab(x.double())[0].movedim(0, -1) for x in (image, scene.reference))
    return float(ciede2000(first, second).mean())


def main() -> None:
    """Tune, measure and write twins.csv."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/cameras"))
    parser.add_argument("--iso", type=int, default=3200)
    parser.add_argument("--population", type=int, default=14)
    parser.add_argument("--generations", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows: list[dict[str, float | str]] = []
    for camera in CAMERAS:
        bench, chosen = tuned(options, camera)
        for part, scenes in (("tuned on", bench.scenes), ("others", bench.held_out)):
            found = measure(bench, scenes, chosen)
            rows += [
                {"camera": camera, "iso": options.iso, "seed": options.seed, "part": part, **row}
                for row in found
            ]
            print(f"{camera} ISO {options.iso}, {part}: {_in_words(found)}", flush=True)
        print({name: chosen[name] for name in bench.space.names}, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / f"twins_{options.iso}_seed{options.seed}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _in_words(rows: list[dict[str, float | str]]) -> str:
    texts = []
    for name in METRICS:
        gains = [float(row[f"{name}_tuned"]) - float(row[f"{name}_default"]) for row in rows]
        half = float(stats.t.ppf(0.975, len(gains) - 1) * stats.sem(gains))
        texts.append(
            f"{name} {np.mean(gains):+.3f} ({np.mean(gains) - half:.3f} to {np.mean(gains) + half:.3f})"
        )
    return ", ".join(texts)


if __name__ == "__main__":
    main()
