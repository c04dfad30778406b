"""Pictures for the compact PromptIQA, as numbers: what the encoder sees of each, and all that may be asked of it.

A table is one safetensors file; its metadata names the columns of labels. Unknown labels are NaN. Pictures of one
`cut` show the same part of the same photograph.

`python -m objectives.training.promptiqa.pictures --data DIR --out pictures.safetensors --cuts 600 --seed 0`
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions import preset
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.scenes.images import to_images
from isptune.scenes.scene import Scene
from objectives.encoders.bundled_encoder import BundledEncoder
from objectives.encoders.bundled_encoder import build as build_encoder
from objectives.training.pictures.captions import AXES
from objectives.training.pictures.photographs import Photograph, read_photographs
from objectives.training.pictures.spoilings import (
    Spoiling,
    Step,
    draw_chain_group,
    draw_cut,
    draw_mixed_group,
    draw_preset_group,
    render,
)
from objectives.training.pictures.tables import PictureTable, joined, read_tables, taken, write_table
from objectives.training.promptiqa.tastes import HELD_OUT, TASTES, measured

FULL_REFERENCE = ("psnr", "ssim", "ms_ssim")
"""Metrics that are trained on."""

HELD_OUT_METRICS = ("gmsd", "fsim", "vif")
"""Metrics for experiments alone; gmsd with its sign turned, so that more is better in all of them."""

UNSEEN = (
    "contrast", "defocus_blur", "fog", "frost", "saturate", "snow", "spatter",
    "brightness", "glass_blur", "impulse_noise", "motion_blur", "pixelate", "zoom_blur",
)  # fmt: skip
"""Types of ImageNet-C for experiments alone. The encoder was not trained on the functions of the first seven either.
Elastic transforms are not among them: they move pixels, which full-reference metrics punish and nobody sees."""

LABELS = (
    *FULL_REFERENCE, *HELD_OUT_METRICS, "cost", *(f"amount {axis}" for axis in AXES),
    *(f"taste {taste}" for taste in (*TASTES, *HELD_OUT)), "opinion", "severity",
)  # fmt: skip
"""Columns of a table."""

SUBSETS = ("", "ss01", "ss02", "ss03")
METADATA = {"format": "isptune promptiqa pictures 1", "labels": json.dumps(LABELS)}


@final
@dataclass(frozen=True, eq=False)
class Pictures(PictureTable):
    """The rows of a table.

    Attributes:
        features: from `BundledEncoder.describe_images`.
        labels: the columns of `LABELS`.
        cut: the same number for versions of one part of a photograph.
        photograph: the same number for cuts of one photograph.
        type: number of the one thing done to a picture; -1 for several or none.
        subset: index into `SUBSETS`, 0 for all but rated photographs.
    """

    features: Float[Tensor, "pictures features"]
    labels: Float[Tensor, "pictures labels"]
    cut: Int[Tensor, " pictures"]
    photograph: Int[Tensor, " pictures"]
    type: Int[Tensor, " pictures"]
    subset: Int[Tensor, " pictures"]

    def __len__(self) -> int:
        return len(self.features)

    def label(self, name: str) -> Float[Tensor, " pictures"]:
        """One column."""
        return self.labels[:, LABELS.index(name)]

    def take(self, rows: Tensor) -> "Pictures":
        """Some rows, by number or by a mask."""
        return taken(self, rows)


def write_pictures(path: Path, pictures: Pictures) -> None:
    """Write a table, features as fp16."""
    write_table(path, pictures, ("features",), METADATA)


def without_unseen(pictures: Pictures) -> Pictures:
    """Without the rows of types that are one of `UNSEEN` under another name."""
    functions = {preset("imagenet_c", name).distortion.name for name in UNSEEN}
    held = [
        number
        for (source, name), number in _all_types().items()
        if (preset(source, name).distortion.name if source else name) in functions
    ]
    return pictures.take(~torch.isin(pictures.type, torch.tensor(held)))


def read_pictures(paths: Sequence[Path]) -> Pictures:
    """Read tables as one. Raises ValueError for one of other columns."""
    return read_tables(Pictures, paths, METADATA)


@final
class Measuring:
    """Turns pictures into rows."""

    def __init__(self, encoder: BundledEncoder, metrics: Sequence[str] = FULL_REFERENCE):
        self.encoder = encoder
        self.metrics: dict[str, Objective] = {name: build("objective", name) for name in metrics}

    def versions(
        self,
        images: Images,
        original: Images,
        spoilings: Sequence[Spoiling],
        cut: int,
        photograph: int,
        types: dict[tuple[str | None, str], int],
    ) -> Pictures:
        """Rows of one picture's versions."""
        labels = self._plain(images)
        scene = Scene("", original, original)
        for name, metric in self.metrics.items():
            sign = 1 if metric.facts.direction == "maximize" else -1
            labels[:, LABELS.index(name)] = sign * metric.score(images, scene)
        for row, one in enumerate(spoilings):
            labels[row, LABELS.index("cost")] = one.cost
            if all(step.set is None for step in one.steps) or one.amounts:
                for axis in AXES:
                    labels[row, LABELS.index(f"amount {axis}")] = one.amounts.get(axis, 0.0)
            if len(one.steps) == 1:
                labels[row, LABELS.index("severity")] = abs(one.steps[0].amount)
        done = [(one.steps[0].set, one.steps[0].name) if len(one.steps) == 1 else None for one in spoilings]
        kinds = [-1 if step is None else types.setdefault(step, len(types)) for step in done]
        return self._rows(images, labels, cut, photograph, kinds, 0)

    def rated(self, image: Images, opinion: float, subset: int, cut: int, photograph: int) -> Pictures:
        """The row of a photograph with a mean opinion."""
        labels = self._plain(image)
        labels[:, LABELS.index("opinion")] = opinion
        return self._rows(image, labels, cut, photograph, [-1], subset)

    def _plain(self, images: Images) -> Tensor:
        labels = torch.full((len(images), len(LABELS)), torch.nan)
        start = LABELS.index(f"taste {next(iter(TASTES))}")
        labels[:, start : start + len(TASTES) + len(HELD_OUT)] = measured(images)
        return labels

    def _rows(
        self, images: Images, labels: Tensor, cut: int, photograph: int, kinds: list[int], subset: int
    ) -> Pictures:
        features = torch.cat([self.encoder.describe_images(part) for part in images.split(4)])
        same = torch.full((len(images),), 0)
        return Pictures(features, labels, same + cut, same + photograph, torch.tensor(kinds), same + subset)


