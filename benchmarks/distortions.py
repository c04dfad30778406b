"""How long every distortion of the catalogue takes, and the default chain, beside plain versions.

Usage: python benchmarks/distortions.py [--only NAME] [--batch 30] [--size 512x384] [--threads 2] [--device cpu]

Every image of the batch has a level of its own, spread over the published levels (over the nearer half of the
range where none are published). The plain version treats one image after another, with OpenCV, scipy, scikit-image
or Pillow and the same number of threads, at the same levels; the ratio is its time over ours. Times are the least
of several repeats, ms per image, all measured in this process, in turn. The time that the processors worked is beside
it, summed over threads: on a machine that does other things as well, that is the one to trust.
"""

import argparse
import importlib.metadata
import platform
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import skimage.data
import torch
from plain_distortions import PLAIN

from isptune.distortions import CATALOGUE, SETS, Distortion, get
from isptune.distortions.chain import distort_in_turn

CHAIN = {"gaussian_blur": 5.0, "white_noise": 0.02, "contrast": 0.6, "saturation": 0.8, "jpeg": 96.0}
"""The synthetic pipeline's stages with their largest levels; here each goes up to half of it."""

REPEATS = 5
PLAIN_IMAGES = 6
PATIENCE_S = 3.0
"""A function that has used this much time is not repeated again."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="NAME", help="one function, or `chain`")
    parser.add_argument("--batch", type=int, default=30)
    parser.add_argument("--size", default="512x384", metavar="WxH")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    # Lab colours outside sRGB, pictures taken for histograms: the plain versions' libraries tell us.
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    width, height = (int(side) for side in options.size.split("x"))
    images = photographs(options.batch, height, width).to(options.device)
    describe(options)
    if options.only != "chain":
        names = list(CATALOGUE) if options.only is None else [get(options.only).name]
        heads = f"{'ms':>9}{'CPU':>8}{'plain':>9}{'CPU':>8}{'ratio':>8}{'CPU':>6}"
        print(f"{'function':24}{'levels':>20}{heads}")
        for name in names:
            print_function(get(name), images)
    if options.only in (None, "chain"):
        print_chain(images)


def describe(options: argparse.Namespace) -> None:
    packages = ("torch", "numpy", "opencv-python-headless", "scipy", "scikit-image", "pillow")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    device = torch.cuda.get_device_name() if options.device.startswith("cuda") else platform.machine()
    print(
        f"{device}, {processor()}, {options.threads} threads; Python {platform.python_version()}, {versions}"
    )
    print(f"batch of {options.batch}, {options.size}, on {options.device}\n")


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as facts:
            return next(line.split(":", 1)[1].strip() for line in facts if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "processor unknown"


def photographs(batch: int, height: int, width: int) -> torch.Tensor:
    """A batch of bundled photographs, mirrored to the size, each shifted by some pixels."""
    bundled = (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea(), skimage.data.rocket())
    made = []
    for i in range(batch):
        picture = np.roll(bundled[i % len(bundled)], 7 * (i // len(bundled)), axis=1)
        missing = [
            (0, max(0, size - have)) for size, have in zip((height, width), picture.shape, strict=False)
        ]
        picture = np.pad(picture, (*missing, (0, 0)), mode="symmetric")[:height, :width]
        made.append(torch.from_numpy(picture.copy()))
    return torch.stack(made).permute(0, 3, 1, 2).contiguous().float() / 255


def levels_of(one: Distortion, batch: int) -> torch.Tensor:
    """Levels from the least to the largest published one, or over half of the range."""
    published = [level for set in SETS.values() for preset in set.values() if preset.distortion is one
                 for level in preset.levels]  # fmt: skip
    reach = one.high if one.high > one.identity else one.low
    if published:
        return torch.linspace(min(published), max(published), batch)
    return torch.linspace(one.identity, (one.identity + reach) / 2, batch + 1)[1:]


class Cost(NamedTuple):
    """The least of some repeats, ms per image: by the clock, and of the processors."""

    wall_ms: float
    cpu_ms: float


def print_function(one: Distortion, images: torch.Tensor) -> None:
    levels = levels_of(one, len(images))
    ours = cost(lambda: one(images, levels, generator=torch.Generator().manual_seed(0)), images)
    line = f"{one.name:24}{f'{levels[0]:.4g} .. {levels[-1]:.4g}':>20}{ours.wall_ms:9.2f}{ours.cpu_ms:8.2f}"
    if one.name in PLAIN:
        chosen = torch.linspace(0, len(images) - 1, min(PLAIN_IMAGES, len(images))).round().long()
        arrays, at = as_arrays(images[chosen]), levels[chosen].tolist()
        plain = PLAIN[one.name]
        theirs = cost(lambda: [plain(*pair) for pair in zip(arrays, at, strict=True)], images[chosen])
        line += f"{theirs.wall_ms:9.2f}{theirs.cpu_ms:8.2f}{ratios(theirs, ours)}"
    print(line, flush=True)


def print_chain(images: torch.Tensor) -> None:
    """The default chain: noise shared by the batch, levels up to half of the largest, in an order of their own."""
    mixed = np.random.default_rng(0)
    spread = {name: torch.linspace(0, top / 2, len(images) + 1)[1:][mixed.permutation(len(images))]
              for name, top in CHAIN.items()}  # fmt: skip

    def ours() -> torch.Tensor:
        return distort_in_turn(
            images, [(get(name), levels) for name, levels in spread.items()], [0] * len(spread)
        )

    arrays = as_arrays(images[:PLAIN_IMAGES])

    def plain() -> None:
        for i, image in enumerate(arrays):
            for name, levels in spread.items():
                image = np.ascontiguousarray(PLAIN[name](image, float(levels[i])), dtype=np.float32)

    batched, single = cost(ours, images), cost(plain, images[:PLAIN_IMAGES])
    print(f"\ndefault chain ({', '.join(CHAIN)}; half the usual levels)")
    print(f"{'':44}{batched.wall_ms:9.2f}{batched.cpu_ms:8.2f}{single.wall_ms:9.2f}{single.cpu_ms:8.2f}"
          f"{ratios(single, batched)}")  # fmt: skip


def ratios(plain: Cost, ours: Cost) -> str:
    return f"{plain.wall_ms / ours.wall_ms:8.1f}{plain.cpu_ms / ours.cpu_ms:6.1f}"


def as_arrays(images: torch.Tensor) -> list[np.ndarray]:
    return [np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy()) for image in images]


def cost(run: Callable[[], object], images: torch.Tensor) -> Cost:
    """What a run costs for each of the images, after a warm-up."""
    walls: list[float] = []
    works: list[float] = []
    run()
    while len(walls) < REPEATS and sum(walls) < PATIENCE_S:
        work, wall = time.process_time(), time.perf_counter()
        run()
        if images.device.type == "cuda":
            torch.cuda.synchronize()
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    return Cost(1000 * min(walls) / len(images), 1000 * min(works) / len(images))


if __name__ == "__main__":
    main()
