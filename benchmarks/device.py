"""One prepared check of everything on an accelerator, in at most 8 minutes: `python benchmarks/device.py --out DIR`.

Usage: python benchmarks/device.py [--device cuda] [--quick] [--minutes 8] [--out DIR]

1. Every distortion, pipeline, objective and judge of this project that needs nothing beyond its packages, on the device
   against the CPU: the largest difference, and whether pictures keep their order.
2. What crosses between host and device inside a generation of the synthetic pipeline, by the profiler: nothing but
   parameters and scores should.
3. Times: a population of 30 at 3840x2160 through the chain beside what its bytes take at the measured copy bandwidth;
   every objective in fp32, and under autocast in half precision; ten repeats in lockstep beside one after another;
   the raw pipeline at 12 megapixels; memory by batch.

Writes device.json and device.md into DIR as it goes: what was done stays if the time is up. `--quick` takes small
pictures and few of them, and any device, so that the script itself is tried where there is no accelerator. Where
isptune is not installed, its plug-ins are found by the pyproject.toml beside this folder.
"""

import argparse
import importlib.util
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED = {
    "torch": "torch", "numpy": "numpy", "scipy": "scipy", "cv2": "opencv-python-headless", "PIL": "pillow",
    "safetensors": "safetensors", "skimage": "scikit-image", "jaxtyping": "jaxtyping", "msgspec": "msgspec",
    "filelock": "filelock", "cmaes": "cmaes", "cma": "cma", "rich": "rich", "click": "click", "tifffile": "tifffile",
    "rawpy": "rawpy", "psutil": "psutil", "jinja2": "jinja2", "matplotlib": "matplotlib", "optuna": "optuna",
    "nevergrad": "nevergrad",
}  # fmt: skip


def main() -> None:
    """Check, time, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small pictures, few of them")
    parser.add_argument("--minutes", type=float, default=8.0, help="nothing is begun after these")
    parser.add_argument("--out", type=Path, default=Path("runs/device"))
    options = parser.parse_args()
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        sys.exit(f"device.py needs what is not installed: {' '.join(missing)}")
    import torch

    if options.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("device.py: there is no CUDA device here; --device cpu --quick tries the script")
    with _plug_ins():
        from device_checks import Checks

        Checks(options).run()


@contextmanager
def _plug_ins() -> Iterator[None]:
    """Entry points as an installed isptune has them, from pyproject.toml where it is not installed."""
    sys.path.insert(0, str(ROOT))
    from importlib.metadata import PackageNotFoundError, version

    try:
        version("isptune")
    except PackageNotFoundError:
        with tempfile.TemporaryDirectory() as name:
            described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            folder = Path(name) / "isptune-0.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: isptune\nVersion: 0\n")
            lines = [
                f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
                for group, points in described["entry-points"].items()
            ]
            (folder / "entry_points.txt").write_text("\n".join(lines))
            sys.path.insert(0, name)
            yield
    else:
        yield


if __name__ == "__main__":
    main()
