"""Trains the scorer `people` on the opinion scores of BIQ2021.

    python -m objectives.training.people --data DIR --out FILE.safetensors [--features FILE]

DIR holds the pictures and scores.csv with the columns file, mos, subset, part (train or validation). Needs
scikit-learn. Pictures that look alike stay in one fold of the cross-validation that chooses the constants, and training
pictures that look like one of the validation part are left out. Features take minutes; --features keeps them for
another time. The figures are printed and written beside the regression as FILE.json.
"""

import argparse
import csv
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int

from isptune.scenes.images import read_image, to_uint8
from isptune.system.disk import write_atomically
from objectives.checkpoints.own_files import write_own
from objectives.encoders.efficientnet_lite import BLOCK_MEANS, pretrained
from objectives.encoders.picture_features import picture_features
from objectives.people import FORM, KernelRidge
from objectives.training.pictures.look_alikes import like_any, looks, thumbnail
from objectives.training.statistics.brisque_regression import judge, rank_correlation

GRID = {
    "statistics": (1.0, 2.0, 4.0),
    "axes": (128, 256, 512),
    "width": (0.5, 1.0, 2.0, 4.0),
    "ridge": (0.003, 0.01, 0.03, 0.1, 0.3),
}
"""How much the statistics weigh beside the network (variance), how many principal axes are kept, the kernel's width
(in mean squared distances), and the ridge."""

FOLDS = 5

Table = Float64[np.ndarray, "pictures features"]
Opinions = Float64[np.ndarray, " pictures"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, judge and write."""
    parser = argparse.ArgumentParser(description="Train the scorer people on opinion scores.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the pictures and scores.csv")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--features", type=Path, help="a .npz to keep features in, or to take them from")
    parser.add_argument("--seed", type=int, default=0, help="of the folds and of the bootstrap")
    options = parser.parse_args(arguments)
    with (options.data / "scores.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    features, thumbnails = _described([options.data / row["file"] for row in rows], options.features)
    opinions = np.array([float(row["mos"]) for row in rows])
    validation = np.array([row["part"] == "validation" for row in rows])
    train = ~validation & ~like_any(thumbnails, thumbnails[validation])
    constants, srocc = choose(features[train], opinions[train], looks(thumbnails[train]), options.seed)
    regression = fitted(features[train], opinions[train], constants)
    tensors = {
        "mean": regression.mean.float(),
        "axes": regression.axes.float(),
        "points": regression.points.float(),
        "coefficients": regression.coefficients.float(),
    }
    entries = {"format": FORM, "gamma": json.dumps(regression.gamma), "offset": json.dumps(regression.offset)}
    write_own(options.out, tensors, entries)
    predicted = regression.predict(torch.from_numpy(features[validation])).numpy()
    figures: dict[str, Any] = {
        "train": int(train.sum()),
        "left_out_as_alike": int((~validation & ~train).sum()),
        "constants": constants,
        "cross_validated_srocc": srocc,
        "validation": int(validation.sum()),
        **judge(predicted, opinions[validation], options.seed),
    }
    subset = np.array([row["subset"] for row in rows])[validation]
    figures["srocc_by_subset"] = {
        name: round(rank_correlation(predicted[subset == name], opinions[validation][subset == name]), 4)
        for name in sorted(set(subset))
    }
    write_atomically(options.out.with_suffix(".json"), (json.dumps(figures, indent=2) + "\n").encode())
    print(json.dumps(figures, indent=2))


def _described(files: Sequence[Path], kept: Path | None) -> tuple[Table, Float64[np.ndarray, "pictures 256"]]:
    if kept is not None and kept.exists():
        with np.load(kept, allow_pickle=False) as archive:
            return archive["features"].astype(np.float64), archive["thumbnails"]
    network = pretrained()
    features, thumbnails = [], []
    for number, file in enumerate(files, 1):
        image = read_image(file)
        with torch.no_grad():
            features.append(picture_features(image, network)[0].double().numpy())
        thumbnails.append(thumbnail(to_uint8(image)[0]))
        if number % 100 == 0 or number == len(files):
            print(f"features of {number}/{len(files)} pictures", flush=True)
    table, small = np.stack(features), np.stack(thumbnails)
    if kept is not None:
        np.savez(kept, features=table.astype(np.float32), thumbnails=small)
    return table, small


def choose(
    features: Table, opinions: Opinions, look: Int[np.ndarray, " pictures"], seed: int
) -> tuple[dict[str, float], float]:
    """The constants with the best rank correlation over folds that share no look, and that correlation."""
    from sklearn.model_selection import GroupKFold

    folds = list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(features, opinions, look))
    found: dict[tuple[float, ...], list[float]] = {}
    for statistics, axes in itertools.product(GRID["statistics"], GRID["axes"]):
        for inside, outside in folds:
            mean, turned = _axes(features[inside], statistics, int(axes))
            near, far = ((features[part] - mean) @ turned for part in (inside, outside))
            own, other = _distances(near, near), _distances(far, near)
            for width, ridge in itertools.product(GRID["width"], GRID["ridge"]):
                gamma = 1 / (width * own.mean())
                coefficients, offset = _solved(np.exp(-gamma * own), opinions[inside], ridge)
                predicted = np.exp(-gamma * other) @ coefficients + offset
                found.setdefault((statistics, axes, width, ridge), []).append(
                    rank_correlation(predicted, opinions[outside])
                )
        print(
            f"statistics {statistics:g}, {axes} axes: {max(np.mean(v) for v in found.values()):.4f}",
            flush=True,
        )
    best = max(found, key=lambda values: float(np.mean(found[values])))
    return dict(zip(GRID, best, strict=True)), round(float(np.mean(found[best])), 4)


def fitted(features: Table, opinions: Opinions, constants: dict[str, float]) -> KernelRidge:
    """The regression on all of the pictures."""
    mean, turned = _axes(features, constants["statistics"], int(constants["axes"]))
    points = (features - mean) @ turned
    distances = _distances(points, points)
    gamma = 1 / (constants["width"] * float(distances.mean()))
    coefficients, offset = _solved(np.exp(-gamma * distances), opinions, constants["ridge"])
    tensors = [torch.from_numpy(array) for array in (mean, turned, points, coefficients)]
    return KernelRidge(tensors[0], tensors[1], tensors[2], tensors[3], offset, gamma)


def _axes(features: Table, statistics: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Means, and principal axes of features of one variance in all: half the network's, half the statistics'."""
    mean = features.mean(0)
    others = features.shape[1] - BLOCK_MEANS
    weight = np.r_[np.full(BLOCK_MEANS, 1 / BLOCK_MEANS), np.full(others, statistics / others)] ** 0.5
    scale = weight / np.maximum(features.std(0), 1e-6)
    _, _, directions = np.linalg.svd((features - mean) * scale, full_matrices=False)
    return mean, np.ascontiguousarray(scale[:, None] * directions[:count].T)


def _distances(rows: Table, others: Table) -> np.ndarray:
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return np.maximum(squares, 0)


def _solved(kernel: np.ndarray, opinions: Opinions, ridge: float) -> tuple[np.ndarray, float]:
    offset = float(opinions.mean())
    return np.linalg.solve(kernel + ridge * np.eye(len(kernel)), opinions - offset), offset


if __name__ == "__main__":
    main()
