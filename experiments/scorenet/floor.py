"""How near to pristine anything can come that does not know the pristine picture: an estimate.

    python -m experiments.scorenet.floor --data DIR [--encoder bundled] [--cuts 1] [--seed 0]

DIR is described in `objectives.training.pictures.photographs`. For each distortion of the default chain alone,
everything else left pristine, gradient-boosted trees (scikit-learn) learn the signed amount from statistics of tones
and texture, the encoder's embeddings and the lightweight metrics of training photographs. On photographs kept out, the
amount is then chosen at which they find none: what is left is the error of one who is told the truth of all other
distortions. It is an estimate of the floor, not a bound: a predictor that knows more of what photographs show could
come nearer, and one that faces all five at once will not. Choosing one amount for eight photographs together averages
their errors.

It writes `floor.md` beside this file: mean magnitude of the amounts with 95 % bootstrap intervals over photographs.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from sklearn.ensemble import HistGradientBoostingRegressor

from experiments.scorenet.as_target import RESAMPLES, interval
from isptune.arrays import Images
from objectives.encoders.build import build_encoder
from objectives.encoders.bundled_encoder import statistics_of
from objectives.encoders.interface import ImageTextEncoder
from objectives.no_reference.lightweight_metrics import KNOWN, LightweightMetrics
from objectives.training.pictures.photographs import Photograph, read_photographs
from objectives.training.pictures.spoilings import CHAIN, draw_cut, render, spoiling_of

HERE = Path(__file__).parent
AMOUNTS = 4
"""Drawn for each training picture."""

GRID = 41
TOGETHER = 8

Table = Float[np.ndarray, "pictures features"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Extract, learn, choose, write."""
    parser = argparse.ArgumentParser(description="How near to pristine a no-reference choice can come.")
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument("--encoder", default="bundled")
    parser.add_argument("--cuts", type=int, default=1, help="of each training photograph")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    train, _, kept_out = read_photographs(options.data)
    pristine = [one for one in train if one.pristine]
    encoder, metrics = build_encoder(options.encoder), LightweightMetrics(KNOWN)
    random = np.random.default_rng(options.seed)

    lines = ["| distortion | one photograph | eight together |", "|---|---|---|"]
    alone, together = [], []
    for axis, way in enumerate(CHAIN):
        low = -1.0 if way.two_sided else 0.0
        seen, amounts = [], []
        for cut in range(options.cuts):
            for number, picture in enumerate(_cuts(pristine, random)):
                drawn = random.uniform(low, 1, AMOUNTS)
                seed = int(random.integers(2**40)) + number + cut
                seen.append(_features(_spoilt(picture, axis, drawn, seed), encoder, metrics))
                amounts.append(drawn)
        trees = HistGradientBoostingRegressor(
            max_iter=300, learning_rate=0.06, max_leaf_nodes=15, min_samples_leaf=30, max_features=0.3,
            random_state=options.seed,
        ).fit(np.concatenate(seen), np.concatenate(amounts))  # fmt: skip
        grid = np.linspace(low, 1, GRID)
        found = np.stack(
            [
                trees.predict(_features(_spoilt(picture, axis, grid, number), encoder, metrics))
                for number, picture in enumerate(_cuts(kept_out, np.random.default_rng(0)))
            ]
        )
        rows = np.random.default_rng(1).integers(0, len(found), (RESAMPLES, len(found)))
        alone.append(_chosen(found, grid))
        together.append(_chosen(found[rows[:, :TOGETHER]].mean(1), grid))
        lines.append(f"| {way.distortion} | {_cell(alone[-1])} | {together[-1].mean():.3f} |")
        print(lines[-1], flush=True)
    lines.append(f"| mean | {_cell(np.mean(alone, axis=0))} | {np.mean(together):.3f} |")
    text = "\n".join(lines) + "\n"
    (HERE / "floor.md").write_text(text)
    print(text)


def _cuts(photographs: Sequence[Photograph], random: np.random.Generator) -> list[torch.Tensor]:
    return [draw_cut(i, one, random).pixels(photographs) for i, one in enumerate(photographs)]


def _spoilt(
    picture: Float[torch.Tensor, "3 height width"], axis: int, amounts: np.ndarray, seed: int
) -> Images:
    spoilings = [spoiling_of([(CHAIN[axis], float(amount))]) for amount in amounts]
    return render(picture.expand(len(spoilings), -1, -1, -1), spoilings, seed)


def _features(images: Images, encoder: ImageTextEncoder, metrics: LightweightMetrics) -> Table:
    with torch.inference_mode():
        statistics = statistics_of(images, images.unsqueeze(1))
        parts = [statistics, encoder.encode_images(images), metrics.measure(images)]
    return torch.cat([part.float() for part in parts], 1).numpy()


def _chosen(found: Float[np.ndarray, "rows grid"], grid: Float[np.ndarray, " grid"]) -> np.ndarray:
    """The magnitude of the amount that the trees find nearest to none, row by row."""
    return np.abs(grid[np.abs(found).argmin(1)])


def _cell(amounts: Float[np.ndarray, " photographs"]) -> str:
    value, low, high = interval(amounts[:, None], seed=1)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
