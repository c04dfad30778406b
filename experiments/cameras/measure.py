"""What the sets of `tune.py` are worth where nothing was tuned: on other photographs, on charts, with other cameras.

Usage: python -m experiments.cameras.measure --data DIR

Reads sets.json (from --out), writes into it:
gains.csv   every set on the eight photographs that took no part, as twins of its own camera at its own ISO
across.csv  sets led by the truth on the other cameras and ISOs, a row for each pair of cameras and ISOs
charts.csv  every set on a twin of the test chart (own camera and ISO) and on real shots of charts
"""

import argparse
import csv
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from experiments.cameras.tune import CAMERAS, CHECK, photographs, read_sets, twin_of
from experiments.raw.unprocessed_gain import difference
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.scenes.images import to_uint8
from isptune.scenes.scene import Scene, load_scenes
from isptune.space import Candidate
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.references import with_references
from objectives.charts.find_colorchecker import find_colorcheckers
from objectives.charts.regions import Quad
from objectives.charts.scene import chart, regions
from objectives.charts.shots import whole_shot

KEYS = ("camera", "iso", "variance", "guide", "seed")
"""What tells sets apart."""

ISOS = (800, 3200, 12800)
TRUTH = ("psnr", "ssim")
ON_CHARTS = ("mtf50", "overshoot", "snr", "colorchecker")


class Measured:
    """Scores of sets on scenes, each set by scene rendered once."""

    def __init__(self, data: Path):
        self.data = data
        self.pipeline = build("pipeline", "raw")
        self.default = dict(self.pipeline.space.default)
        self._twins: dict[tuple[str, int, float, str], list[Scene]] = {}

    def twins(self, camera: str, iso: int, variance: float, more: str = "") -> list[Scene]:
        """The eight other photographs as twins; `more` ends their specs."""
        if (camera, iso, variance, more) not in self._twins:
            photos = photographs(self.data, CHECK)
            specs = [twin_of(photo, self.data, camera, iso, variance, more) for photo in photos]
            found = with_references(
                load_scenes(specs), self.pipeline, self.pipeline.space, 0, torch.device("cpu")
            )
            self._twins[camera, iso, variance, more] = found
        return self._twins[camera, iso, variance, more]

    def on(
        self, scenes: Sequence[Scene], names: Sequence[str], sets: Sequence[Candidate]
    ) -> list[list[dict[str, float]]]:
        """By set, then by scene: the scores of these objectives."""
        objectives: dict[str, Objective] = {name: build("objective", name) for name in names}
        evaluator = Evaluator(self.pipeline, objectives, list(scenes))
        trials = evaluator.evaluate([{**self.default, **chosen} for chosen in sets], 0)
        for trial in trials:
            if trial.error:
                raise RuntimeError(trial.error)
        return [
            [dict(trial.scenes.get(scene.name, trial.scores)) for scene in evaluator.scenes]
            for trial in trials
        ]

    def against_truth(
        self, camera: str, iso: int, variance: float, sets: Sequence[Candidate]
    ) -> list[list[dict[str, float]]]:
        """PSNR, SSIM and CIEDE2000 to the photographs, by set, then by photograph.

        And the PSNR to what the defaults make of the twin without noise: all that a pair of shots can teach.
        """
        scenes = self.twins(camera, iso, variance)
        found = self.on(scenes, TRUTH, sets)
        clean = self.on(self.twins(camera, iso, variance, "&reference=isp"), ("psnr",), sets)
        for rows, others in zip(found, clean, strict=True):
            for row, other in zip(rows, others, strict=True):
                row["psnr_to_clean"] = other["psnr"]
        evaluator = Evaluator(self.pipeline, {"psnr": build("objective", "psnr")}, scenes)
        for chosen, rows in zip(sets, found, strict=True):
            for scene, row in zip(evaluator.scenes, rows, strict=True):
                image = evaluator.render_one({**self.default, **chosen}, scene, 0)
                row["ciede2000"] = difference(image, scene)
        return found


def gains(measured: Measured, sets: Sequence[dict]) -> list[dict[str, object]]:
    """A row for each set and photograph."""
    rows = []
    for known in sets:
        own = known["camera"], known["iso"], known["variance"]
        before, after = measured.against_truth(*own, [{}, known["params"]])
        for scene, start, end in zip(measured.twins(*own), before, after, strict=True):
            row = {key: known[key] for key in KEYS} | {"scene": scene.name}
            for name in start:
                row |= {f"{name}_default": f"{start[name]:.4f}", f"{name}_tuned": f"{end[name]:.4f}"}
            rows.append(row)
    return rows


