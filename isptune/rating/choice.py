"""Which pictures to rate: of a run's trials or of a folder, spread by interval sampling."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.arrays import Images
from isptune.errors import ConfigError, RunFolderError, SceneError, in_words, one_line
from isptune.registry import build
from isptune.runs.log import Trial
from isptune.runs.record import RunRecord, read_run
from isptune.scenes.images import SUFFIXES, read_fitting
from isptune.scenes.sampling import interval_ranks
from isptune.scenes.scene import Scene, load_scenes
from isptune.space import Space
from isptune.system.device import choose_device
from isptune.tuning.evaluate import Evaluator

if TYPE_CHECKING:
    from isptune.interfaces import Objective

FEWEST = 3
"""Pictures to rate: fewer say too little of a taste."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """A picture to rate.

    Attributes:
        origin: what it is, for the record: a file, or a trial of a run with its parameters.
        score: by which it was chosen, if it was.
        load: reads or renders it, [1, 3, H, W].
    """

    origin: Mapping[str, Any]
    score: float | None
    load: Callable[[], Images]


def of_run(folder: Path, count: int, scene: str | None = None, by: str | None = None) -> list[Chosen]:
    """Trials of a run, spread from the worst to the best: by rank, among those whose scores stand apart.

    Args:
        scene: which of the run's scenes to render them on. [the first]
        by: which of the run's objectives to sort them by. [the first]

    Raises:
        RunFolderError: it is no run folder, too few of its trials were scored, or the scene is another picture now.
        ConfigError: there is no such scene or objective, or something that the run used is not there any more.
    """
    record = read_run(folder)
    objective = _named("objective", by, {fact.name: fact for fact in record.objectives})
    space, evaluator, shown = _renderer(record, scene)
    trials = _distinct(record, objective.name)
    if len(trials) < FEWEST:
        raise RunFolderError(
            f"{folder}: {len(trials)} different trials have a score; at least {FEWEST} are needed"
        )
    trials.sort(key=lambda entry: objective.sign * entry[2].scores[objective.name])
    trials = _standing_apart(trials, objective.name, count)
    return [
        _rendered(space, evaluator, shown, trials[rank], objective.name)
        for rank in interval_ranks(len(trials), count)
    ]


def of_folder(
    folder: Path,
    count: int,
    objective: str | None = None,
    on_scored: Callable[[int, int], None] = lambda done, count: None,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Chosen]:
    """Pictures of a folder, spread over the ranks of an objective's scores, or over their names.

    Of a picture that is too large the middle is taken; `tell` gets lines on what was done to those that are chosen.

    Raises:
        ConfigError: there is no such folder, it holds too few pictures, or one cannot be read or scored.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if len(files) < FEWEST:
        raise ConfigError(
            f"{folder}: {len(files)} pictures; at least {FEWEST} are needed ({', '.join(SUFFIXES)})"
        )
    scores: dict[Path, float] = {}
    if objective is not None:
        scored: Objective = build("objective", objective)
        for number, file in enumerate(files, 1):
            scores[file] = _score(file, scored)
            on_scored(number, len(files))
        sign = 1 if scored.facts.direction == "maximize" else -1
        files.sort(key=lambda file: sign * scores[file])
    return [
        Chosen({"file": str(files[rank])}, scores.get(files[rank]), _reader(files[rank], tell))
        for rank in interval_ranks(len(files), count)
    ]


def _distinct(record: RunRecord, objective: str) -> list[tuple[int, int, Trial]]:
    """Number, noise seed and record of the trials that have a score, each candidate once."""
    found: dict[str, tuple[int, int, Trial]] = {}
    for number, (seed, trial) in enumerate(_trials(record)):
        if objective in trial.scores:
            found.setdefault(repr(sorted(trial.params.items())), (number, seed, trial))
    return list(found.values())


def _standing_apart(
    trials: list[tuple[int, int, Trial]], objective: str, count: int
) -> list[tuple[int, int, Trial]]:
    """Sorted trials without those that score like the one before them: most trials of a run crowd near its best.

    Equal steps of rank would show ten pictures that look the same. The distance that is asked for, a quarter of an
    equal step of score, is halved until enough are left; the worst and the best always are.
    """
    scores = [trial.scores[objective] for _, _, trial in trials]
    apart = abs(scores[-1] - scores[0]) / (4 * count)
    for _ in range(10):
        kept = [0]
        for index, score in enumerate(scores):
            if abs(score - scores[kept[-1]]) > apart:
                kept.append(index)
        kept = [*kept[:-1], len(trials) - 1]
        if len(kept) >= count:
            return [trials[index] for index in kept]
        apart /= 2
    return trials


def _trials(record: RunRecord) -> Iterator[tuple[int, Trial]]:
    for generation in record.generations:
        for trial in generation.trials:
            yield generation.seed, trial


def _renderer(record: RunRecord, name: str | None) -> tuple[Space, Evaluator, Scene]:
    """What renders the run's candidates again, without its objectives, and the scene to do it on."""
    settings = record.config
    pipeline = build("pipeline", settings.pipeline, **settings.pipeline_options)
    scenes = load_scenes(settings.scenes, settings.crop, settings.resize)
    evaluator = Evaluator(pipeline, {}, scenes, choose_device(settings.device))
    scene = _named("scene", name, {scene.name: scene for scene in evaluator.scenes})
    if record.provenance.another_picture({scene.name: scene.sha256}) is not None:
        raise RunFolderError(
            f"{record.folder}: the scene {scene.name!r} is not the picture that this run was made on"
        )
    return pipeline.space.starting_at(settings.start), evaluator, scene


def _rendered(
    space: Space, evaluator: Evaluator, scene: Scene, entry: tuple[int, int, Trial], objective: str
) -> Chosen:
    number, seed, trial = entry
    candidate = space.complete(trial.params)
    origin = {"trial": number, "scene": scene.name, "params": dict(trial.params)}
    return Chosen(origin, trial.scores[objective], lambda: evaluator.render_one(candidate, scene, seed).cpu())


def _named(kind: str, name: str | None, known: Mapping[str, Any]) -> Any:
    if name is None:
        return next(iter(known.values()))
    if name not in known:
        raise ConfigError(f"the run has no {kind} {name!r}; it has: {', '.join(known)}")
    return known[name]


def _reader(file: Path, tell: Callable[[str], None]) -> Callable[[], Images]:
    def read() -> Images:
        found = read_fitting(file)
        for line in found.told:
            tell(line)
        return found.image

    return read


def _score(file: Path, objective: "Objective") -> float:
    image = read_fitting(file).image
    try:
        score = float(objective.score(image, Scene(file.stem, image))[0])
    except Exception as error:  # a plug-in may raise anything
        raise SceneError(f"{one_line(str(file))}: cannot be scored: {in_words(error)}") from error
    if score != score:
        raise SceneError(f"{one_line(str(file))}: cannot be scored: the score is NaN")
    return score
