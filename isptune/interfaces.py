"""All that a plug-in must be, on one screen.

What a plug-in is stands in its `facts`, a frozen record of `isptune.facts`; what it can do beyond that is a Protocol
of methods, and is asked for with `isinstance`.

Plug-ins register by entry points (groups `isptune.pipelines`, `isptune.objectives`, `isptune.judges`,
`isptune.optimizers`, `isptune.scenes`); what an entry point names is a factory, see `isptune.registry`. An objective
that a report shall ask for a second opinion stands a second time, under `isptune.second_opinions`; a judge that shall
say in reports what is wrong with pictures, under `isptune.diagnosing_judges`; a click command under `isptune.commands`;
what writes a run down elsewhere while it goes on, under `isptune.writers`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

from isptune.arrays import Images, Levels, Losses, OtherImages, Params, Scores, SecondImages
from isptune.diagnosis.finding import Diagnosis
from isptune.facts import Direction, EditedFile, FileSet, JudgeFacts, ObjectiveFacts, PipelineFacts
from isptune.scenes.scene import Scene
from isptune.space import Candidate, Param, Space


@runtime_checkable
class Pipeline(Protocol):
    """Turns a scene and parameter values into images, one for each value of the batch."""

    @property
    def space(self) -> Space: ...

    @property
    def facts(self) -> PipelineFacts: ...

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Render the batch; every image sees the noise that `seed` stands for. Raises RenderError."""
        ...


@runtime_checkable
class KnownLevels(Protocol):
    """A pipeline whose true distance from pristine is known."""

    def levels(self, params: Params) -> Levels:
        """The signed distortion levels that these values lead to, in the order of its facts; 0 is pristine."""
        ...


@runtime_checkable
class NarrowsSupport(Protocol):
    """A pipeline that looks less far at some values than `facts.support` says."""

    def margins_px(self, params: Params) -> list[int]:
        """For each value of the batch how far it looks, pixels; at most `facts.support.margin_px`."""
        ...


@runtime_checkable
class WritesParameterFiles(Protocol):
    """A pipeline whose parameter sets can be written as files that a camera or a raw developer loads."""

    def parameter_file(self, file_format: str, candidate: Candidate, template: bytes | None) -> bytes:
        """The file for a complete candidate. Raises ConfigError, also for a template that is missing or unfit."""
        ...


@runtime_checkable
class EditsParameterFiles(Protocol):
    """A pipeline that writes what a search changed into a file of the user's own, and leaves every other byte."""

    def edited_file(
        self, file_format: str, candidate: Candidate, start: Candidate, template: bytes | None
    ) -> EditedFile:
        """The template, which stands for `start` (knobs that it lacks: the defaults). Raises ConfigError."""
        ...


@runtime_checkable
class EditsFilesOfSeries(Protocol):
    """A pipeline whose files may hold lists of values by ISO: one file then has those of a whole series."""

    def file_of_series(
        self,
        file_format: str,
        number: float,
        at: Callable[[float], Candidate],
        start: Candidate,
        template: bytes | None,
    ) -> EditedFile:
        """The file for one ISO: its lists by ISO get what `at` gives for theirs, all else what it gives for `number`.

        `at` gives complete candidates. Raises ConfigError.
        """
        ...


@runtime_checkable
class ReadsParameterFiles(Protocol):
    """A pipeline that finds its params in a file of the user's own, which no set reader could know."""

    def set_of_file(self, data: bytes, path: Path) -> FileSet:
        """What the file says of them. Raises ConfigError for one that is none of its files."""
        ...


@runtime_checkable
class RendersParameterFiles(Protocol):
    """A pipeline that loads its parameter files by the program that they are for, to compare the pictures."""

    def render_file(self, file_format: str, data: bytes, scene: Scene) -> Images:
        """The scene's picture, [1, 3, H, W], as the program makes it of that file. Raises RenderError."""
        ...


