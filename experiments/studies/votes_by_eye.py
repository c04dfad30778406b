"""How many votes `isptune tune-by-eye` needs: SIMULATED observers lead the search on the synthetic ISP.

Usage: python -m experiments.studies.votes_by_eye [--runs 20] [--votes 2000] [--out experiments/studies]

Nothing here was seen by a person. The simulated observer answers by Thurstone's Case V: the start lies 6 JOD below
perfect, and quality falls in proportion to the level error (l1 normalised), which is a choice and no finding. 2 % of
its answers are lapses; differences felt to be below 0.3 JOD are answered "no difference". The level error is that of
what the search recommends, the middle of its distribution. 0.05 is about a JOD from perfect, where one observer
prefers the perfect picture in three of four votes. Spaces: the synthetic ISP's 5 knobs, and a chain of 12.

Writes votes_by_eye.csv (every run) and votes_by_eye.md (the table).
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from isptune.registry import build
from isptune.space import Candidate
from isptune.study.by_eye.search import PAIRS_EACH, EyeSearch, population_for
from isptune.study.scale.posterior import JOD_SIGMA
from isptune.study.votes.votes import Answer
from pipelines.synthetic.synthetic import SyntheticISP

CHAIN_OF_12 = (
    "gaussian_blur:5,lens_blur:6,white_noise:0.02,poisson_noise:0.1,impulse_noise:0.03,contrast:0.6,"
    "gamma:0.9,saturation:0.8,brighten:0.8,unsharp_lab:8,jpeg2000:200,jpeg:96"
)
SPACES = {5: {}, 12: {"chain": CHAIN_OF_12}}
START_JOD, LAPSE, TIE_JOD = 6.0, 0.02, 0.3
GOAL = 0.05
MARKS = (0, 50, 100, 200, 300, 400, 600, 800, 1000, 1500, 2000)


@dataclass(frozen=True)
class Step:
    """After so many votes, how far what is recommended is from perfect, l1 normalised."""

    votes: int
    level_error: float


def level_error(pipeline: SyntheticISP, candidate: Candidate) -> float:
    params = {name: torch.tensor([float(value)], dtype=torch.float64) for name, value in candidate.items()}
    ranges = torch.tensor([level.limit for level in pipeline.facts.levels], dtype=torch.float64)
    return float((pipeline.levels(params)[0].abs() / ranges).mean())


def simulated(knobs: int, votes: int, seed: int) -> list[Step]:
    """One search, generation by generation, until it stops or another generation would be too many votes."""
    pipeline = build("pipeline", "synthetic", **SPACES[knobs])
    search = EyeSearch(pipeline.space, population_for(pipeline.space), PAIRS_EACH, seed)
    rng = np.random.default_rng([seed, 9])
    steps = [Step(0, level_error(pipeline, pipeline.space.default))]
    jod_per_error = START_JOD / steps[0].level_error
    while steps[-1].votes + len(search.pairs) <= votes and search.stop_reason is None:
        quality = [-jod_per_error * level_error(pipeline, candidate) for candidate in search.candidates]
        answers: list[Answer] = [answer(quality[i] - quality[j], rng) for i, j in search.pairs]
        search.tell(answers)
        done = steps[-1].votes + len(answers)
        steps.append(Step(done, level_error(pipeline, search.recommend())))
    return steps


def answer(difference_jod: float, rng: np.random.Generator) -> Answer:
    felt = difference_jod + JOD_SIGMA * rng.standard_normal()
    if rng.random() < LAPSE:
        return "first" if rng.random() < 0.5 else "second"
    if abs(felt) < TIE_JOD:
        return "none"
    return "first" if felt > 0 else "second"


def at(steps: Sequence[Step], votes: int) -> float:
    """The level error after so many votes; a search that has stopped stays where it is."""
    return [step.level_error for step in steps if step.votes <= votes][-1]


def reached(steps: Sequence[Step]) -> int | None:
    """Votes after which the error was at most GOAL for the first time; None if never."""
    return next((step.votes for step in steps if step.level_error <= GOAL), None)


def restlessness(runs: Sequence[Sequence[Step]]) -> float:
    """Mean change of the level error from one generation to the next, between 150 and 500 votes."""
    pairs = [(a, b) for steps in runs for a, b in pairwise(steps) if 150 < a.votes < 500]
    return float(np.mean([abs(a.level_error - b.level_error) for a, b in pairs]))


def table(knobs: int, runs: Sequence[Sequence[Step]]) -> str:
    lines = [
        f"## {knobs} knobs",
        "",
        f"{len(runs)} simulated runs, {runs[0][1].votes} votes a generation, each candidate in {PAIRS_EACH} pairs.",
        "",
        "| votes | level error, mean | 10 % to 90 % of the runs | at most 0.05 |",
        "|---|---|---|---|",
    ]
    for mark in MARKS:
        errors = np.array([at(steps, mark) for steps in runs])
        low, high = np.quantile(errors, [0.1, 0.9])
        share = (errors <= GOAL).mean()
        lines.append(f"| {mark} | {errors.mean():.3f} | {low:.3f} to {high:.3f} | {share:.0%} |")
    first = [reached(steps) for steps in runs]
    counts = sorted(votes for votes in first if votes is not None)
    ended = np.median([steps[-1].votes for steps in runs])
    middle = (
        f"{counts[(len(runs) - 1) // 2]}" if len(counts) > (len(runs) - 1) // 2 else "more than was tried"
    )
    lines += [
        "",
        f"An error of 0.05 is reached for the first time by {len(counts)} of {len(runs)} runs; median {middle} votes. "
        f"The searches end after {ended:.0f} votes (median). Between 150 and 500 votes the error still changes by "
        f"{restlessness(runs):.3f} from one generation to the next, on average: the first time flatters, the shares "
        "above say more.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--votes", type=int, default=2000, help="at most, of each run")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    text = "# Votes that tuning by eye needs: a simulation\n\n" + (__doc__ or "").split("\n\n")[2] + "\n\n"
    with open(arguments.out / "votes_by_eye.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["knobs", "run", "votes", "level_error"])
        for knobs in SPACES:
            runs = [simulated(knobs, arguments.votes, seed) for seed in range(arguments.runs)]
            for seed, steps in enumerate(runs):
                writer.writerows([knobs, seed, step.votes, f"{step.level_error:.5f}"] for step in steps)
            text += table(knobs, runs) + "\n"
            print(table(knobs, runs), flush=True)
    (arguments.out / "votes_by_eye.md").write_text(text.rstrip() + "\n")


if __name__ == "__main__":
    main()
