"""Trains the compact DepictQA on tables of pictures (`objectives.training.depictqa.pictures`).

`python -m objectives.training.depictqa.training --tables T.safetensors ... --out depictqa.safetensors`

Naming learns what was done to each spoilt picture; rating learns from pairs whose order is known or likely, see
`objectives.training.depictqa.pairs`. `--out-of-distribution` leaves out the types that the paper's Table S2 keeps for
validation.

Source: You et al. 2024, DepictQA-Wild, sections 3 and 5.
"""

import argparse
import copy
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from isptune.diagnosis.finding import SEVERITIES
from isptune.distortions.depictqa_recipes import CATEGORIES, OUT_OF_DISTRIBUTION
from isptune.distortions.recipes import DEPICTQA_SUBTLE
from isptune.system.disk import write_atomically
from objectives.depictqa.network import SETS, DepictQaNetwork, Naming, Sizes, pack
from objectives.training.depictqa.pairs import Drawn, Pairs
from objectives.training.depictqa.pictures import TYPE_NAMES, Pictures, read_pictures
from objectives.training.pictures.stepping import adamw, averaged, held_photographs, warm_cosine

BATCH, PAIRS = 256, 256
VALIDATION_SHARE = 0.1
"""Of the photographs, to watch the training by."""

NOISE, SMOOTHING = 0.15, 0.03
"""Of standardised inputs, each member its own; and of the answers that are wanted."""

SEVERITY_SHARE = 0.3
"""Of the loss of severities beside that of names."""


@final
class Training:
    """One training on tables."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        torch.manual_seed(options.seed)
        pictures = read_pictures(options.tables)
        if options.out_of_distribution:
            held = torch.tensor([TYPE_NAMES.index(name) for name in sorted(OUT_OF_DISTRIBUTION)])
            pictures = pictures.take(~torch.isin(pictures.types, held).any(1))
        self.network = DepictQaNetwork(Sizes(), options.dropout)
        fit_standardisation(self.network, pictures)
        self.average = copy.deepcopy(self.network).eval()
        held = held_photographs(pictures.photograph, VALIDATION_SHARE, options.seed)
        self.train, self.validation = (Seen(self.network, pictures.take(part)) for part in (~held, held))
        self.optimizer = adamw(self.network, options.rate, weight_decay=0.1)
        self.log: list[dict[str, Any]] = []

    def run(self) -> None:
        """Train to the last step; what was reached is written now and then."""
        options, started, sums = self.options, time.monotonic(), []
        random = np.random.default_rng(options.seed)
        for step in range(options.steps):
            for group in self.optimizer.param_groups:
                group["lr"] = options.rate * warm_cosine(step, options.steps)
            self.network.train()
            losses = [
                *naming_losses(self.network, self.train.draw(random, BATCH)),
                *(
                    rating_loss(self.network, self.train, self.train.pairs.draw(random, PAIRS), b)
                    for b in (0, 1)
                ),
            ]
            loss = torch.stack(losses).sum()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
            self.optimizer.step()
            averaged(self.network, self.average, step)
            sums.append([float(one.detach()) for one in losses])
            if (step + 1) % options.every == 0 or step + 1 == options.steps:
                names = ("naming", "naming_beside", "rating", "rating_beside")
                means = dict(zip(names, np.mean(sums, 0).round(4).tolist(), strict=True))
                entry = {"step": step + 1, "losses": means, **self._validated()}
                entry["seconds"] = round(time.monotonic() - started)
                self.log.append(entry)
                sums = []
                print(json.dumps(entry), flush=True)
                self._write()

    @torch.no_grad()
    def _validated(self) -> dict[str, float]:
        """Accuracies on photographs that are not trained on, with training's own versions of them."""
        found = {}
        whole = self.validation.take(self.validation.spoilt)
        for beside, logits in enumerate(self._logits(whole)):
            used = whole.weights[:, beside] > 0
            hits = hits_of(logits.argmax(1), whole.targets)
            for kind, count in (("single", 1), ("multi", 2), ("none", 0)):
                rows = used & (whole.counts == count)
                found[f"{kind}{'_beside' * beside}"] = round(float(hits[rows].mean()), 4)
        random = np.random.default_rng(9)
        for beside in (0, 1):
            for kind in ("versions", "rated", "resized"):
                if drawn := self.validation.pairs.draw_kind(kind, random, 2000, bool(beside)):
                    logits = logits_of(self.average, self.validation, drawn, beside)
                    right = (logits > 0) == (drawn.wanted > 0.5)
                    found[f"{kind}{'_beside' * beside}"] = round(float(right.float().mean()), 4)
        return found

    def _logits(self, rows: "Batch") -> list[Tensor]:
        return [
            self.average.naming(rows.told)[0],
            self.average.naming_beside(self.average.beside(rows.told, rows.reference, rows.differences))[0],
        ]

    def _write(self) -> None:
        pack(self.average, self.options.out)
        told = {
            **{key: value for key, value in vars(self.options).items() if key not in ("tables", "out")},
            "tables": [path.name for path in self.options.tables],
            "pictures": len(self.train.pictures),
            "sizes": asdict(self.network.sizes),
            "log": self.log,
        }
        write_atomically(self.options.out.with_suffix(".json"), (json.dumps(told, indent=1) + "\n").encode())


