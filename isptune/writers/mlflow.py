"""`--write-to mlflow` or `mlflow:EXPERIMENT`: a run of MLflow; where it is kept says MLFLOW_TRACKING_URI."""

from collections.abc import Sequence
from typing import final

from isptune.errors import MissingExtra
from isptune.interfaces import RunWriter, WrittenEnd, WrittenRun, WrittenTrial

LONGEST = 500
"""Characters of a parameter's value that every version of MLflow takes."""


def build(argument: str | None) -> RunWriter:
    """A writer of runs of an experiment, `isptune` where none is named."""
    try:
        import mlflow  # noqa: F401  # pyright: ignore[reportMissingImports] - an extra
    except ImportError as error:
        raise MissingExtra("mlflow is not installed: pip install 'isptune[mlflow]'") from error
    return MLflow(argument or "isptune")


@final
class MLflow:
    """Settings are parameters, numbers of trials metrics over the trials, pictures artifacts."""

    def __init__(self, experiment: str):
        from mlflow import MlflowClient  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]

        self._experiment, self._client, self._run = experiment, MlflowClient(), ""

    def begin(self, run: WrittenRun) -> None:
        known = self._client.get_experiment_by_name(self._experiment)
        number = known.experiment_id if known else self._client.create_experiment(self._experiment)
        self._run = self._client.create_run(number, run_name=run.name).info.run_id
        for key, value in run.settings.items():
            self._client.log_param(self._run, key, str(value)[:LONGEST])

    def trials(self, trials: Sequence[WrittenTrial]) -> None:
        for trial in trials:
            at_ms = None if trial.ended is None else round(1000 * trial.ended)
            for name, value in trial.numbers.items():
                self._client.log_metric(self._run, _plain(name), value, timestamp=at_ms, step=trial.number)

    def end(self, end: WrittenEnd) -> None:
        for name, value in end.params.items():
            self._client.log_param(self._run, f"recommended.{_plain(name)}", value)
        for name, value in end.scores.items():
            self._client.log_metric(self._run, f"recommended.{_plain(name)}", value)
        for path in end.pictures:
            self._client.log_artifact(self._run, str(path), "images")
        self._client.set_terminated(self._run)


def _plain(name: str) -> str:
    """A name of letters that MLflow takes: specs of objectives have others."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
