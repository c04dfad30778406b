"""`judge:NAME`: a judge as an objective; how often a picture wins against the others of its population."""

import re
from collections.abc import Mapping
from typing import Any, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isptune.arrays import Images, OtherImages, Scores
from isptune.deeds import Named
from isptune.errors import ConfigError, ScoreError, one_line
from isptune.facts import ObjectiveFacts
from isptune.interfaces import Judge, PrefersEach
from isptune.registry import build as build_plug_in
from isptune.scenes.scene import Scene
from isptune.spec import split_options
from isptune.tuning.rivals import first_of

RIVALS = 30
"""A population, as a rule."""


@final
class WinRate:
    """The mean probability that a picture is better than its rivals, by a judge; in [0, 1], higher is better.

    The rivals are of the same population and scene; which they are, where a population has more than `rivals` others,
    stands in `isptune.tuning.rivals`. Each pair is judged in one order where the judge does not mind it, and else in
    both. A probability counts as it is, which with few rivals orders pictures better than wins and losses do (You et
    al. 2024, DepictQA-Wild, arXiv:2405.18842, table S3). Scores are comparable among candidates that were evaluated
    together, and not otherwise: half of all is 0.5 in every population.

    Args:
        judge: what compares.
        name: its spec.
        rivals: how many a picture is compared with, at most.
    """

    def __init__(self, judge: Judge, name: str, rivals: int = RIVALS):
        self.judge, self.name = judge, name
        by = f" ({judge.facts.source})" if judge.facts.source else ""
        self.facts = ObjectiveFacts(
            direction="maximize",
            range=(0.0, 1.0),
            unit="win rate",
            source=f"mean probability of {name} that a picture is better than up to {rivals} of its population{by}",
            uses_reference=judge.facts.uses_reference,
            rivals=rivals,
            weights=judge.facts.weights,
        )

    def score(self, images: Images, scene: Scene) -> Scores:
        """The win rates of some pictures among themselves, in their order. Raises ScoreError for one alone."""
        return self.score_among(images, images, ~torch.eye(len(images), dtype=torch.bool), scene)

    def score_among(
        self, images: Images, rivals: OtherImages, others: Bool[Tensor, "batch other"], scene: Scene
    ) -> Scores:
        """The win rates against rivals, where `others` says so. Raises ScoreError where there is none."""
        chosen = first_of(others.to(images.device), self.facts.rivals)
        if not bool(chosen.any(1).all()):
            raise ScoreError(f"judge:{self.name} compares pictures, and there is no other to compare with")
        wins = prefer_each(self.judge, images, rivals, chosen, scene)
        return torch.where(chosen, wins, torch.zeros_like(wins)).sum(1) / chosen.sum(1)


def prefer_each(
    judge: Judge, images: Images, others: OtherImages, wanted: Bool[Tensor, "batch other"], scene: Scene
) -> Float[Tensor, "batch other"]:
    """The probability that each of the images is better than each of the others; 0.5 where it is not wanted.

    Args:
        judge: what compares, all at once where it can (`PrefersEach`).
        images, others: pictures.
        wanted: which pairs are judged; a judge that compares all at once may judge more.
        scene: that they are of.

    Raises:
        ScoreError: the judge does, or gives what is no probability.
    """
    if isinstance(judge, PrefersEach):
        found = judge.prefer_each(images, others, scene)
    else:
        found = torch.full(wanted.shape, 0.5, dtype=torch.float32, device=images.device)
        for j in range(len(others)):
            rows = torch.nonzero(wanted[:, j])[:, 0]
            if len(rows):
                found[rows, j] = judge.prefer(images[rows], others[j].expand(len(rows), -1, -1, -1), scene)
    if found.shape != wanted.shape:
        raise ScoreError(f"the judge gave {tuple(found.shape)} for {tuple(wanted.shape)} pairs")
    inside = found[wanted]
    if bool(((inside < 0) | (inside > 1)).any()):
        raise ScoreError("the judge gave what is no probability: below 0 or above 1")
    return found.float()


def build(argument: str | None) -> WinRate:
    """`judge:SPEC` or `judge:SPEC?rivals=N`; the judge does not see the reference, or with `judge:SPEC?reference=true`.

    `judge:SPEC,rivals=N,reference` is read, too. Other options are the judge's own: `judge:endpoint:URL?model=NAME`;
    `judge:endpoint:URL?model=NAME?rivals=N` has both.

    Raises:
        ConfigError: no judge is named, or the number of rivals is none.
        UnknownName: there is no such judge.
    """
    spec, rivals, reference = _parsed(argument)
    if not spec:
        raise ConfigError("judge: which? judge:NAME, judge:NAME?rivals=10; see `isptune list judges`")
    return WinRate(build_plug_in("judge", spec, reference=reference), spec, rivals)


def deeds(argument: str | None, options: Mapping[str, Any]) -> list[Named]:
    """Its judge."""
    try:
        return [Named("judge", _parsed(argument)[0])]
    except ConfigError:  # it will not be built
        return []


def _parsed(argument: str | None) -> tuple[str, int, bool]:
    """The judge's spec, how many rivals, and whether it sees the reference. Raises ConfigError."""
    spec, rivals, reference = argument or "", RIVALS, False
    inner, options = split_options(argument)
    if options and options.keys() <= {"rivals", "reference"}:
        spec = inner or ""
        rivals = _count(options.get("rivals", str(RIVALS)))
        reference = _true(options.get("reference", "false"))
    while True:
        head, comma, last = spec.rpartition(",")
        if comma and last.strip().startswith("rivals="):
            rivals = _count(last.partition("=")[2])
        elif comma and last.strip() == "reference":
            reference = True
        else:
            break
        spec = head
    return spec, rivals, reference


def _true(text: str) -> bool:
    if text not in ("true", "false"):
        raise ConfigError(f"judge: reference={text} is neither true nor false")
    return text == "true"


def _count(text: str) -> int:
    if not re.fullmatch(r"\s*0*[1-9][0-9]{0,4}\s*", text):
        raise ConfigError(f"judge: rivals={one_line(text)} is no number of rivals; 1 to 99999 are allowed")
    return int(text)
