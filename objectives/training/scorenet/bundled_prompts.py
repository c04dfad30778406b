"""Learns the bundled prompts of ScoreNet: on people's scores, on spoilt photographs, and against the tuner.

    python -m objectives.training.scorenet.bundled_prompts --data DIR --out FILE.safetensors [--head align|clip]

DIR is described in `objectives.training.pictures.photographs`. The encoder stays as it is; pictures are turned into
features once, which are kept beside the output, with those of the validation part. Then, for some rounds: learn
prompts, let the tuner run against them on training photographs, add the pictures where it ended, with their true
amounts, and learn again. How far the ends are from pristine is written for every round, also on photographs that are
kept out.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError
from isptune.scenes.images import to_images
from isptune.scenes.scene import Scene
from isptune.system.disk import write_atomically
from objectives.encoders.build import build_encoder
from objectives.encoders.interface import ImageTextEncoder
from objectives.no_reference.lightweight_metrics import DEFAULT, KNOWN, LightweightMetrics, Standardisation
from objectives.scorenet.files import LearnedFor, write_prompts
from objectives.scorenet.prompts import HEADS, Design, PromptLearner, plain_prompts, scorenet_learner
from objectives.scorenet.scorenet import ScoreNet
from objectives.training.encoder.against_the_tuner import Walk, draw_ways, ends_on, mean_ends, walk_all
from objectives.training.pictures.agreement import difference, estimate, rank_correlation, resamples
from objectives.training.pictures.look_alikes import held_out, looks
from objectives.training.pictures.photographs import Photograph, read_photographs
from objectives.training.pictures.spoilings import (
    Cut,
    Spoiling,
    around_end,
    draw_axis_group,
    draw_chain_group,
    draw_cut,
    draw_mixed_group,
    draw_preset_group,
    render,
)
from objectives.training.scorenet.feature_extraction import measure
from objectives.training.scorenet.feature_table import FeatureTable, joined, read_table, write_table
from objectives.training.scorenet.training import Recipe, fit, predict, samples

OPINIONS = (0.1, 0.88)
"""What counts as 0 and as 1: mean opinions of BIQ2021 lie between."""

STOPPING = 0.12


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn, judge and write."""
    parser = argparse.ArgumentParser(description="Learn the bundled prompts of ScoreNet.")
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--features", type=Path, help="table of features to keep (default: beside --out)")
    parser.add_argument("--encoder", default="bundled")
    parser.add_argument("--head", choices=sorted(HEADS), default="align")
    parser.add_argument("--metrics", default=",".join(DEFAULT))
    parser.add_argument("--expansion", choices=("sum", "product"), default="sum")
    parser.add_argument(
        "--groups",
        type=int,
        default=4000,
        help="spoilt photographs, four versions each, and 0.3 times as many along one axis",
    )
    parser.add_argument("--hidden", type=int, default=64, help="values of each generator's hidden layer")
    parser.add_argument("--rounds", type=int, default=3, help="of the tuner")
    parser.add_argument("--walks", type=int, default=24, help="of the tuner in a round")
    parser.add_argument("--ranking", type=float, default=2.0, help="weight of the order of versions")
    parser.add_argument("--seed", type=int, default=0)
    Learning(parser.parse_args(arguments)).run()


