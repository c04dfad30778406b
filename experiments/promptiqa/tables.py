"""Tables 3 to 6 and figure 3 of PromptIQA's paper, for the compact network on data of our own.

    python -m experiments.promptiqa.tables --tables DIR --networks DIR --parts DIR --out experiments/promptiqa

DIR of the tables has unseen.safetensors and validation.safetensors (`objectives.training.promptiqa.pictures`), that of
the networks the variants of `objectives.training.promptiqa.training`; the README beside this file has the commands.
What is measured on a data set stays in the folder of parts, and is not measured again; with --only several processes
share the work. The report is written once all parts are there.
"""

import argparse
import copy
import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from experiments.promptiqa.relabelled import (
    DATA_SETS,
    PAIRS,
    Networks,
    Plcc,
    Relabelled,
    divisions,
    plcc_resampled,
    predicted,
    read_sets,
    told,
    unit,
)
from isptune.scenes.sampling import interval_ranks
from objectives.encoders.bundled_encoder import build as build_encoder
from objectives.promptiqa.compact import CompactNetwork, read_layers

DRAWS = 10
LENGTHS = (3, 5, 7, 8, 10)
FINE_TUNING = ((1e-4, 30), (1e-3, 10), (1e-3, 30), (1e-3, 100))
"""Learning rates and steps. Table 3 has the best of them on what is scored, which favours fine-tuning: who has ten
rated pictures has nothing to choose by. What each way gives stands in a table of its own."""

WAYS = tuple(f"{rate:g}, {steps}" for rate, steps in FINE_TUNING)

ABLATIONS = ("without-scaling", "without-flipping", "without-both")
COLUMNS: dict[str, tuple[str, ...]] = {
    "Table 3: PLCC on what was never trained on": (
        "10 pairs", "no prompts", "fine-tuned on them", "gain", "over fine-tuning", "learning rate and steps",
    ),
    "Table 4: interval against random sampling, ten draws in each division": (
        "interval", "random", "deviation of the draws",
    ),
    "Table 5: prompts that are wrong": (
        "right", "random images", "random scores", "inverted scores", "no prompts", "inverted / right",
    ),
    "Table 6: trained otherwise": ("full", *ABLATIONS, *(f"{name}, inverted" for name in ABLATIONS)),
    "Fine-tuning in each way (learning rate, steps)": (*WAYS, *(f"10 pairs over {way}" for way in WAYS)),
    "Figure 3: pairs in a prompt": tuple(map(str, LENGTHS)),
}  # fmt: skip
"""Tables and their columns."""

Prompt = tuple[Float[Tensor, "prompts components"], Float[Tensor, " prompts"]]
Prompting = Callable[[int, np.ndarray, np.random.Generator], tuple[np.ndarray | None, np.ndarray]]
"""From a number of pairs, scores of the pool and randomness to places in the pool (None: noise) and unit scores."""


@final
class Seen:
    """A data set as one network sees it.

    Args:
        network: with or without prompts.
        data: pictures and scores.
        noise: pictures of random pixels.
    """

    def __init__(
        self, network: CompactNetwork, data: Relabelled, noise: Float[Tensor, "pictures description"]
    ):
        self.network, self.data = network, data
        self.components = network.components(data.features)
        self.noise = network.components(noise)

    def plcc(self, prompting: Prompting, pairs: int = PAIRS, draws: int = 1) -> Plcc:
        """Correlations in every division, with one or several prompts each."""
        rows = []
        for number, (pool, random) in enumerate(divisions(self.data)):
            for _ in range(draws):
                components, scores = self.prompt(prompting, pairs, pool, random)
                rows.append(self._correlated(self.network, pool, components, scores, number))
        return np.array(rows)

    def fine_tuned(self) -> dict[str, Plcc]:
        """The network without prompts, trained further on the same ten pairs, in each way of `FINE_TUNING`."""
        found = {}
        for way, (rate, steps) in zip(WAYS, FINE_TUNING, strict=True):
            rows = []
            for number, (pool, random) in enumerate(divisions(self.data)):
                components, scores = self.prompt(intervals, PAIRS, pool, random)
                tuned = _tuned(self.network, components, scores, rate, steps)
                rows.append(self._correlated(tuned, pool, components, scores, number))
            found[way] = np.array(rows)
        return found

    def prompt(
        self, prompting: Prompting, pairs: int, pool: np.ndarray, random: np.random.Generator
    ) -> Prompt:
        """Rated pictures out of a pool."""
        rows = np.flatnonzero(pool)
        places, scores = prompting(pairs, self.data.scores[rows], random)
        seen = self.noise[:pairs] if places is None else self.components[rows[places]]
        return seen, torch.from_numpy(scores).float()

    def _correlated(
        self, network: CompactNetwork, pool: np.ndarray, components: Tensor, scores: Tensor, number: int
    ) -> Float64[np.ndarray, " resamples"]:
        scored = np.flatnonzero(~pool)
        found = predicted(network, self.components[scored], components, scores)
        return plcc_resampled(self.data, scored, found, seed=number)


