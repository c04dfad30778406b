"""How well a classifier's confidence predicts whether it is right, under ImageNet-C's corruptions.

    python -m experiments.causal.confidence_and_correctness CIFAR10_TEST.tar

trains a small residual network on half of the CIFAR-10 test pictures, scores corrupted versions of others with Q_p,
Q_h and Q_l, and writes `results.csv` beside this file: minutes on two cores. scikit-learn is needed
(`pip install 'isptune[train]'`).

Source: Drenkow and Unberath 2025, A causal framework for aligning image quality metrics and deep neural network
robustness, sections 4.2 and 5.1.
"""

import argparse
import csv
import io
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from PIL import Image
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from isptune.arrays import Images
from isptune.distortions import presets_of
from objectives.zero_shot.confidence import entropy, max_logit, max_probability
from objectives.zero_shot.residual_network import Layout, ResidualClassifier, normalised
from objectives.zero_shot.zsclip import LABEL_LISTS

SEED = 0
TRAINING, SCORED = 5000, 600
"""Pictures that the network is trained on, and others that are corrupted and scored."""

EPOCHS, BATCH, RATE = 8, 100, 4e-3
SEVERITIES = (1, 3, 5)
RESAMPLES = 500

LAYOUT = Layout((1, 1, 1, 1), bottleneck=False, width=16, small_stem=True)

LABELS_IN_THE_PAPER = 1000
"""The largest probability among many nearly equal ones shrinks with their number, and its spread with it."""

Vector = Float64[np.ndarray, " points"]


@dataclass(frozen=True)
class Row:
    """One line of the table; see README.md."""

    logits: str
    score: str
    standardised: bool
    deviation: float
    auc: float
    auc_low: float
    auc_high: float
    cross_entropy: float
    base_entropy: float
    srocc_of_groups: float


def read_pictures(path: Path) -> tuple[Images, Int[Tensor, " batch"]]:
    """All pictures of the archive, in an order that the seed shuffles, with their classes."""
    classes = {name: number for number, name in enumerate(LABEL_LISTS["cifar10"].labels)}
    pictures, labels = [], []
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            folder, file = Path(member.name).parent.name, archive.extractfile(member)
            if file is None or folder not in classes:
                continue
            picture = Image.open(io.BytesIO(file.read())).convert("RGB")
            pictures.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1))
            labels.append(classes[folder])
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(SEED))
    return torch.stack(pictures)[order].float() / 255, torch.tensor(labels)[order]


def train(images: Images, labels: Int[Tensor, " batch"]) -> ResidualClassifier:
    """A network that has seen these pictures, mirrored and moved at random."""
    torch.manual_seed(SEED)
    network = ResidualClassifier(LAYOUT, 10)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        losses = []
        for chosen in torch.randperm(len(images)).split(BATCH):
            batch = F.pad(images[chosen], (2, 2, 2, 2), mode="reflect")
            top, left = torch.randint(0, 5, (2,)).tolist()
            batch = batch[..., top : top + 32, left : left + 32]
            batch = torch.where(torch.rand(len(batch), 1, 1, 1) < 0.5, batch, batch.flip(3))
            optimizer.zero_grad()
            loss = F.cross_entropy(network(normalised(batch)), labels[chosen])
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {np.mean(losses):.3f}", file=sys.stderr, flush=True)
    return network.eval().requires_grad_(False)


def versions(images: Images) -> Iterator[tuple[str, Images]]:
    """The pictures as they are, then under each of ImageNet-C's fifteen corruptions."""
    yield "none", images
    for name, preset in presets_of("imagenet_c").items():
        for severity in SEVERITIES if preset.part == "main" else ():
            generator = torch.Generator().manual_seed(SEED)
            yield f"{name} {severity}", preset.apply(images, severity, generator=generator)


