"""Which of two pictures is better: agreement with people, order, confidence, resolution, and scores by win rate.

    python -m experiments.depictqa.rating --data DIR --tables FOLDER [--weights FILE]

DIR is described in `objectives.training.pictures.photographs`, FOLDER is from `experiments.depictqa.kept_out`. Pairs:
all two photographs of BIQ2021's validation part whose mean opinions differ; of these, once more, those that differ by
0.1 or more. Nothing is drawn, so nothing depends on a seed. Intervals are over photographs, which are drawn with
replacement. It writes `rating.md` and `rating.csv` beside this file, and `scores.csv` with the scores
of objectives, higher is better, which are not worked out again where they stand there.
"""

import argparse
import csv
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from experiments.depictqa.answers import table
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.scenes.images import to_images
from isptune.scenes.sampling import interval_ranks
from isptune.scenes.scene import Scene
from objectives.depictqa.depictqa import WEIGHTS_FILE
from objectives.depictqa.network import DepictQaNetwork, read_network
from objectives.promptiqa.compact import WEIGHTS_FILE as PROMPTIQA_WEIGHTS
from objectives.promptiqa.compact import read_compact
from objectives.promptiqa.promptiqa import Prompt, PromptIqa
from objectives.training.depictqa.pictures import Pictures, read_pictures
from objectives.training.pictures.agreement import linear_correlation, rank_correlation
from objectives.training.pictures.photographs import Photograph, read_photographs

HERE = Path(__file__).parent
OBJECTIVES = (
    "niqe", "brisque", "tv", "sharpness", "colourfulness", "noise", "blockiness", "jpeg_trace", "entropy",
    "scorenet", "scorenet-clip", "clipiqa", "qalign:bundled", "zsclip", "zsclip:score=h", "promptiqa",
)  # fmt: skip
PROMPT = 10
"""Rated photographs in PromptIQA's prompt, from the training part; as many as its authors take."""

CLEAR = 0.1
COMPARISONS = (100, 50, 25, 10, 5, 2, 1)
RUNS = 5
RESAMPLES = 500
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ORDER_PAIRS = 200

