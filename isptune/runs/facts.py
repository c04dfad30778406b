"""bench.json: all that a report must know of a run's pipeline, objectives and scenes without building them again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isptune.errors import SpaceError
from isptune.facts import Direction
from isptune.runs.files import BENCH, read_record, write_record
from isptune.space import Choice, Integer, Param, Real, Value
from isptune.system.records import optional

SHORT = 14
"""Letters of a unit that still fit behind a name."""


@dataclass(frozen=True)
class ParamRecord:
    """One parameter of the pipeline.

    Attributes:
        name: `stage.knob`.
        default: what the search starts from.
        unit, help: for people; may be empty.
        kind: of a choice there are `options`, of the others `low`, `high` and `log`.
        options: all that may be chosen.
        low, high: the range, both ends included, in `unit`.
        log: whether it is searched on a logarithmic scale.
        when: with which options of which choices it exists; left out where it always does.
    """

    name: str
    default: Value
    unit: str = ""
    help: str = ""
    kind: Literal["real", "integer", "choice"] = "real"
    options: tuple[str, ...] | None = optional(None)
    low: float | int | None = optional(None)
    high: float | int | None = optional(None)
    log: bool | None = optional(None)
    when: Mapping[str, tuple[str, ...]] = optional(factory=dict)


@dataclass(frozen=True)
class LevelsRecord:
    """The distortions of a pipeline whose truth is known, in the order of the levels of trials.

    Attributes:
        names: of the distortions.
        ranges: the largest magnitude of each, in its unit.
        units: may be empty.
    """

    names: tuple[str, ...]
    ranges: tuple[float, ...]
    units: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectiveRecord:
    """One objective.

    Attributes:
        name: its spec, as it was asked for.
        direction: in which scores are better.
        unit: of scores; a word or a sentence.
        range: least and largest score; None where there is no limit or none is known.
        source: authors, year, title.
        relative: whether scores hold within a generation only; left out where they do not.
        together: whether its score of several scenes is one of all of them together; left out where it is made of
            scores by scene.
    """

    name: str
    direction: Direction
    unit: str = ""
    range: tuple[float | None, float | None] = (None, None)
    source: str = ""
    relative: bool = optional(False)
    together: bool = optional(False)

    @property
    def best_is(self) -> str:
        """What the best trial is the best of, in words."""
        return "of the last generation" if self.relative else "seen"

    @property
    def sign(self) -> int:
        """+1 where more is better, -1 where less is."""
        return 1 if self.direction == "maximize" else -1

    @property
    def label(self) -> str:
        """Name with unit, for axes and table heads; a unit that is a sentence stays out of those."""
        return f"{self.name} ({self.unit})" if 0 < len(self.unit) <= SHORT else self.name

    def gain(self, value: float, over: float) -> float:
        """By how much the first score is better than the second; negative where it is worse."""
        return self.sign * (value - over)


@dataclass(frozen=True)
class RegionRecord:
    """A region of a large scene, pixels, and what it was chosen for."""

    left: int
    top: int
    width: int
    height: int
    why: str


@dataclass(frozen=True)
class SceneRecord:
    """One scene.

    Attributes:
        name: as pictures and scores by scene have it.
        width, height: pixels.
        has_reference: whether it has a picture that others are compared with.
        note: what that picture is, where there is more to say; left out where there is not.
        regions: that stand for all of it, in order; left out where all of it counts, or what the user named.
    """

    name: str
    width: int
    height: int
    has_reference: bool
    note: str = optional("")
    regions: tuple[RegionRecord, ...] = optional(())


@dataclass(frozen=True)
class BenchRecord:
    """bench.json.

    Attributes:
        space: all parameters of the pipeline, in its order, with the values that the search starts from.
        levels: None where the pipeline does not know its truth.
        optimizer: the spec of the one that `auto` stood for.
        objectives: those that are optimised, the one that is shown first.
        scenes: in order.
    """

    space: tuple[ParamRecord, ...]
    levels: LevelsRecord | None = None
    optimizer: str = ""
    objectives: tuple[ObjectiveRecord, ...] = ()
    scenes: tuple[SceneRecord, ...] = ()

    @property
    def params(self) -> tuple[Param, ...]:
        """The space as parameters. Raises SpaceError for a parameter that is none."""
        return tuple(map(_param, self.space))


def read_bench(folder: Path) -> BenchRecord:
    """Raises RunFolderError for a folder that has none, or a damaged one."""
    return read_record(folder, BENCH, BenchRecord)


def write_bench(folder: Path, bench: BenchRecord) -> None:
    """Write bench.json. Raises DiskError."""
    write_record(folder, BENCH, bench)


def _param(record: ParamRecord) -> Param:
    """Raises SpaceError where the record is no parameter."""
    unit, words, when = record.unit, record.help, dict(record.when)
    if record.kind == "choice":
        return Choice(record.name, record.options or (), str(record.default), unit, words, when)
    if record.low is None or record.high is None or isinstance(record.default, str):
        raise SpaceError(
            f"{record.name}: a parameter of kind {record.kind} has low, high and a number as default"
        )
    if record.kind == "real":
        return Real(record.name, record.low, record.high, record.default, bool(record.log), unit, words, when)
    limits = record.low, record.high, record.default
    # Integer refuses those with a fraction.
    return Integer(record.name, *limits, bool(record.log), unit, words, when)  # pyright: ignore[reportArgumentType]
