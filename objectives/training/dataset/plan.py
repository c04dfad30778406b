"""What a data set is made of: its settings and photographs, as `dataset.json` in its folder keeps them."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError, DatasetError, RunFolderError, SceneError, one_line
from isptune.scenes.images import SUFFIXES
from isptune.system.claim import LOCK
from isptune.system.disk import is_unfinished, slug, write_atomically
from isptune.system.records import read_json

PLAN = "dataset.json"

TASKS = ("identification", "rating")
"""Which distortions does a picture have; which of two pictures is better. Each with a reference and without."""

PARTS = ("train", "validation")

SIDE_PX = 384
"""Photographs are shrunk to this shorter side, as those of the data of DepictQA's abstractor model were."""

SMALLEST_SIDE_PX = 64
"""A photograph must have so many pixels a side: blurs and blocks would fill a smaller one."""

VALIDATION_SHARE = 0.2
"""Of the photographs, as in the paper's Table II."""

RATERS = ("fsim", "gmsd", "ssim")
"""Full-reference objectives that must not contradict the severities; the second sees no colour and then abstains."""


@dataclass(frozen=True)
class Photograph:
    """A pristine photograph: its path below the folder of photographs, a hash of the file, and its part."""

    name: str
    sha256: str
    part: str

    def reference(self, number: int) -> str:
        """Where the data set keeps it, below its folder; `number` is its place in the list."""
        return f"references/{number:06d}_{slug(Path(self.name).stem)[:60]}.png"


@dataclass(frozen=True)
class Plan:
    """Everything that the bytes of a data set depend on.

    Attributes:
        tasks: some of `TASKS`.
        size: samples of each task.
        seed: of all that is drawn.
        side: the shorter side that photographs are shrunk to, pixels; 0 leaves them as they are.
        validation: the share of photographs kept for validation.
        raters: objectives that rate pairs.
        photographs: sorted by name.
    """

    tasks: tuple[str, ...]
    size: int
    seed: int
    side: int
    validation: float
    raters: tuple[str, ...]
    photographs: tuple[Photograph, ...]

    def settings(self) -> dict[str, Any]:
        """All but the photographs, by the names of the options; raters only where they rate something."""
        rows = {name: value for name, value in asdict(self).items() if name != "photographs"}
        rows["tasks"] = list(self.tasks)
        rows["raters"] = list(self.raters) if "rating" in self.tasks else []
        return rows


@dataclass(frozen=True)
class _Settings:
    """What `Plan.settings` gives."""

    tasks: tuple[str, ...]
    size: int
    seed: int
    side: int
    validation: float
    raters: tuple[str, ...]


@dataclass(frozen=True)
class _PlanFile:
    settings: _Settings
    photographs: tuple[Photograph, ...]


def part_of(name: str, validation: float) -> str:
    """The part of a photograph, by a hash of its file name without the ending: always the same one.

    Pictures of one photograph thus never stand in both parts, in whatever folder or format it comes.
    """
    digest = hashlib.sha256(Path(name).stem.encode("utf-8", "surrogateescape")).digest()
    return "validation" if int.from_bytes(digest[:8], "big") < validation * 2**64 else "train"


def find_photographs(folder: Path, validation: float) -> tuple[Photograph, ...]:
    """The pictures in a folder and its subfolders, sorted by name. Raises ConfigError where there is none."""
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: {'is no folder' if folder.exists() else 'no such folder'}; give photographs"
        )
    files = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not files:
        raise ConfigError(f"{folder}: holds no photographs ({', '.join(SUFFIXES)}), nor do its subfolders")
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    return tuple(Photograph(n, _sha256(folder / n), part_of(n, validation)) for n in names)


def begin_or_go_on(folder: Path, plan: Plan) -> None:
    """Write the plan into an empty folder, or see that the folder was begun with the same one.

    Raises:
        DatasetError: the folder holds a data set with other settings or photographs, or cannot be written.
    """
    path = folder / PLAN
    if not path.exists():
        write_bytes(path, _to_json(plan))
        return
    _refuse_differences(folder, read_plan(folder), plan)


def read_plan(folder: Path) -> Plan:
    """The plan of a data set's folder. Raises DatasetError where there is none or it is damaged."""
    path = folder / PLAN
    if not path.exists():
        raise DatasetError(f"{folder}: holds no {PLAN}; is it a folder of `isptune dataset make`?")
    held = read_json(path, _PlanFile, DatasetError)
    return Plan(**vars(held.settings), photographs=held.photographs)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file of a data set in one step. Raises DatasetError, which says how to go on."""
    try:
        write_atomically(path, data)
    except RunFolderError as error:
        raise cannot_go_on(error) from error


def cannot_go_on(error: RunFolderError | SceneError) -> DatasetError:
    """What to tell where the disk refuses a file of a data set."""
    return DatasetError(f"{error}; what was made is kept: make room, then give the same command again")


def refuse_other_content(folder: Path) -> None:
    """See that a folder is new, empty or that of a data set. Raises DatasetError."""
    if (folder / PLAN).exists():
        return
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder}: is a file; a data set is a folder")
    others = (
        [path.name for path in folder.iterdir() if path.name != LOCK and not is_unfinished(path)]
        if folder.exists()
        else []
    )
    if others:
        raise DatasetError(
            f"{folder}: holds {one_line(others[0])} and no data set; give a new or an empty folder"
        )


def _refuse_differences(folder: Path, there: Plan, now: Plan) -> None:
    before, after = there.settings(), now.settings()
    changed = [
        f"{name} {_shown(before[name])} there, {_shown(after[name])} now"
        for name in after
        if before[name] != after[name]
    ]
    if changed:
        raise DatasetError(
            f"{folder}: holds a data set with other settings: {'; '.join(changed)}; give another folder"
        )
    old = {one.name: one.sha256 for one in there.photographs}
    new = {one.name: one.sha256 for one in now.photographs}
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    if names:
        what = "is new" if names[0] not in old else "is gone" if names[0] not in new else "has changed"
        more = f", and {len(names) - 1} more differ" if len(names) > 1 else ""
        raise DatasetError(
            f"{folder}: holds a data set of other photographs: {one_line(names[0])} {what}{more}; give another folder"
        )


def _shown(value: Any) -> str:
    return ",".join(value) or "none" if isinstance(value, list) else str(value)


def _to_json(plan: Plan) -> bytes:
    entry = {"settings": plan.settings(), "photographs": [asdict(one) for one in plan.photographs]}
    return (json.dumps(entry, indent=1) + "\n").encode()


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