Matrix = Float[np.ndarray, "first second"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, count, write."""
    parser = argparse.ArgumentParser(description="Accuracy of instant rating.")
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument("--tables", type=Path, required=True, help="folder of experiments.depictqa.kept_out")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_FILE, help="of the network")
    parser.add_argument("--objective", action="append", help="beside the judge [all without a reference]")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for what is written")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    network = read_network(options.weights)
    pictures = read_pictures([options.tables / "opinions.safetensors"])
    opinions = pictures.opinion.double().numpy()
    logits = {"depictqa": logits_of(network, pictures, pictures)}
    train, validation, _ = read_photographs(options.data)
    columns = read_scores(options.out / "scores.csv", validation)
    for name in options.objective or OBJECTIVES:
        if name not in columns:
            objective = _with_prompt(train) if name == "promptiqa" else build("objective", name)
            columns[name] = _scores(objective, validation)
        logits[name] = columns[name][:, None] - columns[name][None]
    _write_scores(options.out / "scores.csv", columns, validation)
    text = _accuracies(logits, opinions) + "\n" + _confidence(logits["depictqa"], opinions, options.out)
    text += "\n" + _order(validation, options.weights) + "\n"
    text += _resolution(network, options.tables) + "\n" + _win_rates(logits["depictqa"], opinions)
    print(text)
    (options.out / "rating.md").write_text(text)


@torch.no_grad()
def logits_of(network: DepictQaNetwork, first: Pictures, second: Pictures) -> Matrix:
    """The logits that each of the first is better than each of the second, without references."""
    sides = []
    for one in (first, second):
        standard = network.standardised(one.seen)
        features = network.rating.features(network.told(standard), network.sizes_of(standard))
        sides.append((standard, features))
    rows = []
    for standard, features in zip(*sides[0], strict=True):
        others = len(sides[1][0])
        alike = network.alike(standard.expand(others, -1), sides[1][0])
        rows.append(network.rating(features.expand(others, -1), sides[1][1], alike))
    return torch.stack(rows).double().numpy()


def _with_prompt(photographs: Sequence[Photograph]) -> PromptIqa:
    """PromptIQA whose prompt is `PROMPT` of these, evenly spaced over the ranks of their mean opinions."""
    rated = sorted((one.opinion, i) for i, one in enumerate(photographs) if one.opinion is not None)
    opinions, numbers = zip(*(rated[rank] for rank in interval_ranks(len(rated), PROMPT)), strict=True)
    network = read_compact(PROMPTIQA_WEIGHTS)
    pixels = tuple(network.prepare(to_images(photographs[i].pixels, photographs[i].name)) for i in numbers)
    scores = torch.tensor(opinions)
    low, high = scores.aminmax()
    return PromptIqa(network, Prompt(pixels, (scores - low) / (high - low)))


def _scores(
    objective: Objective | PromptIqa, photographs: Sequence[Photograph]
) -> Float[np.ndarray, " pictures"]:
    sign = 1.0 if objective.facts.direction == "maximize" else -1.0
    scores = []
    with torch.inference_mode():
        for one in photographs:
            image = to_images(one.pixels, one.name)
            scores.append(sign * float(objective.score(image, Scene(one.name, image))))
    return np.array(scores)


def read_scores(path: Path, photographs: Sequence[Photograph]) -> dict[str, np.ndarray]:
    """What an earlier call found, if it was about the same photographs."""
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    if [row[0] for row in rows] != [one.name for one in photographs]:
        return {}
    return {name: np.array([float(row[i]) for row in rows]) for i, name in enumerate(head) if i}


def _write_scores(path: Path, columns: dict[str, np.ndarray], photographs: Sequence[Photograph]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["photograph", *columns])
        for number, one in enumerate(photographs):
            writer.writerow([one.name, *(f"{column[number]:.6g}" for column in columns.values())])


def accuracy(
    logits: Matrix, opinions: Float[np.ndarray, " pictures"], least: float
) -> tuple[float, Matrix, Matrix]:
    """The share of pairs that are ordered as people do; which pairs count, and which of them are right.

    A tie of the logits is half right.
    """
    differences = opinions[:, None] - opinions[None]
    counted = (np.abs(differences) >= least) & (differences != 0)
    right = np.where(logits == 0, 0.5, np.sign(logits) == np.sign(differences)) * counted
    return float(right.sum() / counted.sum()), counted, right


def resampled(counted: Matrix, right: Matrix, seed: int = 0) -> Float[np.ndarray, " resamples"]:
    """The accuracy when photographs are drawn with replacement."""
    count = len(counted)
    random = np.random.default_rng(seed)
    weights = random.multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(float)
    return np.einsum("ri,ij,rj->r", weights, right, weights, optimize=True) / np.einsum(
        "ri,ij,rj->r", weights, counted.astype(float), weights, optimize=True
    )


def _span(value: float, drawn: np.ndarray) -> str:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _accuracies(logits: dict[str, Matrix], opinions: np.ndarray) -> str:
    rows = []
    own = {least: accuracy(logits["depictqa"], opinions, least) for least in (0.0, CLEAR)}
    for name, matrix in logits.items():
        cells = [name]
        for least in (0.0, CLEAR):
            value, counted, right = accuracy(matrix, opinions, least)
            drawn = resampled(counted, right)
            cells.append(_span(value, drawn))
            gap = own[least][0] - value
            cells.append("" if name == "depictqa" else _span(gap, resampled(*own[least][1:]) - drawn))
        rows.append(cells)
    pairs = [int(own[least][1].sum() // 2) for least in (0.0, CLEAR)]
    head = [
        "judge or objective", f"accuracy, {pairs[0]} pairs", "depictqa minus this",
        f"differing by {CLEAR} or more, {pairs[1]} pairs", "depictqa minus this",
    ]  # fmt: skip
    return table(head, rows)


def _confidence(logits: Matrix, opinions: np.ndarray, out: Path) -> str:
    _, counted, right = accuracy(logits, opinions, 0.0)
    above = np.triu(counted, 1).astype(bool)
    confidence = 1 / (1 + np.exp(-np.abs(logits)))
    rows = []
    for low, high in itertools.pairwise(EDGES):
        inside = above & (confidence >= low) & ((confidence < high) | (high == 1))
        both = inside | inside.T
        value = right[both].mean() if both.any() else float("nan")
        rows.append(
            [f"{low:.1f} to {high:.1f}", str(int(inside.sum())), _span(value, resampled(both, right * both))]
        )
    with (out / "rating.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["confidence", "pairs", "accuracy"])
        writer.writerows(rows)
    return table(["confidence of the rating", "pairs", "accuracy"], rows)


def _order(photographs: Sequence[Photograph], weights: Path) -> str:
    """Both orders by the judge itself."""
    judge = build("judge", "depictqa" if weights == WEIGHTS_FILE else f"depictqa:{weights}", reference=False)
    random = np.random.default_rng(0)
    chosen = random.choice(len(photographs), 40, replace=False)
    images = [to_images(photographs[i].pixels, photographs[i].name) for i in chosen]
    same = 0
    for _ in range(ORDER_PAIRS):
        a, b = (images[i] for i in random.choice(len(images), 2, replace=False))
        scene = Scene("", a)
        forth, back = float(judge.prefer(a, b, scene)), float(judge.prefer(b, a, scene))
        same += forth == 1 - back
    return f"Order: of {ORDER_PAIRS} pairs asked both ways, {same} had exactly p and 1 - p.\n"


def _resolution(network: DepictQaNetwork, tables: Path) -> str:
    """Table XII: how often the original is preferred to its copy."""
    rows, head = [], ["resolution", "sides swapped"]
    for name, told in (("resized", "retained"), ("fixed", "224x224 for both")):
        path = tables / f"{name}.safetensors"
        if not path.is_file():
            continue
        pictures = read_pictures([path])
        scales = sorted({round(float(scale), 2) for scale in pictures.scale} - {1.0})
        head = ["resolution", *("sides swapped" if scale == 0 else f"{scale}x" for scale in scales)]
        original = pictures.take(pictures.scale == 1)
        cells = [told]
        for scale in scales:
            copies = pictures.take((pictures.scale - scale).abs() < 1e-3)
            wins = (np.diag(logits_of(network, original, copies)) > 0).astype(float)
            drawn = np.random.default_rng(0).choice(wins, (RESAMPLES, len(wins))).mean(1)
            cells.append(_span(wins.mean(), drawn))
        rows.append(cells)
    return table(head, rows)


def _win_rates(logits: Matrix, opinions: np.ndarray) -> str:
    """Table S3: scores by comparisons with some others, drawn at random."""
    rows = []
    for number in COMPARISONS:
        cells = [str(number)]
        for weighted in (False, True):
            found = []
            for run in range(RUNS):
                scores = win_rates(logits, number, weighted, np.random.default_rng([run, number]))
                both = (rank_correlation, linear_correlation)
                found.append([one(scores[None], opinions[None])[0] for one in both])
            mean, deviation = np.mean(found, 0), np.std(found, 0, ddof=1)
            cells += [f"{m:.3f} ± {d:.3f}" for m, d in zip(mean, deviation, strict=True)]
        rows.append(cells)
    head = ["comparisons", "SROCC, wins", "PLCC, wins", "SROCC, weighted", "PLCC, weighted"]
    return table(head, rows)


def win_rates(
    logits: Matrix, comparisons: int, weighted: bool, random: np.random.Generator
) -> Float[np.ndarray, " pictures"]:
    """The share of comparisons that each picture wins; weighted, the mean of its probabilities to win."""
    scores = []
    for row, own in enumerate(logits):
        others = np.delete(np.arange(len(own)), row)
        drawn = own[random.choice(others, comparisons, replace=False)]
        scores.append((1 / (1 + np.exp(-drawn)) if weighted else drawn > 0).mean())
    return np.array(scores)


if __name__ == "__main__":
    main()
