"""Objectives that score all scenes together: what they refuse, their score, and how far it holds.

Such a score is no mean over scenes, so that the spread of scores by scene says nothing of it. The jackknife does: the
score is made again without each of the scenes in turn, and from n scores of n - 1 scenes each come n pseudo-values,
n * theta - (n - 1) * theta_without_i; their standard error is that of the score. Of a mean they are its scenes' scores.

Source: J. W. Tukey (1958), Bias and confidence in not-quite large samples, Ann. Math. Statist. 29(2), 614;
R. G. Miller (1974), The jackknife - a review, Biometrika 61(1), doi:10.1093/biomet/61.1.1.
"""

import math
from collections.abc import Mapping, Sequence

from isptune.arrays import Images
from isptune.errors import ConfigError, ScoreError
from isptune.interfaces import ChecksScenes, Objective, ScoresTogether
from isptune.runs.unfinished import MOST_EVIDENCE
from isptune.scenes.scene import Scene
from isptune.tuning.regions import chosen_of, regions_of

ENOUGH_SCENES = 3
"""From so many scenes on, an interval is over scenes: that is what other scenes will be like."""

Evidence = Mapping[str, tuple[tuple[float, ...], ...]]
"""Of one candidate, by objective: one a scene."""


def together_among(objectives: Mapping[str, Objective]) -> dict[str, ScoresTogether]:
    """Those that score all scenes together."""
    return {name: one for name, one in objectives.items() if isinstance(one, ScoresTogether)}


def require_fit(objectives: Mapping[str, Objective], scenes: Sequence[Scene], aggregate: str) -> None:
    """Raises ConfigError where scenes or their aggregate say what an objective of all scenes together cannot do."""
    names = list(together_among(objectives))
    if not names:
        return
    says = f"{names[0]} scores all scenes together"
    if aggregate != "mean":
        raise ConfigError(
            f"aggregate = {aggregate!r}: {says}, so that there are no scores by scene to choose among"
        )
    if len({float(scene.metadata.get("weight", 1.0)) for scene in scenes}) > 1:
        raise ConfigError(f"{says}: scenes can have no weights")
    focused = next((scene.name for scene in scenes if regions_of(scene) and not chosen_of(scene)), None)
    if focused is not None:
        raise ConfigError(f"{says}, as whole pictures: {focused} can have no regions of interest")
    beside = next((name for name in names if objectives[name].facts.rivals), None)
    if beside is not None:
        raise ConfigError(
            f"{beside} scores all scenes together and compares with rivals: only one of them can be"
        )


def check_scenes(objectives: Mapping[str, Objective], scenes: Sequence[Scene]) -> None:
    """Ask each objective that needs something of its scenes. Raises SceneError."""
    for objective in objectives.values():
        if isinstance(objective, ChecksScenes):
            for scene in scenes:
                objective.check_scene(scene)


def evidence_of(objective: ScoresTogether, images: Images, scene: Scene) -> list[tuple[float, ...]]:
    """One tuple an image. Raises ScoreError where it is none, or holds what is no number."""
    found = [tuple(map(float, one)) for one in objective.evidence(images, scene)]
    if len(found) != len(images):
        raise ScoreError(f"gave evidence of {len(found)} images for {len(images)}")
    if any(len(one) > MOST_EVIDENCE for one in found):
        raise ScoreError(f"gave more than {MOST_EVIDENCE} numbers of evidence for an image")
    if not all(math.isfinite(number) for one in found for number in one):
        raise ScoreError("gave evidence that is no finite number")
    return found


def pseudo_values(objective: ScoresTogether, evidence: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """The jackknife's, one a scene; none of too few scenes, or where the score without one of them is not defined."""
    count = len(evidence)
    if count < ENOUGH_SCENES:
        return ()
    try:
        whole = objective.together(evidence)
        others = [objective.together([*evidence[:i], *evidence[i + 1 :]]) for i in range(count)]
    except Exception:  # a plug-in may raise anything; the score itself stands
        return ()
    found = tuple(count * whole - (count - 1) * other for other in others)
    return found if all(map(math.isfinite, found)) else ()
