"""The votes of one scene as arrays: what every analysis starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from isptune.errors import StudyError, one_line
from isptune.study.votes.votes import VoteRecord

Members = Int64[np.ndarray, " _"]
"""Indices of images."""

SHARE = {"first": 1.0, "second": 0.0, "none": 0.5}
"""What an answer gives to the first image; the second gets the rest."""


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Votes on the images of one scene.

    Attributes:
        scene: its name.
        conditions: the images' names.
        observers: the ids of those who voted here.
        observer: who, as an index into `observers`.
        first: the image on the left, as an index into `conditions`.
        second: the one on the right.
        share: 1 where the first was better, 0 where the second was, 0.5 for no difference.
    """

    scene: str
    conditions: tuple[str, ...]
    observers: tuple[int, ...]
    observer: Int64[np.ndarray, " votes"]
    first: Int64[np.ndarray, " votes"]
    second: Int64[np.ndarray, " votes"]
    share: Float64[np.ndarray, " votes"]

    @property
    def images(self) -> int:
        return len(self.conditions)

    @property
    def counts(self) -> Int64[np.ndarray, " images"]:
        """In how many votes every image stands."""
        return np.bincount(np.concatenate([self.first, self.second]), minlength=self.images)

    def wins(
        self, weights: Float64[np.ndarray, " observers"] | None = None
    ) -> Float64[np.ndarray, "images images"]:
        """[i, j]: how often i was preferred to j; no difference counts half for each.

        Args:
            weights: how often every observer counts; once if not given.
        """
        counted = np.ones(len(self.share)) if weights is None else weights[self.observer]
        table = np.zeros((self.images, self.images))
        np.add.at(table, (self.first, self.second), counted * self.share)
        np.add.at(table, (self.second, self.first), counted * (1 - self.share))
        return table

    def without(self, left_out: Sequence[int]) -> "Comparisons":
        """The votes of all others; `left_out` are ids."""
        return self.only([observer for observer in self.observers if observer not in set(left_out)])

    def only(self, chosen: Sequence[int]) -> "Comparisons":
        """The votes of the observers with these ids."""
        index = {observer: k for k, observer in enumerate(self.observers)}
        places = np.array([index[observer] for observer in chosen if observer in index], dtype=np.int64)
        renumbered = np.full(len(self.observers), -1, dtype=np.int64)
        renumbered[places] = np.arange(len(places))
        keep = renumbered[self.observer] >= 0
        return Comparisons(
            self.scene,
            self.conditions,
            tuple(self.observers[k] for k in places),
            renumbered[self.observer[keep]],
            self.first[keep],
            self.second[keep],
            self.share[keep],
        )

    def groups(self) -> list[Members]:
        """The images that votes connect, group by group, the largest first; one if all can be compared.

        Images without votes are in none.
        """
        from scipy.sparse.csgraph import connected_components

        table = self.wins()
        count, label = connected_components(table + table.T > 0, directed=False)
        found = [np.flatnonzero((label == number) & (self.counts > 0)) for number in range(count)]
        return sorted((members for members in found if len(members)), key=lambda members: -len(members))


def comparisons(
    votes: Sequence[VoteRecord], conditions: Mapping[str, Sequence[str]], kinds: Sequence[str] = ("vote",)
) -> dict[str, Comparisons]:
    """The votes scene by scene.

    Args:
        votes: of all observers.
        conditions: the images of every scene; scenes without votes are left out.
        kinds: which votes: repeats and anchors tell of the observers, not of the images, and training of nothing.
    """
    tables = {}
    for scene, names in conditions.items():
        place = {name: k for k, name in enumerate(names)}
        chosen = [vote for vote in votes if vote.scene == scene and vote.kind in kinds]
        observers = sorted({vote.observer for vote in chosen})
        who = {observer: k for k, observer in enumerate(observers)}
        if chosen:
            for vote in chosen:
                if not {vote.first, vote.second} <= place.keys():
                    stray = vote.second if vote.first in place else vote.first
                    raise StudyError(
                        f"observer {vote.observer} voted on {one_line(scene)}/{one_line(stray[:80])}, which is no "
                        "picture of this study; its file of answers was edited, or is another study's"
                    )
            tables[scene] = Comparisons(
                scene,
                tuple(names),
                tuple(observers),
                np.array([who[vote.observer] for vote in chosen], dtype=np.int64),
                np.array([place[vote.first] for vote in chosen], dtype=np.int64),
                np.array([place[vote.second] for vote in chosen], dtype=np.int64),
                np.array([SHARE[vote.answer] for vote in chosen], dtype=np.float64),
            )
    return tables
