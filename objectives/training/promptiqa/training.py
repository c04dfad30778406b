"""Trains the compact PromptIQA on tables of pictures (`objectives.training.promptiqa.pictures`).

`python -m objectives.training.promptiqa.training --tables T.safetensors ... --out promptiqa.safetensors`

In every step some requirements are drawn at random (`objectives.training.promptiqa.requirements`), each with a prompt
of 3 to 20 rated pictures and pictures to score. In one step of ten a batch of pictures is its own prompt, each of them
left out once, as published; in the others many pictures are left out at once, which costs a fifth of the time for as
many scores. `--variant` trains what the experiments compare with.

Source: Chen, Qin, Wang, Yuan, Li, Hu and Wang 2024, PromptIQA, sections 3 and 4.4.
"""

import argparse
import copy
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from isptune.system.disk import write_atomically
from objectives.encoders.bundled_encoder import build as build_encoder
from objectives.promptiqa.compact import CompactNetwork, CompactSize, pack
from objectives.training.pictures.stepping import adamw, averaged, held_photographs, warm_cosine
from objectives.training.promptiqa.pictures import SUBSETS, read_pictures, without_unseen
from objectives.training.promptiqa.requirements import Augmentation, Requirements, Rows

VARIANTS = {
    "full": Augmentation(),
    "without-scaling": Augmentation(scaling=0.0),
    "without-flipping": Augmentation(flipping=0.0),
    "without-both": Augmentation(scaling=0.0, flipping=0.0),
    "without-prompts": Augmentation(0.0, 0.0, 0.0),
}
"""Trained alike, but for the augmentation of scores; the last one sees no prompts and predicts what is usual."""

ROWS, TARGETS, FEWEST, MOST = 24, 16, 3, 20
LEFT_OUT_ROWS = 4
"""Requirements of a step in which each picture is left out once."""

LEFT_OUT_EVERY = 10
VALIDATION_SHARE = 0.12
"""Of the photographs, to watch the training by."""


def fit_components(network: CompactNetwork, description: Float[Tensor, "pictures description"]) -> None:
    """Set what the network keeps of descriptions: principal directions, weak ones strengthened a little."""
    network.mean.copy_(description.mean(0))
    network.deviation.copy_(description.std(0).clamp_min(1e-3))
    seen = ((description - network.mean) / network.deviation).clamp(-4, 4).double()
    values, vectors = torch.linalg.eigh(seen.T @ seen / len(seen))
    kept = network.size.components
    strengths, directions = values.flip(0)[:kept].clamp_min(1e-4), vectors.flip(1)[:, :kept]
    network.basis.copy_((directions * strengths**-0.25).T)


def loss_of(network: CompactNetwork, components: Tensor, rows: Rows) -> Tensor:
    """Distance of scores, and how far their correlation in each row is from 1 where a row has enough of them."""
    prompt = network.prompt(components[rows.prompts], rows.rated) if network.size.prompted else None
    scores = network(components[rows.targets], prompt)
    distance = nn.functional.smooth_l1_loss(scores, rows.wanted, beta=0.1)
    if scores.shape[1] < 8:
        return distance
    return distance + 0.6 * (1 - correlation(scores, rows.wanted)).mean()


