"""What each part of ScoreNet's prompts is worth, on cached features.

    python -m experiments.scorenet.ablation --train T.safetensors --validation V.safetensors --out DIR
        [--encoder bundled] [--head align] [--seeds 5] [--loss huber] [--epochs 60] [--ranking 1]
        [--learning-rates RATE ...] [--only NAME ...]

The tables are those of `objectives.training.scorenet.feature_table`; several may be given to --train. Each variant is
learned with every seed and every learning rate, of which the one that agrees best with the stopping part counts. The
seed also chooses the stopping part, a share of the training tables with look-alikes and versions of one photograph kept
together. The validation table is used for figures only.

DIR gets ablation.csv and ablation.md: SROCC with people on the validation table, mean over the seeds, 95 %
bootstrap interval over its pictures; the paired differences to the plain prompts and to CoCoOp's scheme in the same
resamples; and where the table holds versions of one photograph with known order, the share of pairs in order.
"""

import argparse
import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import nn

from isptune.errors import ConfigError
from objectives.encoders.build import build_encoder
from objectives.encoders.interface import ImageTextEncoder
from objectives.no_reference.lightweight_metrics import DEFAULT, KNOWN, Standardisation
from objectives.scorenet.prompts import (
    HEADS,
    Design,
    Head,
    cocoop_learner,
    plain_prompts,
    scorenet_learner,
)
from objectives.training.pictures.agreement import Estimate, difference, estimate, rank_correlation, resamples
from objectives.training.pictures.look_alikes import held_out, looks
from objectives.training.scorenet.feature_table import FeatureTable, joined, read_table
from objectives.training.scorenet.training import (
    Recipe,
    fit,
    ordered_pairs,
    predict,
    samples,
    scale_of,
)

STOPPING = 0.15
"""Share of the training pictures by which the best epoch and learning rate are found."""

RATES = (5e-4, 2e-3, 1e-2, 5e-2)
"""Learning rates that every variant is learned with."""


@dataclass(frozen=True)
class Variant:
    """What is compared: `plain` and `cocoop`, or ScoreNet with a design and metrics."""

    name: str
    design: Design | None = None
    metrics: tuple[str, ...] = DEFAULT

    def make(self, encoder: ImageTextEncoder, head: Head) -> nn.Module:
        """An untrained module."""
        if self.name == "plain":
            return plain_prompts(encoder, head)
        if self.design is None:
            return cocoop_learner(encoder, head)
        return scorenet_learner(encoder, head, len(self.metrics), self.design)


PLAIN, COCOOP = Variant("plain", metrics=()), Variant("cocoop", metrics=())


def variants(measured: Sequence[str]) -> list[Variant]:
    """All that can be compared with the metrics that a table has; the default design is "sum"."""
    basic = tuple(name for name in DEFAULT if name in measured)
    full = tuple(name for name in KNOWN if name in measured)
    found = [PLAIN, COCOOP]
    found += [Variant(expansion, Design(expansion), basic) for expansion in ("sum", "product")]
    found += [
        Variant("without MCG, sum", Design("sum", use_metrics=False), ()),
        Variant("without MCG, product", Design("product", use_metrics=False), ()),
        Variant("without ICG, sum", Design("sum", use_image=False), basic),
        Variant("without ICG, product", Design("product", use_image=False), basic),
        Variant("sum, narrow", Design("sum", metric_widths=(8,), image_widths=(8,)), basic),
        Variant("sum, wide", Design("sum", metric_widths=(128,), image_widths=(128,)), basic),
        Variant("sum, two layers", Design("sum", metric_widths=(32, 32), image_widths=(32, 32)), basic),
        Variant("sum, no dropout", Design("sum", dropout=0.0), basic),
    ]
    if set(full) != set(basic):
        found.append(Variant(f"sum, also {' and '.join(set_minus(full, basic))}", Design("sum"), full))
    found += [Variant(f"sum, only {name}", Design("sum"), (name,)) for name in full]
    if len(basic) > 2:
        found += [
            Variant(f"sum, less {name}", Design("sum"), tuple(set_minus(basic, (name,)))) for name in basic
        ]
    return found


