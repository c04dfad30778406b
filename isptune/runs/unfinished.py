"""unfinished.jsonl: what is done of a generation that is not complete yet, a line an outcome."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from isptune.errors import RunFolderError
from isptune.runs.files import with_format, without_format
from isptune.system.disk import appending
from isptune.system.records import convert, optional, parse_json, plain

MOST_EVIDENCE = 200_000
"""Numbers of evidence of one picture, at most: a hundred thousand detections would be a slip."""

Numbers = Annotated[tuple[float, ...], msgspec.Meta(max_length=MOST_EVIDENCE)]


@dataclass(frozen=True)
class Outcome:
    """What became of a part of a generation.

    Attributes:
        results: for each candidate its scores by objective, or why it failed.
        render_s, score_s: seconds in the pipeline and in the objectives.
        evidence: for each candidate, by objective, what an objective that scores all scenes together took from its
            picture; of one that failed none. Empty where there is no such objective.
    """

    results: tuple[Mapping[str, float] | str, ...]
    render_s: float
    score_s: float
    evidence: tuple[Mapping[str, Numbers], ...] = optional(())

    def has_evidence(self, objectives: Iterable[str]) -> bool:
        """Whether it holds that of these objectives, for each candidate that did not fail."""
        names = set(objectives)
        if not names:
            return True
        return len(self.evidence) == len(self.results) and all(
            isinstance(result, str) or names <= set(own)
            for result, own in zip(self.results, self.evidence, strict=True)
        )


def append_outcome(path: Path, part: str, outcome: Outcome) -> None:
    """Add a line. Raises OSError.

    Args:
        path: of the file.
        part: what this is the outcome of: a hash of candidates, scene and noise seed.
        outcome: what became of it.
    """
    line = json.dumps(with_format({"part": part, **plain(outcome)}), allow_nan=False)
    with appending(path) as file:
        file.write(f"\n{line}\n".encode())  # what a torn line left behind ends here


def read_outcomes(path: Path) -> dict[str, Outcome]:
    """Outcomes by part. A torn line, or one that this version cannot read, is only work that is done again."""
    found: dict[str, Outcome] = {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        with suppress(RunFolderError, KeyError):
            table = without_format(parse_json(line, str(path), RunFolderError), str(path))
            part = convert(table.pop("part"), str, str(path), RunFolderError)
            found[part] = convert(table, Outcome, str(path), RunFolderError)
    return found
