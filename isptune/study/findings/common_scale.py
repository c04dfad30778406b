"""One scale over scenes: scores hold within a scene, or a group of its images, until something says how these lie.

What votes within scenes do not say is how good the images of one scene are beside those of another. What says it is a
condition that stands in several scenes, such as the default or the reference: it is taken to be as good in each of
them, on average over all such conditions. Distances need nothing more, since a JOD is one everywhere.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from isptune.study.findings.analysis import Analysis, SceneResult
from isptune.study.plan.folder import Stimulus


@dataclass(frozen=True, eq=False)
class Part:
    """A group of images of a scene that votes connect; `members` are indices of its images."""

    scene: SceneResult
    number: int
    members: np.ndarray

    @property
    def name(self) -> str:
        """The scene's, and the group's number where it has several."""
        return self.scene.scene if len(self.scene.groups) == 1 else f"{self.scene.scene}_{self.number}"


def parts_of(analysis: Analysis) -> list[Part]:
    """All groups of all scenes."""
    return [
        Part(scene, number, members)
        for scene in analysis.scenes
        for number, members in enumerate(scene.groups, 1)
    ]


def common_scores(analysis: Analysis) -> list[np.ndarray] | None:
    """The scores of every part's members, JOD, moved such that they can be compared over parts.

    The moves are those of least squares: score = how good the condition is + how much the part lies off. A single part
    stays as it is.

    Returns:
        In the order of `parts_of`; None where shared conditions do not connect all parts.
    """
    parts = parts_of(analysis)
    scores = [part.scene.scale.scores[part.members] for part in parts]
    shared = _shared([[part.scene.stimuli[image] for image in part.members] for part in parts])
    if not _all_connected(len(parts), list(shared.values())):
        return None
    offsets = _offsets(scores, list(shared.values()))
    return [one - offset for one, offset in zip(scores, offsets, strict=True)]


Places = list[tuple[int, int]]
"""Where a condition stands: numbers of parts, and places among their members."""


def _shared(parts: list[list[Stimulus]]) -> dict[tuple[str, str], Places]:
    """Conditions that stand in several scenes: of one name, and rendered with the same params where these are known."""
    found: dict[tuple[str, str], Places] = defaultdict(list)
    for number, part in enumerate(parts):
        for place, stimulus in enumerate(part):
            found[stimulus.condition, repr(sorted(stimulus.params.items()))].append((number, place))
    return {key: places for key, places in found.items() if len(places) > 1}


def _all_connected(count: int, shared: list[Places]) -> bool:
    from scipy.sparse.csgraph import connected_components

    if not count:
        return False
    links = np.eye(count)
    for places in shared:
        for number, _ in places:
            links[places[0][0], number] = 1
    return connected_components(links, directed=False)[0] == 1


def _offsets(scores: list[np.ndarray], shared: list[Places]) -> np.ndarray:
    """How much each part lies above the others, their mean 0: by regression on parts and shared conditions."""
    if len(scores) == 1:
        return np.zeros(1)
    rows, wanted = [], []
    for condition, places in enumerate(shared):
        for number, place in places:
            row = np.zeros(len(scores) + len(shared))
            row[number] = row[len(scores) + condition] = 1.0
            rows.append(row)
            wanted.append(scores[number][place])
    offsets = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0][: len(scores)]
    return offsets - offsets.mean()
