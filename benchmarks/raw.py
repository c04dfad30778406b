"""How long each stage of the raw ISP takes, and the whole chain, beside LibRaw at equal work.

Usage: python benchmarks/raw.py [--size 1024x1024] [--batch 30] [--threads 2] [--device cpu]

A Bayer mosaic of the size, made of bundled photographs at ISO 1600, and candidates about the defaults. Every number
is moved by up to one per cent of its range, so that candidates share nothing unless said otherwise; `active` turns
every stage on. Times are the least of several repeats, ms a candidate, by the clock and summed over the processors:
on a machine that does other things as well, the second is the one to trust. Equal work: bilinear, white balance,
matrix and encoding only, 16 bits, by rawpy (LibRaw, DNG in memory) in as many threads, and by ours.
"""

import argparse
import io
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import skimage.data
import torch

from isptune.scenes.images import to_images
from isptune.scenes.scene import Scene, raw_scene
from isptune.space import Choice, Integer, Value
from isptune.system.threads import in_threads
from pipelines.external.dng import write_dng
from pipelines.raw.raw import RawISP, _knobs
from pipelines.raw.stages_in_order import STAGES
from pipelines.raw.unprocessing import random_camera, unprocess

PLAIN = {
    "defects.threshold": 1.0, "raw_denoise.luma": 0.0, "raw_denoise.chroma": 0.0, "denoise.chroma": 0.0,
    "sharpen.amount": 0.0, "demosaic.method": "bilinear",
}  # fmt: skip
ACTIVE = {
    "shading.gain": 0.3, "demosaic.median_passes": 1, "highlights.method": "neutral", "tone.white": 1.5,
    "local.compression": 0.2, "local.detail": 0.3, "denoise.luma": 0.02, "colour.saturation": 1.1,
    "colour.vibrance": 0.2, "jpeg.quality": 90,
}  # fmt: skip
REPEATS = 3

