"""Two opposite tastes, told by ten rated pictures of one scene each, lead an ISP to two different places.

    python -m experiments.promptiqa.two_tastes --data DIR --parts DIR --out experiments/promptiqa [--weights FILE]
        [--isp synthetic|raw]

On the synthetic ISP places are signed distortion levels as shares of their ranges, on the raw one (photographs turned
into raw captures of ISO 800, five knobs) shares of the knobs' ranges. A taste's hidden function is minus the weighted
squares of the distances from what it likes best. In each seed forty candidates are drawn at random and rendered on one
photograph; ten of them, by interval sampling, with their hidden scores are the prompt. CMA-ES then tunes on two other
photographs by what the network says beside this prompt. Both photographs and candidates differ from seed to seed; none
of the photographs was trained on. The optimizer never sees a hidden function.
"""

import argparse
import csv
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from experiments.promptiqa.relabelled import PAIRS
from isptune.arrays import Images
from isptune.interfaces import Pipeline
from isptune.optimizers import cma
from isptune.scenes.images import write_image
from isptune.scenes.sampling import interval_ranks
from isptune.scenes.scene import Scene, load_scenes
from isptune.space import Candidate, Space
from objectives.promptiqa import promptiqa
from objectives.training.pictures.photographs import KEPT_OUT
from pipelines.raw import raw
from pipelines.synthetic import synthetic

SEEDS = 10
CANDIDATES = 40
POPULATION, GENERATIONS = 12, 12
TUNED_ON = 2


@dataclass(frozen=True)
class Taste:
    """What is liked best, and how much each coordinate counts."""

    liked: tuple[float, ...]
    weights: tuple[float, ...]

    def hidden(
        self, places: Float64[np.ndarray, "candidates coordinates"]
    ) -> Float64[np.ndarray, " candidates"]:
        """Scores, 0 at most."""
        return -((places - np.array(self.liked)) ** 2) @ np.array(self.weights)


@dataclass(frozen=True)
class Bench:
    """An ISP of one seed, what is tuned of it, and where candidates lie.

    Attributes:
        pipeline: renders.
        space: of the tuned params.
        places: coordinates of candidates.
    """

    pipeline: Pipeline
    space: Space
    places: Callable[[Sequence[Candidate]], Float64[np.ndarray, "candidates coordinates"]]

    def render(self, scene: Scene, candidates: Sequence[Candidate], seed: int) -> Images:
        """One picture a candidate."""
        complete = [self.space.complete(candidate) for candidate in candidates]
        params: dict[str, Tensor | str] = {
            name: first if isinstance(first, str) else torch.tensor([float(one[name]) for one in complete])
            for name, first in complete[0].items()
        }
        return self.pipeline.render(scene, params, seed)


@dataclass(frozen=True)
class Setting:
    """What is told of one kind of ISP: names of the coordinates, tastes, the bench and the scenes of a seed."""

    names: Sequence[str]
    tastes: Mapping[str, Taste]
    bench: Callable[[int], Bench]
    scenes: Callable[[Sequence[Path]], list[Scene]]


def synthetic_bench(isp: synthetic.SyntheticISP) -> Bench:
    """Places are signed levels as shares of their ranges."""

    def places(candidates: Sequence[Candidate]) -> Float64[np.ndarray, "candidates levels"]:
        params = {name: torch.tensor([float(one[name]) for one in candidates]) for name in candidates[0]}
        return isp.levels(params).double().numpy() / np.array([level.limit for level in isp.facts.levels])

    return Bench(isp, isp.space, places)


def _raw(seed: int) -> Bench:
    isp = raw.build(None)
    space = isp.space.select(RAW_KNOBS)
    return Bench(isp, space, lambda candidates: np.stack([space.to_unit(one) for one in candidates]))


RAW_KNOBS = ("tone.gamma", "tone.contrast", "denoise.luma", "sharpen.amount", "colour.saturation")

SETTINGS: Mapping[str, Setting] = {
    "synthetic": Setting(
        ("blur", "noise", "contrast", "saturation", "jpeg"),
        {
            "crisp": Taste((0.0, 0.0, 0.6, 0.3, 0.0), (1.0, 0.5, 1.5, 0.5, 0.7)),
            "soft": Taste((0.25, 0.0, -0.5, -0.2, 0.0), (1.0, 1.5, 1.5, 0.5, 0.7)),
        },
        lambda seed: synthetic_bench(synthetic.build("warped", map_seed=seed)),
        lambda files: load_scenes([str(file) for file in files], crop="384x384", resize="256"),
    ),
    "raw": Setting(
        RAW_KNOBS,
        {
            "crisp": Taste((0.5, 0.8, 0.1, 0.6, 0.65), (0.5, 1.5, 0.5, 1.0, 0.5)),
            "soft": Taste((0.6, 0.25, 0.6, 0.0, 0.4), (0.5, 1.5, 1.0, 1.0, 0.5)),
        },
        _raw,
        lambda files: load_scenes(
            [f"unprocessed:{f}?iso=800&resize=384&crop=256x256" for f in files], None, None
        ),
    ),
}
"""By kind of ISP. The order of the raw knobs is that of the pipeline's params."""


