"""Trains BRISQUE's regression on the opinion scores of BIQ2021.

    python -m objectives.training.statistics.brisque_regression --data DIR --out FILE.safetensors

DIR holds the pictures and scores.csv with the columns file, mos, subset, part (train or validation). Needs
scikit-learn. Pictures that look alike stay in one fold of the cross-validation that chooses the
regression's constants, and training pictures that look like one of the validation part are left out. The
figures are printed and written beside the regression as FILE.json.

Sources: Mittal, Moorthy and Bovik 2012, No-reference image quality assessment in the spatial domain; Ahmed and
Asif 2022, BIQ2021: a large-scale blind image quality assessment database.
"""

import argparse
import csv
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from safetensors.numpy import save_file
from scipy.stats import rankdata

from isptune.scenes.images import read_image, to_uint8
from isptune.system.disk import write_atomically
from objectives.no_reference.scene_statistics import brisque_features
from objectives.training.pictures.look_alikes import like_any, looks, thumbnail

GRID = {"C": (1.0, 3.0, 10.0, 30.0), "gamma": (0.005, 0.015, 0.05, 0.15), "epsilon": (0.03, 0.08, 0.12)}
FOLDS = 5
RESAMPLES = 2000


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, judge and write."""
    parser = argparse.ArgumentParser(description="Train BRISQUE's regression on opinion scores.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the pictures and scores.csv")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--seed", type=int, default=0, help="of the folds and of the bootstrap")
    options = parser.parse_args(arguments)

    with (options.data / "scores.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    features, thumbnails = describe([options.data / row["file"] for row in rows])
    opinions = np.array([float(row["mos"]) for row in rows])
    validation = np.array([row["part"] == "validation" for row in rows])
    train = ~validation & ~like_any(thumbnails, thumbnails[validation])
    look = looks(thumbnails[train])

    figures: dict[str, Any] = {
        "train": int(train.sum()),
        "left_out_as_alike": int((~validation & ~train).sum()),
    }
    low, high = np.percentile(features[train], [1, 99], axis=0)
    scaled = (features - low) / (high - low) * 2 - 1
    constants, srocc = choose(scaled[train], opinions[train], look, options.seed)
    figures |= {"constants": constants, "cross_validated_srocc": srocc}
    machine = _machine(constants).fit(scaled[train], opinions[train])
    save_file(
        {
            "low": low,
            "high": high,
            "support_vectors": np.ascontiguousarray(machine.support_vectors_),
            "coefficients": np.ascontiguousarray(machine.dual_coef_[0]),
            "offset": np.array(machine.intercept_[0]),
            "gamma": np.array(constants["gamma"]),
        },
        options.out,
    )
    predicted = machine.predict(scaled[validation])
    figures |= {"support_vectors": len(machine.support_vectors_), "validation": int(validation.sum())}
    figures |= judge(predicted, opinions[validation], options.seed)
    write_atomically(options.out.with_suffix(".json"), (json.dumps(figures, indent=2) + "\n").encode())
    print(json.dumps(figures, indent=2))


def describe(
    files: Sequence[Path],
) -> tuple[Float64[np.ndarray, "pictures 36"], Float64[np.ndarray, "pictures 256"]]:
    """BRISQUE's features, and thumbnails of mean 0 and length 1, so that products are correlations."""
    features, thumbnails = [], []
    for number, file in enumerate(files, 1):
        image = read_image(file)
        features.append(brisque_features(image)[0].double().numpy())
        thumbnails.append(thumbnail(to_uint8(image)[0]))
        if number % 100 == 0 or number == len(files):
            print(f"features of {number}/{len(files)} pictures", flush=True)
    return np.stack(features), np.stack(thumbnails)


def choose(
    features: Float64[np.ndarray, "pictures 36"],
    opinions: Float64[np.ndarray, " pictures"],
    look: Int[np.ndarray, " pictures"],
    seed: int,
) -> tuple[dict[str, float], float]:
    """The constants with the best rank correlation over folds that share no look, and that correlation."""
    from sklearn.model_selection import GroupKFold

    folds = list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(features, opinions, look))
    best: tuple[dict[str, float], float] = ({}, -1.0)
    for values in itertools.product(*GRID.values()):
        constants = dict(zip(GRID, values, strict=True))
        correlations = []
        for inside, outside in folds:
            machine = _machine(constants).fit(features[inside], opinions[inside])
            correlations.append(rank_correlation(machine.predict(features[outside]), opinions[outside]))
        mean = round(float(np.mean(correlations)), 4)
        print(constants, mean, flush=True)
        if mean > best[1]:
            best = (constants, mean)
    return best


def _machine(constants: dict[str, Any]) -> Any:
    from sklearn.svm import SVR

    return SVR(kernel="rbf", cache_size=500, **constants)


def rank_correlation(
    predicted: Float64[np.ndarray, " pictures"], opinions: Float64[np.ndarray, " pictures"]
) -> float:
    """Spearman's."""
    return float(np.corrcoef(rankdata(predicted), rankdata(opinions))[0, 1])


def judge(
    predicted: Float64[np.ndarray, " pictures"], opinions: Float64[np.ndarray, " pictures"], seed: int
) -> dict[str, Any]:
    """Rank and linear correlation and root mean square error, each with a 95 % bootstrap interval."""
    measures = {
        "srocc": rank_correlation,
        "plcc": lambda p, o: np.corrcoef(p, o)[0, 1],
        "rmse": lambda p, o: np.sqrt(np.mean((p - o) ** 2)),
    }
    generator = np.random.default_rng(seed)
    samples = generator.integers(0, len(opinions), (RESAMPLES, len(opinions)))
    figures = {}
    for name, measure in measures.items():
        resampled = [measure(predicted[sample], opinions[sample]) for sample in samples]
        low, high = np.percentile(resampled, [2.5, 97.5])
        figures[name] = [round(float(x), 4) for x in (measure(predicted, opinions), low, high)]
    return figures


if __name__ == "__main__":
    main()
