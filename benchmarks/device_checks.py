"""What `device.py` checks and times; it imports isptune, whose plug-ins that script has found."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PICTURE_TOLERANCE = 2e-3
"""Of pictures: half a level of 255. Sums in another order, fused multiplications and other libraries' rounding."""

SCORE_TOLERANCE = 1e-3
"""Of scores, as a share of their spread over the pictures, or of their size where that is larger."""


class Checks:
    """What was found, written after each step.

    Attributes:
        found: by part a row for each thing that was tried.
    """

    def __init__(self, options: argparse.Namespace):
        import torch

        from isptune.scenes.scene import load_scenes

        self.options, self.device = options, torch.device(options.device)
        self.cuda = self.device.type == "cuda"
        self.ends = time.monotonic() + 60 * options.minutes
        self.found: dict[str, list[dict[str, Any]]] = {}
        name = torch.cuda.get_device_name(self.device) if self.cuda else "cpu"
        self.head = {"device": name, "torch": torch.__version__, "threads": torch.get_num_threads(),
                     "quick": options.quick}  # fmt: skip
        (self.scene,) = load_scenes(["astronaut"], "192x192" if options.quick else "512x384")
        (self.chart,) = load_scenes(["chart:?scale=1"])
        self.count = 3 if options.quick else 12
        self.images = self.noisy(self.scene)

    def run(self) -> None:
        """All parts, in the order of what matters most."""
        for part in (self.distortions, self.pipelines, self.objectives, self.judges, self.crossings,
                     self.chain, self.lockstep, self.raw, self.memory):  # fmt: skip
            part()
            self.write()

    def noisy(self, scene: Any) -> Any:
        """A scene's picture with noise of none to a fifth of the range."""
        import torch

        strengths = torch.linspace(0, 0.2, self.count).view(-1, 1, 1, 1)
        noise = torch.randn(self.count, *scene.image.shape[1:], generator=torch.Generator().manual_seed(0))
        return (scene.image + strengths * noise).clamp(0, 1)

    def each(self, part: str, name: str, check: Callable[[], dict[str, Any]]) -> None:
        """One row: what the check found, or why it could not be made."""
        if time.monotonic() > self.ends:
            row: dict[str, Any] = {"left out": "the time is up"}
        else:
            try:
                row = check()
            except Exception as error:  # a row of its own, and the others go on
                row = {
                    "error": f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
                }
        self.found.setdefault(part, []).append({"name": name, **row})
        print(part, {"name": name, **row}, flush=True)

    def capture(self, size: tuple[int, int]) -> Any:
        """A raw capture of this width and height, of a picture that is made of smooth random colours."""
        import numpy as np
        import torch

        from isptune.scenes.images import write_image
        from isptune.scenes.scene import load_scenes

        cells = np.random.default_rng(0).random((1, 3, size[1] // 8, size[0] // 8), np.float32)
        picture = torch.nn.functional.interpolate(torch.from_numpy(cells), size[::-1], mode="bilinear")
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "picture.png"
            write_image(path, picture)
            (scene,) = load_scenes([f"unprocessed:{path}?iso=1600"])
        return scene

    def timed(self, work: Callable[[], Any], images: int) -> float:
        """Milliseconds an image: the least of three, after one to warm up."""
        import torch

        best = float("inf")
        for _ in range(2 if self.options.quick else 4):
            began = time.perf_counter()
            work()
            if self.cuda:
                torch.cuda.synchronize(self.device)
            best = min(best, time.perf_counter() - began)
        return round(1000 * best / images, 4)

    def distortions(self) -> None:
        """Every function of the catalogue, each image with its own level and draws."""
        import torch

        from isptune.distortions import CATALOGUE

        for name, one in CATALOGUE.items():
            reach = one.high if one.high > one.identity else one.low
            levels = torch.linspace(one.identity, (one.identity + reach) / 2, self.count + 1)[1:]

            def check(one: Any = one, levels: Any = levels) -> dict[str, Any]:
                def made(device: Any) -> Any:
                    draws = [torch.Generator().manual_seed(i) for i in range(self.count)]
                    return one(
                        self.images.to(device), levels.to(device), generator=draws if one.stochastic else None
                    )

                apart = (made(self.device).cpu() - made("cpu")).abs()
                on_device = self.images.to(self.device), levels.to(self.device)
                draws = torch.Generator().manual_seed(0)
                ms = self.timed(
                    lambda: one(*on_device, generator=draws if one.stochastic else None), self.count
                )
                # A rounding to 8 bits, or a palette, may fall to the other side: counted, not bounded.
                return {"largest": float(f"{float(apart.max()):.2g}"), "mean": float(f"{float(apart.mean()):.2g}"),
                        "beyond": round(float((apart > PICTURE_TOLERANCE).float().mean()), 5), "ms": ms}  # fmt: skip

            self.each("distortions", name, check)

    def pipelines(self) -> None:
        """The synthetic and the raw pipeline at random parameters."""
        import torch

        from isptune.registry import build
        from isptune.tuning.batches import to_params

        capture = self.capture((96, 64) if self.options.quick else (512, 384))
        for name, scene in (("synthetic", self.scene), ("raw", capture)):

            def check(name: str = name, scene: Any = scene) -> dict[str, Any]:
                import numpy as np

                pipeline = build("pipeline", name)
                space, random = pipeline.space, np.random.default_rng(0)
                points = [
                    space.complete(space.from_unit(random.random(len(space.numeric)))) for _ in range(3)
                ]
                both = [
                    pipeline.render(scene.to(device), to_params(points, torch.device(device)), 1).cpu()
                    for device in (self.device, "cpu")
                ]
                apart = (both[0] - both[1]).abs()
                return {"largest": float(f"{float(apart.max()):.2g}"), "mean": float(f"{float(apart.mean()):.2g}"),
                        "beyond": round(float((apart > PICTURE_TOLERANCE).float().mean()), 5)}  # fmt: skip

            self.each("pipelines", name, check)

    def objectives(self) -> None:
        """Every objective that needs no argument: scores, order, fp32 and half precision."""
        from isptune.registry import build, installed

        for name in installed("objective"):
            self.each("objectives", name, lambda name=name: self._scored(build("objective", name)))

    def _scored(self, objective: Any) -> dict[str, Any]:
        import torch

        from isptune.errors import ScoreError

        with torch.inference_mode():
            pictures, scene = self.images, self.scene
            try:
                expected = objective.score(pictures, scene).double().cpu()
            except ScoreError:  # one that measures a chart
                pictures, scene = self.noisy(self.chart), self.chart
                expected = objective.score(pictures, scene).double().cpu()
            images, scene = pictures.to(self.device), scene.to(self.device)
            found = objective.score(images, scene).double().cpu()
            ms = self.timed(lambda: objective.score(images, scene), self.count)
            half: dict[str, Any] = {}
            if self.cuda:
                with torch.autocast("cuda", torch.float16):
                    coarse = objective.score(images, scene).double().cpu()
                    half["half_ms"] = self.timed(lambda: objective.score(images, scene), self.count)
                half["half_order"] = self._agreement(coarse, expected)
        spread = max(float(expected.max() - expected.min()), 1e-3 * float(expected.abs().max()), 1e-12)
        share = float((found - expected).abs().max()) / spread
        return {"apart_of_spread": float(f"{share:.2g}"), "within": share <= SCORE_TOLERANCE,
                "order": self._agreement(found, expected), "ms": ms, **half}  # fmt: skip

    def _agreement(self, found: Any, expected: Any) -> float:
        from scipy.stats import kendalltau

        agreement: Any = kendalltau(found.numpy(), expected.numpy())  # scipy's stubs do not know its result
        return round(float(agreement.statistic), 4)

    def judges(self) -> None:
        """The judges that need no argument: each picture against the next."""
        import torch

        from isptune.registry import build, installed

        for name in installed("judge"):

            def check(name: str = name) -> dict[str, Any]:
                judge = build("judge", name)
                with torch.inference_mode():
                    expected = judge.prefer(self.images, self.images.roll(1, 0), self.scene)
                    images, scene = self.images.to(self.device), self.scene.to(self.device)
                    found = judge.prefer(images, images.roll(1, 0), scene)
                    ms = self.timed(lambda: judge.prefer(images, images.roll(1, 0), scene), self.count)
                return {
                    "largest": float(f"{float((found.cpu() - expected.cpu()).abs().max()):.2g}"),
                    "ms": ms,
                }

            self.each("judges", name, check)

    def crossings(self) -> None:
        """Bytes between host and device while a generation is rendered and scored, by the profiler."""
        from isptune.registry import build, installed

        if not self.cuda:
            return
        names = [name for name in installed("objective") if not build_needs_argument(name)]
        for name in names:
            self.each("crossings", name, lambda name=name: self._crossed(build("objective", name)))

    def _crossed(self, objective: Any) -> dict[str, Any]:
        import torch
        from torch.profiler import ProfilerActivity, profile

        from isptune.registry import build
        from isptune.tuning.evaluate import Evaluator

        pipeline = build("pipeline", "synthetic")
        evaluator = Evaluator(pipeline, {"it": objective}, [self.scene], self.device)
        space = pipeline.space
        points = [
            space.complete(space.from_unit([i / self.count] * len(space.numeric))) for i in range(self.count)
        ]
        evaluator.evaluate(points, 0)  # what is prepared once is
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
            evaluator.evaluate(points, 1)
            torch.cuda.synchronize(self.device)
        copies: dict[str, list[int]] = {"HtoD": [], "DtoH": []}
        for event in seen.events() or ():
            for kind, counted in copies.items():
                if event.name.startswith("Memcpy") and kind in event.name:
                    counted.append(1)
        picture = 4 * self.scene.image.numel()
        return {"to_device": len(copies["HtoD"]), "to_host": len(copies["DtoH"]), "picture_bytes": picture,
                "launches": sum(1 for event in seen.events() or () if event.name == "cudaLaunchKernel")}  # fmt: skip

    def chain(self) -> None:
        """A population through the chain beside the time that its bytes take to be copied."""
        import torch

        from isptune.registry import build
        from isptune.scenes.scene import load_scenes
        from isptune.tuning.evaluate import Evaluator

        size, count = ("192x128", 4) if self.options.quick else ("3840x2160", 30)

        def check() -> dict[str, Any]:
            (scene,) = load_scenes(["coffee"], None, size)
            pipeline = build("pipeline", "synthetic")
            evaluator = Evaluator(pipeline, {"psnr": build("objective", "psnr")}, [scene], self.device)
            space = pipeline.space
            points = [
                space.complete(space.from_unit([0.3 + i / 100] * len(space.numeric))) for i in range(count)
            ]
            seeds = iter(range(1, 100))
            ms = self.timed(lambda: evaluator.evaluate(points, next(seeds)), count)
            block = torch.zeros(1 << (20 if self.options.quick else 28), device=self.device)
            copy_ms = self.timed(block.clone, 1)
            bytes_a_ms = 8 * block.numel() / copy_ms  # read and written
            floor_ms = 5 * 2 * 4 * scene.image.numel() / bytes_a_ms  # five stages read and write every pixel
            return {"size": size, "population": count, "ms": ms, "floor_ms": round(floor_ms, 4),
                    "times_floor": round(ms / floor_ms, 2), "GB_a_s": round(bytes_a_ms / 1e6, 1)}  # fmt: skip

        self.each("chain", "synthetic, psnr", check)

    def lockstep(self) -> None:
        """Ten repeats at once beside ten runs one after another."""
        from isptune.runs.settings import RunSettings
        from isptune.tuning.bench import Bench
        from isptune.tuning.run import run

        def seconds(repeats: int, seed: int, folder: Path) -> float:
            settings = RunSettings(
                objectives=("scorenet",), crop="96x64" if self.options.quick else "512x384", population=8,
                generations=2 if self.options.quick else 10, repeats=repeats, seed=seed, confirm=1,
                second_opinions=("none",), device=str(self.device),
            )  # fmt: skip
            bench = Bench(settings)
            began = time.perf_counter()
            run(bench, folder)
            return time.perf_counter() - began

        def check() -> dict[str, Any]:
            repeats = 2 if self.options.quick else 10
            with tempfile.TemporaryDirectory() as name:
                together = seconds(repeats, 0, Path(name) / "together")
                alone = sum(seconds(1, seed, Path(name) / str(seed)) for seed in range(repeats))
            return {"repeats": repeats, "together_s": round(together, 2), "one_after_another_s": round(alone, 2),
                    "times": round(alone / together, 2)}  # fmt: skip

        self.each("lockstep", "scorenet", check)

    def raw(self) -> None:
        """The raw pipeline on a capture of 12 megapixels."""
        from isptune.registry import build
        from isptune.tuning.batches import to_params

        def check() -> dict[str, Any]:
            size = (128, 96) if self.options.quick else (4000, 3000)
            scene = self.capture(size)
            pipeline, scene = build("pipeline", "raw"), scene.to(self.device)
            params = to_params([pipeline.space.default], self.device)
            seeds = iter(range(1, 100))
            ms = self.timed(lambda: pipeline.render(scene, params, next(seeds)), 1)
            return {
                "megapixels": size[0] * size[1] / 1e6,
                "ms": ms,
                "ms_a_megapixel": round(ms / (size[0] * size[1] / 1e6), 2),
            }

        self.each("raw", "one picture", check)

    def memory(self) -> None:
        """The most memory by batch, of rendering and scoring."""
        import torch

        from isptune.registry import build
        from isptune.tuning.batches import to_params

        if not self.cuda:
            return
        for batch in (1, 4, 16, 64):

            def check(batch: int = batch) -> dict[str, Any]:
                pipeline, objective = build("pipeline", "synthetic"), build("objective", "scorenet")
                scene, space = self.scene.to(self.device), pipeline.space
                torch.cuda.reset_peak_memory_stats(self.device)
                with torch.inference_mode():
                    images = pipeline.render(scene, to_params([space.default] * batch, self.device), 1)
                    objective.score(images, scene)
                return {"MiB": round(torch.cuda.max_memory_allocated(self.device) / 2**20)}

            self.each("memory", f"batch {batch}", check)

    def write(self) -> None:
        """Both files."""
        self.options.out.mkdir(parents=True, exist_ok=True)
        data = {**self.head, "parts": self.found}
        (self.options.out / "device.json").write_text(json.dumps(data, indent=1) + "\n")
        text = [f"{self.head['device']}, torch {self.head['torch']}", ""]
        for part, rows in self.found.items():
            keys = list(dict.fromkeys(key for row in rows for key in row))
            text += [f"## {part}", "", f"| {' | '.join(keys)} |", f"|{'---|' * len(keys)}"]
            text += [f"| {' | '.join(str(row.get(key, '')) for key in keys)} |" for row in rows]
            text.append("")
        (self.options.out / "device.md").write_text("\n".join(text))


def build_needs_argument(name: str) -> bool:
    """Whether an objective cannot be built by its name alone."""
    from isptune.errors import IsptuneError
    from isptune.registry import build

    try:
        build("objective", name)
    except IsptuneError:
        return True
    return False
