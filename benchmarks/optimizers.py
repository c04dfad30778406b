"""How near each optimizer comes to the truth, for equal budgets, on a level function without pictures.

The function is like the synthetic pipeline's hidden map: every parameter is bent by a monotone curve, the bent
ones are mixed by a seeded matrix into distortion levels, and exactly one candidate has all levels zero. The loss
is the mean of the levels' magnitudes, each divided by its range, plus noise of standard deviation 0.02. What is
reported is the mean normalised level of the recommended candidate, without noise.

    python -m benchmarks.optimizers                   # the whole table: about two hours on one core
    python -m benchmarks.optimizers --only cma,es --seeds 3 --dimensions 5
"""

import argparse
import csv
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from isptune.errors import IsptuneError
from isptune.registry import build
from isptune.space import Candidate, Choice, Integer, Param, Real, Space

NOISE = 0.02
KINDS = ("reals", "integers", "choices")
PLANS = ((10, 20), (30, 50))  # population, generations: 200 and 1500 evaluations
OPTIMIZERS = (
    "cma",
    "catcma",
    "es",
    "nevergrad:TBPSA",
    "nevergrad:NGOpt",
    "nevergrad:CMA",
    "nevergrad:DiagonalCMA",
    "nevergrad:TwoPointsDE",
    "optuna:TPE",
    "optuna:CMA-ES",
    "optuna:NSGA-II",
    "optuna:NSGA-III",
    "optuna:GP",
    "optuna:QMC",
    "random",
)
# Seeds for those whose own arithmetic is too slow for all: (evaluations, dimension) -> seeds; 0 is not run.
SLOW = {
    "nevergrad:TBPSA": {(1500, 50): 3},
    "nevergrad:NGOpt": {(1500, 20): 3, (1500, 50): 2},
    "nevergrad:CMA": {(1500, 20): 3, (1500, 50): 2},
    "nevergrad:DiagonalCMA": {(1500, 20): 3, (1500, 50): 2},
    "nevergrad:TwoPointsDE": {(1500, 20): 3, (1500, 50): 2},
    "optuna:TPE": {(200, 50): 3, (1500, 5): 3, (1500, 20): 0, (1500, 50): 0},
    "optuna:CMA-ES": {(1500, 50): 3},
    "optuna:NSGA-II": {(1500, 50): 3},
    "optuna:NSGA-III": {(1500, 50): 2},
    "optuna:GP": {(200, 5): 3, (200, 20): 0, (200, 50): 0, (1500, 5): 0, (1500, 20): 0, (1500, 50): 0},
    "optuna:QMC": {(1500, 50): 2},
}


@dataclass(frozen=True)
class Result:
    """One run: which optimizer on which problem, the level error of what it recommends, and its time."""

    optimizer: str
    kind: str
    dimension: int
    evaluations: int
    seed: int
    level_error: float  # NaN where it failed or refused
    own_ms: float  # the optimizer's own time for one candidate, asked and told
    note: str = ""


class LevelProblem:
    """A hidden map from candidates to levels with one optimum at which all are zero.

    Args:
        kind: `reals`; `integers`: two in five parameters are whole numbers, some with few values; `choices`:
            those, and one parameter in five has three options, of which one is right.
        dimension: number of parameters.
        seed: of the map and of the optimum.
    """

    def __init__(self, kind: str, dimension: int, seed: int):
        random = np.random.default_rng([seed, dimension, KINDS.index(kind)])
        self.space = Space(tuple(_param(kind, index) for index in range(dimension)))
        count = len(self.space.numeric)
        self._target = self.space.from_unit(random.uniform(0.1, 0.9, count))
        self._right = {c.name: c.options[int(random.integers(3))] for c in self.space.choices}
        self._bend = random.uniform(0.5, 2.0, count)
        self._mix = np.eye(count) + random.uniform(-0.5, 0.5, (count, count)) / np.sqrt(count)
        reach = np.maximum(self._bent(self._target), 1 - self._bent(self._target))
        self._range = np.abs(self._mix) @ reach

    def level_error(self, candidate: Candidate) -> float:
        """Mean of the levels' magnitudes over their ranges, in [0, 1]; a wrong option is a level of one half."""
        away = self._mix @ (self._bent(candidate) - self._bent(self._target))
        wrong = [0.5 * (candidate[name] != option) for name, option in self._right.items()]
        return float(np.mean(np.concatenate([np.abs(away) / self._range, wrong])))

    def _bent(self, candidate: Candidate) -> np.ndarray:
        return self.space.to_unit(candidate) ** self._bend


