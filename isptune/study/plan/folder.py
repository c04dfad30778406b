"""The folder of a study on disk.

::

    STUDY/study.toml                      title, question, and how the pairs are chosen: `Plan`
    STUDY/stimuli.csv                     scene, condition, file, params (JSON), score
    STUDY/stimuli/SCENE/CONDITION.png     the pictures that are compared
    STUDY/references/SCENE.png            optional: shown when an observer asks for it
    STUDY/answers.sqlite                  observers, what they were asked, their votes; whether the study is open
    STUDY/viewing.jsonl                   how observers see the screen, where they were asked
    STUDY/scale.csv, result.json, ...     what `isptune study fit` writes, with report.html and plots/
"""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from isptune.errors import ConfigError, StudyError
from isptune.space import Value
from isptune.study.votes import file as answers_file
from isptune.system import toml_text
from isptune.system.disk import make_folder, write_atomically
from isptune.system.records import convert, parse_json, parse_toml, read_bytes

PLAN, STIMULI, ANSWERS = "study.toml", "stimuli.csv", "answers.sqlite"
PICTURES, REFERENCES = "stimuli", "references"

WEIGHTS = "weights.json"
"""The sum of objectives that was fitted to the votes."""

MOST_PAIRS = 100_000

ScheduleKind = Literal["random", "complete", "swiss", "active"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,79}")


@dataclass(frozen=True)
class Plan:
    """What the owner of a study decides; the keys of study.toml.

    Attributes:
        title: what observers read above the pictures.
        question: what they are asked.
        schedule: which pairs are asked; see `isptune.study.plan.schedule`.
        seed: of all random choices; observers differ by their number.
        pairs_per_image: in how many pairs of each observer every image stands (`random`: 9, after DMC), or how many
            rounds there are (`swiss`, `active`).
        pairs_per_observer: at most so many pairs an observer, repeats, anchors and training aside; 0 is all of them.
        repeats: pairs that are asked a second time, sides changed, to see how consistent an observer is.
        anchors: pairs with an obvious answer: those that lie furthest apart in the stimuli's known scores.
        training: pairs for practice before the first vote that counts.
        break_every: pairs after which a break is offered; 0 for never.
        ask_name: whether observers are asked for a name; else no name is kept.
        viewing: whether observers are asked once, before their first vote, what they see of grey ramps and plates of
            coloured dots; see `isptune.study.votes.viewing`.
    """

    title: str = "Which picture is better?"
    question: str = "Which of the two pictures looks better to you?"
    schedule: ScheduleKind = "random"
    seed: int = 0
    pairs_per_image: int = 9
    pairs_per_observer: int = 0
    repeats: int = 5
    anchors: int = 2
    training: int = 3
    break_every: int = 100
    ask_name: bool = False
    viewing: bool = True

    def __post_init__(self):
        if self.pairs_per_image < 1:
            raise ConfigError(f"pairs_per_image = {self.pairs_per_image} must be at least 1")
        for name in ("seed", "pairs_per_observer", "repeats", "anchors", "training", "break_every"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} = {getattr(self, name)} must not be negative")
        for name in (
            "pairs_per_image",
            "pairs_per_observer",
            "repeats",
            "anchors",
            "training",
            "break_every",
        ):
            if getattr(self, name) > MOST_PAIRS:
                raise ConfigError(
                    f"{name} = {getattr(self, name)} must be at most {MOST_PAIRS}: all pairs of an observer are drawn "
                    "and kept when they join, and nobody answers more"
                )


@dataclass(frozen=True)
class Stimulus:
    """One picture of a study.

    Attributes:
        scene: pictures of one scene are compared with each other only.
        condition: its name within the scene.
        file: relative to the study's folder; empty for a study of imported votes without pictures.
        params: the values it was rendered with, as far as they are known.
        score: what was known of its quality beforehand, higher is better; NaN where nothing was.
    """

    scene: str
    condition: str
    file: str = ""
    params: Mapping[str, Value] = field(default_factory=dict)
    score: float = math.nan


@dataclass(frozen=True)
class Study:
    """An opened study folder: its plan and its stimuli."""

    folder: Path
    plan: Plan
    stimuli: tuple[Stimulus, ...]

    @property
    def scenes(self) -> list[str]:
        """In the order of stimuli.csv."""
        return list(dict.fromkeys(stimulus.scene for stimulus in self.stimuli))

    def of_scene(self, scene: str) -> list[Stimulus]:
        return [stimulus for stimulus in self.stimuli if stimulus.scene == scene]

    @property
    def answers_path(self) -> Path:
        return self.folder / ANSWERS

    def picture(self, scene: str, condition: str) -> Path | None:
        """The file of a stimulus; None where the study has no picture of it. Raises StudyError for a link."""
        for stimulus in self.stimuli:
            if (stimulus.scene, stimulus.condition) == (scene, condition) and stimulus.file:
                return self.inside(self.folder / stimulus.file)
        return None

    def reference(self, scene: str) -> Path | None:
        """The scene's reference picture; None where there is none. Raises StudyError for a link."""
        path = self.folder / REFERENCES / f"{scene}.png"
        return self.inside(path) if scene in self.scenes and path.is_file() else None

    def refuse_links(self) -> None:
        """Look at all pictures before they are shown to people. Raises StudyError."""
        for stimulus in self.stimuli:
            self.inside(self.folder / stimulus.file)
        for scene in self.scenes:
            self.reference(scene)

    def inside(self, path: Path) -> Path:
        """A path, unless it leads elsewhere: a study that came by mail would show and send a picture of one's own.

        Raises:
            StudyError: it does.
        """
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise StudyError(f"{path}: is a link out of the study; put the picture itself there")
        return path