@final
class Batch:
    """Rows with all that naming learns from."""

    def __init__(self, seen: "Seen", rows: Tensor):
        self.told = seen.told[rows]
        self.reference = seen.told[seen.original[rows]]
        self.differences = seen.pictures.beside[rows]
        self.categories = seen.pictures.categories[rows]
        self.severities = seen.pictures.severities[rows]
        self.targets = seen.targets[rows]
        self.counts = (self.categories >= 0).sum(1)
        self.weights = seen.weights[rows]


@final
class Seen:
    """A table as training uses it."""

    def __init__(self, network: DepictQaNetwork, pictures: Pictures):
        self.pictures = pictures
        self.standard = network.standardised(pictures.seen)
        self.told = network.told(self.standard)
        self.original = originals(pictures.cut)
        self.targets = set_numbers(pictures.categories)
        self.pairs = Pairs(pictures, self.original)
        self.spoilt = self.pairs.versions
        pristine = pictures.categories[:, 0] < 0
        subtle = torch.tensor([category in DEPICTQA_SUBTLE for category in (*CATEGORIES, "")])
        unnoticed = (subtle[pictures.categories] & (pictures.severities == 1)).any(1)
        # One picture of nine is pristine; in the paper's data it is one of twenty.
        share = torch.where(pristine, 0.6, 1.0)
        self.weights = torch.stack([share * ~unnoticed, share], 1)

    def draw(self, random: np.random.Generator, count: int) -> Batch:
        """Spoilt pictures and pristine ones."""
        return Batch(self, self.spoilt[torch.from_numpy(random.integers(len(self.spoilt), size=count))])

    def take(self, rows: Tensor) -> Batch:
        """These rows."""
        return Batch(self, rows)


def originals(cut: Int[Tensor, " pictures"]) -> Int[Tensor, " pictures"]:
    """For each row the first row of its cut."""
    _, inverse = torch.unique_consecutive(cut, return_inverse=True)
    starts = torch.cat([torch.zeros(1, dtype=torch.long), (inverse.diff() > 0).nonzero().flatten() + 1])
    return starts[inverse]


def set_numbers(categories: Int[Tensor, "pictures 2"]) -> Int[Tensor, " pictures"]:
    """The number in `SETS` of what was done to each picture."""
    numbers = {one: number for number, one in enumerate(SETS)}
    names = [tuple(sorted(CATEGORIES[c] for c in row if c >= 0)) for row in categories.tolist()]
    return torch.tensor([numbers[name] for name in names])


