"""What a run was made with: versions, machine, and hashes of what went in."""

import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from isptune.facts import gathered_weights
from isptune.interfaces import Diagnoses, Judge, Objective
from isptune.system.device import device_name
from isptune.tuning.bench import Bench
from isptune.version import __version__

PACKAGES = (
    "torch", "numpy", "scipy", "opencv-python-headless", "pillow", "scikit-image", "rawpy",
    "cma", "cmaes", "nevergrad", "optuna",
)  # fmt: skip


def provenance(bench: Bench) -> dict[str, Any]:
    """What provenance.json holds."""
    return {
        "isptune": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "device": device_name(bench.device),
        "threads": torch.get_num_threads(),
        "scenes": {scene.name: scene.sha256 for scene in bench.scenes},
        "versions": dict(bench.pipeline.facts.versions),
        "weights": weights({**bench.objectives, **bench.second_opinions, **bench.diagnosing}),
    }


def weights(plug_ins: Mapping[str, Objective | Judge | Diagnoses]) -> dict[str, str]:
    """The hashes of the files that objectives and judges were built from, by file name."""
    return gathered_weights({spec: one.facts for spec, one in plug_ins.items()})


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit of the checkout that isptune runs from; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