def spoilt_rows(
    photographs: Sequence[Photograph], measuring: Measuring, cuts: int, seed: int
) -> Iterator[Pictures]:
    """Sixteen versions each of parts of pristine photographs."""
    random = np.random.default_rng(seed)
    pristine = [index for index, one in enumerate(photographs) if one.pristine]
    types = _all_types()
    for number in range(cuts):
        index = int(random.choice(pristine))
        original = draw_cut(index, photographs[index], random).pixels(photographs).unsqueeze(0)
        draws = (draw_chain_group, draw_chain_group, draw_mixed_group, draw_preset_group)
        spoilings = [one for draw in draws for one in draw(random)]
        images = render(original.expand(len(spoilings), -1, -1, -1), spoilings, seed * 1_000_003 + number)
        yield measuring.versions(images, original, spoilings, number, index, types)


def _all_types() -> dict[tuple[str | None, str], int]:
    """Numbers of types that are the same in all tables."""
    from isptune.distortions import presets_of
    from objectives.training.pictures.spoilings import PRESET_SETS, WAYS

    names: list[tuple[str | None, str]] = [(None, way.distortion) for way in WAYS]
    names += [(source, name) for source in PRESET_SETS for name in presets_of(source)]
    return {name: number for number, name in enumerate(names)}


def rated_rows(
    photographs: Sequence[Photograph], measuring: Measuring, subsets: dict[str, str]
) -> Iterator[Pictures]:
    """Photographs with opinions, whole."""
    for index, one in enumerate(photographs):
        if one.opinion is not None:
            subset = SUBSETS.index(subsets[one.name])
            yield measuring.rated(to_images(one.pixels, one.name), one.opinion, subset, index, index)


def unseen_rows(photographs: Sequence[Photograph], measuring: Measuring, seed: int) -> Iterator[Pictures]:
    """Photographs that are kept out, with the types of `UNSEEN` at severities 1 to 5, and as they are."""
    types: dict[tuple[str | None, str], int] = {("imagenet_c", name): i for i, name in enumerate(UNSEEN)}
    random = np.random.default_rng(seed)
    for index, one in enumerate(photographs):
        original = draw_cut(index, one, random).pixels(photographs).unsqueeze(0)
        steps = [Step(name, severity, "imagenet_c") for name in UNSEEN for severity in range(1, 6)]
        spoilings = [Spoiling()] + [Spoiling((step,), float("nan"), {}) for step in steps]
        parts = [original]
        for number, step in enumerate(steps):
            generator = torch.Generator().manual_seed(seed + 1000 * index + number)
            assert step.set is not None
            parts.append(preset(step.set, step.name).apply(original, int(step.amount), generator=generator))
        yield measuring.versions(torch.cat(parts), original, spoilings, index, index, dict(types))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one table."""
    parser = argparse.ArgumentParser(
        description="Turn pictures into rows for training the compact PromptIQA."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with biq2021/ and photos/")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--kind", choices=["spoilt", "rated", "rated-validation", "unseen"], default="spoilt")
    parser.add_argument("--cuts", type=int, default=600, help="parts of photographs, sixteen versions each")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    train, validation, kept_out = read_photographs(options.data)
    measuring = Measuring(
        build_encoder(), FULL_REFERENCE + (HELD_OUT_METRICS if options.kind == "unseen" else ())
    )
    if options.kind == "spoilt":
        rows = spoilt_rows(train, measuring, options.cuts, options.seed)
    elif options.kind == "unseen":
        rows = unseen_rows(kept_out, measuring, options.seed)
    else:
        rated = train if options.kind == "rated" else validation
        rows = rated_rows(rated, measuring, subsets_of(options.data))
    with torch.no_grad():
        write_pictures(options.out, joined(list(rows)))


def subsets_of(data: Path) -> dict[str, str]:
    """The subset of each rated photograph."""
    import csv

    with (data / "biq2021" / "scores.csv").open(newline="") as table:
        return {f"biq2021/{row['file']}": row["subset"] for row in csv.DictReader(table)}


if __name__ == "__main__":
    main()