def set_minus(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """The names that are none of the others, in their order."""
    return [name for name in names if name not in others]


def stopping_rows(table: FeatureTable, seed: int) -> np.ndarray:
    """Which rows of the training table decide on the best epoch: whole looks and whole groups."""
    look, group = looks(table.thumbnails.double().numpy()), table.groups.numpy()
    places = np.arange(len(look))
    # A look is tied to its first row, and so is a group: what is connected stays together.
    ties = [
        np.stack([places, np.unique(look, return_index=True)[1][np.unique(look, return_inverse=True)[1]]])
    ]
    if (group >= 0).any():
        rows = places[group >= 0]
        _, first, inverse = np.unique(group[rows], return_index=True, return_inverse=True)
        ties.append(np.stack([rows, rows[first[inverse]]]))
    row, column = np.concatenate(ties, axis=1)
    tied = coo_matrix((np.ones(len(row)), (row, column)), shape=(len(look), len(look)))
    return held_out(connected_components(tied, directed=False)[1], STOPPING, seed)


def run_variant(
    variant: Variant,
    encoder: ImageTextEncoder,
    head: Head,
    train: FeatureTable,
    validation: FeatureTable,
    recipe: Recipe,
    rates: Sequence[float],
) -> np.ndarray:
    """Scores of the validation table, with the learning rate that agrees best with the stopping part."""
    train, validation = (table.with_metrics(variant.metrics) for table in (train, validation))
    stopping = stopping_rows(train, recipe.seed)
    inside, outside = (train.take(np.flatnonzero(rows)) for rows in (~stopping, stopping))
    standardisation, scale = Standardisation.of(inside.metrics), scale_of(inside)
    parts = [samples(table, standardisation, scale) for table in (inside, outside, validation)]
    tried = []
    # What is learned has another unit in every scheme: with one rate for all the comparison would be of the rates.
    for rate in rates if variant != PLAIN else rates[:1]:
        following = replace(recipe, learning_rate=rate)
        learner, history = fit(
            encoder, lambda: variant.make(encoder, head), head, parts[0], parts[1], following
        )
        tried.append((history.agreements[history.kept], learner))
    best = max(tried, key=lambda pair: pair[0])[1]
    return predict(encoder, best, head, parts[2]).numpy()


@dataclass(frozen=True)
class Row:
    """A line of the table; differences are None against itself, `in_order` where no order is known."""

    name: str
    seeds: int
    srocc: Estimate
    over_plain: Estimate | None
    over_cocoop: Estimate | None
    in_order: float | None


def compare(predictions: Mapping[str, np.ndarray], validation: FeatureTable) -> list[Row]:
    """Rows of the table from scores [seeds, pictures] by variant. Raises ConfigError without people's scores."""
    known = validation.scores.isfinite().numpy()
    if known.sum() < 3:
        raise ConfigError("the validation table has no scores of people")
    opinions = validation.scores.numpy()[known]
    pairs = ordered_pairs(validation.groups, validation.distances).numpy()
    drawn = resamples(len(opinions), seed=0)
    rows = []
    for name, scores in predictions.items():
        gains: list[Estimate | None] = []
        for other in (PLAIN.name, COCOOP.name):
            apart = name != other and other in predictions
            ours, theirs = (x[:, known] for x in (scores, predictions.get(other, scores)))
            gains.append(difference(rank_correlation, ours, theirs, opinions, drawn) if apart else None)
        in_order = float((scores[:, pairs[:, 0]] > scores[:, pairs[:, 1]]).mean()) if len(pairs) else None
        srocc = estimate(rank_correlation, scores[:, known], opinions, drawn)
        rows.append(Row(name, len(scores), srocc, gains[0], gains[1], in_order))
    return rows


def write(rows: Sequence[Row], folder: Path, told: str) -> None:
    """Write ablation.csv and ablation.md."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = ["variant", "seeds"]
    columns = ("srocc", "over_plain", "over_cocoop")
    heads += [f"{column}{end}" for column in columns for end in ("", "_low", "_high")] + ["pairs_in_order"]
    with (folder / "ablation.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heads)
        for row in rows:
            cells = [
                "" if value is None else f"{number:.4f}"
                for value in (row.srocc, row.over_plain, row.over_cocoop)
                for number in ((value.value, value.low, value.high) if value else (0, 0, 0))
            ]
            order = "" if row.in_order is None else f"{row.in_order:.4f}"
            writer.writerow([row.name, row.seeds, *cells, order])
    lines = [
        told,
        "",
        "| variant | SROCC | over plain | over CoCoOp | pairs in order |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        gains = ["" if gain is None else f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
                 for gain in (row.over_plain, row.over_cocoop)]  # fmt: skip
        order = "" if row.in_order is None else f"{100 * row.in_order:.1f} %"
        lines.append(f"| {row.name} | {row.srocc} | {gains[0]} | {gains[1]} | {order} |")
    (folder / "ablation.md").write_text("\n".join(lines) + "\n")


def ablate(
    chosen: Sequence[Variant],
    encoder: ImageTextEncoder,
    head: Head,
    train: FeatureTable,
    validation: FeatureTable,
    recipes: Sequence[Recipe],
    rates: Sequence[float] = RATES,
    tell: Callable[[str], None] = print,
) -> list[Row]:
    """Learn every variant with every recipe, which differ by their seeds, and compare."""
    _require_encoder(encoder, (train, validation))
    predictions = {}
    for variant in chosen:
        some = recipes[:1] if variant == PLAIN else recipes  # nothing is drawn
        predictions[variant.name] = np.stack(
            [run_variant(variant, encoder, head, train, validation, recipe, rates) for recipe in some]
        )
        known = validation.scores.isfinite().numpy()
        opinions = validation.scores.numpy()[None, known]
        each = [float(rank_correlation(run[None, known], opinions)[0]) for run in predictions[variant.name]]
        tell(f"{variant.name}: SROCC {' '.join(f'{value:.4f}' for value in each)}")
    return compare(predictions, validation)


def _require_encoder(encoder: ImageTextEncoder, tables: Sequence[FeatureTable]) -> None:
    for table in tables:
        if dict(table.encoder_weights) != dict(encoder.weights):
            raise ConfigError(
                f"a table was made with {table.encoder}, whose weights are not those of {encoder.name}"
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the tables, learn, and write."""
    parser = argparse.ArgumentParser(description="Ablation of ScoreNet's prompts on cached features.")
    parser.add_argument("--train", type=Path, nargs="+", required=True)
    parser.add_argument("--validation", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--encoder", help="spec; that of the tables by default")
    parser.add_argument("--head", choices=list(HEADS), default="align")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--loss", default="huber")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--ranking", type=float, default=1.0)
    parser.add_argument("--learning-rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--only", nargs="+", help="variants; all by default")
    options = parser.parse_args(arguments)
    train, validation = (
        joined([read_table(path) for path in paths]) for paths in (options.train, options.validation)
    )
    encoder = build_encoder(options.encoder or train.encoder)
    chosen = [each for each in variants(train.metric_names) if not options.only or each.name in options.only]
    recipes = [
        Recipe(options.loss, options.ranking, options.epochs, seed=seed) for seed in range(options.seeds)
    ]
    rows = ablate(chosen, encoder, HEADS[options.head], train, validation, recipes, options.learning_rates)
    told = (
        f"Head {options.head} on {encoder.name}, loss {options.loss}, {len(train)} pictures to learn from, "
        f"{len(validation)} to validate with, {options.seeds} seeds. SROCC with 95 % bootstrap intervals over the "
        "pictures; differences are paired."
    )
    write(rows, options.out, told)
    print((options.out / "ablation.md").read_text())


if __name__ == "__main__":
    main()