def _param(kind: str, index: int) -> Param:
    name = f"stage.knob_{index}"
    if kind == "choices" and index % 5 == 4:
        return Choice(name, ("first", "second", "third"), "first")
    if kind != "reals" and index % 5 in (1, 3):
        high = (4, 9, 40)[index % 3]
        return Integer(name, 0, high, high // 2)
    if index % 5 == 2:
        return Real(name, 0.01, 10.0, 0.3, log=True)
    return Real(name, 0.0, 1.0, 0.5)


def run(spec: str, kind: str, dimension: int, population: int, generations: int, seed: int) -> Result:
    """Drive one optimizer over one problem; a refusal or a failure becomes the result's note."""
    problem = LevelProblem(kind, dimension, seed)
    noise = np.random.default_rng([seed, 99])
    evaluations, own_s = population * generations, 0.0
    try:
        started = time.perf_counter()
        optimizer = build(
            "optimizer", spec, problem.space, population=population, seed=seed, budget=evaluations
        )
        own_s += time.perf_counter() - started
        for _ in range(generations):
            started = time.perf_counter()
            candidates = optimizer.ask()
            own_s += time.perf_counter() - started
            clean = np.array([[problem.level_error(candidate)] for candidate in candidates])
            losses = clean + NOISE * noise.standard_normal(clean.shape)
            started = time.perf_counter()
            optimizer.tell(candidates, losses)
            own_s += time.perf_counter() - started
        error, note = problem.level_error(optimizer.recommend()), ""
    except IsptuneError as failure:
        error, note = float("nan"), str(failure)
    return Result(spec, kind, dimension, evaluations, seed, error, 1e3 * own_s / evaluations, note)


def results(specs: list[str], budgets: list[int], dimensions: list[int], seeds: int) -> Iterator[Result]:
    """All runs, cheap budgets first; an optimizer that refuses a problem is not asked again for other seeds."""
    for population, generations in [plan for plan in PLANS if plan[0] * plan[1] in budgets]:
        for dimension in dimensions:
            for kind in KINDS:
                for spec in specs:
                    allowed = SLOW.get(spec, {}).get((population * generations, dimension), seeds)
                    for seed in range(min(seeds, allowed)):
                        result = run(spec, kind, dimension, population, generations, seed)
                        yield result
                        if result.note:
                            break


def table(rows: list[Result]) -> str:
    """Markdown: for each budget, one line an optimizer, one column a problem; mean ± standard error in %."""
    problems = sorted({(row.dimension, row.kind) for row in rows}, key=lambda p: (p[0], KINDS.index(p[1])))
    parts = []
    for evaluations in sorted({row.evaluations for row in rows}):
        parts += ["", f"### {evaluations} evaluations", ""]
        heads = [f"{dimension} {kind}" for dimension, kind in problems]
        parts += [f"| optimizer | {' | '.join(heads)} | own ms |", "|---" * (len(heads) + 2) + "|"]
        for spec in dict.fromkeys(row.optimizer for row in rows):
            chosen = [row for row in rows if row.optimizer == spec and row.evaluations == evaluations]
            cells = [_cell([r for r in chosen if (r.dimension, r.kind) == problem]) for problem in problems]
            times = [row.own_ms for row in chosen if not row.note]
            slowest = f"{min(times):.2f} to {max(times):.2f}" if times else "-"
            parts.append(f"| {spec} | {' | '.join(cells)} | {slowest} |")
    return "\n".join(parts)


def _cell(rows: list[Result]) -> str:
    errors = 100 * np.array([row.level_error for row in rows if not row.note])
    if len(errors) == 0:
        return (
            "fails" if any("does not work" in row.note for row in rows) else "refuses" if rows else "not run"
        )
    if len(errors) == 1:
        return f"{errors[0]:.2f} (1 seed)"
    few = f" ({len(errors)} seeds)" if len(errors) < 10 else ""
    return f"{errors.mean():.2f} ± {errors.std(ddof=1) / np.sqrt(len(errors)):.2f}{few}"


def machine() -> str:
    """One line: processor, cores, threads allowed, and the versions that the figures depend on."""
    packages = ("cma", "cmaes", "nevergrad", "optuna", "numpy", "scipy", "torch")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    threads = os.environ.get("OMP_NUM_THREADS", "default")
    cores = f"{platform.machine()}, {os.cpu_count()} cores, OMP_NUM_THREADS {threads}"
    return f"{cores}, Python {platform.python_version()}, {versions}"


def main() -> None:
    """Run what was asked for, write each result as it comes, and print the table."""
    parser = argparse.ArgumentParser(description="level error of every optimizer for equal budgets")
    parser.add_argument("--only", default=",".join(OPTIMIZERS), help="optimizers, separated by commas")
    parser.add_argument("--evaluations", default="200,1500")
    parser.add_argument("--dimensions", default="5,20,50")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--csv", type=Path, help="where to write each run's result")
    parser.add_argument("--read", type=Path, nargs="+", help="only print the table of results written before")
    options = parser.parse_args()
    if options.read:
        print(table([row for path in options.read for row in read(path)]))
        return
    rows: list[Result] = []
    budgets, dimensions = (
        [int(n) for n in text.split(",")] for text in (options.evaluations, options.dimensions)
    )
    for result in results(options.only.split(","), budgets, dimensions, options.seeds):
        rows.append(result)
        if sys.stderr.isatty():
            print(f"\r{len(rows)} runs", end="", file=sys.stderr)
        if options.csv and len(rows) % 20 == 0:
            write(options.csv, rows)
    if options.csv:
        write(options.csv, rows)
    print(f"\n{machine()}\n{table(rows)}")


def write(path: Path, rows: list[Result]) -> None:
    """Write the results as CSV, errors and times with five significant digits."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(asdict(rows[0]))
        for row in rows:
            values = asdict(row)
            writer.writerow([f"{v:.5g}" if isinstance(v, float) else v for v in values.values()])


def read(path: Path) -> list[Result]:
    """Read what `write` wrote."""
    with path.open(newline="") as file:
        return [
            Result(
                row["optimizer"],
                row["kind"],
                int(row["dimension"]),
                int(row["evaluations"]),
                int(row["seed"]),
                float(row["level_error"]),
                float(row["own_ms"]),
                row["note"],
            )
            for row in csv.DictReader(file)
        ]


if __name__ == "__main__":
    main()
