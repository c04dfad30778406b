"""How long the objectives take: `python benchmarks/scoring.py [--images 30] [--threads 2] [NAME ...]`.

Prints a Markdown table: milliseconds an image of 512x384 in a batch, for every registered objective that needs no
argument, and beside some of them a plain float64 version in the same process and how many times longer it
takes. Timings are the best of several repeats; the reference's side is prepared before, as in a run. CPU time is
summed over the threads: on a busy machine it says more than the time that passed.
"""

import argparse
import platform
import time
from collections.abc import Callable
from importlib.metadata import version

import cv2
import numpy as np
import torch

from isptune.errors import IsptuneError
from isptune.interfaces import Objective
from isptune.registry import build, installed
from isptune.scenes.scene import Scene, load_scenes


def main() -> None:
    """Time what was asked for, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="objectives; all registered ones by default")
    parser.add_argument("--images", type=int, default=30, help="in the batch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    scene = load_scenes(["astronaut"], crop="512x384")[0]
    images = noisy_batch(scene, options.images)
    print(environment(options.threads, options.images), end="\n\n")
    print("| objective | ms an image | CPU ms an image | plain float64 version | ms an image | ratio |")
    print("|---|---|---|---|---|---|")
    for name in options.names or installed("objective"):
        try:
            objective = build("objective", name)
        except IsptuneError as error:
            if options.names:
                raise SystemExit(f"{name}: {error}") from error
            continue  # it needs an argument
        print(row(name, objective, images, scene, options.repeats), flush=True)


def noisy_batch(scene: Scene, count: int) -> torch.Tensor:
    """The scene with noise from none to a standard deviation of 0.1."""
    generator = torch.Generator().manual_seed(0)
    strengths = torch.linspace(0, 0.1, count).view(-1, 1, 1, 1)
    noise = torch.randn((count, *scene.image.shape[1:]), generator=generator)
    return (scene.image + strengths * noise).clamp(0, 1)


def environment(threads: int, images: int) -> str:
    """One line on the machine and the versions."""
    packages = ("torch", "numpy", "opencv-python-headless", "scikit-image")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"{processor()}, {threads} threads, batch of {images} images 512x384, Python "
        f"{platform.python_version()}, {versions}."
    )


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
        return ", ".join(sorted(names)) or platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def row(name: str, objective: Objective, images: torch.Tensor, scene: Scene, repeats: int) -> str:
    """One line of the table."""
    objective.score(images[:2] / 2, scene)  # prepares the reference
    # Other pictures every time: some objectives remember those that they have looked at.
    batches = iter([images * (1 - step / 1000) for step in range(repeats)])
    batch_ms, batch_cpu_ms = best_ms(lambda: objective.score(next(batches), scene), repeats)
    ours = batch_ms / len(images)
    line = f"| {name} | {ours:.2f} | {batch_cpu_ms / len(images):.2f} |"
    if name not in PLAIN:
        return f"{line} | | |"
    told, function = PLAIN[name]
    image, truth = (planes.double().numpy() for planes in (images[-1], scene.image[0]))
    plain, _ = best_ms(lambda: function(image, truth), min(repeats, 3))
    return f"{line} {told} | {plain:.1f} | {plain / ours:.0f} |"


def best_ms(function: Callable[[], object], repeats: int) -> tuple[float, float]:
    """The shortest of several runs in milliseconds: time that passed, and CPU time of all threads."""
    passed, used = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        function()
        passed.append(time.perf_counter() - start)
        used.append(time.process_time() - start_cpu)
    return 1e3 * min(passed), 1e3 * min(used)


def plain_psnr(image: np.ndarray, truth: np.ndarray) -> float:
    from skimage.metrics import peak_signal_noise_ratio

    return peak_signal_noise_ratio(truth, image, data_range=1)


def plain_ssim(image: np.ndarray, truth: np.ndarray) -> float:
    from skimage.metrics import structural_similarity

    options = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 1.0}
    return structural_similarity(truth, image, channel_axis=0, **options)  # pyright: ignore[reportReturnType]


def plain_gmsd(image: np.ndarray, truth: np.ndarray) -> float:
    from scipy.ndimage import prewitt

    def magnitude(picture: np.ndarray) -> np.ndarray:
        luma = np.tensordot([0.299, 0.587, 0.114], picture, axes=1)
        half = (luma[::2, ::2] + luma[1::2, ::2] + luma[::2, 1::2] + luma[1::2, 1::2]) / 4
        return np.hypot(prewitt(half, 0), prewitt(half, 1)) / 3

    a, b = magnitude(image), magnitude(truth)
    return float(((2 * a * b + 0.0026) / (a * a + b * b + 0.0026)).std())


def plain_vif(image: np.ndarray, truth: np.ndarray) -> float:
    from scipy.ndimage import gaussian_filter

    x, y = (np.tensordot([0.299, 0.587, 0.114], picture, axes=1) for picture in (image, truth))
    kept = total = 0.0
    for sigma in (3.4, 1.8, 1.0, 0.6):

        def mean(plane: np.ndarray, sigma: float = sigma) -> np.ndarray:
            return gaussian_filter(plane, sigma)

        vx, vy, cov = mean(x * x) - mean(x) ** 2, mean(y * y) - mean(y) ** 2, mean(x * y) - mean(x) * mean(y)
        gain = np.maximum(cov, 0) / (vy + 1e-10)
        kept += np.log1p(gain**2 * vy / (np.maximum(vx - gain * cov, 1e-10) + 3e-5)).sum()
        total += np.log1p(np.maximum(vy, 0) / 3e-5).sum()
        x, y = mean(x)[::2, ::2], mean(y)[::2, ::2]
    return kept / total


PLAIN: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray], float]]] = {
    "psnr": ("scikit-image", plain_psnr),
    "ssim": ("scikit-image", plain_ssim),
    "gmsd": ("scipy", plain_gmsd),
    "vif": ("scipy", plain_vif),
}
"""What an objective is compared with, one image at a time."""

if __name__ == "__main__":
    main()
