"""Two opposite tastes, told by ten rated pictures of one scene each, lead the synthetic ISP to two different places.

    python -m experiments.promptiqa.two_tastes --data DIR --parts DIR --out experiments/promptiqa [--weights FILE]

| taste | liked best, as shares of the ranges | weights |
|---|---|---|
| crisp | no blur, contrast +0.6, saturation +0.3, no compression | noise counts little |
| soft | blur 0.25, contrast -0.5, saturation -0.2, no compression | noise counts most |

A taste's hidden function is minus the weighted squares of the distances from there. In each seed forty candidates are
drawn at random and rendered on one photograph; ten of them, by interval sampling, with their hidden scores are the
prompt. CMA-ES then tunes on two other photographs by what the network says beside this prompt. Both photographs and
candidates differ from seed to seed; none of the photographs was trained on. The optimizer never sees a hidden function.
"""

import argparse
import csv
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from experiments.promptiqa.relabelled import PAIRS
from isptune.images import write_image
from isptune.optimizers import cma
from isptune.sampling import interval_ranks
from isptune.scenes import Scene, load_scenes
from isptune.space import Candidate
from objectives import promptiqa
from objectives.training.photographs import KEPT_OUT
from pipelines import synthetic
from pipelines.synthetic import SyntheticISP

SEEDS = 10
CANDIDATES = 40
POPULATION, GENERATIONS = 12, 12
TUNED_ON = 2
NAMES = ("blur", "noise", "contrast", "saturation", "jpeg")


@dataclass(frozen=True)
class Taste:
    """What is liked best (signed levels as shares of their ranges), and how much each of them counts."""

    liked: tuple[float, ...]
    weights: tuple[float, ...]

    def hidden(
        self, relative: Float64[np.ndarray, "candidates levels"]
    ) -> Float64[np.ndarray, " candidates"]:
        """Scores, 0 at most."""
        return -((relative - np.array(self.liked)) ** 2) @ np.array(self.weights)


TASTES: Mapping[str, Taste] = {
    "crisp": Taste((0.0, 0.0, 0.6, 0.3, 0.0), (1.0, 0.5, 1.5, 0.5, 0.7)),
    "soft": Taste((0.25, 0.0, -0.5, -0.2, 0.0), (1.0, 1.5, 1.5, 0.5, 0.7)),
}


def relative_levels(
    isp: SyntheticISP, candidates: Sequence[Candidate]
) -> Float64[np.ndarray, "candidates levels"]:
    """Signed levels as shares of their ranges."""
    levels = isp.levels(as_params(candidates)).numpy()
    return levels / np.array(isp.level_ranges)


def as_params(candidates: Sequence[Candidate]) -> dict[str, torch.Tensor]:
    """Candidates as the pipeline takes them."""
    return {name: torch.tensor([float(one[name]) for one in candidates]) for name in candidates[0]}


def rate(isp: SyntheticISP, scene: Scene, taste: Taste, folder: Path, seed: int) -> Path:
    """Write ten rated pictures and their CSV."""
    random = np.random.default_rng([seed, 1])
    candidates: list[Candidate] = [
        {name: float(x) for name, x in zip(isp.space.names, row, strict=True)}
        for row in random.random((CANDIDATES, len(isp.space.names)))
    ]
    scores = taste.hidden(relative_levels(isp, candidates))
    ranked = np.argsort(scores, kind="stable")
    images = isp.render(scene, as_params(candidates), seed)
    lines = ["image,score"]
    for index in ranked[interval_ranks(CANDIDATES, PAIRS)]:
        write_image(folder / f"{index}.png", images[int(index)].unsqueeze(0))
        lines.append(f"{index}.png,{scores[index]}")
    (folder / "rated.csv").write_text("\n".join(lines) + "\n")
    return folder / "rated.csv"


def tune(isp: SyntheticISP, scenes: Sequence[Scene], spec: str, seed: int) -> Float64[np.ndarray, " levels"]:
    """Where CMA-ES recommends to stay, as relative levels."""
    objective = promptiqa.build(spec)
    optimizer = cma.build(None, isp.space, population=POPULATION, seed=seed, budget=POPULATION * GENERATIONS)
    for generation in range(GENERATIONS):
        population = optimizer.ask()
        params = as_params(population)
        scores = [objective.score(isp.render(scene, params, seed + generation), scene) for scene in scenes]
        losses = -torch.stack(scores).mean(0).double().numpy()
        optimizer.tell(population, losses[:, None])
    return relative_levels(isp, [optimizer.recommend()])[0]


def one_seed(photographs: Sequence[Path], seed: int, weights: str) -> dict[str, np.ndarray]:
    """The ends of both tastes."""
    random = np.random.default_rng([seed, 0])
    chosen = random.choice(len(photographs), 1 + TUNED_ON, replace=False)
    scenes = load_scenes([str(photographs[i]) for i in chosen], crop="384x384", resize="256")
    isp = synthetic.build("warped", map_seed=seed)
    ends = {}
    for name, taste in TASTES.items():
        with tempfile.TemporaryDirectory() as folder:
            rated = rate(isp, scenes[0], taste, Path(folder), seed)
            ends[name] = tune(isp, scenes[1:], f"prompt={rated}{weights}", seed)
    return ends


def main(arguments: Sequence[str] | None = None) -> None:
    """Tune in all seeds; write two_tastes.csv and two_tastes.md."""
    parser = argparse.ArgumentParser(description="Two tastes, two places.")
    parser.add_argument("--data", type=Path, required=True, help="folder with photos/")
    parser.add_argument("--out", type=Path, required=True)
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
    for seed in options.only:
        part = options.parts / f"{seed}.csv"
        if not part.exists():
            ends = one_seed(photographs, seed, weights)
            np.savetxt(part, np.stack([ends[name] for name in TASTES]), fmt="%.5f", delimiter=",")
    parts = [options.parts / f"{seed}.csv" for seed in range(SEEDS)]
    if all(part.exists() for part in parts):
        write(np.stack([np.loadtxt(part, delimiter=",") for part in parts]), options.out)


def write(ends: Float64[np.ndarray, "seeds 2 levels"], out: Path) -> None:
    """Every end with its scores under both hidden functions, then the means."""
    head = [*NAMES, *(f"under {name}" for name in TASTES)]
    hidden = np.stack([taste.hidden(ends.reshape(-1, len(NAMES))) for taste in TASTES.values()], 1)
    cells = np.concatenate([ends, hidden.reshape(*ends.shape[:2], -1)], 2)
    # Of each seed, how much better each end is under its own function than the other end is.
    gains = np.stack([cells[:, 0, 5] - cells[:, 1, 5], cells[:, 1, 6] - cells[:, 0, 6]], 1)
    with (out / "two_tastes.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["seed", "tuned by", *head])
        for seed, both in enumerate(cells):
            writer.writerows(
                [seed, name, *(f"{x:.4f}" for x in row)] for name, row in zip(TASTES, both, strict=True)
            )
    lines = ["| tuned by | " + " | ".join(head) + " |", "|" + "---|" * (1 + len(head))]
    for place, (name, taste) in enumerate(TASTES.items()):
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
    (out / "two_tastes.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