class Learning:
    """Photographs, encoder and features, and the prompts learned so far."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.encoder = build_encoder(options.encoder)
        self.metrics = LightweightMetrics([name for name in options.metrics.split(",") if name])
        self.everything = LightweightMetrics(KNOWN)
        self.train, self.validation, self.kept_out = read_photographs(options.data)
        self.pristine = [i for i, one in enumerate(self.train) if one.pristine]
        self.head = HEADS[options.head]
        hidden = (options.hidden,)
        self.design = Design(options.expansion, bool(self.metrics.names), True, hidden, hidden)
        self.log: list[dict[str, Any]] = []

    def run(self) -> None:
        """Learn in rounds, and write prompts and figures."""
        options = self.options
        table = self._kept(self._features_path, self._features)
        learner, standardisation = self._fit(table)
        for number in range(options.rounds + 1):
            entry = {"round": number, **self._judge(learner, standardisation)}
            score = self._score(learner, standardisation)
            random = np.random.default_rng([options.seed, number, 5])
            cuts = [self._cut(random) for _ in range(options.walks)]
            ways = [draw_ways(random) for _ in cuts]
            pictures = [cut.pixels(self.train) for cut in cuts]
            walks = walk_all(score, pictures, ways, seed=10_000_000 * (number + 1))
            entry["ends_on_training"] = mean_ends(walks)
            self.log.append(entry)
            print(json.dumps(entry), flush=True)
            self._write(learner, standardisation)
            if number < options.rounds:
                table = joined([table, self._ends(cuts, walks, random)])
                learner, standardisation = self._fit(table)

    def _features(self) -> FeatureTable:
        """Of rated pictures and of groups of spoilt ones."""
        rated = [one for one in self.train if one.opinion is not None]
        tables = [_rated(rated, self.encoder, self.everything)]
        random = np.random.default_rng([self.options.seed, 4])
        draws: Sequence[Callable[[np.random.Generator], tuple[Spoiling, ...]]] = (
            draw_chain_group, draw_preset_group, draw_chain_group, draw_preset_group, draw_mixed_group,
        )  # fmt: skip
        # What tells a picture from its weakest compression is seen best where nothing else is changed.
        axes = partial(draw_axis_group, shares=(0.1, 0.1, 0.2, 0.2, 0.4))
        along = int(0.3 * self.options.groups)
        for number in range(self.options.groups + along):
            draw = draws[number % len(draws)] if number < self.options.groups else axes
            tables.append(self._group(self._cut(random), draw(random), int(random.integers(2**40))))
            if (number + 1) % 100 == 0:
                print(f"features of {number + 1}/{self.options.groups + along} groups", flush=True)
        return joined(tables)

    def _cut(self, random: np.random.Generator) -> Cut:
        index = int(random.choice(self.pristine))
        return draw_cut(index, self.train[index], random)

    def _group(self, cut: Cut, variants: Sequence[Spoiling], seed: int) -> FeatureTable:
        picture = cut.pixels(self.train)
        spoilt = render(picture.expand(len(variants), -1, -1, -1), variants, seed)
        name = self.train[cut.photograph].name
        table = measure(spoilt, self.encoder, self.everything, [name] * len(variants))
        costs = torch.tensor([one.cost for one in variants])
        return replace(table, groups=torch.zeros(len(variants), dtype=torch.long), distances=costs)

    def _ends(self, cuts: Sequence[Cut], walks: Sequence[Walk], random: np.random.Generator) -> FeatureTable:
        """Two groups about each end."""
        return joined(
            [
                self._group(cut, around_end(walked.ways, walked.end, random), int(random.integers(2**40)))
                for cut, walked in zip(cuts, walks, strict=True)
                for _ in range(2)
            ]
        )

    def _fit(self, table: FeatureTable) -> tuple[PromptLearner, Standardisation]:
        table = table.with_metrics(self.metrics.names)
        standardisation = Standardisation.of(table.metrics)
        # Whole photographs are held out for stopping: all versions and look-alikes of one are on one side.
        stopping = held_out(looks(table.thumbnails.double().numpy()), STOPPING, self.options.seed)
        of_stopping = {name for name, out in zip(table.files, stopping, strict=True) if out}
        stopping = np.array([name in of_stopping for name in table.files])
        inside, outside = (
            samples(table.take(np.flatnonzero(rows)), standardisation, OPINIONS)
            for rows in (~stopping, stopping)
        )
        recipe = Recipe(ranking=self.options.ranking, seed=self.options.seed, epochs=40, patience=8)
        learner, history = fit(
            self.encoder,
            lambda: scorenet_learner(self.encoder, self.head, len(self.metrics.names), self.design),
            self.head,
            inside,
            outside,
            recipe,
        )
        assert isinstance(learner, PromptLearner)
        print(f"kept epoch {history.kept}: agreement {history.agreements[history.kept]:.4f}", flush=True)
        return learner, standardisation

    def _score(self, learner: PromptLearner, standardisation: Standardisation) -> Callable[[Images], Scores]:
        net = self._net(learner, standardisation)
        return lambda images: net.score(images, Scene("", images[:1]))

    def _net(self, learner: PromptLearner, standardisation: Standardisation) -> ScoreNet:
        return ScoreNet(self.encoder, learner.eval(), self.head, self.metrics, standardisation)

    def _judge(self, learner: PromptLearner, standardisation: Standardisation) -> dict[str, Any]:
        """SROCC on the validation part, of plain prompts too; ends of the tuner on photographs kept out."""
        rows = samples(self._validation_table.with_metrics(self.metrics.names), standardisation, OPINIONS)
        plain, learned = (
            predict(self.encoder, prompts, self.head, rows).numpy()[None]
            for prompts in (plain_prompts(self.encoder, self.head), learner)
        )
        opinions, drawn = rows.scores.numpy(), resamples(len(rows.scores), seed=0)
        return {
            "srocc": str(estimate(rank_correlation, learned, opinions, drawn)),
            "srocc_of_plain_prompts": str(estimate(rank_correlation, plain, opinions, drawn)),
            "difference": str(difference(rank_correlation, learned, plain, opinions, drawn)),
            "ends": ends_on(self._score(learner, standardisation), self.kept_out[: self.options.walks]),
        }

    @cached_property
    def _validation_table(self) -> FeatureTable:
        path = self._features_path.with_suffix(".validation.safetensors")
        return self._kept(path, lambda: _rated(self.validation, self.encoder, self.everything))

    @property
    def _features_path(self) -> Path:
        return self.options.features or self.options.out.with_suffix(".features.safetensors")

    def _kept(self, path: Path, extract: Callable[[], FeatureTable]) -> FeatureTable:
        """The table that a file holds; extracted and written if it is not there."""
        if not path.exists():
            write_table(path, extract())
        table = read_table(path)
        if dict(table.encoder_weights) != dict(self.encoder.weights):
            raise ConfigError(f"{path}: was made with another encoder than {self.encoder.name}; delete it")
        return table

    def _write(self, learner: PromptLearner, standardisation: Standardisation) -> None:
        learned_for = LearnedFor(
            self.encoder.name,
            dict(self.encoder.weights),
            self.head.name,
            self.metrics.names,
            standardisation,
            self.design,
            {"by": "objectives.training.scorenet.bundled_prompts", "rounds": self.log},
        )
        write_prompts(self.options.out, learner, learned_for)
        write_atomically(
            self.options.out.with_suffix(".json"), (json.dumps(self.log, indent=1) + "\n").encode()
        )


def _rated(
    photographs: Sequence[Photograph], encoder: ImageTextEncoder, metrics: LightweightMetrics
) -> FeatureTable:
    """Features of whole pictures with opinions."""
    tables = [measure(to_images(one.pixels, one.name), encoder, metrics, [one.name]) for one in photographs]
    opinions = torch.tensor([float(one.opinion or 0.0) for one in photographs])
    return joined(tables).with_scores(opinions)


if __name__ == "__main__":
    main()
