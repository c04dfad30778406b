"""`--storage URL`, or `--write-to optuna:URL`: a study of an Optuna storage, which a team's optuna-dashboard shows.

The storage is a database (`sqlite:///team.db`, `postgresql+pg8000://...`, `mysql+pymysql://...`) or a journal, a file
that several machines may share. The run's folder stays the truth.
"""

import json
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from isptune.errors import ConfigError
from isptune.interfaces import RunWriter, WrittenEnd, WrittenRun, WrittenTrial
from isptune.space import Choice, Integer, Param
from isptune.system.records import parse_json

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

WAIT_S = 5
"""So long a server may take to answer before it counts as away."""

SETTINGS, BY, NUMBER = "settings", "by", "number"
"""Attributes: of a study, its run's settings and the machine; of a trial, its number in the run."""

RECOMMENDED = "recommended"

_WAITING = {"postgresql": {"timeout": WAIT_S}, "mysql": {"connect_timeout": WAIT_S}}


def build(argument: str | None) -> RunWriter:
    """A writer into the storage at an address. Nothing is connected yet: one that is away does not stop a run."""
    if not argument:
        raise ConfigError(
            "optuna needs an address: optuna:sqlite:///team.db, optuna:postgresql+pg8000://USER@HOST/DB or "
            "optuna:team.journal"
        )
    return OptunaStorage(argument)


@contextmanager
def quietly() -> Iterator[Any]:
    """Optuna without its lines on standard error."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def journal_storage(path: Path) -> Any:
    """A journal as a storage."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    # The lock by opening a file works on every file system; the one by symbolic link does not on Windows.
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


@contextmanager
def opened(address: str, to_write: bool = True) -> Iterator[Any]:
    """The storage at a database's address, or the journal of that name; its connections are closed at the end.

    Args:
        address: as SQLAlchemy has it, or a path.
        to_write: whether it is made where it is not there.

    Raises:
        ConfigError: the database's driver is not installed, or its name is not known.
        Exception: whatever the driver raises where the database is away.
    """
    if "://" not in address:
        yield journal_storage(Path(address).expanduser())
        return
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import NoSuchModuleError

    kind, _, place = address.partition("://")
    if (
        not to_write
        and kind.startswith("sqlite")
        and not Path(place.removeprefix("/").partition("?")[0]).is_file()
    ):
        raise ConfigError(f"{address}: no such file")
    waiting = dict(_WAITING.get(kind.partition("+")[0], {}))
    if kind in ("postgresql", "postgresql+psycopg", "postgresql+psycopg2"):
        waiting = {"connect_timeout": WAIT_S}
    try:
        with quietly():
            storage = RDBStorage(
                address,
                engine_kwargs={"connect_args": waiting, "pool_pre_ping": True},
                skip_compatibility_check=not to_write,
                skip_table_creation=not to_write,
            )
    except ImportError as error:
        raise ConfigError(f"{kind}: {error}; install the database's driver") from error
    except NoSuchModuleError as error:
        raise ConfigError(f"{kind}: no such database: {error}") from error
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def distribution(param: Param) -> "BaseDistribution":
    """A param as Optuna has it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(param, Choice):
        return CategoricalDistribution(param.options)
    if isinstance(param, Integer):
        return IntDistribution(param.low, param.high, log=param.log)
    return FloatDistribution(param.low, param.high, log=param.log)


def frozen(
    trial: WrittenTrial, objectives: Sequence[str], distributions: "Mapping[str, BaseDistribution]"
) -> "FrozenTrial":
    """A trial as Optuna has it: scores are values, the rest is user attributes; a failed one is FAIL.

    Raises:
        ValueError: its params do not fit the distributions.
    """
    from optuna.trial import TrialState, create_trial

    attributes: dict[str, Any] = {
        NUMBER: trial.number,
        "generation": trial.generation,
        "repeat": trial.repeat,
    }
    attributes |= {f"d_{i + 1} {name}": level for i, (name, level) in enumerate(trial.levels.items())}
    attributes |= {key: value for key, value in trial.numbers.items() if key not in objectives}
    if trial.error is not None:
        attributes["error"] = trial.error
    scores = [trial.numbers.get(name) for name in objectives]
    complete = trial.error is None and None not in scores
    if trial.took_s is not None:
        attributes["took_s"] = trial.took_s
    made = create_trial(
        state=TrialState.COMPLETE if complete else TrialState.FAIL,
        values=scores if complete else None,  # pyright: ignore[reportArgumentType] - none of them is None here
        params=dict(trial.params),
        distributions=dict(distributions),
        user_attrs=attributes,
    )
    if trial.began is not None and trial.ended is not None:
        made.datetime_start = datetime.fromtimestamp(trial.began)
        made.datetime_complete = datetime.fromtimestamp(trial.ended)
    return made


@final
class OptunaStorage:
    """A study a run. A run that goes on adds to its own; one of the same name but other settings gets another name."""

    def __init__(self, address: str):
        self._address = address
        self._run: WrittenRun | None = None
        self._name = ""
        self._known = 0

    def begin(self, run: WrittenRun) -> None:
        with quietly(), opened(self._address) as storage:
            study = _study_of(storage, run)
            numbers = [one.user_attrs.get(NUMBER, -1) for one in study.get_trials(deepcopy=False)]
            self._run, self._name = run, study.study_name
        self._known = 1 + max(numbers, default=-1)

    def trials(self, trials: Sequence[WrittenTrial]) -> None:
        assert self._run is not None
        distributions = {param.name: distribution(param) for param in self._run.params}
        with self._study() as study:
            for trial in trials:
                if trial.number < self._known:
                    continue
                study.add_trial(frozen(trial, list(self._run.objectives), distributions))
                self._known = trial.number + 1

    def end(self, end: WrittenEnd) -> None:
        with self._study() as study:
            known = {key: value for key, value in asdict(end).items() if key != "pictures"}
            study.set_user_attr(RECOMMENDED, known)

    @contextmanager
    def _study(self) -> Iterator[Any]:
        """Opened for each generation anew: between them nobody waits for us."""
        with quietly() as optuna, opened(self._address) as storage:
            yield optuna.load_study(study_name=self._name, storage=storage)


def _study_of(storage: Any, run: WrittenRun) -> Any:
    """The run's own study, or a new one with the first name that is free."""
    import optuna

    own = {
        SETTINGS: parse_json(json.dumps(dict(run.settings)), SETTINGS, ConfigError),
        BY: socket.gethostname(),
    }
    number = 1
    while True:
        name = run.name if number == 1 else f"{run.name} ({number})"
        try:
            study = optuna.create_study(
                storage=storage, study_name=name, directions=list(run.objectives.values())
            )
        except optuna.exceptions.DuplicatedStudyError:
            study = optuna.load_study(study_name=name, storage=storage)
            if {key: study.user_attrs.get(key) for key in own} == own:
                return study
            number += 1
            continue
        study.set_metric_names(list(run.objectives))
        for key, value in own.items():
            study.set_user_attr(key, value)
        return study
