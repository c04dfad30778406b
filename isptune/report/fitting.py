"""What a fitted table is worth: its sets beside those that were tuned, on the scenes of each condition."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import AllFailed, RunFolderError
from isptune.report.fitted import Fit, FittedTable, left_out_sets
from isptune.runs.answer import ScorePair
from isptune.runs.files import read_record, write_record
from isptune.space import Candidate
from isptune.system.records import plain
from isptune.tuning.bench import Bench
from isptune.tuning.verification import compare_on

KEPT = "fitted_scores.json"


@dataclass(frozen=True)
class KeptScores:
    """fitted_scores.json: what was found, so that the same command given again does not find it again.

    Attributes:
        of: a hash of all sets that were evaluated.
        fitted, left_out: see `isptune.report.fitted.Fit`.
    """

    of: str
    fitted: Mapping[str, Mapping[str, ScorePair]]
    left_out: Mapping[str, Mapping[str, ScorePair]]


def evaluated(
    table: FittedTable, folder: Path, opened: Callable[[str], AbstractContextManager[Bench]]
) -> Fit:
    """Evaluate the fitted set of each condition, and the set that the other conditions give for it.

    Args:
        table: whose sets are evaluated; nothing is where they are what was tuned.
        folder: of the series, which keeps the scores.
        opened: the bench of a condition.

    Raises:
        DiskError: the scores cannot be kept.
    """
    others = left_out_sets(table) if table.changes else {}
    of = _hash(table, others)
    try:
        kept = read_record(folder, KEPT, KeptScores)
    except RunFolderError:  # there are none yet, or they are damaged
        kept = None
    if kept is not None and kept.of == of:
        return Fit(table, kept.fitted, kept.left_out, {})
    found = _evaluated(table, others, opened)
    if not found.errors:
        write_record(folder, KEPT, KeptScores(of, found.fitted, found.left_out))
    return found


def _hash(table: FittedTable, others: Mapping[str, Candidate]) -> str:
    tuned = {name: chosen.values for name, chosen in table.series.sets.items()}
    sets = plain([tuned, table.sets, others, bool(table.changes)])
    return hashlib.sha256(json.dumps(sets, sort_keys=True).encode()).hexdigest()


def _evaluated(
    table: FittedTable,
    others: Mapping[str, Candidate],
    opened: Callable[[str], AbstractContextManager[Bench]],
) -> Fit:
    fitted: dict[str, Mapping[str, ScorePair]] = {}
    left_out: dict[str, Mapping[str, ScorePair]] = {}
    errors: dict[str, str] = {}
    for name in table.numbers if table.changes else ():
        tuned = table.series.sets[name].values
        with opened(name) as bench:
            seeds = bench.seeds.to_confirm()
            try:
                fitted[name] = compare_on(bench.evaluator, tuned, table.sets[name], seeds).objectives
                if name in others:
                    left_out[name] = compare_on(bench.evaluator, tuned, others[name], seeds).objectives
            except AllFailed as error:
                errors[name] = str(error)
    return Fit(table, fitted, left_out, errors)
