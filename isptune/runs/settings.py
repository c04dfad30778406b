"""config.json: the settings that determine a run's result, with their types checked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError, IsptuneError, RunFolderError
from isptune.runs.aggregate import parse_aggregate
from isptune.runs.constraints import parse_constraint
from isptune.runs.files import CONFIG, IMAGES, read_table, write_record
from isptune.space import Value
from isptune.system.durations import parse_duration
from isptune.system.faults import shown
from isptune.system.records import convert, optional, plain

BOUNDS: Mapping[str, tuple[int, int, str]] = {
    "population": (2, 100_000, "a generation is asked for at once, and all of it is kept in memory"),
    "generations": (
        1,
        10_000_000,
        "the whole search is read again to go on; --budget-time limits one by time",
    ),
    "repeats": (1, 1000, "each repeat is an optimizer in memory, and they go in lockstep"),
    "confirm": (1, 10_000, "each noise seed renders the recommended candidate, and the start, once more"),
}
"""The least and the most of what is counted, and why no more."""


VOTES = "votes"
"""The objective of a search that was led by eye; no plug-in has this name, and nothing can score by it anew."""


@dataclass(frozen=True)
class RunSettings:
    """Everything that a run's result depends on: the keys of a TOML file, and what config.json holds.

    Attributes:
        pipeline: spec of the pipeline, `NAME` or `NAME:ARGUMENT`.
        pipeline_options: options for the pipeline's factory.
        objectives: specs; the first one is shown while the run goes on.
        constraints: limits that come before all objectives, `overshoot<=10`; see `isptune.runs.constraints`.
        optimizer: spec, or `auto`: cma; catcma where the space has choices; NSGA-II for several objectives.
        scenes: files, bundled names or `SOURCE:ARGUMENT`.
        holdout: scenes that the search never sees, on which its result is compared with the start: a share of the
            scenes (`0.25`), or more scenes, as in `scenes`.
        crop, resize: see `isptune.scenes.scene.load_scenes`.
        full_frame: whether all of a large scene is rendered and scored, not only regions that are chosen of it; see
            `isptune.scenes.large`.
        population: candidates a generation and repeat.
        generations: the budget is population x generations evaluations for each repeat.
        budget_time: no further generation is begun after so long a search, `90min` or `2h30m`; None for no limit.
        repeats: optimisations in lockstep, with the seeds seed, seed + 1, ...
        seed: of the optimizers and of the noise that the pipeline draws.
        tune: shell-style patterns of the parameters to tune; the others stay at their start values.
        start: values to start from (and to hold where they are not tuned), by parameter name.
        reference_at: values at which the pipeline renders the references of scenes that want its own picture, such as
            pairs; None for `start`. In a series they are those that it started from, for all conditions.
        stay_near: what a change of every tuned parameter through its whole range costs, in the objective's unit;
            0 to go anywhere. See `isptune.space.Space.distance`.
        aggregate: how the scores of several scenes become one: see `isptune.runs.aggregate`.
        confirm: how many fresh noise seeds the recommended candidate is evaluated on again.
        second_opinions: specs of objectives to ask about the result; `auto` for all that are registered.
        device: `cpu`, `cuda`, `cuda:1`, or `auto`.
    """

    pipeline: str = "synthetic"
    pipeline_options: Mapping[str, Any] = field(default_factory=dict)
    objectives: tuple[str, ...] = ("ssim",)
    constraints: tuple[str, ...] = optional(())
    optimizer: str = "auto"
    scenes: tuple[str, ...] = ("bundled:astronaut",)
    holdout: tuple[str, ...] = optional(())
    crop: str | None = None
    resize: str | None = None
    full_frame: bool = optional(False)
    population: int = 30
    generations: int = 50
    budget_time: str | None = None
    repeats: int = 1
    seed: int = 0
    tune: tuple[str, ...] = ("*",)
    start: Mapping[str, Value] = field(default_factory=dict)
    reference_at: Mapping[str, Value] | None = optional(None)
    stay_near: float = 0.0
    aggregate: str = "mean"
    confirm: int = 10
    second_opinions: tuple[str, ...] = ("auto",)
    device: str = "auto"

    def __post_init__(self):
        for name, (least, most, why) in BOUNDS.items():
            value = getattr(self, name)
            if value < least:
                raise ConfigError(f"{name} = {value} must be at least {least}")
            if value > most:
                raise ConfigError(f"{name} = {shown(value)} must be at most {most}: {why}")
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"seed = {self.seed} must be in [0, 2^31)")
        for name in ("objectives", "scenes", "tune"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty: give at least one")
        if len(set(self.objectives)) != len(self.objectives):
            raise ConfigError(f"objectives repeat: {', '.join(self.objectives)}")
        parse_aggregate(self.aggregate)
        for text in self.constraints:
            parse_constraint(text)
        if self.budget_time is not None:
            parse_duration(self.budget_time, "budget_time")
        if not 0 <= self.stay_near < math.inf:
            raise ConfigError(f"stay_near = {self.stay_near} must be 0 or more, and finite")
        if self.stay_near and len(self.objectives) > 1:
            raise ConfigError(
                "stay_near is a price in the unit of one objective, and there are several; make them one: "
                "--objective 'weighted:0.7*ssim+0.3*niqe'"
            )

    @property
    def budget(self) -> int:
        """Evaluations for each repeat."""
        return self.population * self.generations

    def as_dict(self) -> dict[str, Any]:
        """As config.json and a TOML file hold it."""
        return plain(self)


def keys() -> list[str]:
    """The names of all settings."""
    return [setting.name for setting in fields(RunSettings)]


def from_mapping(
    values: Mapping[str, Any], source: str, refusal: type[IsptuneError] = ConfigError
) -> RunSettings:
    """Settings from a TOML table or a JSON object.

    Args:
        values: by key; one text may stand for a list of one.
        source: where they come from, for messages.
        refusal: the error to raise.

    Raises:
        ConfigError: an unknown key (the known ones are listed) or a value of the wrong type.
    """
    listed = {
        key: [value] if key in LISTS and isinstance(value, str) else value for key, value in values.items()
    }
    return convert(listed, RunSettings, source, refusal, known_only=True)


def read_settings(folder: Path) -> RunSettings:
    """The settings of a run; those that came after its version stand at their defaults. Raises RunFolderError."""
    place = f"{folder / CONFIG}: is damaged"
    return from_mapping(read_table(folder, CONFIG), place, RunFolderError)


def refuse_votes(folder: Path, objectives: Sequence[str]) -> None:
    """Raise RunFolderError where a run's pictures would have to be scored anew, and people led it."""
    if VOTES in objectives:
        raise RunFolderError(
            f"{folder}: was led by votes, which score no other picture; `isptune study new DIR --images "
            f"{folder / IMAGES}` asks others of its pictures, and `isptune verify {folder} --objective NAME --scene "
            "FILE` a metric"
        )


def write_settings(folder: Path, settings: RunSettings) -> None:
    """Write config.json. Raises DiskError."""
    write_record(folder, CONFIG, settings)


LISTS = ("objectives", "constraints", "scenes", "holdout", "tune", "second_opinions")
"""Settings that are lists, for which one text may stand."""
