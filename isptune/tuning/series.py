"""A series of runs over conditions, such as ISO levels: each starts from its neighbour's result."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from isptune.errors import ConfigError, RunFolderError
from isptune.runs.files import read_record, write_record
from isptune.runs.settings import RunSettings
from isptune.space import Value
from isptune.system.disk import is_unfinished, make_folder, slug
from isptune.system.records import optional
from isptune.tuning.bench import Bench
from isptune.tuning.condition_numbers import numbers_of
from isptune.tuning.monotone import parse_monotone
from isptune.tuning.own_parts import own_parts

SERIES = "series_settings.json"
NAME_PLACE, NUMBER_PLACE = "{}", "{iso}"
"""In a scene's spec: where the condition's name goes, and where the number in it does."""


@dataclass(frozen=True)
class SeriesSettings:
    """series_settings.json: what a series is made of.

    Attributes:
        conditions: the scenes of each, in order.
        smoothness: see `of_condition`.
        settings: those that all conditions share.
        monotone: which knobs only rise or only fall with ISO in the fitted table, see `isptune.tuning.monotone`; no
            run depends on it.
    """

    conditions: Mapping[str, tuple[str, ...]]
    smoothness: float
    settings: RunSettings
    monotone: tuple[str, ...] = optional(())


def is_series(folder: Path) -> bool:
    """Whether a folder holds a series."""
    return (folder / SERIES).exists()


def of_isos(texts: Sequence[str]) -> tuple[str, ...]:
    """Names of conditions for lists of ISOs. Raises ConfigError as `parse_isos`."""
    return tuple(f"iso{number:.10g}" for number in parse_isos(texts))


def parse_isos(texts: Sequence[str]) -> list[float]:
    """The numbers of lists of ISOs, `100,800,3200`. Raises ConfigError for what is no number above 0."""
    numbers = []
    for text in (part.strip() for one in texts for part in one.split(",")):
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise ConfigError(f"--iso {text!r} is no number above 0; give a list, as 100,800,3200")
        numbers.append(number)
    return numbers


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
            "a series needs two conditions or more, each with a name (--iso 100,800 or --condition NAME); "
            f"got: {', '.join(conditions) or 'none'}"
        )
    if len({slug(name).casefold() for name in found}) < len(found):
        raise ConfigError(f"the conditions {', '.join(found)} would share a folder; name them differently")
    return {name: tuple(scenes) or _placed(settings, name) for name, scenes in found.items()}


def _placed(settings: RunSettings, name: str) -> tuple[str, ...]:
    if not any(NAME_PLACE in scene or NUMBER_PLACE in scene for scene in settings.scenes):
        raise ConfigError(
            f"the condition {name!r} has no scene of its own, and no --scene has {NAME_PLACE} where its name would go, "
            f"or {NUMBER_PLACE} for its number; give --condition {name}=SCENE, or --scene "
            f"'twin:photo.png?like=shot.dng&iso={NUMBER_PLACE}', or 'pair:desk{NUMBER_PLACE}.dng?clean=desk100.dng'"
        )
    return _filled(settings.scenes, name)


def _filled(specs: Sequence[str], name: str) -> tuple[str, ...]:
    """Specs with a condition's name and number in their places. Raises ConfigError: it has no number."""
    if any(NUMBER_PLACE in spec for spec in specs):
        number = f"{numbers_of([name])[name]:.10g}"
        specs = [spec.replace(NUMBER_PLACE, number) for spec in specs]
    return tuple(spec.replace(NAME_PLACE, name) for spec in specs)


def of_condition(
    settings: RunSettings,
    name: str,
    scenes: tuple[str, ...],
    neighbour: Mapping[str, Value] | None,
    smoothness: float,
) -> RunSettings:
    """The settings of one condition's run.

    Args:
        settings: what all conditions share.
        name: of this condition, for the places in scenes that are held out.
        scenes: of this condition.
        neighbour: the result of the condition before; None for the first, which nothing holds back.
        smoothness: what moving every tuned parameter through its range, away from the neighbour, costs.
    """
    own = replace(settings, scenes=scenes, holdout=_filled(settings.holdout, name))
    if neighbour is None:
        return own
    # Where the pipeline's own pictures are references, one set renders them: else tone would wander with the search.
    rendered_at = settings.start if settings.reference_at is None else settings.reference_at
    return replace(own, start=dict(neighbour), stay_near=smoothness, reference_at=dict(rendered_at))


def read_series_settings(folder: Path) -> SeriesSettings:
    """What the series in a folder is made of. Raises RunFolderError where there is none."""
    if not (folder / SERIES).exists():
        raise RunFolderError(f"{folder}: is no series (there is no {SERIES})")
    return read_record(folder, SERIES, SeriesSettings)


def check_series(folder: Path, new: SeriesSettings) -> None:
    """Find every mistake before the first run, and keep series apart: a folder holds one.

    What is asked of the fitted table may change: the runs stay, and the table is fitted anew.

    Raises:
        ConfigError: a scene or a setting is wrong.
        RunFolderError: the folder holds something else.
    """
    for name, scenes in new.conditions.items():
        settings = of_condition(new.settings, name, scenes, None, new.smoothness)
        bench = Bench(settings, at_hand=own_parts(settings))
        if new.monotone:
            numbers_of(new.conditions)
            parse_monotone(new.monotone, bench.space.params)
    if (folder / SERIES).exists():
        old = read_record(folder, SERIES, SeriesSettings)
        if replace(old, monotone=new.monotone) != new:
            raise RunFolderError(f"{folder}: holds another series; choose another --out")
        if old != new:
            write_record(folder, SERIES, new)
        return
    try:
        make_folder(folder)
        strangers = sorted(path.name for path in folder.iterdir() if not is_unfinished(path))
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be used as a folder: {error.strerror}") from error
    if strangers:
        raise RunFolderError(
            f"{folder}: is not empty ({strangers[0]}) and holds no series; choose another --out"
        )
    write_record(folder, SERIES, new)