def naming_losses(network: DepictQaNetwork, batch: Batch) -> list[Tensor]:
    """Without a reference, then with one."""
    inputs = (batch.told, network.beside(batch.told, batch.reference, batch.differences))
    parts = (network.naming, network.naming_beside)
    return [
        _naming_loss(*pair, batch, batch.weights[:, i])
        for i, pair in enumerate(zip(parts, inputs, strict=True))
    ]


def _naming_loss(naming: Naming, inputs: Tensor, batch: Batch, weights: Tensor) -> Tensor:
    known = batch.categories >= 0
    wanted = (batch.severities - 1).clamp_min(0)
    places = batch.categories.clamp_min(0).unsqueeze(2).expand(-1, -1, len(SEVERITIES))
    losses = []
    for member in naming.members:
        noisy = inputs + NOISE * torch.randn_like(inputs)
        sets, severities = member(noisy)
        named = functional.cross_entropy(sets, batch.targets, reduction="none", label_smoothing=SMOOTHING)
        chosen = severities.gather(1, places).transpose(1, 2)
        graded = functional.cross_entropy(chosen, wanted, reduction="none") * known
        losses.append(((named + SEVERITY_SHARE * graded.sum(1)) * weights).sum() / weights.sum())
    return torch.stack(losses).mean()


def rating_loss(network: DepictQaNetwork, seen: Seen, drawn: Drawn, beside: int) -> Tensor:
    """Cross entropy with what is known of each pair. With a reference, only of versions of one picture."""
    if beside:
        drawn = drawn.take(drawn.same)
    logits = logits_of(network, seen, drawn, beside)
    losses = functional.binary_cross_entropy_with_logits(logits, drawn.wanted, reduction="none")
    return (losses * drawn.weight).sum() / drawn.weight.sum().clamp_min(1)


def logits_of(network: DepictQaNetwork, seen: Seen, drawn: Drawn, beside: int) -> Float[Tensor, " pairs"]:
    """The logits that the first of each pair is better."""
    rating = network.rating_beside if beside else network.rating
    features = []
    for rows in (drawn.first, drawn.second):
        inputs = seen.told[rows]
        if beside:
            inputs = network.beside(
                seen.told[rows], seen.told[seen.original[rows]], seen.pictures.beside[rows]
            )
        if network.training:
            inputs = inputs + NOISE * torch.randn_like(inputs)
        features.append(rating.features(inputs, network.sizes_of(seen.standard[rows])))
    alike = network.alike(seen.standard[drawn.first], seen.standard[drawn.second])
    return rating(*features, alike)


def hits_of(
    answers: Int[Tensor, " pictures"], targets: Int[Tensor, " pictures"]
) -> Float[Tensor, " pictures"]:
    """The paper's accuracy: of one distortion all or nothing, of two the share that is named rightly.

    You et al. 2024, section 5.B and its published code: hits / max(named, true); with one, or none, equality.
    """
    scores = []
    for answer, target in zip(answers.tolist(), targets.tolist(), strict=True):
        named, true = set(SETS[answer]), set(SETS[target])
        partial = len(named & true) / max(len(named), len(true), 1)
        scores.append(partial if len(true) > 1 else float(named == true))
    return torch.tensor(scores)


@torch.no_grad()
def fit_standardisation(network: DepictQaNetwork, pictures: Pictures) -> None:
    """Set what the network standardises by."""
    versions = pictures.categories[:, 0] >= 0
    network.mean.copy_(pictures.seen.mean(0))
    network.deviation.copy_(pictures.seen.std(0).clamp_min(1e-3))
    network.beside_mean.copy_(pictures.beside[versions].mean(0))
    network.beside_deviation.copy_(pictures.beside[versions].std(0).clamp_min(1e-3))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write the weights and the log."""
    parser = argparse.ArgumentParser(description="Train the compact DepictQA.")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="from depictqa_pictures")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--out-of-distribution", action="store_true", help="without the types of Table S2")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--every", type=int, default=250, help="steps between validations")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    Training(options).run()


if __name__ == "__main__":
    main()
