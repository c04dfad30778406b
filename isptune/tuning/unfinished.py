"""What is done of a generation that is not complete yet, on disk: a run that is cut off need not do it again."""

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import final

from isptune.runs.files import UNFINISHED
from isptune.runs.unfinished import Outcome, append_outcome, read_outcomes
from isptune.tuning.parts import Part, RunParts

WORTH_KEEPING_S = 0.2
"""An outcome that took less is sooner found again than kept, seconds."""


@final
class Unfinished:
    """Outcomes by what they are outcomes of: a part's candidates, scene and seed. A torn last line is not read.

    Args:
        folder: of the run.
        run_parts: finds outcomes that are not known.
        together: names of the objectives that score all scenes together: an outcome without their evidence is none.
    """

    def __init__(self, folder: Path, run_parts: RunParts, together: Collection[str] = ()):
        self.path, self._run_parts = folder / UNFINISHED, run_parts
        read = read_outcomes(self.path)
        self._known = {key: outcome for key, outcome in read.items() if outcome.has_evidence(together)}

    def run(self, parts: Sequence[Part]) -> Iterable[tuple[int, Outcome]]:
        """Outcomes of the parts: those that are known, then the others, each kept as it comes."""
        keys = [_key(part) for part in parts]
        for number, key in enumerate(keys):
            if key in self._known:
                yield number, self._known[key]
        missing = [number for number, key in enumerate(keys) if key not in self._known]
        for position, outcome in self._run_parts([parts[number] for number in missing]):
            number = missing[position]
            if outcome.render_s + outcome.score_s >= WORTH_KEEPING_S:
                with suppress(OSError):  # a full disk is the log's to tell
                    append_outcome(self.path, keys[number], outcome)
            yield number, outcome

    def forget(self) -> None:
        """The generation is in the log."""
        self._known.clear()
        self.path.unlink(missing_ok=True)


def _key(part: Part) -> str:
    return hashlib.sha256(json.dumps(dataclasses.asdict(part), sort_keys=True).encode()).hexdigest()
