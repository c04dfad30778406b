"""Writers that are told of a run: plug-ins of one callback, `isptune.interfaces.RunWriter`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

from isptune.errors import in_words
from isptune.interfaces import RunWriter, WrittenTrial
from isptune.registry import build
from isptune.runs.answer import read_answer
from isptune.runs.files import IMAGES
from isptune.runs.settings import RunSettings
from isptune.runs.times import read_times
from isptune.tuning.status import Status


@final
class Writing:
    """Tells writers of a run; one that fails is told of once, and left out from then on.

    Args:
        folder: of the run.
        settings: of the run.
        specs: of the writers, such as `tensorboard:runs/tb`.
        say: told of failures.

    Raises:
        ConfigError, MissingExtra: a writer does not exist, or cannot be built.
    """

    def __init__(self, folder: Path, settings: RunSettings, specs: Sequence[str], say: Callable[[str], Any]):
        self._folder, self._settings, self._say = folder, settings, say
        self._writers: dict[str, RunWriter] = {spec: build("writer", spec) for spec in specs}
        self._count = 0

    def begin(self) -> None:
        """Before the first generation."""
        name, settings = self._folder.resolve().name, self._settings.as_dict()
        self._each(lambda writer: writer.begin(name, settings))

    def update(self, status: Status) -> None:
        """After each generation, also one of an earlier session."""
        if not self._writers:
            return
        number = status.generation - 1
        spans = read_times(self._folder).get(number, ()) if status.replayed else status.spans
        known = spans if len(spans) == len(status.trials) else [None] * len(status.trials)
        told = []
        for trial, span in zip(status.trials, known, strict=True):
            levels = {"l1": trial.l1, "l1_normalised": trial.l1_normalised}
            numbers = {**trial.scores, **{key: value for key, value in levels.items() if value is not None}}
            began, ended = (None, None) if span is None else (span.began, span.ended)
            told.append(
                WrittenTrial(
                    self._count, number, trial.repeat, trial.params, numbers, trial.error, began, ended
                )
            )
            self._count += 1
        self._each(lambda writer: writer.trials(told))

    def end(self) -> None:
        """When the run is over."""
        if not self._writers:
            return
        answer = read_answer(self._folder)
        means = {name: pair.recommended for name, pair in answer.objectives.items()}
        numbers = {name: interval.mean for name, interval in means.items() if interval.n}
        pictures = sorted((self._folder / IMAGES).glob("*.png"))
        self._each(lambda writer: writer.end(answer.params, numbers, pictures))

    def _each(self, tell: Callable[[RunWriter], Any]) -> None:
        for spec, writer in list(self._writers.items()):
            try:
                tell(writer)
            except Exception as error:  # a plug-in may raise anything; the run is worth more than its copy
                self._say(f"warning: {spec} writes no more: {in_words(error)}")
                del self._writers[spec]