def logits_of(network: ResidualClassifier, images: Images) -> Mapping[str, Float[Tensor, "batch classes"]]:
    """The network's logits, and the bare cosines of the same features with the classes' weights."""
    features: list[Tensor] = []
    hook = network.fc.register_forward_hook(lambda module, inputs, output: features.append(inputs[0]))
    logits = torch.cat([network(normalised(part)) for part in images.split(200)])
    hook.remove()
    directions = F.normalize(network.fc.weight, dim=1)
    return {"logits": logits, "cosines": F.normalize(torch.cat(features), dim=1) @ directions.mT}


def area_under_curve(values: Vector, right: Bool[np.ndarray, " points"]) -> float:
    """The probability that a right answer has the larger value than a wrong one; ties count half."""
    positive = int(right.sum())
    ranks = float(rankdata(values)[right].sum())
    return (ranks - positive * (positive + 1) / 2) / (positive * (len(right) - positive))


def predictability(
    name: str,
    score: str,
    q: Float64[np.ndarray, "versions pictures"],
    right: Bool[np.ndarray, "versions pictures"],
) -> Iterator[Row]:
    """What a logistic regression makes of a score, fitted to four fifths of the pictures, tried on the others."""
    held = q.shape[1] // 5
    groups = abs(float(np.corrcoef(rankdata(q.mean(1)), rankdata(right.mean(1)))[0, 1]))  # Spearman's
    fitted, tried = q[:, held:].reshape(-1, 1), q[:, :held]
    truth = right[:, :held]
    base = float(np.mean(right[:, held:]))
    base_entropy = -float(np.mean(np.where(truth, np.log(base), np.log(1 - base))))
    for standardised in (False, True):
        centre, width = (fitted.mean(), fitted.std()) if standardised else (0.0, 1.0)
        regression = LogisticRegression().fit((fitted - centre) / width, right[:, held:].reshape(-1))
        chance = regression.predict_proba((tried.reshape(-1, 1) - centre) / width)[:, 1].reshape(tried.shape)
        random = np.random.default_rng(SEED)
        draws = [
            random.integers(0, held, held) for _ in range(RESAMPLES)
        ]  # whole pictures, with all versions
        areas = [area_under_curve(chance[:, d].ravel(), truth[:, d].ravel()) for d in draws]
        low, high = np.quantile(areas, (0.025, 0.975))
        yield Row(
            name,
            score,
            standardised,
            float(q.std()),
            area_under_curve(chance.ravel(), truth.ravel()),
            float(low),
            float(high),
            -float(np.mean(np.log(np.where(truth, chance, 1 - chance)))),
            base_entropy,
            groups,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, corrupt, score, and write the table."""
    parser = argparse.ArgumentParser(description="Does a classifier's confidence say whether it is right?")
    parser.add_argument("archive", type=Path, help="CIFAR10_TEST.tar, ten class folders")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results.csv"))
    options = parser.parse_args(arguments)
    archive, table = options.archive, options.out
    images, labels = read_pictures(archive)
    network = train(images[:TRAINING], labels[:TRAINING])
    scored, truth = images[-SCORED:], labels[-SCORED:]
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    right: list[np.ndarray] = []
    for version, spoilt in versions(scored):
        kinds = logits_of(network, spoilt)
        right.append((kinds["logits"].argmax(1) == truth).numpy())
        print(f"{version}: {right[-1].mean():.3f} right", file=sys.stderr, flush=True)
        for kind, logits in kinds.items():
            for score, measure in (("p", max_probability), ("h", entropy), ("l", max_logit)):
                found.setdefault((kind, score), []).append(measure(logits).numpy())
    correct = np.stack(right)
    shrunk = len(LABEL_LISTS["cifar10"].labels) / LABELS_IN_THE_PAPER
    rows: list[Row] = []
    for (kind, score), values in found.items():
        q = np.stack(values)
        rows += predictability(kind, score, q, correct)
        if kind == "cosines" and score == "p":
            rows += predictability("cosines, spread of 1000 labels", score, q * shrunk, correct)
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows([f"{v:.6g}" if isinstance(v, float) else v for v in astuple(row)] for row in rows)
    print(f"right on average: {correct.mean():.3f}; as they are: {correct[0].mean():.3f}")


if __name__ == "__main__":
    main()
