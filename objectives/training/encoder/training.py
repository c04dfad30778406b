"""Trains the bundled image-text encoder.

    python -m objectives.training.encoder.training --data DIR --out FILE.safetensors [--state FILE]

DIR is described in `objectives.training.pictures.photographs`. A step sees 16 photographs, each spoilt in four ways of
known order, and 16 pictures with human opinions. The losses:

* contrastive between pictures and captions of what was done to them (Radford et al. 2021, CLIP), where pictures
  of which the same is true count as the same;
* a softmax over the grades of each axis, and over the five words of quality, with soft labels;
* quality as the five words give it (Wu et al. 2023, Q-Align) against human opinions and against exp(-cost) of
  what was done, and its order within a photograph;
* the signed amounts, by a linear layer that is thrown away.

Every so often the tuner runs against the current network on training photographs; where it ends is trained on
from then on. The same happens on photographs kept out, for the log alone. The state is written as it goes; the same
command goes on from there.
"""

import argparse
import copy
import json
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isptune.arrays import Images, Scores
from isptune.scenes.images import to_images
from isptune.system.disk import replacing, write_atomically
from isptune.system.records import parse_json
from objectives.encoders.bundled_encoder import VIEW_SIDE, pack, small_view, statistics_of, views_of
from objectives.encoders.bundled_network import ImageNetwork, Widths
from objectives.training.encoder.against_the_tuner import Walk, draw_ways, ends_on, mean_ends, walk_all
from objectives.training.encoder.losses import Batch, Model, losses
from objectives.training.pictures.agreement import rank_correlation
from objectives.training.pictures.captions import vocabulary
from objectives.training.pictures.photographs import Photograph, read_photographs
from objectives.training.pictures.spoilings import (
    SIDE,
    Cut,
    Group,
    around_end,
    draw_chain_group,
    draw_cut,
    draw_mixed_group,
    draw_preset_group,
    render,
)
from objectives.training.pictures.stepping import adamw, averaged, warm_cosine

GROUPS = 16
RATED = 16
WALKS = 12
KEPT_ENDS = 1500


