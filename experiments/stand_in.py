"""Pictures that stand in for data sets, made of the bundled photographs: for quick runs, which show that a script runs.

They have the layout and the names of data.toml and none of the content, so that figures from them say nothing.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from isptune.arrays import Images
from isptune.scenes.images import write_image
from isptune.scenes.scene import load_scenes
from isptune.system.disk import make_folder
from objectives.training.pictures.photographs import KEPT_OUT

WIDTH, HEIGHT = 288, 256
SEED = 0


def make(names: Sequence[str], data: Path) -> None:
    """Make stand-ins of the sets of these names in a folder. Raises KeyError for one that has none."""
    for name in names:
        MAKERS[name](data, _pictures())


def _pictures() -> Callable[[int], Images]:
    """Different parts of the bundled photographs, by number."""
    scenes = load_scenes(["bundled"])

    def picture(number: int) -> Images:
        image = scenes[number % len(scenes)].image
        random = np.random.default_rng([SEED, number])
        top = int(random.integers(image.shape[-2] - HEIGHT + 1))
        left = int(random.integers(image.shape[-1] - WIDTH + 1))
        return image[..., top : top + HEIGHT, left : left + WIDTH].contiguous()

    return picture


def _photographs(folder: str, names: Sequence[str]) -> Callable[[Path, Callable[[int], Images]], None]:
    def made(data: Path, picture: Callable[[int], Images]) -> None:
        place = data / "photos" / folder
        make_folder(place)
        for number, name in enumerate(names):
            write_image(place / f"{name}.png", picture(number))

    return made


def _rated(data: Path, picture: Callable[[int], Images]) -> None:
    """Pictures of more and more noise, and opinions that fall with it; every other one is to validate on."""
    rows = []
    for number in range(16):
        noise = torch.randn(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(number))
        name = f"{number}.png"
        rows.append([name, f"{0.8 - 0.04 * number:.2f}", "ss01", "validation" if number % 2 else "train"])
        _write(data / "biq2021" / name, (picture(number) + 0.01 * number * noise).clamp(0, 1))
    _write_table(data / "biq2021" / "scores.csv", ["file", "mos", "subset", "part"], rows)


def _labelled(data: Path, picture: Callable[[int], Images]) -> None:
    rows = [[f"{number}.jpg", number, "stand-in"] for number in range(6)]
    for name, number, _ in rows:
        _write(data / "imagenet_samples" / str(name), picture(int(number))[..., :256, :256])
    _write_table(data / "imagenet_samples" / "labels.csv", ["file", "label", "source"], rows)


def _noise_pairs(data: Path, picture: Callable[[int], Images]) -> None:
    for number, camera in enumerate(("Canon", "Nikon")):
        clean = picture(number)
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(number))
        _write(data / "noise_pairs" / f"{camera}_{number}_mean.png", clean)
        _write(data / "noise_pairs" / f"{camera}_{number}_real.png", (clean + 0.05 * noise).clamp(0, 1))


def _write(path: Path, image: Images) -> None:
    make_folder(path.parent)
    write_image(path, image.contiguous())


def _write_table(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


MAKERS: Mapping[str, Callable[[Path, Callable[[int], Images]], None]] = {
    "kodak": _photographs("kodak", [str(number) for number in range(1, 25)]),
    "cid22": _photographs("cid22", KEPT_OUT["cid22"]),
    "biq2021": _rated,
    "imagenet_samples": _labelled,
    "noise_pairs": _noise_pairs,
}
