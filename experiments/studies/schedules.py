"""What do the schedules of a study make of the same number of votes? SIMULATED observers of known scale.

    python -m experiments.studies.schedules --out experiments/studies/schedules.json

Every schedule asks the same number of pairs of the same simulated observers (Thurstone's Case V, 2 % lapses);
reported is how far the scale lies from the true one, in JOD, its slope over the true one (1 is right; above, the scale
is stretched) and the rank correlation with it, as means over studies. Two budgets: few votes, and as many as for DMC.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from isptune.study.observers.simulation import Habits, SimulatedObserver
from isptune.study.plan.folder import Plan, ScheduleKind, Stimulus, Study
from isptune.study.plan.schedule import schedule_of
from isptune.study.scale.scale import fit
from isptune.study.votes.comparisons import comparisons
from isptune.study.votes.votes import VoteRecord

KINDS: tuple[ScheduleKind, ...] = ("random", "complete", "swiss", "active")
BUDGETS = ((5, 4), (15, 9))
"""Observers, and pairs of each in which every image stands."""


def study_of(kind: ScheduleKind, images: int, pairs_per_image: int, seed: int) -> Study:
    """A study without pictures; `complete` is cut to as many pairs as the others ask."""
    share = images * pairs_per_image // 2
    plan = Plan(
        schedule=kind,
        seed=seed,
        pairs_per_image=pairs_per_image,
        pairs_per_observer=share if kind == "complete" else 0,
        repeats=0,
        anchors=0,
        training=0,
    )
    return Study(Path("."), plan, tuple(Stimulus("s", f"{k:03d}") for k in range(images)))


def simulate(study: Study, truth: np.ndarray, observers: int, seed: int) -> list[VoteRecord]:
    """All votes, one observer after another."""
    schedule = schedule_of(study)
    scale = {("s", f"{k:03d}"): float(value) for k, value in enumerate(truth)}
    votes: list[VoteRecord] = []
    for observer in range(1, observers + 1):
        simulation, asked = SimulatedObserver(scale, Habits(lapse=0.02), 1000 * seed + observer), 0
        while pairs := schedule.batch(observer, asked, lambda: votes):
            for number, pair in enumerate(pairs, asked + 1):
                answer = simulation.answer(pair)
                record = VoteRecord(
                    observer, number, "1", "s", pair.first, pair.second, answer, "vote", None, None
                )
                votes.append(record)
            asked += len(pairs)
    return votes


def measured(
    kind: ScheduleKind, observers: int, pairs_per_image: int, options: argparse.Namespace
) -> dict[str, float]:
    """Means over simulated studies."""
    rows = []
    for seed in range(options.studies):
        truth = np.random.default_rng(seed).uniform(0, options.span, options.images)
        truth -= truth.mean()
        study = study_of(kind, options.images, pairs_per_image, seed)
        votes = simulate(study, truth, observers, seed)
        table = comparisons(votes, {"s": [s.condition for s in study.stimuli]})["s"]
        scores = fit(table, reduce_bias=True).scores
        slope = float(scores @ truth / (truth @ truth))
        rank = float(np.asarray(spearmanr(scores, truth))[0])
        rows.append((len(votes), float(np.sqrt(((scores - truth) ** 2).mean())), slope, rank))
    votes, error, slope, rank = np.mean(rows, axis=0).tolist()
    spread = float(np.std([row[1] for row in rows]) / np.sqrt(len(rows)))
    found = {"votes": votes, "rmse_jod": error, "rmse_standard_error": spread, "slope": slope, "srocc": rank}
    return {key: round(value, 4) for key, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--span", type=float, default=6.0, help="of the true scale, JOD")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result: dict[str, object] = {key: str(value) for key, value in vars(options).items() if key != "out"}
    for observers, pairs_per_image in BUDGETS:
        for kind in KINDS:
            name = f"{kind}, {observers} observers, {pairs_per_image} pairs an image"
            result[name] = measured(kind, observers, pairs_per_image, options)
            print(name, result[name], flush=True)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
