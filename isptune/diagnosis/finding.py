"""What is wrong with a picture: the kinds of distortion that a judge finds in it, how severe, and where."""

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from isptune.distortions.recipes import DEPICTQA_SECOND
from isptune.errors import ConfigError

CATEGORIES = tuple(DEPICTQA_SECOND)
"""The names of the 12 super-categories, as in the catalogue of distortions (You et al. 2024, DepictQA-Wild)."""

LOCAL = frozenset(("blur", "compression", "noise", "oversharpen", "pixelate", "quantization"))
"""Categories that a part of a picture tells by itself, so that one asks where. A part may well be dark, and the picture
not too dark."""

SEVERITIES = (1, 2, 3, 4, 5)
"""From slight to severe, as the catalogue's published levels."""


@final
@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a picture.

    Attributes:
        category: one of `CATEGORIES`.
        severity: 1 (slight) to 5 (severe); None from a judge that does not say.
        confidence: the probability that it is there, 0 to 1.
    """

    category: str
    severity: int | None
    confidence: float

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise ConfigError(f"{self.category!r} is no category; there are: {', '.join(CATEGORIES)}")
        if self.severity is not None and self.severity not in SEVERITIES:
            raise ConfigError(f"severity = {self.severity} of {self.category}: 1 to 5 are allowed")
        _require_probability(self.confidence, self.category)


@final
@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a judge finds in one picture.

    Attributes:
        findings: no category twice, the most important one first; empty where nothing is wrong.
        confidence: the probability that the answer as a whole is right, 0 to 1; without findings, that nothing is
            wrong.
        source: whose answer it is: authors, year, title, and which weights or server.
        heat_map: how bad each part of the picture is, 0 to 1, rows from the top, columns from the left; None from a
            judge that does not say where.
    """

    findings: tuple[Finding, ...]
    confidence: float
    source: str
    heat_map: Float[np.ndarray, "rows columns"] | None = None

    def __post_init__(self) -> None:
        names = [finding.category for finding in self.findings]
        if len(set(names)) != len(names):
            raise ConfigError(f"a diagnosis names a category twice: {', '.join(names)}")
        _require_probability(self.confidence, "a diagnosis")


def _require_probability(value: float, what: str) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"confidence = {value} of {what}: 0 to 1 are allowed")
