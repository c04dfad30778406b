"""Where ScoreNet and others led on the synthetic ISP (Rashidi et al. 2026, table 1): the tables of what was measured.

    python -m experiments.scorenet.as_target

It writes `as_target.md` and `as_target_others.md` from the CSV files beside this one, which have every repeat: means
with bootstrap intervals, paired differences to the first objective. README.md says on which weights it was measured.
`experiments.targets.run` measures anew, by this protocol too; README.md has its command.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

HERE = Path(__file__).parent
NAMES = ("blur", "noise", "contrast", "saturation", "jpeg")
RESAMPLES = 4000
AT_ONCE = 2
"""Seeds in one run; of others a run each."""


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


def main() -> None:
    """Write the tables."""
    for name in ("as_target", "as_target_others"):
        (HERE / name).with_suffix(".md").write_text(written(HERE / f"{name}.csv"))


def written(path: Path) -> str:
    """The table of a CSV file; objectives in its order."""
    ends = read(path)
    return table(ends, list(dict.fromkeys(end.objective for end in ends)), AT_ONCE)


def read(path: Path) -> list[End]:
    """Every repeat."""
    with path.open(newline="") as file:
        return [
            End(
                row["objective"],
                row["family"],
                row["scene"],
                int(row["seed"]),
                tuple(float(row[name]) for name in NAMES),
                float(row["l1_normalised"]),
                float(row["loss"]),
            )
            for row in csv.DictReader(file)
        ]


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


if __name__ == "__main__":
    main()