@runtime_checkable
class Objective(Protocol):
    """Scores images, in its own unit and direction."""

    @property
    def facts(self) -> ObjectiveFacts: ...

    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image. Raises ScoreError; a NaN is a failed trial."""
        ...


@runtime_checkable
class ScoresAmong(Protocol):
    """What an objective must be able to do whose facts have rivals: its scores hold among these only."""

    def score_among(
        self, images: Images, rivals: OtherImages, others: Bool[Tensor, "batch other"], scene: Scene
    ) -> Scores:
        """One score an image, from comparing it with the rivals where `others` says so. Raises ScoreError."""
        ...


@runtime_checkable
class ScoresTogether(Protocol):
    """An objective whose score of several scenes is one of all of them together, such as a detector's mAP.

    The score of several scenes is then no mean of their scores: from each picture it takes evidence, numbers of its own
    meaning, and from one candidate's evidence on all scenes the score. It looks at whole pictures, and has no rivals.
    """

    def evidence(self, images: Images, scene: Scene) -> list[tuple[float, ...]]:
        """What each image adds to the score of all scenes: finite numbers, as many as it likes. Raises ScoreError."""
        ...

    def together(self, evidence: Sequence[tuple[float, ...]]) -> float:
        """The score from the evidence of one candidate, one a scene; of one scene alone it is what `score` gives."""
        ...


@runtime_checkable
class ChecksScenes(Protocol):
    """An objective that needs something of its scenes, such as a label: asked before any candidate is rendered."""

    def check_scene(self, scene: Scene) -> None:
        """Raises SceneError, in one line, where it could not score pictures of this scene."""
        ...


@runtime_checkable
class Warns(Protocol):
    """An objective that may not fit what it is asked for; its warnings are told before a run and kept with its end."""

    def warnings(self, images: Sequence[Images]) -> list[str]:
        """One line each: what was odd in what it was given, or in pictures such as these, which it is to score."""
        ...


@runtime_checkable
class TakesPrompt(Protocol):
    """A factory of objectives that learn from rated pictures what is good: what `--prompt` is for."""

    def with_prompt(self, argument: str | None, prompt: str) -> str:
        """The argument of a spec with the prompt in it. Raises ConfigError for one that no spec can hold."""
        ...


@runtime_checkable
class StandsIn(Protocol):
    """A factory of objectives whose name may stand for something else, such as our own weights for published ones."""

    def stand_in(self, argument: str | None) -> tuple[str, str] | None:
        """What is built for this argument, as a spec in full, and why; None where it is what its name says."""
        ...


@runtime_checkable
class Judge(Protocol):
    """Says which of two images is better."""

    @property
    def facts(self) -> JudgeFacts: ...

    def prefer(self, first: Images, second: SecondImages, scene: Scene) -> Scores:
        """The probability that the first of each pair is the better one. Raises ScoreError; a NaN is a failed pair."""
        ...


@runtime_checkable
class PrefersEach(Protocol):
    """A judge that compares each of some images with each of others faster than pair by pair."""

    def prefer_each(self, images: Images, others: OtherImages, scene: Scene) -> Float[Tensor, "batch other"]:
        """The probability that each of the images is better than each of the others. Raises ScoreError."""
        ...


@runtime_checkable
class Diagnoses(Protocol):
    """A judge that also says what is wrong with a picture."""

    @property
    def facts(self) -> JudgeFacts: ...

    def describe(self, images: Images, scene: Scene) -> list[Diagnosis]:
        """One diagnosis an image. Raises ScoreError."""
        ...


@runtime_checkable
class Optimizer(Protocol):
    """Proposes populations of candidates and learns from their losses."""

    stop_reason: str | None  # why it would not go on; None while it would

    def ask(self) -> list[Candidate]:
        """The next population."""
        ...

    def tell(self, population: list[Candidate], losses: Losses) -> None:
        """The losses of the population last asked for, in its order. A NaN row ranks last."""
        ...

    def recommend(self) -> Candidate:
        """Its own estimate of the best candidate: not the luckiest score seen."""
        ...


@runtime_checkable
class TakesUp(Protocol):
    """An optimizer that goes on from a log without being asked for every population again."""

    def take_up(self, population: list[Candidate]) -> bool:
        """Go on as if this population had been asked for; it is told next. False where it has to be asked for."""
        ...


@runtime_checkable
class ParetoOptimizer(Protocol):
    """An optimizer for several objectives at once."""

    def front(self) -> list[Candidate]:
        """The candidates that no other one dominates."""
        ...


@dataclass(frozen=True)
class WrittenRun:
    """A run as writers get it.

    Attributes:
        name: of its folder.
        settings: as in its config.json.
        params: those that are tuned.
        objectives: by name the direction in which each is better, in order.
    """

    name: str
    settings: Mapping[str, Any]
    params: Sequence[Param]
    objectives: Mapping[str, Direction]


@dataclass(frozen=True)
class WrittenTrial:
    """A trial as writers get it.

    Attributes:
        number, generation, repeat: from 0; the number as in trials.csv.
        params: the tuned values.
        numbers: scores by objective, and l1 and l1_normalised where they are known; empty of a trial that failed.
        error: why it failed, else None.
        began, ended: seconds since 1970, UTC, of all its batch; None where they are not known.
        took_s: its share of the seconds in the pipeline and in the objectives; None where it is not known.
        levels: signed distortion levels by name, where the pipeline knows its truth.
    """

    number: int
    generation: int
    repeat: int
    params: Mapping[str, float | str]
    numbers: Mapping[str, float]
    error: str | None
    began: float | None
    ended: float | None
    took_s: float | None = None
    levels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class WrittenEnd:
    """What came of a run, as writers get it.

    Attributes:
        params: all of the recommended set.
        scores, start: by objective those of the recommended set and of what the search started from.
        held_out: by objective by how much scores rose on scenes that the search never saw; empty where none were kept.
        l1_normalised: of the recommended set, where the pipeline knows its truth.
        pictures: as PNG.
    """

    params: Candidate
    scores: Mapping[str, float]
    start: Mapping[str, float]
    held_out: Mapping[str, float]
    l1_normalised: float | None
    pictures: Sequence[Path]


@runtime_checkable
class RunWriter(Protocol):
    """Writes a run down elsewhere while it goes on.

    What it raises costs the run nothing: it is told, and what was missed is handed over again later, from `begin` where
    that failed, so that a writer must not take amiss what it has already.
    """

    def begin(self, run: WrittenRun) -> None:
        """The run begins, or goes on: the trials that it has come first."""
        ...

    def trials(self, trials: Sequence[WrittenTrial]) -> None:
        """A generation is over."""
        ...

    def end(self, end: WrittenEnd) -> None:
        """The run is over."""
        ...
