"""recommended.json: what a finished run recommends, evaluated again, and what others say of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from isptune.errors import RunFolderError
from isptune.runs.facts import Direction
from isptune.runs.files import RECOMMENDED, read_table, write_record
from isptune.space import Candidate
from isptune.system.records import convert, optional, plain, unless

Verdict = Literal["better", "worse", "same"]


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % confidence interval (Student's t), over noise seeds or over crops of the scenes.

    Attributes:
        mean: NaN where it is not known.
        low, high: ends of the interval, in the unit of the mean.
        n: how many seeds or crops.
    """

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval":
        """The interval of a few values; of width 0 for one value, or for equal ones."""
        from scipy import stats

        n, mean = len(values), float(np.mean(values))
        spread = float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else 0.0
        half = float(stats.t.ppf(0.975, n - 1)) * spread if spread > 0 else 0.0
        return cls(mean, mean - half, mean + half, n)

    @classmethod
    def about(cls, mean: float, values: Sequence[float]) -> "Interval":
        """An interval about a score of whole pictures, as wide as that of the mean of their crops' scores."""
        half = cls.of(values).half_width
        return cls(mean, mean - half, mean + half, len(values))

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def as_gain(self, direction: Direction, cost: float = 0.0, rounding: float = 0.0) -> Verdict:
        """What it says as a difference, new minus old, of scores that are better in this direction.

        Args:
            direction: of the scores.
            cost: what has to be gained first, 0 or more.
            rounding: of the scores: what lies within it is no change.
        """
        low, high = (self.low, self.high) if direction == "maximize" else (-self.high, -self.low)
        return "better" if low - cost > rounding else "worse" if high - cost < -rounding else "same"


