"""How objectives agree with people, and with the severity of distortions, on pictures they were not trained on.

    python -m experiments.scorenet.on_people_and_severity --data DIR [--objective NAME ...]

DIR is described in `objectives.training.pictures.photographs`. People: the validation part of BIQ2021. Severity: every
type of the published sets on the photographs that are kept out, at severities 1 to 5: the rank correlation of score and
severity, over all photographs together and as the mean over photographs of it within each, and how often the pristine
picture is ranked before its distorted version at severity 3 and up. It writes `on_people_and_severity.csv` (by type)
and `.md` beside this file.
"""

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from isptune.distortions import preset, presets_of
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.scenes.images import to_images
from isptune.scenes.scene import Scene
from objectives.training.pictures.agreement import difference, estimate, rank_correlation, resamples
from objectives.training.pictures.photographs import Photograph, read_kept_out, read_validation

HERE = Path(__file__).parent
SETS = ("arniqa", "kadid10k", "depictqa")
TYPES = tuple((source, name) for source in SETS for name in presets_of(source))
FIGURES = ("all photographs together", "within a photograph", "pristine first")
CROP = 384
"""Centre of the photographs on which severities are looked at, pixels."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Score, correlate, write."""
    parser = argparse.ArgumentParser(description="Agreement with people and with severity.")
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument("--objective", action="append", help="the first one is compared with the others")
    parser.add_argument("--photographs", type=int, default=8, help="of those kept out, for severities")
    options = parser.parse_args(arguments)
    names = options.objective or ["scorenet", "clipiqa", "qalign:bundled", "niqe", "brisque"]
    objectives = {name: build("objective", name) for name in names}
    validation, kept_out = read_validation(options.data), read_kept_out(options.data)
    people = {name: on_people(one, validation) for name, one in objectives.items()}
    opinions = np.array([float(one.opinion or 0.0) for one in validation])
    drawn = resamples(len(opinions), seed=0)
    severity = on_severity(objectives, kept_out[: options.photographs])

    lines = [
        "| objective | SROCC with people | first minus this one | severity, all photographs together | severity, "
        "within a photograph | pristine first |",
        "|---|---|---|---|---|---|",
    ]
    first = people[names[0]]
    for name in names:
        own = estimate(rank_correlation, people[name][None], opinions, drawn)
        gap = difference(rank_correlation, first[None], people[name][None], opinions, drawn)
        types = np.array([severity[one][name] for one in severity])
        together, within, _ = np.median(types, axis=0)
        gap_cell = "" if name == names[0] else str(gap)
        order = 100 * types[:, 2].mean()
        lines.append(f"| {name} | {own} | {gap_cell} | {together:.3f} | {within:.3f} | {order:.1f} % |")
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "on_people_and_severity.md").write_text(text)
    with (HERE / "on_people_and_severity.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["type", *(f"{name} {figure}" for figure in FIGURES for name in names)])
        for one, by_name in severity.items():
            figures = np.array([by_name[name] for name in names]).T
            writer.writerow([one, *(f"{figure:.4f}" for figure in figures.flatten())])


def _signed(
    objective: Objective, images: torch.Tensor, pristine: torch.Tensor | None = None
) -> Float[np.ndarray, " images"]:
    """Scores, turned so that higher is better."""
    sign = 1.0 if objective.facts.direction == "maximize" else -1.0
    with torch.inference_mode():
        scores = objective.score(images, Scene("", images[:1] if pristine is None else pristine, pristine))
        return sign * scores.double().cpu().numpy()


def on_people(objective: Objective, photographs: Sequence[Photograph]) -> Float[np.ndarray, " photographs"]:
    """Its scores of photographs, higher being better."""
    return np.array([_signed(objective, to_images(one.pixels, one.name))[0] for one in photographs])


def on_severity(
    objectives: Mapping[str, Objective],
    photographs: Sequence[Photograph],
    types: Sequence[tuple[str, str]] = TYPES,
    side: int = CROP,
) -> dict[str, dict[str, tuple[float, ...]]]:
    """By type and objective, the three `FIGURES`. Every picture is spoilt once, for all objectives.

    Args:
        objectives: those that compare with a reference see the pristine picture.
        photographs: pristine ones.
        types: of distortions, published set and name.
        side: of the square out of each photograph's middle that is spoilt, pixels.
    """
    pictures = [_centre(one, side) for one in photographs]
    pristine = {
        name: np.array([_signed(one, x, x)[0] for x in pictures])[:, None] for name, one in objectives.items()
    }
    severities = np.tile(np.arange(1.0, 6.0), (len(pictures), 1))
    figures = {}
    for kind in types:
        spoilt = [_of_severities(*kind, i, x) for i, x in enumerate(pictures)]
        found = {}
        for name, one in objectives.items():
            scores = np.array([_signed(one, *both) for both in zip(spoilt, pictures, strict=True)])
            together = -rank_correlation(scores.reshape(1, -1), severities.reshape(1, -1))[0]
            within = -rank_correlation(scores, severities).mean()
            first = (scores[:, 2:] < pristine[name]).mean()
            found[name] = (float(together), float(within), float(first))
        figures[" ".join(kind)] = found
    return figures


def _of_severities(source: str, name: str, seed: int, picture: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return preset(source, name).apply(picture.expand(5, -1, -1, -1), [1, 2, 3, 4, 5], generator=generator)


def _centre(one: Photograph, side: int) -> torch.Tensor:
    height, width = one.pixels.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    return to_images(one.pixels[top : top + side, left : left + side], one.name)


if __name__ == "__main__":
    main()