def rate(bench: Bench, scene: Scene, taste: Taste, folder: Path, seed: int) -> Path:
    """Write ten rated pictures and their CSV."""
    random = np.random.default_rng([seed, 1])
    candidates = [bench.space.from_unit(random.random(len(bench.space.names))) for _ in range(CANDIDATES)]
    scores = taste.hidden(bench.places(candidates))
    ranked = np.argsort(scores, kind="stable")
    images = bench.render(scene, candidates, seed)
    lines = ["image,score"]
    for index in ranked[interval_ranks(CANDIDATES, PAIRS)]:
        write_image(folder / f"{index}.png", images[int(index)].unsqueeze(0))
        lines.append(f"{index}.png,{scores[index]}")
    (folder / "rated.csv").write_text("\n".join(lines) + "\n")
    return folder / "rated.csv"


def tune(bench: Bench, scenes: Sequence[Scene], spec: str, seed: int) -> Float64[np.ndarray, " coordinates"]:
    """Where CMA-ES recommends to stay."""
    objective = promptiqa.build(spec)
    optimizer = cma.build(
        None, bench.space, population=POPULATION, seed=seed, budget=POPULATION * GENERATIONS
    )
    for generation in range(GENERATIONS):
        population = optimizer.ask()
        scores = [
            objective.score(bench.render(scene, population, seed + generation), scene) for scene in scenes
        ]
        losses = -torch.stack(scores).mean(0).double().numpy()
        optimizer.tell(population, losses[:, None])
    return bench.places([optimizer.recommend()])[0]


def one_seed(setting: Setting, photographs: Sequence[Path], seed: int, weights: str) -> dict[str, np.ndarray]:
    """The ends of both tastes."""
    random = np.random.default_rng([seed, 0])
    chosen = random.choice(len(photographs), 1 + TUNED_ON, replace=False)
    scenes = setting.scenes([photographs[i] for i in chosen])
    bench = setting.bench(seed)
    ends = {}
    for name, taste in setting.tastes.items():
        with tempfile.TemporaryDirectory() as folder:
            rated = rate(bench, scenes[0], taste, Path(folder), seed)
            ends[name] = tune(bench, scenes[1:], f"prompt={rated}{weights}", seed)
    return ends


def main(arguments: Sequence[str] | None = None) -> None:
    """Tune in all seeds; write two_tastes_ISP.csv and .md."""
    parser = argparse.ArgumentParser(description="Two tastes, two places.")
    parser.add_argument("--data", type=Path, required=True, help="folder with photos/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--isp", choices=tuple(SETTINGS), default="synthetic")
    parser.add_argument("--weights", help="of the compact network (default: the bundled ones)")
    parser.add_argument(
        "--parts", type=Path, required=True, help="folder for the ends; what is there is kept"
    )
    parser.add_argument("--only", type=int, nargs="*", default=range(SEEDS), help="seeds, to share the work")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    photographs = [options.data / "photos" / f / f"{n}.png" for f, names in KEPT_OUT.items() for n in names]
    weights = f",weights={options.weights}" if options.weights else ""
    options.parts.mkdir(parents=True, exist_ok=True)
    setting = SETTINGS[options.isp]
    for seed in options.only:
        part = options.parts / f"{seed}.csv"
        if not part.exists():
            ends = one_seed(setting, photographs, seed, weights)
            np.savetxt(part, np.stack([ends[name] for name in setting.tastes]), fmt="%.5f", delimiter=",")
    parts = [options.parts / f"{seed}.csv" for seed in range(SEEDS)]
    if all(part.exists() for part in parts):
        write(
            np.stack([np.loadtxt(part, delimiter=",") for part in parts]),
            setting,
            options.out / f"two_tastes_{options.isp}",
        )


def write(ends: Float64[np.ndarray, "seeds 2 coordinates"], setting: Setting, out: Path) -> None:
    """Every end with its scores under both hidden functions, then the means."""
    head = [*setting.names, *(f"under {name}" for name in setting.tastes)]
    hidden = np.stack(
        [taste.hidden(ends.reshape(-1, len(setting.names))) for taste in setting.tastes.values()], 1
    )
    cells = np.concatenate([ends, hidden.reshape(*ends.shape[:2], -1)], 2)
    # Of each seed, how much better each end is under its own function than the other end is.
    gains = np.stack([cells[:, 0, 5] - cells[:, 1, 5], cells[:, 1, 6] - cells[:, 0, 6]], 1)
    with out.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["seed", "tuned by", *head])
        for seed, both in enumerate(cells):
            writer.writerows(
                [seed, name, *(f"{x:.4f}" for x in row)]
                for name, row in zip(setting.tastes, both, strict=True)
            )
    lines = ["| tuned by | " + " | ".join(head) + " |", "|" + "---|" * (1 + len(head))]
    for place, (name, taste) in enumerate(setting.tastes.items()):
        lines.append(f"| {name} | " + " | ".join(f"{x:.3f}" for x in cells[:, place].mean(0)) + " |")
        lines.append(f"| {name}: liked best | " + " | ".join(f"{x:.2f}" for x in taste.liked) + " | | |")
    apart = np.abs(ends[:, 0] - ends[:, 1]).mean(1)
    lines += [
        "",
        f"Each better under its own hidden function in {(gains > 0).all(1).sum()} of {len(ends)} seeds;",
    ]
    lines.append(
        f"the two ends are {apart.mean():.3f} of the ranges apart on average, {apart.min():.3f} at least."
    )
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
