"""Learns ScoreNet's prompts on the encoder `lite`, from the bank that the encoder was trained on.

    python -m objectives.training.lite_encoder.prompts --data DIR --bank DIR --encoder lite_encoder.safetensors
        --out scorenet_align.safetensors [--head align|clip]

The bank and what the rounds against the tuner found (beside the encoder's file) are read, not made. Photographs that
the encoder's training only watched decide which epoch is kept; people's validation part judges, and the tuner on
photographs kept out.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError
from isptune.scenes.scene import Scene
from isptune.system.disk import write_atomically
from objectives.encoders.lite_encoder import LiteEncoder
from objectives.no_reference.lightweight_metrics import DEFAULT, LightweightMetrics, Standardisation
from objectives.scorenet.files import LearnedFor, write_prompts
from objectives.scorenet.prompts import HEADS, Design, PromptLearner, plain_prompts, scorenet_learner
from objectives.scorenet.scorenet import ScoreNet
from objectives.training.encoder.against_the_tuner import ends_on
from objectives.training.encoder.losses import stretched
from objectives.training.lite_encoder.bank import Groups, Kind, Pairs, Rated, as_tensor, joined, read
from objectives.training.lite_encoder.training import ends_file, watched_photographs
from objectives.training.pictures.agreement import difference, estimate, rank_correlation, resamples
from objectives.training.pictures.photographs import read_photographs
from objectives.training.scorenet.training import Recipe, Samples, fit, predict

CLEAR = 0.05
"""Costs of renderings of a capture that differ by less count as the same."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn, judge and write."""
    parser = argparse.ArgumentParser(description="Learn ScoreNet's prompts on the encoder lite.")
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument("--bank", type=Path, required=True, help="folder with the features")
    parser.add_argument("--encoder", type=Path, required=True, help="the encoder's .safetensors")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--head", choices=sorted(HEADS), default="align")
    parser.add_argument("--without-metrics", action="store_true", help="prompts from the image alone")
    parser.add_argument("--hidden", type=int, default=64, help="values of each generator's hidden layer")
    parser.add_argument("--ranking", type=float, default=2.0, help="weight of the order of versions")
    parser.add_argument("--walks", type=int, default=18, help="of the tuner, on photographs kept out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_flush_denormal(True)
    encoder = LiteEncoder(options.encoder)
    names = () if options.without_metrics else DEFAULT
    metrics = LightweightMetrics(names)
    table = _Table(encoder, options)
    standardisation = Standardisation.of(table.metrics()[:, : len(names)])
    taught, stopping = (table.samples(standardisation, part) for part in (False, True))
    head = HEADS[options.head]
    design = Design("sum", bool(names), True, (options.hidden,), (options.hidden,))
    recipe = Recipe(ranking=options.ranking, seed=options.seed, epochs=30, patience=6)
    learner, history = fit(
        encoder,
        lambda: scorenet_learner(encoder, head, len(names), design),
        head,
        taught,
        stopping,
        recipe,
        lambda epoch, agreement: print(f"epoch {epoch}: agreement {agreement:.4f}", flush=True),
    )
    assert isinstance(learner, PromptLearner)
    net = ScoreNet(encoder, learner.eval(), head, metrics, standardisation)
    validation = table.validation(standardisation)
    plain, learned = (
        predict(encoder, prompts, head, validation).numpy()[None]
        for prompts in (plain_prompts(encoder, head), learner)
    )
    opinions, drawn = validation.scores.numpy(), resamples(len(validation.scores), seed=0)
    entry: dict[str, Any] = {
        "kept_epoch": history.kept,
        "agreement": round(history.agreements[history.kept], 4),
        "srocc": str(estimate(rank_correlation, learned, opinions, drawn)),
        "srocc_of_plain_prompts": str(estimate(rank_correlation, plain, opinions, drawn)),
        "difference": str(difference(rank_correlation, learned, plain, opinions, drawn)),
        "pairs": round(table.pairs_in_order(learner, head, standardisation), 4),
        "ends": _ends(net, options),
    }
    print(json.dumps(entry), flush=True)
    learned_for = LearnedFor(
        "lite",
        dict(encoder.weights),
        head.name,
        metrics.names,
        standardisation,
        design,
        {"by": "objectives.training.lite_encoder.prompts", "figures": entry},
    )
    write_prompts(options.out, learner, learned_for)
    write_atomically(options.out.with_suffix(".json"), (json.dumps(entry, indent=1) + "\n").encode())


def _ends(net: ScoreNet, options: argparse.Namespace) -> dict[str, float]:
    """Where the tuner ends that follows the score, on photographs kept out."""
    _, _, kept_out = read_photographs(options.data)

    def score(images: Images) -> Scores:
        return net.score(images, Scene("", images[:1]))

    return ends_on(score, kept_out[: options.walks])


class _Table:
    """The bank as what prompts learn from."""

    def __init__(self, encoder: LiteEncoder, options: argparse.Namespace):
        bank = options.bank
        photographs, _, _ = read_photographs(options.data)
        self.watched = watched_photographs(photographs, options.seed)
        self.encoder = encoder
        self.rated = _read(bank / "rated.npz", Rated)
        self.of_people = _read(bank / "validation.npz", Rated)
        self.pairs = _read(bank / "pairs.npz", Pairs)
        self.groups: list[Groups] = []
        for kind in ("synthetic", "camera"):
            parts = sorted(bank.glob(f"{kind}_*.npz"))
            number = 1
            while (path := ends_file(options.encoder, number, kind)).exists():
                parts += [path] * 2
                number += 1
            groups = joined([_read(part, Groups) for part in parts])
            if kind == "camera":
                groups = Groups(
                    groups.features,
                    groups.metrics,
                    np.round(groups.costs / CLEAR).astype(np.float32),
                    groups.amounts,
                    groups.photographs,
                )
            self.groups.append(groups)

    def metrics(self) -> torch.Tensor:
        """Of all pictures, each kind by itself weighs as it is there."""
        columns = [one.metrics.reshape(-1, one.metrics.shape[-1]) for one in (*self.groups, self.rated)]
        return torch.from_numpy(np.concatenate(columns))

    def samples(self, standardisation: Standardisation, stopping: bool) -> Samples:
        """Pictures to learn from, or those that decide when to stop."""
        random = np.random.default_rng(7)
        of_people = random.random(len(self.rated.opinions)) < 1 / 8
        rows = np.flatnonzero(of_people == stopping)
        parts = [
            self._made(
                self.rated.features[rows].reshape(-1, self.rated.features.shape[-1]),
                self.rated.metrics[rows].reshape(-1, self.rated.metrics.shape[-1]),
                np.repeat(stretched(self.rated.opinions[rows]), self.rated.features.shape[1]),
                None,
                None,
                standardisation,
            )
        ]
        first = 0
        for groups in self.groups:
            chosen = np.flatnonzero(self.watched[groups.photographs] == stopping)
            count = groups.costs.shape[1]
            numbers = np.repeat(np.arange(first, first + len(chosen)), count)
            first += len(chosen)
            parts.append(
                self._made(
                    groups.features[chosen].reshape(-1, groups.features.shape[-1]),
                    groups.metrics[chosen].reshape(-1, groups.metrics.shape[-1]),
                    None,
                    numbers,
                    groups.costs[chosen].reshape(-1),
                    standardisation,
                )
            )
        if not stopping:
            count = len(self.pairs.names)
            numbers = np.repeat(np.arange(first, first + count), 2)
            costs = np.tile(np.array([0.0, 1.0], np.float32), count)
            features, metrics = (
                x.reshape(-1, x.shape[-1]) for x in (self.pairs.features, self.pairs.metrics)
            )
            parts.append(self._made(features, metrics, None, numbers, costs, standardisation))
        return Samples(*(torch.cat([getattr(part, name) for part in parts]) for name in _COLUMNS))

    def validation(self, standardisation: Standardisation) -> Samples:
        """Whole pictures of people's validation part."""
        own = self.of_people
        return self._made(
            own.features[:, 0], own.metrics[:, 0], stretched(own.opinions), None, None, standardisation
        )

    def pairs_in_order(self, learner: PromptLearner, head: Any, standardisation: Standardisation) -> float:
        """In how many pairs the mean of many shots is preferred; those that were trained on."""
        features, metrics = (x.reshape(-1, x.shape[-1]) for x in (self.pairs.features, self.pairs.metrics))
        rows = self._made(features, metrics, None, None, None, standardisation)
        scores = predict(self.encoder, learner, head, rows).view(-1, 2)
        return float((scores[:, 0] > scores[:, 1]).float().mean())

    def _made(
        self,
        features: np.ndarray,
        metrics: np.ndarray,
        opinions: np.ndarray | None,
        groups: np.ndarray | None,
        costs: np.ndarray | None,
        standardisation: Standardisation,
    ) -> Samples:
        count = len(features)
        embeddings = torch.cat(
            [self.encoder.encode_features(part) for part in as_tensor(features).split(4096)]
        )
        measured = torch.from_numpy(metrics)[:, : len(standardisation.mean)]
        unknown = torch.full((count,), torch.nan)
        return Samples(
            embeddings,
            standardisation.apply(measured),
            unknown if opinions is None else torch.from_numpy(opinions.astype(np.float32)),
            torch.full((count,), -1) if groups is None else torch.from_numpy(groups),
            unknown if costs is None else torch.from_numpy(costs),
        )


_COLUMNS = ("images", "metrics", "scores", "groups", "distances")


def _read(path: Path, kind: type[Kind]) -> Kind:
    if not path.exists():
        raise ConfigError(f"{path}: is not there; train the encoder first, which makes it")
    return read(path, kind)


if __name__ == "__main__":
    main()
