"""eye.json: what a search by eye works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isptune.errors import StudyError
from isptune.system.records import convert, optional, parse_json, read_bytes

SETTINGS = "eye.json"


@dataclass(frozen=True)
class EyeSettings:
    """What a search by eye works with; the keys of eye.json.

    Attributes:
        pipeline: its spec; `pipeline_options` are its options.
        scene: a photograph, a raw file, or a bundled scene; `crop` and `resize` as for runs.
        tune: patterns of the params to tune; empty for all.
        votes: at most so many.
        seed: of candidates, pairs and the noise of the scene, which is the same for all pictures.
        scene_sha256: of the scene that it began with; empty where that was not written.
        viewing: whether it asks once, before the first vote, how the screen is seen; see `Plan`.
    """

    pipeline: str = "synthetic"
    pipeline_options: Mapping[str, Any] = field(default_factory=dict)
    scene: str = "astronaut"
    crop: str | None = None
    resize: str | None = None
    tune: tuple[str, ...] = ()
    votes: int = 300
    seed: int = 0
    device: str = "auto"
    scene_sha256: str = optional("")
    viewing: bool = optional(True)


def is_search(folder: Path) -> bool:
    """Whether a folder holds a search by eye."""
    return (folder / SETTINGS).is_file()


def read_settings(folder: Path) -> EyeSettings:
    """The settings of a search. Raises StudyError if it is none."""
    path = folder / SETTINGS
    if not path.is_file():
        raise StudyError(f"{folder}: is no search by eye (there is no {SETTINGS}); name a new folder")
    place = f"{path}: is damaged"
    values = parse_json(read_bytes(path, StudyError), place, StudyError)
    return convert(values, EyeSettings, place, StudyError, known_only=True)
