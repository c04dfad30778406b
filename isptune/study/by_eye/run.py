"""A search that is led by eye, as a folder: its settings, its pictures, its votes, and what it recommends.

::

    DIR/eye.json             what is tuned, on which scene, by how many votes
    DIR/search.jsonl         a line for each generation that is over: its answers. The log is the checkpoint
    DIR/recommended.toml     a parameter set: the middle of the distribution so far
    DIR/config.json, ...     the files of a run, see docs/run_folder.md: trials.jsonl, and at the end recommended.json
    DIR/...                  the rest is a study: stimuli/SCENE/gGENERATION-NUMBER.png, answers.sqlite
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import torch

from isptune.deeds import Named
from isptune.errors import ConfigError, RenderError, StudyError
from isptune.parameter_set import ParameterSet, to_toml
from isptune.registry import build
from isptune.runs.files import BENCH, CONFIG, LIVE, PROVENANCE, live_image_path
from isptune.runs.log import Generation
from isptune.scenes.images import write_image
from isptune.scenes.scene import load_scenes, scene_warnings
from isptune.space import Space
from isptune.study.by_eye.records import generation_of, write_beginning, write_end, write_so_far
from isptune.study.by_eye.search import PAIRS_EACH, EyeSearch, population_for
from isptune.study.by_eye.settings import SETTINGS, EyeSettings, read_settings
from isptune.study.plan.folder import (
    ANSWERS,
    PLAN,
    STIMULI,
    Plan,
    Stimulus,
    add_stimuli,
    new_folder,
    read_study,
    stimulus_file,
    write_study,
)
from isptune.study.votes.answers import Answers
from isptune.study.votes.votes import Answer, Pair, VoteRecord
from isptune.system.device import choose_device
from isptune.system.disk import appending, folder_in, is_unfinished, slug, write_atomically
from isptune.system.records import convert, parse_json, plain
from isptune.trust import Trust, names_a_file, require_trust
from isptune.tuning.evaluate import Evaluator

LOG, RECOMMENDED = "search.jsonl", "recommended.toml"
GREY = 119 / 255
"""What is shown of a candidate that cannot be rendered, as bright as the page: nobody will like it."""


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
        on_end: told the folder whenever its recommended.json is new, to write a report of it.
    """

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], Any] = print,
        on_end: Callable[[Path], Any] = lambda folder: None,
    ):
        self.study, self.settings, self.say = read_study(folder), read_settings(folder), say
        self.evaluator, self.space = _bench(self.settings)
        self.search = EyeSearch(self.space, population_for(self.space), PAIRS_EACH, self.settings.seed)
        self.total, self._on_end = self.settings.votes, on_end
        self._generations: list[Generation] = []
        self._answers: list[Answer] = []
        for answers in read_log(folder / LOG):
            self._tell(answers)

    @property
    def _told(self) -> int:
        """Generations that are over."""
        return len(self._generations)

    def _tell(self, answers: list[Answer]) -> None:
        candidates = self.search.candidates
        self.search.tell(answers)
        self._answers += answers
        self._generations.append(
            generation_of(self._told, self.settings.seed, candidates, self.search.scores.tolist())
        )

    def batch(self, observer: int, asked: int, votes: Callable[[], Sequence[VoteRecord]]) -> list[Pair]:
        """The pairs of the next generation, its pictures rendered; empty when the search is over."""
        if observer != 1:
            return []
        if asked and asked >= len(self.search.pairs) * (self._told + 1):
            self._take(votes())
        if self.search.stop_reason or asked + len(self.search.pairs) > self.settings.votes:
            self.total = asked
            reason = self.search.stop_reason or "no votes are left"
            self.say(f"the search is over after {asked} votes: {reason}")
            self.finish(reason)
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
        self._tell(answers)
        write_so_far(self.study.folder, self._generations)
        self._show_best()
        self._recommend(len(own))

    def _show_best(self) -> None:
        """The start and what is recommended now, for whoever watches."""
        folder, scene = self.study.folder, self.evaluator.scenes[0]
        folder_in(folder, LIVE)
        for label, values in (("start", self.space.default), ("best", self.search.recommend())):
            with suppress(RenderError):  # voters see it grey
                image = self.evaluator.render_one(self.space.complete(values), scene, self.settings.seed)
                write_image(live_image_path(folder, scene.name, label), image.cpu())

    def finish(self, reason: str) -> None:
        """Recommend what was found so far, as a run does at its end; before the first generation there is nothing.

        More votes may follow: then it is not the end.
        """
        if not self._generations:
            return
        folder, settings = self.study.folder, self.settings
        try:
            chosen = self.search.recommend()
            write_end(folder, self.evaluator, self.space, chosen, settings.seed, reason, self._answers)
        except RenderError as error:
            self.say(f"warning: the recommended set cannot be rendered: {error}")
            return
        self._on_end(folder)

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
        add_stimuli(
            self.study.folder,
            [
                Stimulus(self.study.scenes[0], name, stimulus_file(self.study.scenes[0], name), dict(values))
                for name, values in zip(names, self.search.candidates, strict=True)
            ],
        )
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


def start(
    folder: Path,
    settings: EyeSettings,
    say: Callable[[str], Any] = print,
    on_end: Callable[[Path], Any] = lambda folder: None,
) -> EyeRun:
    """Make the folder of a new search, with its first generation. Raises ConfigError if something is there."""
    name = slug(Path(settings.scene).stem if Path(settings.scene).suffix else settings.scene)
    plan = Plan(
        title="Tuning by eye",
        training=0,
        repeats=0,
        anchors=0,
        break_every=60,
        seed=settings.seed,
        viewing=settings.viewing,
    )
    evaluator, space = _bench(settings)
    names = [f"g000-{k:02d}" for k in range(population_for(space))]
    new_folder(folder)
    settings = replace(settings, scene_sha256=evaluator.scenes[0].sha256)
    for text in scene_warnings(evaluator.scenes):
        say(f"warning: {text}")
    write_study(folder, plan, [Stimulus(name, n, stimulus_file(name, n)) for n in names])
    count = population_for(space)
    write_beginning(folder, settings, evaluator, count, count * PAIRS_EACH // 2)
    write_atomically(folder / SETTINGS, json.dumps(plain(settings), indent=1).encode())
    run = EyeRun(folder, say, on_end)
    run._render()
    return run


def forget_unfinished(folder: Path) -> None:
    """Remove what a start left that was ended before it wrote its settings: nobody can have voted yet."""
    if folder.is_dir() and not (folder / SETTINGS).exists():
        left = {path for path in folder.iterdir() if is_unfinished(path)}
        begun = (PLAN, STIMULI, ANSWERS, f"{ANSWERS}-wal", f"{ANSWERS}-shm", CONFIG, BENCH, PROVENANCE)
        left |= {folder / name for name in begun}
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


def go_on(
    folder: Path,
    given: Mapping[str, Any],
    trust: bool,
    say: Callable[[str], Any] = print,
    on_end: Callable[[Path], Any] = lambda folder: None,
) -> EyeRun:
    """Go on with a search.

    Args:
        folder: of the search.
        given: settings that the command names again; they must be those of the folder.
        trust: whether to start and send what the folder names and the command does not.
        say, on_end: see `EyeRun`.

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
    return EyeRun(folder, say, on_end)


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