UNKNOWN = Interval(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class ScorePair:
    """One objective's score of the recommended candidate and of the default.

    Attributes:
        recommended, default: left out where the candidate could not be evaluated.
        gain: the recommended score minus the default's, seed by seed; of the first runs it was not written.
    """

    recommended: Interval = optional(UNKNOWN)
    default: Interval = optional(UNKNOWN)
    gain: Interval | None = optional(None)

    @property
    def difference(self) -> Interval:
        """Recommended minus default.

        Without a paired difference in the file the two intervals are taken as independent, so their half
        widths add in quadrature; common seeds make the true interval narrower, not wider.
        """
        if self.gain is not None:
            return self.gain
        mean = self.recommended.mean - self.default.mean
        half = math.hypot(self.recommended.half_width, self.default.half_width)
        return Interval(mean, mean - half, mean + half, min(self.recommended.n, self.default.n))


@dataclass(frozen=True)
class Distance:
    """How far a candidate is from pristine; empty and None where the pipeline does not know."""

    levels: tuple[float, ...] = ()
    l1: float | None = None
    l1_normalised: float | None = None


@dataclass(frozen=True)
class RepeatAnswer:
    """What one of the lockstep optimisations recommends by itself.

    Attributes:
        repeat: its number, from 0.
        seed: of its optimizer.
        params: all parameters.
        objectives: scores by objective; empty where it could not be evaluated again.
        levels, l1, l1_normalised: as in a trial; empty and None where the pipeline does not know them.
        stop_reason: why its search ended.
        error: why it could not be evaluated, else None.
        from_: whether its optimizer recommends it, or it is the best of its trials under fresh noise; `from` on disk.
    """

    repeat: int
    seed: int
    params: Candidate
    objectives: Mapping[str, Interval]
    levels: tuple[float, ...] = ()
    l1: float | None = None
    l1_normalised: float | None = None
    stop_reason: str = ""
    error: str | None = None
    from_: Literal["optimizer", "best trials"] | None = optional(None)

    @property
    def distance(self) -> Distance:
        return Distance(self.levels, self.l1, self.l1_normalised)


@dataclass(frozen=True)
class FrontMember:
    """A candidate that no other one dominates: its parameters, scores by objective, and levels where they are known."""

    params: Candidate
    scores: Mapping[str, float]
    levels: tuple[float, ...] = ()


@dataclass(frozen=True)
class SecondOpinion:
    """What an objective that took no part says.

    Attributes:
        objective: its name.
        direction: in which its scores are better.
        default, recommended: its mean scores over a few seeds; None where it could not score.
        says: `same` where the 95 % interval of the paired difference holds 0; None where it could not score.
        error: why it could not.
    """

    objective: str
    direction: Direction
    default: float | None
    recommended: float | None
    says: Verdict | None
    error: str | None = optional(None)


@dataclass(frozen=True)
class FindingRecord:
    """One thing that is wrong with a picture.

    Attributes:
        category: one of `isptune.diagnosis.finding.CATEGORIES`.
        severity: 1 (slight) to 5 (severe); None from a judge that does not say.
        confidence: the probability that it is there, 0 to 1.
    """

    category: str
    severity: int | None
    confidence: float


def _cannot_say(told: "Told") -> bool:
    return told.error is not None


@dataclass(frozen=True)
class Told:
    """What a judge finds wrong with one picture, or why it could not say.

    Attributes:
        text: one sentence.
        findings: kinds of distortion with severity and confidence, the most important one first.
        confidence: that the answer as a whole is right, from 0 to 1.
        source: whose answer it is.
        heat_map: how bad each part of the picture is, 0 to 1, rows from the top; None from a judge that does not say.
        error: why it could not say; then there is nothing else.
    """

    text: str = unless(_cannot_say, "")
    findings: tuple[FindingRecord, ...] = unless(_cannot_say, ())
    confidence: float | None = unless(_cannot_say, None)
    source: str = unless(_cannot_say, "")
    heat_map: tuple[tuple[float, ...], ...] | None = unless(_cannot_say, None)
    error: str | None = optional(None)

    @property
    def words(self) -> str:
        """The sentence, or that there is none."""
        return self.text if self.error is None else f"could not say: {self.error}"


@dataclass(frozen=True)
class Diagnosed:
    """What a judge finds wrong with the pictures of a scene."""

    judge: str
    scene: str
    default: Told
    recommended: Told


@dataclass(frozen=True)
class ExportedFile:
    """How far the picture that a file of the recommended set gives is from the one that was chosen.

    Attributes:
        format: of the file, as `isptune export --format` takes it.
        scene: whose picture.
        mean, largest: of the difference of all samples, in levels of 255; None where it could not be loaded.
        error: why it could not.
    """

    format: str
    scene: str
    mean: float | None = None
    largest: float | None = None
    error: str | None = optional(None)

    @property
    def words(self) -> str:
        """One line."""
        if self.mean is None or self.largest is None:
            return f"{self.scene} from the exported {self.format}: could not be made: {self.error}"
        if self.largest == 0:
            return f"{self.scene} from the exported {self.format}: the same picture as was chosen"
        return (
            f"{self.scene} from the exported {self.format}: {self.mean:.2g} of 255 levels from the chosen picture on "
            f"average, {self.largest:.2g} at most"
        )


@dataclass(frozen=True)
class Rejected:
    """The best that was found, where it is not better than the start beyond the interval: then the start stays.

    Attributes:
        params: all parameters.
        objectives: its scores against those of the start; empty where it could not be evaluated again.
        error: why it could not, or what else is wrong with it.
    """

    params: Candidate
    objectives: Mapping[str, ScorePair] = field(default_factory=dict)
    error: str | None = optional(None)


@dataclass(frozen=True)
class Kept:
    """A limit, and whether the recommended candidate keeps it.

    Attributes:
        constraint: as it was given.
        scores: what is limited, of both.
        kept: whether the recommended candidate is within the limit.
    """

    constraint: str
    scores: ScorePair
    kept: bool


@dataclass(frozen=True)
class HeldOut:
    """Scores of two sets on scenes that took no part in the search.

    Attributes:
        objectives: by objective the scores of both, means over the scenes; the intervals are over scenes where there
            are three or more, else over noise seeds or crops.
        scenes: the same by scene and objective.
    """

    objectives: Mapping[str, ScorePair]
    scenes: Mapping[str, Mapping[str, ScorePair]]


Over = Literal["noise seeds", "crops", "scenes", ""]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The candidate to hand over, evaluated again, and what others think of it.

    Attributes:
        params, default: all parameters of the recommended candidate, and of what the search started from. They are
            equal where nothing that was found is better than the start: then there is a `rejected`.
        rejected: the best that was found, where the start is recommended instead; else None.
        over: what the intervals are over: noise that no generation saw, or crops of the scenes, where the pipeline
            draws no noise; empty where there are none.
        repeat: from which of the lockstep optimisations it is.
        stop_reason: why that one's search ended.
        seeds: of the noise under which both were evaluated again; no generation saw it. One, where no noise is drawn.
        objectives: scores by objective, one of all scenes.
        levels, l1, l1_normalised: as in a trial, of `recommended` and `default`; None where they are not known.
        scenes: scores by scene and objective, where there is more than one scene.
        constraints: limits that were to be kept.
        held_out: the same on scenes that the search never saw, where some were kept; else None.
        distance: how far the tuned knobs went from the default, a mean share of their ranges, 0 to 1.
        cost: what that cost in the search (see `stay_near`), in the first objective's unit.
        repeats: what each of the lockstep optimisations recommends.
        front: of several objectives, the candidates of all repeats that no other one dominates.
        second_opinions: of objectives that took no part.
        diagnoses: what judges find wrong with the pictures, by judge and scene.
        warnings: a sentence each.
        exported: of pipelines that load their own files, the pictures that these give.
    """

    params: Candidate
    default: Candidate
    rejected: Rejected | None = optional(None)
    over: Over = optional("noise seeds")
    repeat: int = 0
    stop_reason: str = ""
    seeds: tuple[int, ...] = ()
    objectives: Mapping[str, ScorePair]
    levels: Mapping[str, tuple[float, ...]] | None = None
    l1: Mapping[str, float | None] | None = None
    l1_normalised: Mapping[str, float | None] | None = None
    scenes: Mapping[str, Mapping[str, ScorePair]] = field(default_factory=dict)
    constraints: tuple[Kept, ...] = optional(())
    held_out: HeldOut | None = optional(None)
    distance: float | None = None
    cost: float = 0.0
    repeats: tuple[RepeatAnswer, ...] = ()
    front: tuple[FrontMember, ...] = ()
    second_opinions: tuple[SecondOpinion, ...] = ()
    diagnoses: tuple[Diagnosed, ...] = ()
    warnings: tuple[str, ...] = ()
    exported: tuple[ExportedFile, ...] = optional(())

    @property
    def recommended_distance(self) -> Distance:
        """How far the recommended candidate is from pristine."""
        return self._distance("recommended")

    @property
    def default_distance(self) -> Distance:
        """How far the default is from pristine."""
        return self._distance("default")

    def _distance(self, which: str) -> Distance:
        levels, l1, normalised = self.levels or {}, self.l1 or {}, self.l1_normalised or {}
        return Distance(levels.get(which, ()), l1.get(which), normalised.get(which))


def gamed(opinions: Sequence[SecondOpinion]) -> list[SecondOpinion]:
    """The second opinions that call the recommended candidate worse, if they outnumber those that call it better."""
    worse = [opinion for opinion in opinions if opinion.says == "worse"]
    better = [opinion for opinion in opinions if opinion.says == "better"]
    return worse if len(worse) > len(better) else []


def read_answer(folder: Path) -> Answer:
    """Raises RunFolderError for a folder that has no answer yet, or a damaged one."""
    table = read_table(folder, RECOMMENDED)
    return convert(
        _renamed(table, "from", "from_"), Answer, f"{folder / RECOMMENDED}: is damaged", RunFolderError
    )


def write_answer(folder: Path, answer: Answer) -> None:
    """Write recommended.json. Raises DiskError."""
    write_record(folder, RECOMMENDED, _renamed(plain(answer), "from_", "from"))


def _renamed(table: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The same with one key of its repeats renamed: `from` is no name in Python."""
    repeats = table.get("repeats")
    if not isinstance(repeats, list) or not all(isinstance(part, dict) for part in repeats):
        return table
    named = [{new if key == old else key: value for key, value in part.items()} for part in repeats]
    return {**table, "repeats": named}
