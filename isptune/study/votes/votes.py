"""What the votes of a study are made of: pairs, answers, observers, and who decides what is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

Answer = Literal["first", "second", "none"]
"""Which of the two is better; `none` is no difference."""

PairKind = Literal["vote", "training", "repeat", "anchor"]
"""`training` is for practice and never counts; `repeat` is an earlier pair with its sides changed; `anchor` has an
obvious answer."""

Source = Literal["person", "simulation", "import", "judge"]
"""Who votes; a `simulation` and a `judge`, which is a model, are named so everywhere."""

FIRST_JUDGE = 1_000_001
"""Judges' ids count from here: those of people, which decide on their pairs, go on as if no judge were there."""


@dataclass(frozen=True)
class Pair:
    """Two conditions of one scene; `first` is shown on the left."""

    scene: str
    first: str
    second: str
    kind: PairKind = "vote"


@dataclass(frozen=True)
class AskedPair:
    """A pair as it was put to an observer: `number` counts from 1 and names it to the browser."""

    number: int
    pair: Pair


@dataclass(frozen=True)
class Observer:
    """Someone who votes.

    Attributes:
        id: counts from 1, in the order in which they joined; of judges from `FIRST_JUDGE`.
        token: the unguessable part of the observer's own link.
        name: only if it was asked for, else None; of a judge its spec.
        source: `simulation` for a simulated observer, `import` for one from a table of votes, `judge` for a model.
        created: when, UTC, ISO 8601.
    """

    id: int
    token: str
    name: str | None
    source: Source
    created: str

    @property
    def label(self) -> str:
        """What tables and reports call the observer; never the token."""
        if self.source == "judge":
            return f"judge_{self.name}"
        kind = "simulation" if self.source == "simulation" else "observer"
        return self.name or f"{kind}_{self.id:02d}"


@dataclass(frozen=True)
class Progress:
    """How far an observer is.

    Attributes:
        done: pairs answered, training included.
        total: pairs in all, training included.
        training_left: training pairs that are still to come.
        finished: nothing is left to ask.
    """

    done: int
    total: int
    training_left: int
    finished: bool


@dataclass(frozen=True)
class VoteRecord:
    """One vote that counts, as the analysis reads it. `response_ms` is None where it is not known."""

    observer: int
    number: int
    session: str
    scene: str
    first: str
    second: str
    answer: Answer
    kind: PairKind
    response_ms: int | None
    screen: tuple[int, int] | None


@runtime_checkable
class Schedule(Protocol):
    """Decides which pairs an observer is asked."""

    total: int  # pairs an observer is asked in all, training, repeats and anchors included

    def batch(self, observer: int, asked: int, votes: Callable[[], Sequence[VoteRecord]]) -> list[Pair]:
        """The next pairs for an observer who has been asked `asked` so far; empty when there are no more."""
        ...
