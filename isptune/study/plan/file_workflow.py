"""The workflow without a browser: numbered pairs of files, of which the observer deletes the worse one.

::

    OUT/001_A.png, 001_B.png    the first pair: delete the worse one, or keep both for no difference
    OUT/observer.txt            whose pairs these are; it tells nothing of the pictures

Source: Rashidi et al. 2026, ScoreNet: Netting Lightweight Quality Scores for Better Visual Assessment, supplement,
section 2.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from isptune.errors import ConfigError, StudyError
from isptune.study.plan.folder import Study, new_folder
from isptune.study.plan.schedule import ADAPTIVE, schedule_of
from isptune.study.votes.answers import Answers
from isptune.study.votes.votes import Answer
from isptune.system.disk import write_atomically

OBSERVER = "observer.txt"
_OUTCOMES: dict[tuple[bool, bool], Answer] = {
    (True, False): "first",
    (False, True): "second",
    (True, True): "none",
}


def hand_out(study: Study, out: Path, name: str | None) -> Iterator[tuple[int, int]]:
    """Write all pairs of a new observer as files; yields after each pair its number and how many there are.

    Training pairs are among them and never count.

    Raises:
        ConfigError: `out` is not empty, the schedule decides by earlier votes, or a picture is missing.
        StudyClosed: the study takes no more observers.
    """
    if study.plan.schedule in ADAPTIVE:
        raise ConfigError(
            f"the schedule {study.plan.schedule} decides by earlier votes: it cannot be handed out as files"
        )
    missing = [s for s in study.stimuli if not s.file]
    if missing:
        raise ConfigError(f"{study.folder}: has no picture of {missing[0].scene}/{missing[0].condition}")
    new_folder(out)
    with Answers(study.answers_path, schedule_of(study)) as answers:
        observer = answers.add_observer(name)
        pairs = answers.open_pairs(observer.token, count=10**6)
        try:
            write_atomically(out / OBSERVER, f"{observer.token}\n".encode())
            for asked in pairs:
                for letter, condition in (("A", asked.pair.first), ("B", asked.pair.second)):
                    source = study.picture(asked.pair.scene, condition)
                    assert source is not None, "checked above"
                    shutil.copyfile(source, _file(out, asked.number, letter, len(pairs)))
                yield asked.number, len(pairs)
        except OSError as error:
            raise StudyError(
                f"{out}: cannot be written: {error.strerror or error}; remove it and start again"
            ) from error


def collect(study: Study, out: Path) -> tuple[int, int]:
    """Read which files are left and keep the votes; to collect again adds nothing.

    Returns:
        How many votes are new, and how many there are in the folder.

    Raises:
        ConfigError: the folder is none that was handed out, or both files of a pair are gone.
        StudyError: the folder is another study's, the study is closed, or an outcome contradicts a vote that is kept.
    """
    try:
        token = (out / OBSERVER).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{out}: was not handed out by a study (there is no {OBSERVER})") from error
    with Answers(study.answers_path, schedule_of(study)) as answers:
        total = answers.progress(token).total
        outcomes: list[Answer] = [_outcome(out, number, total) for number in range(1, total + 1)]
        new = sum(
            answers.vote(token, number, f"file-{number:06d}", outcome)
            for number, outcome in enumerate(outcomes, 1)
        )
    return new, total


def _outcome(out: Path, number: int, total: int) -> Answer:
    files = [_file(out, number, letter, total) for letter in "AB"]
    left = (files[0].is_file(), files[1].is_file())
    if left not in _OUTCOMES:
        raise ConfigError(f"{out}: of pair {number} both files are gone: put back the better one, or both")
    return _OUTCOMES[left]


def _file(out: Path, number: int, letter: str, total: int) -> Path:
    return out / f"{number:0{max(3, len(str(total)))}d}_{letter}.png"