def across(measured: Measured, sets: Sequence[dict]) -> list[dict[str, object]]:
    """A row for each set led by the truth and each camera and ISO: the mean gain over the defaults."""
    led = [known for known in sets if (known["guide"], known["seed"], known["variance"]) == ("psnr", 0, 1.0)]
    rows = []
    for camera in CAMERAS:
        for iso in ISOS:
            before, *after = measured.against_truth(
                camera, iso, 1.0, [{}, *(known["params"] for known in led)]
            )
            for known, scores in zip(led, after, strict=True):
                gain = {
                    name: np.mean(
                        [end[name] - start[name] for start, end in zip(before, scores, strict=True)]
                    )
                    for name in before[0]
                }
                rows.append(
                    {"tuned_camera": known["camera"], "tuned_iso": known["iso"], "camera": camera, "iso": iso}
                    | {name: f"{value:.4f}" for name, value in gain.items()}
                )
    return rows


def charts(measured: Measured, sets: Sequence[dict], folder: Path) -> list[dict[str, object]]:
    """A row for each set and chart: the chart's scores at the defaults and with the set."""
    picture = folder / "chart.png"
    Image.fromarray(to_uint8(chart("scale=2")[0].image)[0]).save(picture)
    real = _real_charts(measured.data)
    rows = []
    for known in sets:
        own = load_scenes(
            [twin_of(picture, measured.data, known["camera"], known["iso"], known["variance"])]
        )[0]
        own = replace(own, metadata={**own.metadata, "regions": regions(1)})
        for name, scene, objectives in (("twin of the test chart", own, ON_CHARTS), *real):
            before, after = measured.on([scene], objectives, [{}, known["params"]])
            row = {key: known[key] for key in KEYS} | {"chart": name}
            for metric in ON_CHARTS:
                said = (f"{x[0][metric]:.4f}" if metric in x[0] else "" for x in (before, after))
                row |= dict(zip((f"{metric}_default", f"{metric}_tuned"), said, strict=True))
            rows.append(row)
    return rows


def _real_charts(data: Path) -> list[tuple[str, Scene, tuple[str, ...]]]:
    """Shots of ColorCheckers, and of slanted edges, as they are in DIR/raw."""
    folder = data / "raw"
    tags = json.loads((folder / "meta.json").read_text())
    found = []
    for name in ("colorchart.dng", "infiniteisp_Outdoor1_grbg8.png", "hdrisp_colorchecker_raw10.png"):
        spec = str(folder / name)
        if name in tags:
            told = tags[name]
            order = told["cfa"].split()[0]
            spec = f"raw:{spec}?cfa={order}&black={told['black']}&white={told['white']}"
        scene = whole_shot(spec, "a chart is measured in")
        quads = find_colorcheckers(scene.image)
        if not quads:
            print(f"{name}: no ColorChecker was found")
            continue
        scene = replace(
            scene, metadata={**scene.metadata, "regions": {"colorchecker": quads[0], **_greys(quads[0])}}
        )
        found.append((name, scene, ("snr", "colorchecker")))
    return found


def _greys(quad: Quad) -> dict[str, Quad]:
    """The middle parts of the four grey patches between white and black in the last row of a ColorChecker."""
    first, second, third, fourth = (np.array(corner) for corner in quad)

    def at(x: float, y: float) -> tuple[float, float]:
        over, under = first + x * (second - first), fourth + x * (third - fourth)
        place = over + y * (under - over)
        return float(place[0]), float(place[1])

    parts = {}
    for column in range(1, 5):
        left, right, top, bottom = (column + 0.3) / 6, (column + 0.7) / 6, 3.3 / 4, 3.7 / 4
        parts[f"grey.{column}"] = (at(left, top), at(right, top), at(right, bottom), at(left, bottom))
    return parts


def _write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Measure all sets that are known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--only", choices=("gains", "across", "charts"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sets, measured = read_sets(options.out / "sets.json"), Measured(options.data)
    with tempfile.TemporaryDirectory() as folder:
        tables = {
            "gains": lambda: gains(measured, sets),
            "across": lambda: across(measured, sets),
            "charts": lambda: charts(measured, sets, Path(folder)),
        }
        for name, table in tables.items():
            if options.only in (None, name):
                _write(options.out / f"{name}.csv", table())
                print(f"{name}.csv written", flush=True)


if __name__ == "__main__":
    main()
