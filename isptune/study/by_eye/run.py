"""A search that is led by eye, as a folder: its settings, its pictures, its votes, and what it recommends.

::

    DIR/eye.json             what is tuned, on which scene, by how many votes
    DIR/search.jsonl         a line for each generation that is over: its answers. The log is the checkpoint
    DIR/recommended.toml     a parameter set: the middle of the distribution so far
    DIR/...                  the rest is a study: stimuli/SCENE/gGENERATION-NUMBER.png, answers.sqlite
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import torch

from isptune.deeds import Named
from isptune.errors import ConfigError, RenderError, StudyError
from isptune.parameter_set import ParameterSet, to_toml
from isptune.registry import build
from isptune.scenes.images import write_image
from isptune.scenes.scene import load_scenes, scene_warnings
from isptune.space import Space
from isptune.study.by_eye.search import PAIRS_EACH, EyeSearch, population_for
from isptune.study.plan.folder import (
    ANSWERS,
    PLAN,
    STIMULI,
    Plan,
    Stimulus,
    new_folder,
    read_study,
    stimulus_file,
    write_study,
)
from isptune.study.votes.answers import Answers
from isptune.study.votes.votes import Answer, Pair, VoteRecord
from isptune.system.device import choose_device
from isptune.system.disk import appending, folder_in, is_unfinished, slug, write_atomically
from isptune.system.records import convert, optional, parse_json, plain, read_bytes
from isptune.trust import Trust, names_a_file, require_trust
from isptune.tuning.evaluate import Evaluator

SETTINGS, LOG, RECOMMENDED = "eye.json", "search.jsonl", "recommended.toml"
GREY = 119 / 255
"""What is shown of a candidate that cannot be rendered, as bright as the page: nobody will like it."""


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


@dataclass(frozen=True)
class Asked:
    """A line of search.jsonl: the number of a generation, from 0, and the answer to each of its pairs."""

    generation: int
    answers: tuple[Answer, ...]


@final
class EyeRun:
    """A Schedule for one observer: after each generation the next one is rendered and asked.

    Args:
        folder: made by `start`.
        say: told of every generation.
    """

    def __init__(self, folder: Path, say: Callable[[str], Any] = print):
        self.study, self.settings, self.say = read_study(folder), read_settings(folder), say
        self.evaluator, self.space = _bench(self.settings)
        self.search = EyeSearch(self.space, population_for(self.space), PAIRS_EACH, self.settings.seed)
        self.total = self.settings.votes
        self._told = 0  # generations
        for answers in read_log(folder / LOG):
            self.search.tell(answers)
            self._told += 1

    def batch(self, observer: int, asked: int, votes: Callable[[], Sequence[VoteRecord]]) -> list[Pair]:
        """The pairs of the next generation, its pictures rendered; empty when the search is over."""
        if observer != 1:
            return []
        if asked and asked >= len(self.search.pairs) * (self._told + 1):
            self._take(votes())
        if self.search.stop_reason or asked + len(self.search.pairs) > self.settings.votes:
            self.total = asked
            self.say(
                f"the search is over after {asked} votes: {self.search.stop_reason or 'no votes are left'}"
            )
            return []
        names = self._render()
        return [Pair(self.study.scenes[0], names[i], names[j]) for i, j in self.search.pairs]

    def _take(self, votes: Sequence[VoteRecord]) -> None:
        """Log the answers to the generation that is over, then go on: a vote changed later changes nothing."""
        count, own = len(self.search.pairs), [vote for vote in votes if vote.observer == 1]
        answers: list[Answer] = [vote.answer for vote in own[self._told * count : (self._told + 1) * count]]
        line = json.dumps(plain(Asked(self._told, tuple(answers)))) + "\n"
        try:
            with appending(self.study.folder / LOG) as log:
                log.write(line.encode())
                log.flush()
                os.fsync(log.fileno())
        except OSError as error:
            raise StudyError(f"{self.study.folder / LOG}: cannot be written: {error.strerror}") from error
        self.search.tell(answers)
        self._told += 1
        self._recommend(len(own))

    def _recommend(self, votes: int) -> None:
        settings = self.settings
        chosen = ParameterSet(
            self.study.folder.name,
            self.space.complete(self.search.recommend()),
            settings.pipeline,
            settings.pipeline_options,
            start=self.space.default,
        )
        text = to_toml(chosen, self.space.params)
        write_atomically(self.study.folder / RECOMMENDED, text.encode())
        self.say(f"{votes} votes, {self._told} generations; {RECOMMENDED} is up to date")

    def _render(self) -> list[str]:
        """The names of this generation's pictures; those that are there from before an interruption are kept."""
        scene = self.evaluator.scenes[0]
        names = [f"g{self.search.generation:03d}-{k:02d}" for k in range(len(self.search.candidates))]
        for name, candidate in zip(names, self.search.candidates, strict=True):
            path = self.study.folder / stimulus_file(self.study.scenes[0], name)
            folder_in(path.parent.parent, path.parent.name)
            if path.is_file():
                continue
            try:
                image = self.evaluator.render_one(self.space.complete(candidate), scene, self.settings.seed)
            except RenderError as error:
                self.say(f"{name} cannot be rendered and is shown grey: {error}")
                image = torch.full_like(scene.image[:1], GREY)
            write_image(path, image)
        return names


