"""provenance.json: what a run was made with: versions, machine, and hashes of what went in."""

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from isptune.errors import one_line
from isptune.runs.files import PROVENANCE, read_record, write_record
from isptune.system.records import optional
from isptune.version import __version__

PACKAGES = (
    "torch", "numpy", "scipy", "opencv-python-headless", "pillow", "scikit-image", "rawpy",
    "cma", "cmaes", "nevergrad", "optuna",
)  # fmt: skip


@dataclass(frozen=True)
class Provenance:
    """What a run was made with, when it began. What an early version did not write is None or empty.

    Attributes:
        isptune: its version.
        git_commit: of the checkout that it ran from; None for an installed package.
        python, platform: of the machine.
        packages: versions of `PACKAGES`, of those that are installed.
        device: its name; another one gives other bytes.
        threads: of torch; another number gives other bytes.
        processor: its model; another one may give other last digits.
        cuts: by scene into how many pictures a population is cut at most; other cuts may give other last digits.
        scenes: sha256 of the pixels, by the scene's name.
        versions: of programs and files outside of isptune that the pipeline depends on.
        weights: sha256 of the files that objectives and judges were built from, by file name.
    """

    isptune: str = ""
    git_commit: str | None = None
    python: str = optional("")
    platform: str = optional("")
    packages: Mapping[str, str] = optional(factory=dict)
    device: str | None = optional(None)
    threads: int | None = optional(None)
    processor: str = optional("")
    cuts: Mapping[str, int] = optional(factory=dict)
    scenes: Mapping[str, str] = optional(factory=dict)
    versions: Mapping[str, str] | None = optional(None)
    weights: Mapping[str, str] | None = optional(None)

    def another_picture(self, scenes: Mapping[str, str]) -> str | None:
        """The first scene whose pixels are not those that the run began with; by name their sha256."""
        return next(
            (name for name, digest in scenes.items() if self.scenes.get(name, digest) != digest), None
        )

    def elsewhere(self, now: "Provenance") -> list[str]:
        """What is another one now, of what may change the last digits: machine, packages, cuts; a line each."""
        changed = [
            f"{key} {one_line(before)}, now {one_line(after)}"
            for key in ("processor", "python")
            if (before := getattr(self, key)) and before != (after := getattr(now, key))
        ]
        changed += [
            f"{name} {one_line(version)}, now {one_line(now.packages.get(name, 'none'))}"
            for name, version in self.packages.items()
            if now.packages.get(name) != version
        ]
        if self.cuts and any(now.cuts.get(name, cut) != cut for name, cut in self.cuts.items()):
            changed.append("other cuts of the population")
        return changed


def provenance_of(
    device: str,
    threads: int,
    scenes: Mapping[str, str],
    versions: Mapping[str, str],
    weights: Mapping[str, str],
    cuts: Mapping[str, int],
) -> Provenance:
    """The provenance of a run that begins here and now."""
    return Provenance(
        isptune=__version__,
        git_commit=_git_commit(),
        python=platform.python_version(),
        platform=platform.platform(),
        packages={name: version for name in PACKAGES if (version := _version(name))},
        device=device,
        threads=threads,
        processor=_processor(),
        cuts=dict(cuts),
        scenes=dict(scenes),
        versions=dict(versions),
        weights=dict(weights),
    )


def read_provenance(folder: Path) -> Provenance:
    """Raises RunFolderError for a folder that has none, or a damaged one."""
    return read_record(folder, PROVENANCE, Provenance)


def write_provenance(folder: Path, provenance: Provenance) -> None:
    """Write provenance.json. Raises DiskError."""
    write_record(folder, PROVENANCE, provenance)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's model, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return one_line(named[0]) if named else platform.processor() or platform.machine()


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
