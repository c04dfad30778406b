"""Answers of a model, kept on disk so that no question is paid for twice."""

import hashlib
import json
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from isptune.errors import ConfigError, DiskError, ScoreError, one_line
from isptune.system.disk import write_atomically
from isptune.system.records import plain, read_json


@dataclass(frozen=True)
class AnswerToken:
    """One token of an answer, with the natural logarithm of its probability and those of what else could stand there.

    Attributes:
        text: as written.
        logprob: 0 or less.
        alternatives: token and logprob, most likely first; the token itself may be among them.
    """

    text: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a model answered; without tokens where no logprobs were asked for."""

    text: str
    tokens: tuple[AnswerToken, ...] = ()


@final
class AnswerCache:
    """Answers by the hash of what was asked, in memory and, with a folder, on disk.

    One file an answer, written beside its place and then moved there: a process that is killed leaves whole files only.
    A file that cannot be read as an answer counts as none, and is written anew. Pictures and keys are not in it.
    """

    def __init__(self, folder: Path | None):
        """Open a cache. Raises ConfigError for a folder that cannot be made or written."""
        self.folder = folder
        self._known: dict[str, Answer] = {}
        self._lock = threading.Lock()
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                raise ConfigError(
                    f"{one_line(str(folder))}: answers cannot be kept there ({error.strerror}); give cache=FOLDER, or "
                    "cache=off"
                ) from error

    def get(self, key: str) -> Answer | None:
        """The answer that is kept, or None."""
        with self._lock:
            if key in self._known:
                return self._known[key]
        if self.folder is None:
            return None
        try:
            packed = read_json(self._path(self.folder, key), _Packed)
        except ConfigError:
            return None
        answer = Answer(packed.text, tuple(AnswerToken(*token) for token in packed.tokens))
        with self._lock:
            return self._known.setdefault(key, answer)

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer. Raises ScoreError if the disk refuses; it is then kept in memory only."""
        with self._lock:
            self._known[key] = answer
        if self.folder is None:
            return
        path = self._path(self.folder, key)
        try:
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, json.dumps(_pack(answer)).encode())
        except (OSError, DiskError) as error:
            raise ScoreError(f"the answer cannot be kept: {one_line(str(error))}") from error

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.json"


def hash_of(asked: Mapping[str, Any]) -> str:
    """The sha256 of what was asked, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Packed:
    """An answer on disk: of each token its text, its logprob, and text and logprob of what else could stand there."""

    text: str
    tokens: tuple[tuple[str, float, tuple[tuple[str, float], ...]], ...]


def _pack(answer: Answer) -> dict[str, Any]:
    tokens = tuple((token.text, token.logprob, token.alternatives) for token in answer.tokens)
    return plain(_Packed(answer.text, tokens))
