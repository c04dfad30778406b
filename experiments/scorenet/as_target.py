"""Where objectives lead an optimizer on the synthetic ISP whose truth is known (Rashidi et al. 2026, table 1).

    python -m experiments.scorenet.as_target --photos DIR --runs DIR [--objective NAME ...]

All three families of the hidden map, the four bundled photographs and four of `photos/` (never trained on), CMA-ES,
several seeds; a run for each photograph, or with --together one for all eight, as one tunes a camera. Every run is kept
in --runs, and finished ones are not done again. It writes, beside this file, `as_target.csv` (every repeat) and
`as_target.md` (means with bootstrap intervals, paired differences to the first objective).
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from isptune.runs.answer import read_answer
from isptune.runs.settings import RunSettings
from isptune.tuning.bench import Bench
from isptune.tuning.run import run

HERE = Path(__file__).parent
FAMILIES = ("identity", "warped", "coupled")
BUNDLED = ("bundled:astronaut", "bundled:cat", "bundled:coffee", "bundled:rocket")
OTHERS = ("kodak/15.png", "kodak/23.png", "cid22/1624307.png", "cid22/2387532.png")
NAMES = ("blur", "noise", "contrast", "saturation", "jpeg")
RESAMPLES = 4000


@dataclass(frozen=True)
class End:
    """Where one repeat ended: signed levels over their ranges, the mean of their magnitudes, and its loss by its own
    objective.
    """

    objective: str
    family: str
    scene: str
    seed: int
    relative: tuple[float, ...]
    l1_normalised: float
    loss: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description="Where objectives lead on the synthetic ISP.")
    parser.add_argument("--photos", type=Path, required=True, help="folder with kodak/ and cid22/")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--objective", action="append", help="the first one is compared with the others")
    parser.add_argument("--repeats", type=int, default=10, help="how many seeds")
    parser.add_argument(
        "--at-once", type=int, default=2, help="seeds in one run; the others have runs of their own"
    )
    parser.add_argument(
        "--first-seed", type=int, default=0, help="a multiple of --at-once; for a part of the work"
    )
    parser.add_argument(
        "--repeats-of", action="append", default=[], metavar="NAME=COUNT", help="fewer, to save time"
    )
    parser.add_argument("--family", action="append", choices=FAMILIES, help="only these maps")
    parser.add_argument("--together", action="store_true", help="one run for all photographs")
    parser.add_argument("--generations", type=int, default=50)
    parser.add_argument("--resize", default="384", help="longer side of the scenes, pixels")
    parser.add_argument(
        "--out", type=Path, default=HERE / "as_target", help="of the tables, without an ending"
    )
    options = parser.parse_args(arguments)
    repeats = {name: int(count) for name, _, count in (one.rpartition("=") for one in options.repeats_of)}

    photographs = (*BUNDLED, *(str(options.photos / name) for name in OTHERS))
    scenes = [photographs] if options.together else [(one,) for one in photographs]
    objectives = options.objective or ["scorenet", "ssim", "niqe"]
    asked = {objective: repeats.get(objective) or options.repeats for objective in objectives}
    ends = [
        end
        for seed in range(options.first_seed, options.first_seed + max(asked.values()), options.at_once)
        for objective in objectives
        if (left := min(options.at_once, options.first_seed + asked[objective] - seed)) > 0
        for family in options.family or FAMILIES
        for some in scenes
        for end in _ends(objective, family, some, (seed, left), options)
    ]
    _write_csv(ends, options.out.with_suffix(".csv"))
    text = table(ends, objectives, options.at_once)
    options.out.with_suffix(".md").write_text(text)
    print(text)


def _ends(
    objective: str,
    family: str,
    scenes: tuple[str, ...],
    seeds: tuple[int, int],  # the first, and how many
    options: argparse.Namespace,
) -> list[End]:
    seed, repeats = seeds
    settings = RunSettings(
        pipeline=f"synthetic:{family}",
        objectives=(objective,),
        scenes=scenes,
        resize=options.resize,
        generations=options.generations,
        seed=seed,
        repeats=repeats,
        second_opinions=("none",),
        confirm=2,
        device="cpu",
    )
    name = Path(scenes[0]).stem.replace("bundled:", "") if len(scenes) == 1 else "together"
    folder = options.runs / f"{objective.replace(':', '-').replace('/', '-')}_{family}_{name}"
    if seed:
        folder = folder.with_name(f"{folder.name}_{seed}")
    bench = Bench(settings)
    answer = read_answer(run(bench, folder))
    ranges = np.array([level.limit for level in bench.pipeline.facts.levels])
    ends = []
    for repeat in answer.repeats:
        relative = tuple((np.array(repeat.levels) / ranges).round(5).tolist())
        sign = 1.0 if bench.objectives[objective].facts.direction == "minimize" else -1.0
        loss = sign * repeat.objectives[objective].mean
        assert repeat.l1_normalised is not None, "the synthetic pipeline knows its levels"
        ends.append(End(objective, family, name, repeat.seed, relative, repeat.l1_normalised, loss))
    mean = np.mean([end.l1_normalised for end in ends])
    print(f"{objective} {family} {name}: l1 normalised {mean:.4f}", flush=True)
    return ends


def table(ends: Sequence[End], objectives: Sequence[str], at_once: int) -> str:
    """Means over maps, photographs and seeds with 95 % intervals, as Markdown."""
    lines = [
        "| objective | "
        + " | ".join(NAMES)
        + " | l1 normalised | best repeat of a run by its own score | first objective minus this one |",
        "|---|" + "---|" * (len(NAMES) + 3),
    ]
    first = _by_place(ends, objectives[0])
    for objective in objectives:
        own = [end for end in ends if end.objective == objective]
        levels = np.abs([end.relative for end in own]).mean(0)
        places = _by_place(ends, objective)
        mean, low, high = interval(np.array(list(places.values())))
        shared = [place for place in places if place in first]
        difference = "" if objective == objectives[0] else _difference(first, places, shared)
        cells = [f"{value:.3f}" for value in levels]
        cells += [f"{mean:.3f} ({low:.3f} to {high:.3f})", _best(own, at_once), difference]
        lines.append(f"| {objective} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _best(ends: Sequence[End], at_once: int) -> str:
    """Of the repeats of each run, the one that its own objective finds best; empty where there is one each."""
    runs: dict[tuple[str, str, int], list[End]] = {}
    for end in ends:
        runs.setdefault((end.family, end.scene, end.seed // at_once), []).append(end)
    if max(map(len, runs.values())) < 2:
        return ""
    places: dict[tuple[str, str], list[float]] = {}
    for (family, scene, _), repeats in runs.items():
        best = min(repeats, key=lambda end: end.loss)
        places.setdefault((family, scene), []).append(best.l1_normalised)
    mean, low, high = interval(np.array(list(places.values())))
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"


def interval(values: Float[np.ndarray, "scenes seeds"], seed: int = 0) -> tuple[float, float, float]:
    """Mean and 95 % bootstrap interval; whole rows are drawn, since repeats on one scene are alike."""
    random = np.random.default_rng(seed)
    rows = values.mean(1)
    means = rows[random.integers(0, len(rows), (RESAMPLES, len(rows)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(rows.mean()), float(low), float(high)


def _by_place(ends: Sequence[End], objective: str) -> dict[tuple[str, str], list[float]]:
    places: dict[tuple[str, str], list[float]] = {}
    for end in ends:
        if end.objective == objective:
            places.setdefault((end.family, end.scene), []).append(end.l1_normalised)
    return places


def _difference(
    first: dict[tuple[str, str], list[float]],
    other: dict[tuple[str, str], list[float]],
    shared: list[tuple[str, str]],
) -> str:
    differences = [[np.mean(first[place]) - np.mean(other[place])] for place in shared]
    mean, low, high = interval(np.array(differences))
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"


def _write_csv(ends: Sequence[End], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["objective", "family", "scene", "seed", *NAMES, "l1_normalised", "loss"])
        for end in ends:
            row = [end.objective, end.family, end.scene, end.seed, *end.relative, f"{end.l1_normalised:.5f}"]
            row.append(f"{end.loss:.5f}")
            writer.writerow(row)


if __name__ == "__main__":
    main()
