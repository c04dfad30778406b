"""What a fitted table is worth: its sets beside those that were tuned, on the scenes of each condition."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from isptune.errors import AllFailed
from isptune.report.fitted import Fit, FittedTable, left_out_sets
from isptune.runs.answer import ScorePair
from isptune.tuning.bench import Bench
from isptune.tuning.verification import compare_on


def evaluated(table: FittedTable, opened: Callable[[str], AbstractContextManager[Bench]]) -> Fit:
    """Evaluate the fitted set of each condition, and the set that the other conditions give for it.

    Args:
        table: whose sets are evaluated; nothing is where they are what was tuned.
        opened: the bench of a condition.
    """
    fitted: dict[str, Mapping[str, ScorePair]] = {}
    left_out: dict[str, Mapping[str, ScorePair]] = {}
    errors: dict[str, str] = {}
    others = left_out_sets(table) if table.changes else {}
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