def stimulus_file(scene: str, condition: str) -> str:
    """Where a stimulus lies, relative to the study's folder."""
    return f"{PICTURES}/{scene}/{condition}.png"


def checked_name(name: str, what: str) -> str:
    """A scene's or a condition's name, fit to be a file name. Raises ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{what} {name[:80]!r}: a name has 1 to 80 of A-Z a-z 0-9 _ . + - and begins with a letter, digit or _"
        )
    return name


def new_folder(folder: Path) -> None:
    """Make the folder of a study that is to be. Raises ConfigError if something is there."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(f"{folder}: is not empty; a study starts in a new folder")
        make_folder(folder)
    except OSError as error:
        raise StudyError(f"{folder}: cannot be made: {error.strerror or error}") from error


def write_study(folder: Path, plan: Plan, stimuli: Sequence[Stimulus]) -> Study:
    """Write study.toml, stimuli.csv and an empty file of answers; the pictures are there already.

    Raises:
        ConfigError: a name is no file name, repeats, or a scene has one stimulus only.
        StudyError: the folder has answers already, or cannot be written.
    """
    check_stimuli(stimuli)
    names = [part.name for part in fields(Plan)]
    text = "".join(f"{name} = {toml_text.inline(getattr(plan, name))}\n" for name in names)
    answers_file.create(folder / ANSWERS)
    write_atomically(folder / STIMULI, _stimuli_csv(stimuli).encode())
    write_atomically(folder / PLAN, text.encode())
    return Study(folder, plan, tuple(stimuli))


def add_stimuli(folder: Path, stimuli: Sequence[Stimulus]) -> None:
    """Add those pictures to stimuli.csv that it does not have; what it has of the same name is replaced."""
    fresh = {(one.scene, one.condition): one for one in stimuli}
    known = {(one.scene, one.condition): one for one in read_study(folder).stimuli}
    write_atomically(folder / STIMULI, _stimuli_csv(list((known | fresh).values())).encode())


def read_study(folder: Path) -> Study:
    """Open a study's folder. Raises StudyError if it is none, ConfigError for a wrong key of study.toml."""
    path = folder / PLAN
    if not path.is_file():
        raise StudyError(f"{folder}: is no study (there is no {PLAN}); 'isptune study new' makes one")
    values = parse_toml(read_bytes(path, StudyError), str(path), StudyError)
    try:
        table = (folder / STIMULI).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{folder}: cannot be read: {error}") from error
    stimuli = _parse_stimuli(folder / STIMULI, table)
    check_stimuli(stimuli)
    return Study(folder, convert(values, Plan, str(path), known_only=True), stimuli)


def _stimuli_csv(stimuli: Sequence[Stimulus]) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["scene", "condition", "file", "params", "score"])
    for s in stimuli:
        score = "" if math.isnan(s.score) else repr(float(s.score))
        writer.writerow([s.scene, s.condition, s.file, json.dumps(dict(s.params)), score])
    return table.getvalue()


def _parse_stimuli(path: Path, text: str) -> tuple[Stimulus, ...]:
    rows = csv.DictReader(io.StringIO(text), strict=True)
    found = []
    try:
        for row in rows:
            if None in row.values():
                raise ValueError("it has fewer cells than the head line")
            score = float(row["score"]) if row["score"] else math.nan
            place = f"{path}: line {rows.line_num}: params"
            params = convert(
                parse_json(row["params"], place, StudyError), dict[str, Value], place, StudyError
            )
            found.append(Stimulus(row["scene"], row["condition"], row["file"], params, score))
    except (KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
        raise StudyError(
            f"{path}: line {rows.line_num} is damaged: {type(error).__name__} {error}"
        ) from error
    return tuple(found)


def check_stimuli(stimuli: Sequence[Stimulus]) -> None:
    """Raise ConfigError for names that are none or repeat, files elsewhere, and scenes of one picture."""
    counts: dict[str, int] = {}
    seen = set()
    for s in stimuli:
        key = (checked_name(s.scene, "scene"), checked_name(s.condition, "condition"))
        if key in seen:
            raise ConfigError(f"the condition {s.condition!r} of scene {s.scene!r} stands there twice")
        if s.file not in ("", stimulus_file(*key)):
            raise ConfigError(
                f"the file of {s.scene}/{s.condition} is {s.file!r}; it must be {stimulus_file(*key)!r}"
            )
        seen.add(key)
        counts[s.scene] = counts.get(s.scene, 0) + 1
    lonely = [scene for scene, count in counts.items() if count < 2]
    if lonely or not counts:
        raise ConfigError(
            f"scene {lonely[0]!r} has one picture only; a pair needs two"
            if lonely
            else "there are no pictures"
        )
