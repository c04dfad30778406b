"""What is usually asked of a metric: does it agree with people, and with the severity of distortions?

    python -m experiments.targets.correlates --data DIR [--only NAME ...] [--photographs 4]

People: SROCC on the validation part of BIQ2021 with a 95 % bootstrap interval over pictures, of objectives that need no
reference. Severity: each type of KADID-10k at severities 1 to 5 on photographs that are kept out, the middle 256x256
pixels: the median over types of the rank correlation within a photograph, and of that over all photographs together;
and how often the pristine picture comes before its version of severity 3 or more. DIR has `biq2021/` and `photos/`.

Scores of BIQ2021 that `experiments/depictqa/scores.csv` has are taken from there, if the first few scored anew are the
same: other weights give others. It writes correlates.csv into --out, a row as soon as an objective is done; objectives
that stand there are not done again. Those whose scores hold within a generation only have no row: a single picture has
no score.
"""

import argparse
import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch

from experiments.depictqa.rating import read_scores
from experiments.scorenet.on_people_and_severity import on_people, on_severity
from experiments.targets.prompt import spec_of
from experiments.targets.protocol import GROUPS, Budget
from isptune.distortions import presets_of
from isptune.interfaces import Objective, ScoresTogether
from isptune.registry import build
from isptune.system.disk import make_folder, write_atomically
from objectives.training.pictures.agreement import estimate, rank_correlation, resamples
from objectives.training.pictures.photographs import Photograph, read_kept_out, read_validation

HERE = Path(__file__).parent
CORRELATES = "correlates.csv"
TYPES = [("kadid10k", name) for name in presets_of("kadid10k")]
SIDE = 256
SCORED = HERE.parent / "depictqa" / "scores.csv"
Figures = tuple[float, ...]
"""See `experiments.scorenet.on_people_and_severity.FIGURES`."""

FIRST = 5
"""Pictures that tell whether scores are of the same weights."""

FORMERLY = {"brisque-refit": "brisque"}
"""Names in that table which are others today."""


@dataclass(frozen=True)
class Correlates:
    """What one objective has in common with people and with severities.

    Attributes:
        objective: as tables name it.
        people, people_low, people_high: SROCC with its interval; NaN where it needs a reference.
        pictures: that people rated.
        severity: SROCC within a photograph, median over types.
        severity_together: over all photographs together.
        pristine_first: a share.
        photographs: that were spoilt.
    """

    objective: str
    people: float
    people_low: float
    people_high: float
    pictures: int
    severity: float
    severity_together: float
    pristine_first: float
    photographs: int


def correlates(
    name: str, people: tuple[float, float, float], rated: int, by_type: Sequence[Figures], spoilt: int
) -> Correlates:
    """A row of the SROCC with people on `rated` pictures, and of figures by type on `spoilt` photographs."""
    together, within, _ = np.median(np.array(by_type), axis=0)
    first = float(np.mean([figures[2] for figures in by_type]))
    pictures = 0 if math.isnan(people[0]) else rated
    return Correlates(name, *people, pictures, float(within), float(together), first, spoilt)


def with_people(
    objective: Objective, rated: Sequence[Photograph], scored: np.ndarray | None
) -> tuple[float, float, float]:
    """SROCC and its interval; NaN for an objective that needs a reference. `scored` are scores that are known."""
    if objective.facts.uses_reference:
        return math.nan, math.nan, math.nan
    known = still_true(objective, rated, scored)
    scores = on_people(objective, rated) if known is None else known
    opinions = np.array([float(one.opinion or 0.0) for one in rated])
    found = estimate(rank_correlation, scores[None], opinions, resamples(len(opinions), seed=0))
    return found.value, found.low, found.high


def still_true(
    objective: Objective, rated: Sequence[Photograph], scored: np.ndarray | None
) -> np.ndarray | None:
    """Scores that an earlier call wrote down, if the first of them are what the objective says now."""
    if scored is None:
        return None
    now = on_people(objective, rated[:FIRST])
    return scored if np.allclose(now, scored[:FIRST], rtol=1e-3, atol=1e-5) else None


def read_correlates(path: Path) -> dict[str, Correlates]:
    """By objective; none where there is no file."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row["objective"]: _of(row) for row in csv.DictReader(file)}


def write_correlates(path: Path, rows: Mapping[str, Correlates]) -> None:
    """Write a row an objective. Raises DiskError."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([one.name for one in fields(Correlates)])
    for _, row in sorted(rows.items()):
        writer.writerow(_short(value) for value in asdict(row).values())
    write_atomically(path, text.getvalue().encode())


def _short(value: float | str) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}"
    return str(value)


def _of(row: Mapping[str, str]) -> Correlates:
    def number(name: str) -> float:
        return float(row[name] or "nan")

    return Correlates(
        objective=row["objective"],
        people=number("people"),
        people_low=number("people_low"),
        people_high=number("people_high"),
        pictures=int(row["pictures"]),
        severity=number("severity"),
        severity_together=number("severity_together"),
        pristine_first=number("pristine_first"),
        photographs=int(row["photographs"]),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is missing; severities of all objectives at once, since spoiling takes longer than scoring."""
    parser = argparse.ArgumentParser(description="Agreement of objectives with people and with severity.")
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/targets"), help="folder of the rated pictures"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder for correlates.csv")
    parser.add_argument("--only", nargs="+", metavar="OBJECTIVE", help="specs [all that are ours]")
    parser.add_argument("--photographs", type=int, default=4, help="that are spoilt")
    parser.add_argument("--types", type=int, default=len(TYPES), help="of distortions")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    make_folder(options.out)
    path = options.out / CORRELATES
    rows = read_correlates(path)
    rated, pristine = read_validation(options.data), read_kept_out(options.data)[: options.photographs]
    scored = read_scores(SCORED, rated)
    objectives: dict[str, Objective] = {}
    for name in options.only or [name for names in GROUPS.values() for name in names]:
        if name in rows:
            continue
        objective = build("objective", spec_of(name, "default", "warped", Budget(), options.runs))
        if objective.facts.rivals or isinstance(objective, ScoresTogether):
            print(f"{name}: a single picture has no score", flush=True)
            continue
        objectives[name] = objective
    types = on_severity(objectives, pristine, TYPES[: options.types], SIDE)
    for name, objective in objectives.items():
        people = with_people(objective, rated, scored.get(FORMERLY.get(name, name)))
        rows[name] = correlates(
            name, people, len(rated), [own[name] for own in types.values()], len(pristine)
        )
        write_correlates(path, rows)
        print(rows[name], flush=True)


if __name__ == "__main__":
    main()
