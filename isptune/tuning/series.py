"""A series of runs over conditions, such as ISO levels: each starts from its neighbour's result."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from isptune.errors import ConfigError, RunFolderError
from isptune.runs.files import read_record, write_record
from isptune.runs.settings import RunSettings
from isptune.space import Value
from isptune.system.disk import is_unfinished, slug
from isptune.tuning.bench import Bench

SERIES = "series_settings.json"
PLACE = "{}"
"""In a scene's spec: where the condition's name goes."""


@dataclass(frozen=True)
class SeriesSettings:
    """series_settings.json: what a series is made of.

    Attributes:
        conditions: the scenes of each, in order.
        smoothness: see `of_condition`.
        settings: those that all conditions share.
    """

    conditions: Mapping[str, tuple[str, ...]]
    smoothness: float
    settings: RunSettings


def plan(settings: RunSettings, conditions: Sequence[str], smoothness: float) -> dict[str, tuple[str, ...]]:
    """The scenes of each condition, in order.

    Args:
        settings: those that all conditions share; its scenes are used for conditions without their own.
        conditions: `NAME=SCENE`, once for each scene, or `NAME`.
        smoothness: see `of_condition`.

    Raises:
        ConfigError: fewer than two conditions, names that are no different folders, or no place for the name.
    """
    if settings.stay_near:
        raise ConfigError(
            "in a series, --smoothness says what a change between neighbours costs, not --stay-near"
        )
    if not 0 <= smoothness < math.inf:
        raise ConfigError(f"smoothness = {smoothness} must be 0 or more, and finite")
    found: dict[str, list[str]] = {}
    for condition in conditions:
        name, given, scene = condition.partition("=")
        found.setdefault(name.strip(), []).extend([scene] if given else [])
    if len(found) < 2 or not all(found):
        raise ConfigError(
            f"a series needs two conditions or more, each with a name; got: {', '.join(conditions)}"
        )
    if len({slug(name).casefold() for name in found}) < len(found):
        raise ConfigError(f"the conditions {', '.join(found)} would share a folder; name them differently")
    return {name: tuple(scenes) or _placed(settings, name) for name, scenes in found.items()}


def _placed(settings: RunSettings, name: str) -> tuple[str, ...]:
    if not any(PLACE in scene for scene in settings.scenes):
        raise ConfigError(
            f"the condition {name!r} has no scene of its own, and no --scene has {PLACE} where its name would go; "
            f"give --condition {name}=SCENE, or --scene 'unprocessed:photo.png?iso={PLACE}'"
        )
    return tuple(scene.replace(PLACE, name) for scene in settings.scenes)


def of_condition(
    settings: RunSettings, scenes: tuple[str, ...], neighbour: Mapping[str, Value] | None, smoothness: float
) -> RunSettings:
    """The settings of one condition's run.

    Args:
        settings: what all conditions share.
        scenes: of this condition.
        neighbour: the result of the condition before; None for the first, which nothing holds back.
        smoothness: what moving every tuned parameter through its range, away from the neighbour, costs.
    """
    if neighbour is None:
        return replace(settings, scenes=scenes)
    return replace(settings, scenes=scenes, start=dict(neighbour), stay_near=smoothness)


def read_series_settings(folder: Path) -> SeriesSettings:
    """What the series in a folder is made of. Raises RunFolderError where there is none."""
    if not (folder / SERIES).exists():
        raise RunFolderError(f"{folder}: is no series (there is no {SERIES})")
    return read_record(folder, SERIES, SeriesSettings)


def check_series(
    folder: Path, named: Mapping[str, tuple[str, ...]], settings: RunSettings, smoothness: float
) -> None:
    """Find every mistake before the first run, and keep series apart: a folder holds one.

    Raises:
        ConfigError: a scene or a setting is wrong.
        RunFolderError: the folder holds something else.
    """
    for scenes in named.values():
        Bench(of_condition(settings, scenes, None, smoothness))
    new = SeriesSettings(dict(named), smoothness, settings)
    if (folder / SERIES).exists():
        if read_record(folder, SERIES, SeriesSettings) != new:
            raise RunFolderError(f"{folder}: holds another series; choose another --out")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = sorted(path.name for path in folder.iterdir() if not is_unfinished(path))
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be used as a folder: {error.strerror}") from error
    if strangers:
        raise RunFolderError(
            f"{folder}: is not empty ({strangers[0]}) and holds no series; choose another --out"
        )
    write_record(folder, SERIES, new)
