"""What plug-ins are: one frozen record for each, which every plug-in has as its `facts`.

What a plug-in can do beyond the call that it is there for is a Protocol of `isptune.interfaces`. One that is made of
others works its facts out from theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class ObjectiveFacts:
    """What an objective is, and what its scores mean.

    Attributes:
        direction: in which scores are better.
        range: of the scores; may be infinite.
        unit: of the scores.
        source: authors, year, title, and the DOI or arXiv id where there is one.
        uses_reference: whether it compares with the scene's reference (full reference).
        rivals: with how many of the candidates that are evaluated together it compares at most, so that its scores hold
            among these only; it has `ScoresAmong.score_among`. 0: a score stands for itself.
        whole_pictures: whether it can score whole pictures only, as one that measures the regions of a chart; the score
            of a crop would say something else.
        by_regions: whether the mean over regions of a large picture stands for the whole of it: it looks at pixels at
            their own resolution, and each neighbourhood counts for itself.
        splits_noise: whether it compares the two halves of a raw capture's noise: a run splits its scenes
            (`isptune.scenes.noise_halves`), and candidates render the first half.
        components: specs of the objectives that it is made of, which took part where it did.
        weights: of the files that it was fitted or trained by, name -> sha256; they go into a run's provenance.
    """

    direction: Direction
    range: tuple[float, float] = (-inf, inf)
    unit: str = ""
    source: str = ""
    uses_reference: bool = False
    rivals: int = 0
    whole_pictures: bool = False
    by_regions: bool = False
    splits_noise: bool = False
    components: tuple[str, ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JudgeFacts:
    """What a judge is; see `ObjectiveFacts`."""

    source: str = ""
    uses_reference: bool = False
    weights: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LevelFacts:
    """One distortion level of a pipeline whose truth is known; `limit` is its largest magnitude."""

    name: str
    limit: float
    unit: str = ""

    @property
    def label(self) -> str:
        """Name with unit, for axes and table heads."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


@dataclass(frozen=True)
class Support:
    """How far a pipeline looks, whose pictures lie on their scenes pixel on pixel.

    Parts of large scenes are rendered by themselves where that is bounded: cut with a margin, which is cut away again.
    What a scene is cut from stands in its `cut`, for what depends on the place or draws noise.

    Attributes:
        margin_px: so far around a part of its picture it looks at most, whatever the values; None where it may look at
            all of the scene.
        grid_px: a part begins and ends at whole multiples of it, or at the picture's edge, as blocks of JPEG and the
            filters of a sensor want it.
    """

    margin_px: int | None = None
    grid_px: int = 1


@dataclass(frozen=True)
class PipelineFacts:
    """What a pipeline is.

    Attributes:
        max_batch: how many images it renders at once, at most.
        uses_seed: False where its pictures are the same for every seed, so that to confirm a candidate once is enough.
        levels: where its true distance from pristine is known; it has `KnownLevels.levels`.
        versions: of programs and files outside of isptune that it depends on: of a program its version, of a file its
            sha256; they go into a run's provenance.
        file_formats: of its parameter files, as `isptune export --format` takes them; it has
            `WritesParameterFiles.parameter_file`.
        left_out: by format, the names of params that such a file has no place for.
        suffixes: by format, how the names of its files end, where that is not `.FORMAT`.
        neutral: whether, but for noise, it brings out the photograph that a capture was made of: it has no tone and no
            colours of its own, so that the photograph is the reference of such scenes (`twin:`).
        plain: values at which nothing of it smooths or sharpens, by the names of all params that can; empty where
            nobody knows.
        support: how far it looks; None where nobody knows: its pictures are rendered and scored whole.
    """

    max_batch: int
    uses_seed: bool = True
    levels: tuple[LevelFacts, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    file_formats: tuple[str, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    suffixes: Mapping[str, str] = field(default_factory=dict)
    neutral: bool = False
    plain: Mapping[str, float | int | str] = field(default_factory=dict)
    support: Support | None = None

    def without_any_place(self, names: Sequence[str]) -> dict[str, str]:
        """The params that none of its file formats has a place for, with words that say so."""
        if not self.file_formats:
            return {}
        said = f"no place in {', '.join(self.file_formats)}"
        lost = set(names).intersection(*(self.left_out.get(one, ()) for one in self.file_formats))
        return {name: said for name in names if name in lost}


@dataclass(frozen=True)
class EditedFile:
    """A file of a user's own with what a search changed, and what there is to say of it.

    Attributes:
        data: the file.
        notes: one line each: what was changed and has no place in it, what it lacks.
    """

    data: bytes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileSet:
    """What a file of a user's own says of a pipeline's params.

    Attributes:
        values: by name, of those that stand in it.
        options: of the pipeline with which this file is what it starts from.
    """

    values: Mapping[str, float | int | str]
    options: Mapping[str, str]


def gathered_weights(facts: Mapping[str, ObjectiveFacts | JudgeFacts]) -> dict[str, str]:
    """The weights of several plug-ins, by their specs, as one; a second file of the same name says whose it is."""
    weights: dict[str, str] = {}
    for spec, own in facts.items():
        for file, digest in own.weights.items():
            other = weights.get(file, digest) != digest
            weights[f"{file} of {spec}" if other else file] = digest
    return weights
