"""Do the 95 % intervals of a study hold what they promise? Simulated observers of known scale, many studies.

    python -m experiments.studies.coverage --out experiments/studies/coverage.json

Every study has 15 SIMULATED observers (Thurstone's Case V) and another random scale; reported is how often the true
values lie inside the intervals of `isptune.study`, for the DMC schedule (each image in 9 pairs of each observer).
"""

import argparse
import json
import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np

from isptune.study.observers.simulation import Habits, SimulatedObserver
from isptune.study.plan import designs
from isptune.study.scale.intervals import bootstrap, limits, observer_weights
from isptune.study.scale.scale import fit
from isptune.study.votes.comparisons import Comparisons
from isptune.study.votes.votes import Pair

SHARE = {"first": 1.0, "second": 0.0, "none": 0.5}

CASES = {
    "decided, 30 images over 4 JOD": (30, 4.0, Habits(), False),
    "with ties, 30 images over 4 JOD": (30, 4.0, Habits(tie_threshold=0.4), False),
    "with ties and a side bias, 30 images over 4 JOD": (
        30,
        4.0,
        Habits(tie_threshold=0.4, side_bias=0.3),
        True,
    ),
    "2 % lapses, 30 images over 4 JOD": (30, 4.0, Habits(lapse=0.02), False),
    "decided, 100 images over 6 JOD": (100, 6.0, Habits(), False),
    "decided, 8 images over 3 JOD": (8, 3.0, Habits(), False),
}
"""Images, their span, the observers' habits, and whether a side bias is estimated."""


def simulated(
    images: int, span: float, habits: Habits, observers: int, seed: int
) -> tuple[Comparisons, np.ndarray]:
    """The votes of simulated observers on random pairings, and the true scale (mean 0, JOD)."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, span, images)
    truth -= truth.mean()
    scale = {("s", str(k)): float(value) for k, value in enumerate(truth)}
    rows = []
    for observer in range(observers):
        simulation = SimulatedObserver(scale, habits, seed * 1000 + observer)
        for pair in designs.every_image_in(9, images, rng):
            i, j = pair if rng.random() < 0.5 else pair[::-1]
            rows.append((observer, i, j, SHARE[simulation.answer(Pair("s", str(i), str(j)))]))
    who, first, second, share = (np.array(column) for column in zip(*rows, strict=True))
    names = tuple(str(k) for k in range(images))
    table = Comparisons("s", names, tuple(range(observers)), who, first, second, share.astype(np.float64))
    return table, truth


def coverage(case: str, values: int, observers: int, draws: int) -> dict[str, object]:
    """How many of all true values lie inside, and by study for the standard error."""
    images, span, habits, side_bias = CASES[case]
    studies = -(-values // images)
    inside, error, width = [], [], []
    for study in range(studies):
        table, truth = simulated(images, span, habits, observers, study)
        scale = fit(table, side_bias=side_bias, reduce_bias=True)
        drawn = bootstrap(table, scale, observer_weights(observers, draws, study), side_bias=side_bias)
        low, high = limits(scale.scores, drawn, observers)
        inside.append(float(((low <= truth) & (truth <= high)).mean()))
        error.append(float(np.abs(scale.scores - truth).mean()))
        width.append(float((high - low).mean()))
    return {
        "studies": studies,
        "images": images,
        "span_jod": span,
        "habits": asdict(habits),
        "side_bias_estimated": side_bias,
        "coverage": round(float(np.mean(inside)), 4),
        "standard_error": round(float(np.std(inside) / np.sqrt(studies)), 4),
        "mean_absolute_error_jod": round(float(np.mean(error)), 4),
        "mean_width_jod": round(float(np.mean(width)), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--values", type=int, default=900, help="true values a case: so many studies are simulated"
    )
    parser.add_argument("--observers", type=int, default=15)
    parser.add_argument("--draws", type=int, default=300, help="bootstrap resamples a study")
    parser.add_argument(
        "--case", choices=list(CASES), action="append", help="one or several; all if not given"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result: dict[str, object] = {
        "observers": f"{options.observers} SIMULATED ones; {options.draws} resamples a study",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    for case in options.case or CASES:
        result[case] = coverage(case, options.values, options.observers, options.draws)
        print(case, result[case], flush=True)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
