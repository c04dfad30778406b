"""A judge as an observer of a study: it looks at pairs of its pictures, and its answers are kept as its own.

It is never taken for a person. Its source is `judge`, its name `judge_SPEC`, no link votes in its name, and scales are
made without it unless they are asked for with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Literal, final

import numpy as np
import torch
from torch import Tensor

from isptune.errors import ConfigError, ScoreError, StudyClosed, in_words
from isptune.interfaces import Judge, PrefersEach
from isptune.scenes.images import read_image, to_uint8
from isptune.scenes.scene import Scene
from isptune.study.plan.designs import all_pairs
from isptune.study.plan.folder import Study
from isptune.study.plan.schedule import ADAPTIVE, balanced_sides, schedule_of
from isptune.study.votes.answers import Answers
from isptune.study.votes.votes import FIRST_JUDGE, Answer, Observer, Pair
from isptune.tuning.win_rate import prefer_each

Pairs = Literal["all", "schedule"]

TIES = 0.05
"""So near to 0.5 a probability is no difference."""

PIXELS_AT_ONCE = 48_000_000
"""Pictures of a scene that a judge gets together have so many pixels at most: 0.6 GB."""


@dataclass(frozen=True)
class Progress:
    """How far a judge is: `done` pairs of `total` have an answer, `before` of them from an earlier time."""

    done: int
    total: int
    before: int


@final
class JudgeObserver:
    """A judge, and how its probabilities become answers.

    Args:
        judge: what compares.
        spec: as it was asked for.
        ties: a probability within so much of 0.5 is no difference; in [0, 0.5).
        reference: whether it sees each scene's reference too.
        device: where it works.

    Raises:
        ConfigError: `ties` is out of range.
    """

    def __init__(
        self,
        judge: Judge,
        spec: str,
        ties: float = TIES,
        reference: bool = False,
        device: torch.device | str = "cpu",
    ):
        if not 0 <= ties < 0.5:
            raise ConfigError(f"ties = {ties} is not in [0, 0.5)")
        self.judge, self.ties, self.reference, self.device = judge, ties, reference, device
        self.name = spec.strip() + (",reference" if reference else "")

    @property
    def session(self) -> str:
        """What stands with each vote: how probabilities became answers."""
        return f"ties-{self.ties:g}"

    def answer(self, probability: float) -> Answer:
        """`first` above 0.5 and the threshold, `second` below, `none` between."""
        if abs(probability - 0.5) <= self.ties:
            return "none"
        return "first" if probability > 0.5 else "second"

    def answers(self, study: Study, scene: str, pairs: Sequence[Pair]) -> Iterator[list[tuple[Pair, Answer]]]:
        """The answers on pairs of one scene, some at a time. Raises ConfigError, SceneError or ScoreError."""
        names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
        pictures = {name: _picture(study, scene, name) for name in names}
        seen = self._scene(study, scene, pictures)
        wanted = {(pair.first, pair.second): pair for pair in pairs}
        for rows, columns in _blocks(pictures, isinstance(self.judge, PrefersEach)):
            asked = torch.tensor([[(a, b) in wanted for b in columns] for a in rows])
            if not asked.any():
                continue
            found = self._probabilities(
                _stack(pictures, rows, self.device), _stack(pictures, columns, self.device), asked, seen
            )
            places = [(rows[i], columns[j], float(found[i, j])) for i, j in torch.nonzero(asked).tolist()]
            for first, second, probability in places:
                if probability != probability:
                    raise ScoreError(f"{self.name} gave no answer on {scene}: {first} and {second}")
            yield [(wanted[first, second], self.answer(value)) for first, second, value in places]

    def _probabilities(self, first: Tensor, second: Tensor, asked: Tensor, scene: Scene) -> Tensor:
        try:
            with torch.no_grad():
                return prefer_each(self.judge, first, second, asked.to(first.device), scene).cpu()
        except (ScoreError, ConfigError):
            raise
        except Exception as error:  # a plug-in may raise anything
            raise ScoreError(f"{self.name}: {scene.name}: {in_words(error)}") from error

    def _scene(self, study: Study, scene: str, pictures: dict[str, Tensor]) -> Scene:
        image = next(iter(pictures.values()))
        if not self.reference:
            return Scene(scene, _as_floats(image, self.device))
        path = study.reference(scene)
        if path is None:
            raise ConfigError(f"{study.folder}: has no reference of {scene}; leave out --reference")
        perfect = read_image(path).to(self.device)
        return Scene(scene, perfect, perfect)


def judge_study(study: Study, observer: JudgeObserver, pairs: Pairs = "all") -> Iterator[Progress]:
    """Let a judge answer what it has not answered yet; yields how far it is, first of all where it begins.

    Answers are kept some at a time, so that after a stop it goes on. The same judge gives the same votes each time.

    Args:
        study: with its pictures.
        observer: the judge.
        pairs: every pair of each scene, or those that the study's schedule would ask an observer: the same for all
            judges.

    Raises:
        ConfigError: a picture is missing, the schedule decides by earlier votes, or the judge voted with another
            threshold.
        SceneError: a picture cannot be read.
        ScoreError: the judge failed.
        StudyClosed: the study takes no votes.
    """
    planned = _planned(study, pairs)
    missing = [s for s in study.stimuli if not s.file]
    if missing:
        raise ConfigError(f"{study.folder}: has no picture of {missing[0].scene}/{missing[0].condition}")
    with Answers(study.answers_path) as answers:
        known = _known(answers, observer)
        todo = [pair for pair in planned if _key(pair) not in known]
        before = done = len(planned) - len(todo)
        yield Progress(done, len(planned), before)
        if todo and not answers.is_open:
            raise StudyClosed(
                f"{study.folder}: the study is closed: it takes no more votes; its owner's page opens it again"
            )
        for scene in study.scenes:
            own = [pair for pair in todo if pair.scene == scene]
            for found in observer.answers(study, scene, own) if own else ():
                _keep(answers, observer, found)
                done += len(found)
                yield Progress(done, len(planned), before)


def _planned(study: Study, pairs: Pairs) -> list[Pair]:
    """What is to be answered; each two pictures once, either one on the left as often as on the right."""
    if pairs == "all":
        drawn = [(scene, pair) for scene in study.scenes for pair in all_pairs(len(study.of_scene(scene)))]
        return balanced_sides(study, drawn, np.random.default_rng([study.plan.seed, FIRST_JUDGE]))
    if study.plan.schedule in ADAPTIVE:
        raise ConfigError(
            f"the schedule {study.plan.schedule} decides by an observer's earlier votes: a judge takes --pairs all"
        )
    asked = schedule_of(study).batch(FIRST_JUDGE, 0, list)
    return list({_key(pair): pair for pair in asked if pair.kind == "vote"}.values())


def _known(answers: Answers, observer: JudgeObserver) -> set[tuple[str, frozenset[str]]]:
    """The pairs that this judge has answered. Raises ConfigError if it did so with another threshold."""
    entry = _entry(answers, observer.name)
    votes = [] if entry is None else [vote for vote in answers.votes() if vote.observer == entry.id]
    other = {vote.session for vote in votes} - {observer.session}
    if other:
        raise ConfigError(
            f"judge_{observer.name} has voted with --ties {min(other).removeprefix('ties-')}, and votes stay: "
            f"--ties {observer.ties:g} would mix with them"
        )
    return {(vote.scene, frozenset((vote.first, vote.second))) for vote in votes}


def _keep(answers: Answers, observer: JudgeObserver, found: Sequence[tuple[Pair, Answer]]) -> None:
    """Keep answers, in one transaction; what the same judge answered elsewhere meanwhile stays as it is."""
    with answers.transaction():
        known = _known(answers, observer)
        entry = _entry(answers, observer.name) or answers.add_observer(observer.name, "judge")
        new: list[tuple[Pair, Answer, str]] = [
            (pair, answer, observer.session) for pair, answer in found if _key(pair) not in known
        ]
        answers.add_table(entry.id, new)


def _entry(answers: Answers, name: str) -> Observer | None:
    judges = [each for each in answers.observers() if each.source == "judge" and each.name == name]
    return judges[0] if judges else None


def _key(pair: Pair) -> tuple[str, frozenset[str]]:
    return pair.scene, frozenset((pair.first, pair.second))


def _blocks(pictures: dict[str, Tensor], at_once: bool) -> Iterator[tuple[list[str], list[str]]]:
    """Groups of pictures to compare with groups; with one picture each where the judge goes pair by pair anyway."""
    groups: list[list[str]] = []
    size, room = None, 0
    for name, picture in pictures.items():
        pixels = picture.shape[-2] * picture.shape[-1]
        if picture.shape[-2:] != size or pixels > room:
            groups.append([])
            size, room = picture.shape[-2:], PIXELS_AT_ONCE
        groups[-1].append(name)
        room -= pixels
    for one, other in combinations_with_replacement(range(len(groups)), 2):
        for rows, columns in dict.fromkeys(((one, other), (other, one))):
            if at_once:
                yield groups[rows], groups[columns]
            else:
                yield from ((groups[rows], [name]) for name in groups[columns])


def _picture(study: Study, scene: str, condition: str) -> Tensor:
    """The picture in 8 bits, as people see it: a quarter of the memory."""
    path = study.picture(scene, condition)
    assert path is not None, "checked before"
    return torch.from_numpy(to_uint8(read_image(path))).permute(0, 3, 1, 2)


def _stack(pictures: dict[str, Tensor], names: Sequence[str], device: torch.device | str) -> Tensor:
    return _as_floats(torch.cat([pictures[name] for name in names]), device)


def _as_floats(pictures: Tensor, device: torch.device | str) -> Tensor:
    return (pictures.to(device).float() / 255).contiguous()
