"""A run as data for other programs: what `isptune show --json` and `isptune run --json` print."""

from typing import Any

from isptune.report import series
from isptune.report.next_steps import next_steps
from isptune.runs.files import REPORT
from isptune.runs.record import RunRecord
from isptune.system.records import plain


def run_as_data(record: RunRecord) -> dict[str, Any]:
    """Settings, progress, the best of each objective, the answer as in recommended.json, and where the report is."""
    trials = list(record.trials())
    report = record.folder / REPORT
    return {
        "folder": str(record.folder),
        "finished": record.answer is not None,
        "settings": record.config.as_dict(),
        "optimizer": record.bench.optimizer or record.config.optimizer,
        "scenes": [scene.name for scene in record.bench.scenes],
        "generations": {"done": len(record.generations), "of": record.config.generations},
        "trials": len(trials),
        "failed": sum(trial.error is not None for trial in trials),
        "failures": {message: len(where) for message, where in series.failures(record).items()},
        "objectives": {
            one.name: {
                "direction": one.direction,
                "unit": one.unit,
                "best_seen": best.scores[one.name] if (best := record.best_trial(one)) else None,
            }
            for one in record.objectives
        },
        "answer": None if record.answer is None else plain(record.answer),
        "report": str(report.resolve()) if report.exists() else None,
        "next": next_steps(record),
    }