class Batches:
    """Draws training batches; what it draws depends on the seed and the step alone, and on the ends so far."""

    def __init__(self, photographs: Sequence[Photograph], seed: int):
        self.photographs = photographs
        self.seed = seed
        self.pristine = [i for i, one in enumerate(photographs) if one.pristine]
        self.rated = [i for i, one in enumerate(photographs) if one.opinion is not None]
        self.ends: list[tuple[Cut, Walk]] = []

    def draw(self, step: int) -> Batch:
        """The batch of a step."""
        random = np.random.default_rng([self.seed, step])
        groups = [self._group(random) for _ in range(GROUPS)]
        pictures, spoilings, opinions = [], [], []
        for number, group in enumerate(groups):
            cut = group.cut.pixels(self.photographs)
            spoilt = render(
                cut.expand(len(group.variants), -1, -1, -1),
                group.variants,
                int(random.integers(2**40)) + number,
            )
            pictures.append(spoilt)
            spoilings.extend(group.variants)
            opinion = self.photographs[group.cut.photograph].opinion
            opinions.extend([float("nan") if opinion is None else opinion] * len(group.variants))
        synthetic = torch.cat(pictures)
        crops, views, statistics, rated = self._rated(random)
        return (
            torch.cat([synthetic, crops]),
            torch.cat([small_view(synthetic), views]),
            torch.cat([statistics_of(synthetic, synthetic.unsqueeze(1)), statistics]),
            spoilings,
            opinions,
            rated,
        )

    def draw_cut(self, random: np.random.Generator) -> Cut:
        index = int(random.choice(self.pristine))
        return draw_cut(index, self.photographs[index], random)

    def _group(self, random: np.random.Generator) -> Group:
        kind = random.random()
        if kind < 0.25 and self.ends:
            # Later ends are more telling: the network that they fooled was a better one.
            newest = max(0, len(self.ends) - 240)
            low = newest if random.random() < 0.5 else 0
            cut, walked = self.ends[int(random.integers(low, len(self.ends)))]
            return Group(cut, around_end(walked.ways, walked.end, random))
        cut = self.draw_cut(random)
        kind = random.random()
        draw = draw_chain_group if kind < 0.5 else draw_mixed_group if kind < 0.75 else draw_preset_group
        return Group(cut, draw(random))

    def _rated(self, random: np.random.Generator) -> tuple[Images, Images, Tensor, list[float]]:
        crops, views, statistics, opinions = [], [], [], []
        for index in random.choice(self.rated, RATED, replace=False):
            one = self.photographs[int(index)]
            pixels = one.pixels[:, ::-1] if random.random() < 0.5 else one.pixels
            whole = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float().div_(255)[None]
            # On the grid of the blocks of its own compression.
            top, left = (int(random.integers(0, (side - SIDE) // 8 + 1)) * 8 for side in whole.shape[-2:])
            crops.append(whole[..., top : top + SIDE, left : left + SIDE])
            views.append(functional.interpolate(small_view(whole), (VIEW_SIDE, VIEW_SIDE), mode="bilinear"))
            statistics.append(statistics_of(whole, crops[-1].unsqueeze(1)))
            opinions.append(float(one.opinion or 0.0))
        return torch.cat(crops), torch.cat(views), torch.cat(statistics), opinions


def scorer(model: Model) -> Any:
    """The quality of pictures of one size, by the default prompts; of a folded copy, which is faster."""
    model = copy.deepcopy(model)
    model.image.folded()

    def score(images: Images) -> Scores:
        features = model.image(*views_of(images))
        return model.quality(model.image.embeddings(features))

    return score


def validate(
    model: Model, validation: Sequence[Photograph], kept_out: Sequence[Photograph]
) -> dict[str, Any]:
    """SROCC with opinions, and where the tuner ends on photographs that are never trained on."""
    model.eval()
    score = scorer(model)
    with torch.inference_mode():
        found = [float(score(to_images(one.pixels, one.name))) for one in validation]
    opinions = np.array([[one.opinion or 0.0 for one in validation]])
    return {
        "srocc": round(float(rank_correlation(np.array([found]), opinions)[0]), 4),
        "ends": ends_on(score, kept_out),
    }


def _model(words: Sequence[str], dropout: float) -> Model:
    image = ImageNetwork(Widths(), dropout)
    image.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return Model(image, Widths(), Widths().fused, words)


def _prepare_thread() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write the weights and the log."""
    parser = argparse.ArgumentParser(description="Train the bundled image-text encoder.")
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument(
        "--state", type=Path, help="state to go on from, and to write (default: beside --out)"
    )
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=2e-3, help="largest learning rate")
    parser.add_argument("--restart", type=int, default=0, help="step at which the learning rate starts anew")
    parser.add_argument("--every", type=int, default=300, help="steps between walks of the tuner")
    parser.add_argument("--first", type=int, default=600, help="step of the first walk")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    # Gradients far below what matters are many times as slow on most CPUs.
    torch.set_flush_denormal(True)
    Training(options).run()


class Training:
    """One training, from its beginning or from its state."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.state_path: Path = options.state or options.out.with_suffix(".state")
        torch.manual_seed(options.seed)
        self.words = vocabulary()
        self.model = _model(self.words, 0.1)
        self.average = _model(self.words, 0.0)
        self.average.load_state_dict(self.model.state_dict())
        self.optimizer = adamw(self.model, options.rate, weight_decay=0.05)
        train, self.validation, self.kept_out = read_photographs(options.data)
        self.batches = Batches(train, options.seed)
        # One thread for drawing, beside which the network trains: half of drawing does not use the second core.
        self._drawing = ThreadPoolExecutor(1, initializer=_prepare_thread)
        self._next: Future[Batch] | None = None
        self.step = 0
        self.log: list[dict[str, Any]] = []
        self._load()

    def run(self) -> None:
        """Train to the last step."""
        options, sums, started = self.options, {}, time.monotonic()
        while self.step < options.steps:
            walked = bool(self.log) and self.log[-1]["step"] == self.step  # in the state that was loaded
            if self._tuner_is_due(self.step) and not walked:
                self._against_the_tuner()
                self._save()
            drawn = self._drawn()
            random = np.random.default_rng([options.seed, self.step, 1])
            torch.manual_seed(options.seed * 1_000_003 + self.step)  # of the dropout
            self.model.train()
            parts = losses(self.model, drawn, random)
            self.optimizer.zero_grad(set_to_none=True)
            torch.stack(list(parts.values())).sum().backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
            for group in self.optimizer.param_groups:
                group["lr"] = options.rate * self._rate()
            self.optimizer.step()
            averaged(self.model, self.average, self.step, most=0.998)
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            self.step += 1
            if self.step % 50 == 0:
                seconds = (time.monotonic() - started) / 50
                means = {name: round(value / 50, 3) for name, value in sums.items()}
                print(f"step {self.step} {seconds:.2f} s {means}", flush=True)
                sums, started = {}, time.monotonic()
        self._against_the_tuner()
        self._save()
        self.average.eval()
        pack(
            self.average.image,
            self.average.text,
            self.words,
            float(self.average.temperature.detach()),
            options.out,
        )
        write_atomically(
            options.out.with_suffix(".log.json"), (json.dumps(self.log, indent=1) + "\n").encode()
        )

    def _tuner_is_due(self, step: int) -> bool:
        return step >= self.options.first and (step - self.options.first) % self.options.every == 0

    def _drawn(self) -> Batch:
        """The batch of this step; the next one is drawn meanwhile, unless the tuner will run before it."""
        waiting = self._next or self._drawing.submit(self.batches.draw, self.step)
        batch = waiting.result()
        after = self.step + 1
        idle = self._tuner_is_due(after) or after >= self.options.steps
        self._next = None if idle else self._drawing.submit(self.batches.draw, after)
        return batch

    def _rate(self) -> float:
        """Of the largest rate; warm-up and cosine come once more from where it restarts."""
        restart = self.options.restart
        begin, end = (restart, self.options.steps) if self.step >= restart else (0, restart)
        return warm_cosine(self.step - begin, end - begin, warm=200)

    def _against_the_tuner(self) -> None:
        self.average.eval()
        random = np.random.default_rng([self.options.seed, self.step, 2])
        cuts = [self.batches.draw_cut(random) for _ in range(WALKS)]
        pictures = [cut.pixels(self.batches.photographs) for cut in cuts]
        ways = [draw_ways(random) for _ in cuts]
        walks = walk_all(scorer(self.average), pictures, ways, seed=self.step * 100_000)
        self.batches.ends = (self.batches.ends + list(zip(cuts, walks, strict=True)))[-KEPT_ENDS:]
        entry = {"step": self.step, "ends_on_training": mean_ends(walks)}
        if (self.step - self.options.first) % (
            2 * self.options.every
        ) == 0 or self.step >= self.options.steps:
            entry |= validate(self.average, self.validation, self.kept_out)
        self.log.append(entry)
        print(json.dumps(entry), flush=True)

    def _save(self) -> None:
        ends = [
            [asdict(cut), [way.distortion for way in walked.ways], list(walked.end)]
            for cut, walked in self.batches.ends
        ]
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "rest": json.dumps({"ends": ends, "log": self.log}),
        }
        with replacing(self.state_path) as partial:
            torch.save(state, partial)

    def _load(self) -> None:
        if not self.state_path.exists():
            return
        from objectives.training.pictures.spoilings import WAYS

        by_name = {way.distortion: way for way in WAYS}
        state = torch.load(self.state_path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        rest = parse_json(state["rest"], "the rest of the state")
        self.log = rest["log"]
        self.batches.ends = [
            (Cut(**cut), Walk(tuple(by_name[name] for name in names), tuple(end)))
            for cut, names, end in rest["ends"]
        ]
        print(f"going on from step {self.step}", flush=True)


if __name__ == "__main__":
    main()
