"""How objectives agree with people, and with the severity of distortions, on pictures they were not trained on.

    python -m experiments.scorenet.on_people_and_severity --data DIR [--objective NAME ...]

DIR is described in `objectives.training.photographs`. People: the validation part of BIQ2021. Severity: every type of
the published sets on the photographs that are kept out, at severities 1 to 5: the rank correlation of score and
severity, over all photographs together and as the mean over photographs of it within each, and how often the pristine
picture is ranked before its distorted version at severity 3 and up. It writes `on_people_and_severity.csv` (by type)
and `.md` beside this file.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from isptune.distortions import preset, presets_of
from isptune.images import to_images
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.scenes import Scene
from objectives.training.agreement import difference, estimate, rank_correlation, resamples
from objectives.training.photographs import Photograph, read_photographs

HERE = Path(__file__).parent
SETS = ("arniqa", "kadid10k", "depictqa")
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
    _, validation, kept_out = read_photographs(options.data)
    people = {name: _on_people(one, validation) for name, one in objectives.items()}
    opinions = np.array([float(one.opinion or 0.0) for one in validation])
    drawn = resamples(len(opinions), seed=0)
    severity = {}
    for name, one in objectives.items():
        print(f"severities by {name}", flush=True)
        severity[name] = _on_severity(one, kept_out[: options.photographs])

    lines = [
        "| objective | SROCC with people | first minus this one | severity, all photographs together | severity, "
        "within a photograph | pristine first |",
        "|---|---|---|---|---|---|",
    ]
    first = people[names[0]]
    for name in names:
        own = estimate(rank_correlation, people[name][None], opinions, drawn)
        gap = difference(rank_correlation, first[None], people[name][None], opinions, drawn)
        types, order = severity[name]
        together, within = np.median(list(types.values()), axis=0)
        gap_cell = "" if name == names[0] else str(gap)
        lines.append(f"| {name} | {own} | {gap_cell} | {together:.3f} | {within:.3f} | {100 * order:.1f} % |")
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "on_people_and_severity.md").write_text(text)
    with (HERE / "on_people_and_severity.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["type", *names, *(f"{name} within a photograph" for name in names)])
        for one in severity[names[0]][0]:
            figures = np.array([severity[name][0][one] for name in names]).T
            writer.writerow([one, *(f"{figure:.4f}" for figure in figures.flatten())])


def _signed(objective: Objective, images: torch.Tensor) -> Float[np.ndarray, " images"]:
    """Scores, turned so that higher is better."""
    sign = 1.0 if objective.direction == "maximize" else -1.0
    with torch.inference_mode():
        return sign * objective.score(images, Scene("", images[:1])).double().cpu().numpy()


def _on_people(objective: Objective, photographs: Sequence[Photograph]) -> Float[np.ndarray, " photographs"]:
    return np.array([_signed(objective, to_images(one.pixels, one.name))[0] for one in photographs])


def _on_severity(
    objective: Objective, photographs: Sequence[Photograph]
) -> tuple[dict[str, tuple[float, float]], float]:
    """Rank correlation with severity by type, of all and within photographs; share of pristine ones ranked first."""
    pictures = [_centre(one) for one in photographs]
    pristine = [_signed(objective, picture)[0] for picture in pictures]
    correlations, first = {}, []
    for source in SETS:
        for name in presets_of(source):
            scores = np.array([_of_severities(objective, source, name, i, x) for i, x in enumerate(pictures)])
            severities = np.tile(np.arange(1.0, 6.0), (len(pictures), 1))
            together = -rank_correlation(scores.reshape(1, -1), severities.reshape(1, -1))[0]
            within = -rank_correlation(scores, severities).mean()
            correlations[f"{source} {name}"] = (float(together), float(within))
            first += [scores[i, 2:] < pristine[i] for i in range(len(pictures))]
    return correlations, float(np.concatenate(first).mean())


def _of_severities(
    objective: Objective, source: str, name: str, seed: int, picture: torch.Tensor
) -> Float[np.ndarray, "5"]:
    generator = torch.Generator().manual_seed(seed)
    spoilt = preset(source, name).apply(picture.expand(5, -1, -1, -1), [1, 2, 3, 4, 5], generator=generator)
    return _signed(objective, spoilt)


def _centre(one: Photograph) -> torch.Tensor:
    height, width = one.pixels.shape[:2]
    top, left = (height - CROP) // 2, (width - CROP) // 2
    return to_images(one.pixels[top : top + CROP, left : left + CROP], one.name)


if __name__ == "__main__":
    main()
