"""A weighted sum of objectives: `weighted:0.7*ssim+0.3*niqe`."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Bool
from torch import Tensor

from isptune.arrays import Images, OtherImages, Scores
from isptune.deeds import Named
from isptune.errors import ConfigError, UnknownName
from isptune.facts import ObjectiveFacts, gathered_weights
from isptune.functions.stand_ins import own_name
from isptune.interfaces import ChecksScenes, Objective, ScoresTogether, Warns
from isptune.registry import build as build_plugin
from isptune.scenes.scene import Scene
from isptune.tuning.rivals import score_beside

EXAMPLE = "weighted:0.7*ssim+0.3*niqe"

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# A sign parts two terms where a weight follows or blanks surround it: names of objectives have signs too.
_SEPARATOR = re.compile(rf"\s*(?<![\d.][eE])([+-])\s*(?={_NUMBER}\s*\*)|\s+([+-])\s+")
_TERM = re.compile(rf"(?:({_NUMBER})\s*\*\s*)?([^\s*]+)")
_UNIT = re.compile(r"unit\((.+)\)")


@dataclass(frozen=True)
class Term:
    """A component and how it counts: `weight` times its score, turned, and scaled if `to_unit`."""

    weight: float
    spec: str
    objective: Objective
    to_unit: bool

    def contribution(self, scores: Scores) -> Scores:
        """What scores of the component add to the sum; more is better."""
        turned = scores if self.objective.facts.direction == "maximize" else -scores
        if not self.to_unit:
            return self.weight * turned
        low, high = self.objective.facts.range
        worst = low if self.objective.facts.direction == "maximize" else -high
        return self.weight * (turned - worst) / (high - low)

    def contribution_range(self) -> tuple[float, float]:
        """The lowest and the highest that it can add."""
        ends = self.contribution(torch.tensor(self.objective.facts.range, dtype=torch.float64)).tolist()
        return min(ends), max(ends)


@final
@dataclass(frozen=True, eq=False)
class Weighted:
    """The weighted sum of several objectives; higher is better.

    Every component is first turned so that higher is better: one that is minimised counts with its sign
    changed, and weights are always positive. By default the scores are summed as they are. Scales differ: SSIM
    moves within 1, NIQE by several units, PSNR by tens, so weights must make up for that. `unit(NAME)` brings a
    component whose range is finite to [0, 1], 1 being the best.

    Where components compare with rivals, each gets as many of them as it asks for, and the others score as they do
    alone.

    Attributes:
        terms: of the sum.
        facts: as `facts_of` the terms has them, with more weights where the sum itself was fitted.
    """

    terms: tuple[Term, ...]
    facts: ObjectiveFacts

    def warnings(self, images: Sequence[Images]) -> list[str]:
        """What its components find odd in what they were given, or in these pictures."""
        warning = [term.objective for term in self.terms if isinstance(term.objective, Warns)]
        return [text for objective in warning for text in objective.warnings(images)]

    def check_scene(self, scene: Scene) -> None:
        """Raises SceneError where a component could not score pictures of the scene."""
        for term in self.terms:
            if isinstance(term.objective, ChecksScenes):
                term.objective.check_scene(scene)

    def score(self, images: Images, scene: Scene) -> Scores:
        """The weighted sum for each image; NaN where a component gives NaN. Raises ScoreError as they do."""
        return self._sum(lambda objective: objective.score(images, scene))

    def score_among(
        self, images: Images, rivals: OtherImages, others: Bool[Tensor, "batch other"], scene: Scene
    ) -> Scores:
        """The same beside rivals. Raises ScoreError as the components do."""
        return self._sum(lambda objective: score_beside(objective, images, rivals, others, scene))

    def _sum(self, score: Callable[[Objective], Scores]) -> Scores:
        return torch.stack([term.contribution(score(term.objective)) for term in self.terms]).sum(0)


def facts_of(terms: Sequence[Term]) -> ObjectiveFacts:
    """What a sum is, from what its components are."""
    parts = {term.spec: term.objective.facts for term in terms}
    ranges = [term.contribution_range() for term in terms]
    sources = dict.fromkeys(facts.source for facts in parts.values() if facts.source)
    return ObjectiveFacts(
        direction="maximize",
        range=(sum(low for low, _ in ranges), sum(high for _, high in ranges)),
        source="weighted sum of: " + "; ".join(sources),
        uses_reference=any(facts.uses_reference for facts in parts.values()),
        rivals=max(facts.rivals for facts in parts.values()),
        whole_pictures=any(facts.whole_pictures for facts in parts.values()),
        by_regions=all(facts.by_regions for facts in parts.values()),
        splits_noise=any(facts.splits_noise for facts in parts.values()),
        components=tuple(name for spec, facts in parts.items() for name in (spec, *facts.components)),
        weights=gathered_weights(parts),
    )


@final
class Build:
    """A weighted sum of objectives (weighted:0.7*ssim+0.3*niqe), each turned so that higher is better.

    Components may have arguments: `weighted:0.5*unit(psnr)+0.5*iqa_pytorch:musiq`. A component whose name has a
    sign in it is safe: a sign parts two terms only where a weight follows or blanks surround it.
    """

    def stand_in(self, argument: str | None) -> tuple[str, str] | None:
        """The sum with its components as they are called, where something stands in for one. Raises ConfigError."""
        terms = parse(argument or "")
        named = [(weight, _own_name(written)) for weight, written in terms]
        if named == terms:
            return None
        return "weighted:" + "+".join(
            f"{w:.12g}*{spec}" for w, spec in named
        ), "something stands in for a component"

    def __call__(self, argument: str | None) -> Weighted:
        """Build the sum.

        Raises:
            ConfigError: the sum cannot be read, a weight is not positive, or `unit` of an infinite range.
            UnknownName: a component is not installed.
            MissingExtra: a component needs what is not there.
        """
        terms = tuple(_build_term(weight, spec) for weight, spec in parse(argument or ""))
        return Weighted(terms, facts_of(terms))


build = Build()


def parse(argument: str) -> list[tuple[float, str]]:
    """Weights and specs of a sum. Raises ConfigError with an example."""
    if not argument.strip():
        raise ConfigError(f"weighted needs a sum of objectives, such as {EXAMPLE}")
    pieces = _SEPARATOR.split(argument.strip())
    # split() gives term, two groups of which one is the sign, term, ...
    signs = [first or second for first, second in zip(pieces[1::3], pieces[2::3], strict=True)]
    if "-" in signs:
        raise ConfigError(
            f"weighted: {argument!r} has a minus; weights are positive, since every component is turned so that "
            f"higher is better by itself; for example {EXAMPLE}"
        )
    terms = []
    for piece in pieces[::3]:
        match = _TERM.fullmatch(piece.strip())
        if match is None or match[2][0] in "+-":
            raise ConfigError(f"weighted: {piece.strip()!r} is not WEIGHT*OBJECTIVE; for example {EXAMPLE}")
        weight = float(match[1] or 1)
        if not 0 < weight < math.inf:
            raise ConfigError(
                f"weighted: the weight of {match[2]} is {weight:g}; it must be above 0 and finite, as in {EXAMPLE}"
            )
        terms.append((weight, match[2]))
    return terms


def deeds(argument: str | None, options: Mapping[str, Any]) -> list[Named]:
    """Its components."""
    try:
        terms = parse(argument or "")
    except ConfigError:  # it will not be built
        return []
    return [Named("objective", _spec_of(written)[0]) for _, written in terms]


def _own_name(written: str) -> str:
    spec, scaled = _spec_of(written)
    return f"unit({own_name(spec)})" if scaled else own_name(spec)


def _spec_of(written: str) -> tuple[str, bool]:
    """A component's spec, and whether its scores are brought to [0, 1]."""
    scaled = _UNIT.fullmatch(written)
    return (scaled[1], True) if scaled else (written, False)


def _build_term(weight: float, written: str) -> Term:
    spec, scaled = _spec_of(written)
    if spec.partition(":")[0] == "weighted":
        raise ConfigError(f"weighted: {spec!r} is a sum inside a sum; write it as one, for example {EXAMPLE}")
    try:
        objective = build_plugin("objective", spec)
    except UnknownName as error:
        if error.kind == "objective":
            raise ConfigError(f"weighted: {error}; a sum looks like {EXAMPLE}") from error
        raise
    if isinstance(objective, ScoresTogether):
        raise ConfigError(
            f"weighted: {spec} scores all scenes together, and a sum is made picture by picture; give it as one "
            "of several objectives, or as a limit: --constraint"
        )
    term = Term(weight, spec, objective, scaled)
    low, high = objective.facts.range
    if scaled and not math.isfinite(high - low):
        raise ConfigError(f"weighted: the range of {spec} is {low:g} to {high:g}; unit() needs a finite one")
    return term