def intervals(pairs: int, scores: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pictures at even steps of their ranks."""
    places = np.argsort(scores, kind="stable")[interval_ranks(len(scores), pairs)]
    return places, unit(scores[places])


def drawn(pairs: int, scores: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Any pictures."""
    places = random.choice(len(scores), pairs, replace=False)
    return places, unit(scores[places])


def inverted(pairs: int, scores: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The right pictures with their scores turned around."""
    places, right = intervals(pairs, scores, random)
    return places, 1 - right


def random_scores(
    pairs: int, scores: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The right pictures with random numbers."""
    return intervals(pairs, scores, random)[0], random.random(pairs)


def random_images(pairs: int, scores: np.ndarray, random: np.random.Generator) -> tuple[None, np.ndarray]:
    """Pictures of random pixels with the right scores."""
    return None, random.permutation(intervals(pairs, scores, random)[1])


def noise_pictures() -> Float[Tensor, "pictures description"]:
    """Descriptions of pictures of random pixels."""
    pixels = torch.rand(PAIRS, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    return build_encoder().describe_images(pixels)


def _tuned(network: CompactNetwork, seen: Tensor, scores: Tensor, rate: float, steps: int) -> CompactNetwork:
    tuned = copy.deepcopy(network).requires_grad_(True)
    optimizer = torch.optim.Adam(tuned.parameters(), lr=rate)
    for _ in range(steps):
        loss = nn.functional.l1_loss(tuned(seen.unsqueeze(0), None).squeeze(0), scores)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return tuned.eval().requires_grad_(False)


def measure(data: Relabelled, networks: Networks) -> list[list[str]]:
    """All figures of one data set: number of the table, column, value with its interval."""
    noise = noise_pictures()
    kind = "people-" if data.name == "people" else ""
    full, plain = (Seen(networks[f"{kind}{name}"], data, noise) for name in ("full", "without-prompts"))
    right, without = full.plcc(intervals), plain.plcc(intervals)
    tuned_by = plain.fine_tuned()
    way = max(tuned_by, key=lambda way: told(tuned_by[way])[0])
    tuned = tuned_by[way]
    anyhow = full.plcc(drawn, draws=DRAWS)
    turned = full.plcc(inverted)
    spread = anyhow[:, 0].reshape(-1, DRAWS).std(1, ddof=1).mean()
    others = [Seen(networks[name], data, noise) for name in ABLATIONS]
    rows: list[tuple[Plcc | str, ...]] = [
        (right, without, tuned, right - without, right - tuned, way),
        (right, anyhow, f"{spread:.3f}"),
        (
            right, full.plcc(random_images, draws=DRAWS), full.plcc(random_scores, draws=DRAWS), turned, without,
            f"{told(turned)[0] / told(right)[0]:.2f}",
        ),
        (
            Seen(networks["full"], data, noise).plcc(intervals), *(one.plcc(intervals) for one in others),
            *(one.plcc(inverted) for one in others),
        ),
        (*tuned_by.values(), *(right - one for one in tuned_by.values())),
        tuple(full.plcc(intervals, pairs) for pairs in LENGTHS),
    ]  # fmt: skip
    return [
        [str(table), column, *([cell, "", ""] if isinstance(cell, str) else [f"{x:.4f}" for x in told(cell)])]
        for table, (columns, cells) in enumerate(zip(COLUMNS.values(), rows, strict=True))
        for column, cell in zip(columns, cells, strict=True)
    ]


def report(parts: dict[str, list[list[str]]], out: Path) -> None:
    """Write tables.md, tables.csv and pairs.png."""
    lines = []
    for number, (title, columns) in enumerate(COLUMNS.items()):
        lines += ["", f"## {title}", "", "| data set | " + " | ".join(columns) + " |"]
        lines.append("|---|" + "---|" * len(columns))
        for name, rows in parts.items():
            cells = [_cell(row) for row in rows if row[0] == str(number)]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    (out / "tables.md").write_text("\n".join(lines[1:]) + "\n")
    titles = [title.partition(":")[0] for title in COLUMNS]
    with (out / "tables.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["table", "data set", "what", "value", "low", "high"])
        writer.writerows(
            [titles[int(row[0])], name, *row[1:]] for name, rows in parts.items() for row in rows
        )
    _plot(parts, out / "pairs.png")


def _cell(row: list[str]) -> str:
    if not row[3]:
        return row[2]
    value, low, high = (float(cell) for cell in row[2:])
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _plot(parts: dict[str, list[list[str]]], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for name, rows in parts.items():
        found = np.array(
            [[float(cell) for cell in row[2:]] for row in rows if row[0] == str(len(COLUMNS) - 1)]
        )
        (line,) = axes.plot(LENGTHS, found[:, 0], marker="o", label=name)
        axes.fill_between(LENGTHS, found[:, 1], found[:, 2], color=line.get_color(), alpha=0.1)
    axes.set(xlabel="rated pictures in the prompt", ylabel="PLCC on other photographs", xticks=LENGTHS)
    figure.legend(loc="outside right upper", fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing; write the report once nothing is."""
    parser = argparse.ArgumentParser(description="PromptIQA's tables 3 to 6 and figure 3.")
    for name in ("tables", "networks", "parts", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=DATA_SETS, choices=DATA_SETS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    names = ("full", "without-prompts", *ABLATIONS, "people-full", "people-without-prompts")
    networks = {name: read_layers(options.networks / f"{name}.safetensors")[0] for name in names}
    sets = read_sets(options.tables)
    options.parts.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        path = options.parts / f"{name}.csv"
        if not path.exists():
            rows = measure(sets[name], networks)
            with path.open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
    paths = {name: options.parts / f"{name}.csv" for name in DATA_SETS}
    if all(path.exists() for path in paths.values()):
        report({name: list(csv.reader(path.open())) for name, path in paths.items()}, options.out)


if __name__ == "__main__":
    main()