def _bench(settings: EyeSettings) -> tuple[Evaluator, Space]:
    """What renders, and the space that is searched."""
    pipeline = build("pipeline", settings.pipeline, **settings.pipeline_options)
    scenes = load_scenes([settings.scene], settings.crop, settings.resize)
    if len(scenes) != 1:
        raise ConfigError(f"one scene is tuned by eye; {settings.scene!r} stands for {len(scenes)}")
    space = pipeline.space.select(list(settings.tune)) if settings.tune else pipeline.space
    if space.choices or not space.numeric:
        names = ", ".join(choice.name for choice in space.choices) or "no parameter"
        raise ConfigError(f"by eye numbers are tuned, and one at least, not {names}; name some with --tune")
    return Evaluator(pipeline, {}, scenes, choose_device(settings.device)), space


def start(folder: Path, settings: EyeSettings, say: Callable[[str], Any] = print) -> EyeRun:
    """Make the folder of a new search, with its first generation. Raises ConfigError if something is there."""
    name = slug(Path(settings.scene).stem if Path(settings.scene).suffix else settings.scene)
    plan = Plan(title="Tuning by eye", training=0, repeats=0, anchors=0, break_every=60, seed=settings.seed)
    evaluator, space = _bench(settings)
    names = [f"g000-{k:02d}" for k in range(population_for(space))]
    new_folder(folder)
    settings = replace(settings, scene_sha256=evaluator.scenes[0].sha256)
    for text in scene_warnings(evaluator.scenes):
        say(f"warning: {text}")
    write_study(folder, plan, [Stimulus(name, n, stimulus_file(name, n)) for n in names])
    write_atomically(folder / SETTINGS, json.dumps(plain(settings), indent=1).encode())
    run = EyeRun(folder, say)
    run._render()
    return run


def forget_unfinished(folder: Path) -> None:
    """Remove what a start left that was ended before it wrote its settings: nobody can have voted yet."""
    if folder.is_dir() and not (folder / SETTINGS).exists():
        left = {path for path in folder.iterdir() if is_unfinished(path)}
        left |= {folder / name for name in (PLAN, STIMULI, ANSWERS, f"{ANSWERS}-wal", f"{ANSWERS}-shm")}
        if set(folder.iterdir()) <= left and not _has_observers(folder / ANSWERS):
            for path in left:
                path.unlink(missing_ok=True)


def _has_observers(path: Path) -> bool:
    """Whether a file of answers is in use; one that was not finished is not."""
    try:
        with Answers(path) as answers:
            return bool(answers.observers())
    except StudyError:
        return False


def go_on(folder: Path, given: Mapping[str, Any], trust: bool, say: Callable[[str], Any] = print) -> EyeRun:
    """Go on with a search.

    Args:
        folder: of the search.
        given: settings that the command names again; they must be those of the folder.
        trust: whether to start and send what the folder names and the command does not.
        say: told of every generation.

    Raises:
        ConfigError: something that is given is another one there, or the folder would act and is not trusted.
        StudyError: the scene is not the picture that the search began with.
    """
    settings = read_settings(folder)
    differing = [key for key, value in given.items() if getattr(settings, key) != value]
    if differing:
        shown = ", ".join(
            f"{key} = {getattr(settings, key)!r} there, {given[key]!r} now" for key in differing
        )
        raise ConfigError(
            f"{folder}: holds another search ({shown}); give another folder, or only this one to go on"
        )
    named = (
        (Named("pipeline", given["pipeline"], given.get("pipeline_options", {})),)
        if "pipeline" in given
        else ()
    )
    wanted = [Named("pipeline", settings.pipeline, settings.pipeline_options)]
    require_trust(folder, wanted, Trust(named, trust))
    if "scene" not in given and not trust and names_a_file(settings.scene):
        for scene in load_scenes([settings.scene], settings.crop, settings.resize):
            if scene.sha256 != settings.scene_sha256:
                raise StudyError(
                    f"{folder}: the scene {scene.name!r} is not the picture that this search began with; name it "
                    "with --scene if it is to be used"
                )
    return EyeRun(folder, say)


def read_settings(folder: Path) -> EyeSettings:
    """The settings of a search. Raises StudyError if it is none."""
    path = folder / SETTINGS
    if not path.is_file():
        raise StudyError(f"{folder}: is no search by eye (there is no {SETTINGS}); name a new folder")
    place = f"{path}: is damaged"
    values = parse_json(read_bytes(path, StudyError), place, StudyError)
    return convert(values, EyeSettings, place, StudyError, known_only=True)


def read_log(path: Path) -> list[list[Answer]]:
    """The answers of the generations that are over; a torn last line is left out, and removed."""
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        write_atomically(path, b"".join(lines[:-1]))
        lines = lines[:-1]
    place = f"{path}: is damaged"
    table = (parse_json(line, place, StudyError) for line in lines)
    return [list(convert(row, Asked, place, StudyError).answers) for row in table]
