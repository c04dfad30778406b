"""A run as an Optuna journal, which optuna-dashboard shows."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import IsptuneError, MissingExtra, RunFolderError
from isptune.runs.log import Trial
from isptune.runs.record import RunRecord, read_run
from isptune.space import Choice, Integer, Param
from isptune.system.disk import replacing

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

JOURNAL = "optuna_journal.log"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def write_journal(folder: Path) -> Path:
    """Write the run's trials into RUN/optuna_journal.log, from the beginning, in place of an older one.

    Params have the distributions of bench.json, scores are values, levels and the rest user attributes;
    failed trials are FAIL.

    Raises:
        RunFolderError: the folder is no run folder, or is damaged.
        DiskError: the journal cannot be written.
    """
    record = read_run(Path(folder))
    path = record.folder / JOURNAL
    try:
        with replacing(path) as temporary:
            _fill(temporary, record)
    except ValueError as error:
        raise RunFolderError(f"{folder}: a trial does not fit bench.json: {error}") from error
    return path


def serve(journal: Path, host: str, port: int) -> None:
    """Run optuna-dashboard on a journal until it is interrupted.

    Raises:
        MissingExtra: optuna-dashboard is not installed.
        IsptuneError: the address cannot be used.
    """
    try:
        from optuna_dashboard import run_server  # pyright: ignore[reportMissingImports] - an extra
    except ImportError as error:
        raise MissingExtra(
            "the dashboard needs optuna-dashboard: pip install 'isptune[dashboard]'; "
            f"the journal is written to {journal}"
        ) from error
    try:
        run_server(_storage(journal), host=host, port=port)
    except (OSError, OverflowError) as error:
        raise IsptuneError(f"{host}:{port} cannot be used: {error}; try another --port") from error


def command(journal: Path, host: str, port: int) -> list[str]:
    """The command that shows the journal without isptune."""
    where = ["--host", host, "--port", str(port)]
    return ["optuna-dashboard", "--storage-class", "JournalFileStorage", *where, str(journal)]


def distribution(param: Param) -> "BaseDistribution":
    """A param as Optuna has it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(param, Choice):
        return CategoricalDistribution(param.options)
    if isinstance(param, Integer):
        return IntDistribution(param.low, param.high, log=param.log)
    return FloatDistribution(param.low, param.high, log=param.log)


def _fill(path: Path, record: RunRecord) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        directions: list[Any] = [objective.direction for objective in record.objectives]
        study = optuna.create_study(storage=_storage(path), study_name=record.name, directions=directions)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([objective.name for objective in record.objectives])
        distributions = {param.name: distribution(param) for param in record.params}
        for generation in record.generations:
            study.add_trials(
                _frozen(trial, generation.generation, record, distributions) for trial in generation.trials
            )
    finally:
        optuna.logging.set_verbosity(before)


def _storage(path: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    # The lock by opening a file works on every file system; the one by symbolic link does not on Windows.
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


def _frozen(
    trial: Trial, generation: int, record: RunRecord, distributions: "dict[str, BaseDistribution]"
) -> "FrozenTrial":
    from optuna.trial import TrialState, create_trial

    attributes: dict[str, Any] = {"generation": generation, "repeat": trial.repeat}
    for number, (level, facts) in enumerate(zip(trial.levels, record.levels, strict=False)):
        attributes[f"d_{number + 1} {facts.name}"] = level
    known = {"l1": trial.l1, "l1_normalised": trial.l1_normalised, "error": trial.error}
    attributes |= {name: value for name, value in known.items() if value is not None}
    scores = [trial.scores.get(objective.name) for objective in record.objectives]
    complete = trial.error is None and None not in scores
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.FAIL,
        values=scores if complete else None,  # pyright: ignore[reportArgumentType] - none of them is None here
        params=dict(trial.params),
        distributions=distributions,
        user_attrs=attributes,
    )
