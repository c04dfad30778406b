"""Trains the encoder `lite`.

    python -m objectives.training.lite_encoder.training --data DIR --bank DIR --out FILE.safetensors

DATA is described in `objectives.training.pictures.photographs`; noise_pairs/ beside biq2021/ holds real pairs of
cameras. Pictures become features once (`bank`), which takes most of the time; several of the same command with --only
make them side by side. Then the network trains on four kinds of them at each step:

* photographs spoilt in known ways, with the losses of the older encoder (`objectives.training.encoder.losses`);
* what the raw ISP makes of raw captures, from the default settings to absurd ones: its quality and its order;
* pictures that people rated;
* real shots of high ISO and the mean of many of them, of which the mean is the better one.

Then come rounds against the tuner: CMA-ES follows the network's score on the synthetic ISP and on the raw ISP, on
photographs to train on, and where it ends joins the bank. The log says how it fares on what takes no part.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isptune.arrays import Images, Scores
from isptune.system.disk import write_atomically
from objectives.encoders.efficientnet_lite import pretrained
from objectives.encoders.lite_encoder import FeatureNetwork, LiteWidths, pack
from objectives.training.encoder.against_the_tuner import draw_ways, mean_ends, walk_all
from objectives.training.encoder.losses import (
    COST_TO_QUALITY,
    Model,
    amounts_told,
    captions_told,
    correlation,
    grades_told,
    huber,
    opposites_told,
    order,
    stretched,
)
from objectives.training.lite_encoder.bank import (
    Groups,
    Maker,
    Pairs,
    Rated,
    as_tensor,
    joined,
    kept,
)
from objectives.training.lite_encoder.raw_walks import raw_walk
from objectives.training.pictures.agreement import rank_correlation
from objectives.training.pictures.camera_pictures import Captures
from objectives.training.pictures.captions import AXES, QUALITY_TEMPLATES, vocabulary
from objectives.training.pictures.photographs import Photograph, read_photographs
from objectives.training.pictures.spoilings import CHAIN, Spoiling, around_end, draw_cut, render
from objectives.training.pictures.stepping import adamw, averaged, warm_cosine

ALSO_KEPT_OUT = frozenset({"kodak/1", "kodak/4", "kodak/7", "kodak/22"})
"""Photographs that experiments/raw tunes on or judges by; not trained on."""

WATCHED = 12
"""One photograph in so many is kept from the training, to watch it by."""

SPOILT, CAPTURED, RATED, PAIRS = 16, 8, 32, 8
"""Groups, groups, pictures and pairs in a step."""

OF_A_CAPTURE = 4
"""Versions of a capture in a step."""

WORDS_EVERY = 3
"""Steps between those that read captions: the text network takes most of a step."""

DROPOUT, WEIGHT_DECAY, RATE = 0.25, 0.2, 2e-3


def main(arguments: Sequence[str] | None = None) -> None:
    """Make features, train, and write the weights and the log."""
    parser = argparse.ArgumentParser(description="Train the encoder lite.")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with biq2021/, photos/, noise_pairs/"
    )
    parser.add_argument("--bank", type=Path, required=True, help="folder to keep features in")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument(
        "--only", choices=("synthetic", "camera", "rated"), help="make these features and end"
    )
    parser.add_argument(
        "--synthetic", type=int, default=18, help="parts of 100 spoilt photographs, 4 versions each"
    )
    parser.add_argument("--camera", type=int, default=6, help="parts of 100 raw captures, 9 versions each")
    parser.add_argument("--steps", type=int, default=2000, help="of the first training")
    parser.add_argument("--again", type=int, default=1000, help="steps after each round against the tuner")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--walks", type=int, default=12, help="of the tuner in a round, on each of the two ISPs"
    )
    parser.add_argument(
        "--leave-out", default="", help="pairs of cameras whose file names hold this are not trained on"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_flush_denormal(True)
    Training(options).run()


def taught_photographs(photographs: Sequence[Photograph]) -> list[Photograph]:
    """Those that nothing else is measured on."""
    return [one for one in photographs if one.name not in ALSO_KEPT_OUT]


def watched_photographs(photographs: Sequence[Photograph], seed: int) -> np.ndarray:
    """Which of `taught_photographs` are kept from the training, to watch it by."""
    count = len(taught_photographs(photographs))
    random = np.random.default_rng([seed, 3])
    return np.isin(np.arange(count), random.choice(count, count // WATCHED, replace=False))


class Training:
    """Features, and the network as it is learned."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        photographs, self.validation, self.kept_out = read_photographs(options.data)
        self.photographs = taught_photographs(photographs)
        self.maker = Maker(pretrained(), self.photographs, options.seed)
        self.watched = watched_photographs(photographs, options.seed)
        opinions = [one.opinion for one in self.photographs]
        # An untouched photograph is as good as people found it, and almost perfect where nobody was asked.
        self.starts = np.array([0.95 if one is None else stretched(one) for one in opinions], np.float32)
        self.log: list[dict[str, Any]] = []

    def run(self) -> None:
        """Make the features that are missing, train, run against the tuner, train on."""
        options = self.options
        made = self._features()
        if options.only:
            return
        torch.manual_seed(options.seed)
        widths, words = LiteWidths(), vocabulary()
        self.model, self.average = (
            Model(FeatureNetwork(widths, dropout), widths.text(), widths.fused, words)
            for dropout in (DROPOUT, 0.0)
        )
        self._standardise(made)
        self.average.load_state_dict(self.model.state_dict())
        self._train(made, options.steps, 0)
        for number in range(1, options.rounds + 1):
            spoilt, captured = self._against_the_tuner(number)
            made = made | {
                "synthetic": joined([made["synthetic"], *[spoilt] * 2]),
                "camera": joined([made["camera"], *[captured] * 2]),
            }
            self._train(made, options.again, number)
        temperature = float(self.average.temperature.detach())
        pack(self.average.image, self.average.text, words, temperature, options.out)
        text = json.dumps(self.log, indent=1) + "\n"
        write_atomically(options.out.with_suffix(".json"), text.encode())

    def _features(self) -> dict[str, Any]:
        bank, options, maker = self.options.bank, self.options, self.maker
        bank.mkdir(parents=True, exist_ok=True)
        made: dict[str, Any] = {}
        if options.only in (None, "rated"):
            rated = [one for one in self.photographs if one.opinion is not None]
            made["rated"] = kept(bank / "rated.npz", Rated, lambda: maker.rated(rated))
            made["validation"] = kept(bank / "validation.npz", Rated, lambda: maker.rated(self.validation))
            folder = options.data / "noise_pairs"
            made["pairs"] = kept(bank / "pairs.npz", Pairs, lambda: maker.pairs(folder))
        for name, make in (("synthetic", maker.synthetic), ("camera", maker.camera)):
            if options.only in (None, name):
                numbers = range(getattr(options, name))
                parts = [
                    kept(bank / f"{name}_{n:03}.npz", Groups, lambda n=n, make=make: make(n)) for n in numbers
                ]
                made[name] = joined(parts)
        return made

    def _standardise(self, made: dict[str, Any]) -> None:
        """By the means and deviations of spoilt, captured and rated pictures, of which each kind counts as much."""
        kinds = [
            made[name].features.reshape(-1, made[name].features.shape[-1]) for name in ("synthetic", "camera")
        ]
        kinds.append(made["rated"].features[:, 0])
        kinds = [kind.astype(np.float32) for kind in kinds]
        mean = np.mean([kind.mean(0) for kind in kinds], 0)
        variance = np.mean([np.square(kind - mean).mean(0) for kind in kinds], 0)
        self.model.image.mean.copy_(torch.from_numpy(mean))
        self.model.image.deviation.copy_(torch.from_numpy(np.sqrt(variance) + 1e-3))

    def _train(self, made: dict[str, Any], steps: int, number: int) -> None:
        """So many steps with a learning rate of their own, then a look at how it fares."""
        options = self.options
        random = np.random.default_rng([options.seed, number, 4])
        torch.manual_seed(options.seed * 1000 + number)
        rate = RATE if number == 0 else RATE / 2
        optimizer = adamw(self.model, rate, WEIGHT_DECAY)
        taught = {
            name: np.flatnonzero(~self.watched[made[name].photographs]) for name in ("synthetic", "camera")
        }
        taught["pairs"] = self._of_pairs(made["pairs"], False)
        self.model.train()
        for step in range(steps):
            parts = self._losses(made, taught, random, step % WORDS_EVERY == 0)
            optimizer.zero_grad(set_to_none=True)
            torch.stack(list(parts.values())).sum().backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
            for group in optimizer.param_groups:
                group["lr"] = rate * warm_cosine(step, steps, warm=min(200, steps // 4))
            optimizer.step()
            averaged(self.model, self.average, step + (1000 if number else 0), most=0.998)
            if (step + 1) % 500 == 0 or step + 1 == steps:
                entry = {"round": number, "step": step + 1, **self.judged(made)}
                self.log.append(entry)
                print(json.dumps(entry), flush=True)

    def _of_pairs(self, pairs: Pairs, left_out: bool) -> np.ndarray:
        name = self.options.leave_out
        return np.array(
            [i for i, one in enumerate(pairs.names) if (bool(name) and name in str(one)) == left_out], int
        )

    def _losses(
        self, made: dict[str, Any], taught: dict[str, np.ndarray], random: np.random.Generator, words: bool
    ) -> dict[str, Tensor]:
        spoilt: Groups = made["synthetic"]
        captured: Groups = made["camera"]
        rated: Rated = made["rated"]
        rows = random.choice(taught["synthetic"], SPOILT)
        shots = random.choice(taught["camera"], CAPTURED)
        count = captured.costs.shape[1]
        versions = np.stack([random.permutation(count)[:OF_A_CAPTURE] for _ in shots])
        people = random.choice(len(rated.opinions), RATED, replace=False)
        parts = random.integers(0, rated.features.shape[1], RATED)
        pairs = random.choice(taught["pairs"], PAIRS)
        kinds = [
            as_tensor(spoilt.features[rows]),
            as_tensor(rated.features[people, parts]),
            as_tensor(captured.features[shots[:, None], versions]),
            as_tensor(made["pairs"].features[pairs]),
        ]
        fused = self.model.image(torch.cat(kinds))
        embeddings = self.model.image.embeddings(fused)
        quality = self.model.quality(embeddings)
        of_spoilt, of_rated, of_captured, of_pairs = quality.split([len(kind) for kind in kinds])
        costs = torch.from_numpy(spoilt.costs[rows])
        opinions = torch.from_numpy(rated.opinions[people])
        targets = torch.cat([self._targets(spoilt, rows, costs).flatten(), stretched(opinions)])
        shot_costs = torch.from_numpy(captured.costs[shots[:, None], versions])
        shot_quality, pair_quality = of_captured.view(-1, OF_A_CAPTURE), of_pairs.view(-1, 2)
        told = len(kinds[0]) + len(kinds[1])
        other = self.model.quality(embeddings[:told], str(random.choice(QUALITY_TEMPLATES)))
        found = {
            "quality": 4 * huber(of_spoilt, targets[: len(of_spoilt)]),
            "wording": 2 * huber(other, targets),
            "order": 2 * order(of_spoilt.view_as(costs), costs),
            "opinion": 4 * huber(of_rated, stretched(opinions)) + 0.5 * (1 - correlation(of_rated, opinions)),
            "captured": 4 * huber(shot_quality, self._targets(captured, shots, shot_costs)),
            "captured order": 2 * order(shot_quality, shot_costs, clear=0.08),
            "pairs": 0.5 * functional.softplus(-(pair_quality[:, 0] - pair_quality[:, 1]) / 0.04).mean(),
            "opposites": 0.5 * opposites_told(self.model, embeddings[:told], targets, random),
        }
        spoilings = _spoilings(spoilt, rows)
        found["amounts"] = 10 * amounts_told(self.model, fused[: len(spoilings)], spoilings)
        if words:
            grades = grades_told(self.model, embeddings[: len(spoilings)], spoilings, random)
            captions = captions_told(self.model, embeddings[:told], spoilings, targets, random)
            found |= {"grades": 0.8 * grades, "captions": 0.6 * captions}
        return found

    def _targets(self, groups: Groups, rows: np.ndarray, costs: Tensor) -> Tensor:
        """Quality of versions: that of the photograph, and less by what they cost."""
        starts = torch.from_numpy(self.starts[groups.photographs[rows]])
        return starts[:, None] * (-COST_TO_QUALITY * costs).exp()

    @torch.inference_mode()
    def quality(self, features: np.ndarray) -> np.ndarray:
        """By the average of the network so far."""
        self.average.eval()
        flat = self.average.quality(self.average.image.embeddings(self.average.image(as_tensor(features))))
        return flat.numpy().reshape(features.shape[:-1])

    def judged(self, made: dict[str, Any]) -> dict[str, Any]:
        """On people's validation pictures, on photographs that are watched, on pairs of cameras left out."""
        validation: Rated = made["validation"]
        predicted = self.quality(validation.features[:, 0])[None]
        entry: dict[str, Any] = {"srocc": float(rank_correlation(predicted, validation.opinions[None])[0])}
        for name in ("synthetic", "camera"):
            groups: Groups = made[name]
            rows = np.flatnonzero(self.watched[groups.photographs])
            if len(rows):
                better = self.quality(groups.features[rows])
                better = better[:, :, None] - better[:, None]
                worse = groups.costs[rows][:, None] - groups.costs[rows][:, :, None]
                entry[f"order of {name}"] = float((better[worse > 0.05] > 0).mean())
        for name, left_out in (("pairs", False), ("pairs left out", True)):
            chosen = self._of_pairs(made["pairs"], left_out)
            if len(chosen):
                of_pairs = self.quality(made["pairs"].features[chosen])
                entry[name] = float((of_pairs[:, 0] > of_pairs[:, 1]).mean())
        return {key: round(value, 4) for key, value in entry.items()}

    def score(self, images: Images) -> Scores:
        """Of pictures, for the tuner."""
        return torch.from_numpy(self.quality(self.maker.features(images.clamp(0, 1))))

    def _against_the_tuner(self, number: int) -> tuple[Groups, Groups]:
        """Groups about the places where the tuner ends on photographs to train on, of both ISPs."""
        random = np.random.default_rng([self.options.seed, number, 5])
        taught = [i for i, one in enumerate(self.photographs) if one.pristine and not self.watched[i]]
        cuts = [
            draw_cut(index, self.photographs[index], random)
            for index in map(int, random.choice(taught, self.options.walks))
        ]
        pictures = [cut.pixels(self.photographs) for cut in cuts]
        ways = [CHAIN if i % 2 else draw_ways(random) for i in range(len(cuts))]
        walks = walk_all(self.score, pictures, ways, seed=10_000_000 * number)
        spoilt = []
        for cut, picture, walked in zip(cuts, pictures, walks, strict=True):
            spoilings = around_end(walked.ways, walked.end, random)
            images = render(
                picture.expand(len(spoilings), -1, -1, -1), spoilings, int(random.integers(2**40))
            )
            spoilt.append(self.maker.group(images, spoilings, cut.photograph))
        captures = Captures(self.photographs, taught)
        captured, gains = [], []
        for _ in range(self.options.walks):
            index, scene = captures.draw(random)
            assert scene.reference is not None
            images = raw_walk(captures, scene, self.score, random)
            captured.append(self.maker.rendered(torch.cat([scene.reference, images]), scene.reference, index))
            start, end = captured[-1].costs[0, 1:3]
            gains.append(float(start - end))
        entry = {
            "round": number,
            "ends": mean_ends(walks),
            "raw_gain_in_cost": round(float(np.mean(gains)), 4),
        }
        self.log.append(entry)
        print(json.dumps(entry), flush=True)
        ends = joined(spoilt), joined(captured)
        for kind, groups in zip(("synthetic", "camera"), ends, strict=True):
            path = ends_file(self.options.out, number, kind)
            path.unlink(missing_ok=True)  # of another training
            kept(path, Groups, lambda groups=groups: groups)
        return ends


def ends_file(weights: Path, number: int, kind: str) -> Path:
    """Where the pictures are kept that a round against the tuner found."""
    return weights.with_name(f"{weights.stem}_ends{number}_{kind}.npz")


def _spoilings(groups: Groups, rows: np.ndarray) -> list[Spoiling]:
    """What was done to versions, as far as the bank keeps it."""
    return [
        Spoiling(
            (), float(cost), {axis: float(x) for axis, x in zip(AXES, own, strict=True) if np.isfinite(x)}
        )
        for row in rows
        for cost, own in zip(groups.costs[row], groups.amounts[row], strict=True)
    ]


if __name__ == "__main__":
    main()