Params = dict[str, torch.Tensor | str]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="1024x1024", metavar="WxH")
    parser.add_argument("--batch", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    width, height = (int(side) for side in options.size.split("x"))
    scene = mosaic(height, width).to(options.device)
    print(f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}, {options.device}")
    print(f"{options.size}, batch of {options.batch}\n")
    isp = RawISP()
    with torch.inference_mode():
        for title, changes in (("defaults", {}), ("every stage active", ACTIVE)):
            print_stages(title, isp, scene, changes, options)
        print_whole(scene, options)


def mosaic(height: int, width: int) -> Scene:
    """Bundled photographs side by side, as a camera at ISO 1600 would see them."""
    pieces = [skimage.data.astronaut(), skimage.data.coffee()[:400, :512], skimage.data.chelsea()[:300, :451]]
    row = np.concatenate([np.pad(p, [(0, 512 - p.shape[0]), (0, 512 - p.shape[1]), (0, 0)], mode="symmetric")
                          for p in pieces], 1)  # fmt: skip
    tiled = np.tile(row, (-(-height // 512), -(-width // row.shape[1]), 1))[:height, :width]
    return raw_scene(
        "mosaic", unprocess(to_images(np.ascontiguousarray(tiled), "mosaic"), random_camera(0, 1600), 0)
    )


def candidates(isp: RawISP, count: int, changes: Mapping[str, Value], apart: float) -> Params:
    """Values about the defaults, each number moved inside its range."""
    draw = np.random.default_rng(0)
    params: Params = {}
    for param in isp.space:
        value = changes.get(param.name, param.default)
        if isinstance(param, Choice) or isinstance(value, str):
            params[param.name] = str(value)
            continue
        moved = value + apart * (param.high - param.low) * draw.uniform(-1, 1, count)
        # What is off stays off: it would be another chain.
        stays = (
            isinstance(param, Integer)
            or (value == param.low)
            or param.name in ("local.detail", "defects.threshold")
        )
        numbers = np.full(count, float(value)) if stays else np.clip(moved, param.low, param.high)
        params[param.name] = torch.from_numpy(numbers)
    return params


def print_stages(
    title: str, isp: RawISP, scene: Scene, changes: Mapping[str, Value], options: argparse.Namespace
) -> None:
    """The time of every stage on two images, which is a piece of a batch at 1 megapixel on a CPU."""
    assert scene.raw is not None
    shot = isp._shot(scene.raw)
    params = candidates(isp, 2, changes, 0.01)
    images = shot.capture.mosaic.expand(2, -1, -1, -1)
    print(f"{title:32}{'ms':>8}{'CPU':>8}")
    total = [0.0, 0.0]
    for stage in STAGES:
        knobs = _knobs(stage, params, images.device)
        wall, work, images = cost(lambda k=knobs, x=images, s=stage: s.run(x, k, shot), 2, options)
        total = [total[0] + wall, total[1] + work]
        print(f"  {stage.name:30}{wall:8.2f}{work:8.2f}", flush=True)
    print(f"  {'sum':30}{total[0]:8.2f}{total[1]:8.2f}\n", flush=True)


def print_whole(scene: Scene, options: argparse.Namespace) -> None:
    """Whole batches, and LibRaw at equal work."""
    print(f"{'whole chain':32}{'ms':>8}{'CPU':>8}")
    count = options.batch
    isp = RawISP()
    batches: list[tuple[str, Params]] = [
        ("defaults, nothing shared", candidates(isp, count, {}, 0.01)),
        ("defaults, from tone on", _only(isp, candidates(isp, count, {}, 0.01), "tone")),
        ("every stage active", candidates(isp, count, ACTIVE, 0.01)),
    ]
    for title, params in batches:
        wall, work, _ = cost(lambda p=params: RawISP().render(scene, p, 0), count, options)
        print(f"  {title:30}{wall:8.2f}{work:8.2f}", flush=True)
    plain = candidates(isp, count, PLAIN, 0.01)
    plain |= {
        name: torch.full((count,), float(value))
        for name, value in PLAIN.items()
        if not isinstance(value, str)
    }
    ours = cost(lambda: RawISP().render(scene, plain, 0), count, options)
    theirs = cost(libraw(scene, count), count, options)
    for title, (wall, work, _) in (("equal work, ours", ours), ("equal work, rawpy", theirs)):
        print(f"  {title:30}{wall:8.2f}{work:8.2f}")
    print(f"  {'rawpy over ours':30}{theirs[0] / ours[0]:8.2f}{theirs[1] / ours[1]:8.2f}")


def _only(isp: RawISP, params: Params, first: str) -> Params:
    """The same with equal values before a stage."""
    names = [
        param.name for stage in STAGES[: [s.name for s in STAGES].index(first)] for param in stage.params
    ]
    return {n: v if isinstance(v, str) or n not in names else v[:1].expand(len(v)) for n, v in params.items()}


def libraw(scene: Scene, count: int) -> Callable[[], object]:
    """A function that renders the scene's DNG so many times."""
    import rawpy
    from rawpy._rawpy import DemosaicAlgorithm

    linear = DemosaicAlgorithm["LINEAR"]
    assert scene.raw is not None
    with tempfile.TemporaryDirectory() as folder:
        write_dng(Path(folder) / "shot.dng", scene.raw)
        data = (Path(folder) / "shot.dng").read_bytes()

    def once(_: int) -> None:
        with rawpy.imread(io.BytesIO(data)) as raw:
            raw.postprocess(
                demosaic_algorithm=linear, use_camera_wb=True, no_auto_bright=True, output_bps=16,
                gamma=(2.4, 12.92), adjust_maximum_thr=0.0,
            )  # fmt: skip

    return lambda: in_threads(once, range(count))


def cost(
    run: Callable[[], object], count: int, options: argparse.Namespace
) -> tuple[float, float, torch.Tensor]:
    """The least ms a candidate, by the clock and of the processors, and the last result."""
    walls, works = [], []
    result = run()
    for _ in range(options.repeats):
        work, wall = time.process_time(), time.perf_counter()
        result = run()
        if options.device.startswith("cuda"):
            torch.cuda.synchronize()
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    scale = 1000 / count
    return (
        min(walls) * scale,
        min(works) * scale,
        result if isinstance(result, torch.Tensor) else torch.empty(0),
    )


if __name__ == "__main__":
    main()