def correlation(a: Float[Tensor, "rows items"], b: Float[Tensor, "rows items"]) -> Float[Tensor, " rows"]:
    """Pearson's, row by row; 0 where a side is constant."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    # Under the root, where its slope would be infinite.
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1) + 1e-10).sqrt()


def left_out_once(rows: Rows) -> Rows:
    """Every picture of a prompt as the target of all others: as many rows for each requirement."""
    count = rows.prompts.shape[1]
    others = torch.tensor([[j for j in range(count) if j != i] for i in range(count)])
    return Rows(
        rows.prompts[:, others].flatten(0, 1),
        rows.prompts.reshape(-1, 1),
        rows.rated[:, others].flatten(0, 1),
        rows.rated.reshape(-1, 1),
        rows.kinds,
    )


@final
class Training:
    """One training on a table."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        torch.manual_seed(options.seed)
        pictures = without_unseen(read_pictures(options.tables))
        size = CompactSize(
            description=pictures.features.shape[1], prompted=options.variant != "without-prompts"
        )
        self.network = CompactNetwork(size, dropout=0.15)
        fit_components(self.network, pictures.features)
        self.average = copy.deepcopy(self.network).eval()
        self.components = self.network.components(pictures.features)
        subsets = tuple(name for name in SUBSETS[1:] if name not in options.keep_out)
        held = held_photographs(pictures.photograph, VALIDATION_SHARE, options.seed)
        augmentation = VARIANTS[options.variant]
        plain = replace(augmentation, noise=0.0)
        parts = (~held, augmentation), (held, plain)
        self.train, self.validation = (
            Requirements(pictures.take(part), self.components[part], subsets, how) for part, how in parts
        )
        self.seen = [self.components[part] for part, _ in parts]
        self.optimizer = adamw(self.network, options.rate, weight_decay=0.03)
        self.log: list[dict[str, Any]] = []

    def run(self) -> None:
        """Train to the last step; what was reached is written now and then."""
        options, started, sums = self.options, time.monotonic(), []
        for step in range(options.stop):
            for group in self.optimizer.param_groups:
                group["lr"] = options.rate * warm_cosine(step, options.steps)
            loss = loss_of(self.network.train(), self.seen[0], self._drawn(step))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            averaged(self.network, self.average, step)
            sums.append(float(loss.detach()))
            if (step + 1) % options.every == 0 or step + 1 == options.stop:
                entry = {"step": step + 1, "loss": round(float(np.mean(sums)), 4), **self._validated()}
                entry["seconds"] = round(time.monotonic() - started)
                self.log.append(entry)
                sums = []
                print(json.dumps(entry), flush=True)
                self._write()

    def _drawn(self, step: int) -> Rows:
        random = np.random.default_rng([self.options.seed, step])
        prompts = int(random.integers(FEWEST, MOST + 1)) if random.random() < 0.6 else 10
        if step % LEFT_OUT_EVERY == 0 and self.network.size.prompted:
            return left_out_once(self.train.draw(random, LEFT_OUT_ROWS, prompts + 1, 0))
        return self.train.draw(random, ROWS, prompts, TARGETS)

    @torch.no_grad()
    def _validated(self) -> dict[str, float]:
        """Mean correlation by kind of requirement, on photographs that are not trained on, with prompts of 10."""
        random, found = np.random.default_rng(9), {}
        for _ in range(12):
            rows = self.validation.draw(random, ROWS, 10, TARGETS)
            prompt = (
                self.average.prompt(self.seen[1][rows.prompts], rows.rated)
                if self.average.size.prompted
                else None
            )
            plcc = correlation(self.average(self.seen[1][rows.targets], prompt), rows.wanted)
            for kind, value in zip(rows.kinds, plcc.tolist(), strict=True):
                found.setdefault(kind, []).append(value)
        return {kind: round(float(np.mean(found[kind])), 3) for kind in sorted(found)}

    def _write(self) -> None:
        digest = next(iter(build_encoder().weights.values()))
        self.average.size = replace(self.average.size, fixed_share=self.options.fixed_share)
        pack(self.average, digest, self.options.out, variant=self.options.variant)
        self.average.size = self.network.size  # it is validated without
        options = {key: value for key, value in vars(self.options).items() if key not in ("tables", "out")}
        told = {
            **options,
            "tables": [path.name for path in self.options.tables],
            "size": asdict(self.network.size),
            "augmentation": asdict(VARIANTS[self.options.variant]),
            "log": self.log,
        }
        write_atomically(self.options.out.with_suffix(".json"), (json.dumps(told, indent=1) + "\n").encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write the weights and the log."""
    parser = argparse.ArgumentParser(description="Train the compact PromptIQA.")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="from promptiqa_pictures")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--variant", choices=list(VARIANTS), default="full")
    parser.add_argument(
        "--keep-out", nargs="*", default=["ss02"], help="subsets whose opinions are not asked"
    )
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--stop", type=int, help="stop after this many of them (default: all)")
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--fixed-share", type=float, default=0.3, help="of a regression that is not learned")
    parser.add_argument("--every", type=int, default=250, help="steps between validations")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    options.stop = options.stop or options.steps
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    Training(options).run()


if __name__ == "__main__":
    main()
