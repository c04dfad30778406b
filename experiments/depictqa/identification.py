"""Which distortions a picture has: accuracy by the paper's rule, confusions, confidence.

    python -m experiments.depictqa.identification --tables FOLDER [--weights FILE] [--unseen FILE]

FOLDER is from `experiments.depictqa.kept_out`; FILE are weights, by default the bundled ones, and `--unseen` those of a
network that was trained without the types of Table S2 (`depictqa_training --out-of-distribution`). It writes
`identification.md`, `identification.csv` and `confusion.png` beside this file.

The rule (You et al. 2024, section 5.B and the published code): one distortion counts as named if the answer is it and
nothing else; of two, the share is hits / max(named, true). Single and multi are averages over the pictures that were
drawn with one and with two; pristine ones among them count as single.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from experiments.depictqa.answers import Answers, answers_of, by_confidence, fifths, percent, table
from isptune.diagnosis.finding import CATEGORIES
from objectives.depictqa.depictqa import WEIGHTS_FILE
from objectives.depictqa.network import SETS, read_network
from objectives.training.depictqa.pictures import read_pictures

HERE = Path(__file__).parent
TABLES = ("kept_out", "small", "validation", "out_of_distribution")


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, count, write."""
    parser = argparse.ArgumentParser(description="Accuracy of identification.")
    parser.add_argument("--tables", type=Path, required=True, help="folder of experiments.depictqa.kept_out")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_FILE, help="of the network")
    parser.add_argument("--unseen", type=Path, help="of one trained without the types of Table S2")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for what is written")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    network = read_network(options.weights)
    unseen = read_network(options.unseen) if options.unseen else None
    found = {}
    for name in TABLES:
        path = options.tables / f"{name}.safetensors"
        if path.is_file():
            pictures = read_pictures([path])
            for reference in (False, True):
                found[name, reference] = answers_of(network, pictures, reference, False)
                if name == "out_of_distribution" and unseen is not None:
                    found["untrained types", reference] = answers_of(unseen, pictures, reference, False)
    text = _accuracies(found) + "\n" + _categories(found) + "\n" + _confidence(found)
    print(text)
    (options.out / "identification.md").write_text(text)
    _write_rows(options.out / "identification.csv", found)
    _draw(options.out / "confusion.png", found)


def _accuracies(found: dict[tuple[str, bool], Answers]) -> str:
    rows = []
    for (name, reference), one in found.items():
        single, multi = one.of_count(0) | one.of_count(1), one.of_count(2)
        cells = [percent(one.hits[part], one.photograph[part]) for part in (single, multi)]
        exact = one.sets.argmax(1).numpy() == one.targets.numpy()
        error = np.nanmean(one.severity_error)
        rows.append(
            [name, "with" if reference else "without", *cells, percent(exact[multi], one.photograph[multi]),
             f"{error:.2f}", f"{single.sum()} / {multi.sum()}"]
        )  # fmt: skip
    head = ["table", "reference", "single", "multi", "both named", "error of severity", "pictures"]
    return table(head, rows)


def _categories(found: dict[tuple[str, bool], Answers]) -> str:
    keys = [key for key in found if key[0] == "kept_out"]
    rows = []
    for number, names in enumerate(SETS[: 1 + len(CATEGORIES)]):
        cells = []
        for key in keys:
            part = (found[key].targets == number).numpy()
            cells.append(percent(found[key].hits[part], found[key].photograph[part]) + f" of {part.sum()}")
        rows.append([names[0] if names else "none", *cells])
    head = ["single, kept_out", *("with reference" if reference else "without" for _, reference in keys)]
    return table(head, rows)


def _confidence(found: dict[tuple[str, bool], Answers]) -> str:
    lines = []
    for (name, reference), one in found.items():
        if name != "kept_out":
            continue
        rows = by_confidence(one.confidence, one.hits, one.photograph, fifths(one.confidence))
        head = [f"confidence, {'with' if reference else 'without'} reference", "pictures", "accuracy"]
        lines.append(table(head, [[span, str(count), cell] for span, count, cell, _ in rows]))
    return "\n".join(lines)


def _write_rows(path: Path, found: dict[tuple[str, bool], Answers]) -> None:
    """How often each answer was given to pictures with each set of distortions."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["table", "reference", "true", "named", "pictures"])
        for (name, reference), one in found.items():
            counts = Counter(zip(one.targets.tolist(), one.sets.argmax(1).tolist(), strict=True))
            for answer, count in sorted(counts.items()):
                true, named = ("+".join(SETS[i]) or "none" for i in answer)
                writer.writerow([name, int(reference), true, named, count])


def confusions(one: Answers) -> Float[np.ndarray, "true named"]:
    """Of pictures with one distortion or none: the shares of answers; the last column is all answers of two."""
    count = 1 + len(CATEGORIES)
    shares = np.zeros((count, count + 1))
    for true, named in zip(one.targets.tolist(), one.sets.argmax(1).tolist(), strict=True):
        if true < count:
            shares[true, min(named, count)] += 1
    return shares / shares.sum(1, keepdims=True).clip(1)


def _draw(path: Path, found: dict[tuple[str, bool], Answers]) -> None:
    import matplotlib.pyplot as plt

    names = [(one[0] if one else "none").replace("_", " ") for one in SETS[: 1 + len(CATEGORIES)]]
    figure, axes = plt.subplots(1, 2, figsize=(13, 6.5), layout="constrained")
    for axis, reference in zip(axes, (False, True), strict=True):
        parts = [one for (name, told), one in found.items() if told == reference and name == "kept_out"]
        if not parts:
            continue
        shares = confusions(parts[0])
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (true, named), share in np.ndenumerate(shares):
            if share >= 0.005:
                axis.text(named, true, f"{100 * share:.0f}", ha="center", va="center", fontsize=8,
                          color="white" if share > 0.5 else "black")  # fmt: skip
        axis.set_xticks(range(len(names) + 1), [*names, "two"], rotation=60, ha="right")
        axis.set_yticks(range(len(names)), names)
        axis.set_xlabel("named, % of each row")
        axis.set_ylabel("true")
        axis.set_title(f"{'with' if reference else 'without'} a reference")
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
