"""A run as an Optuna journal, which optuna-dashboard shows: with times and pictures, and while it goes on."""

import re
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import IsptuneError, MissingExtra, RunFolderError
from isptune.runs.files import IMAGES
from isptune.runs.log import Generation
from isptune.runs.record import RunRecord, read_run
from isptune.runs.times import read_times
from isptune.runs.written import written_trials
from isptune.system.disk import folder_in, replacing
from isptune.writers.optuna_storage import distribution, frozen, journal_storage, quietly

if TYPE_CHECKING:
    pass

JOURNAL, ARTIFACTS = "optuna_journal.log", "optuna_artifacts"
FOLLOW_EVERY_S = 2.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def write_journal(folder: Path) -> Path:
    """Write the run's trials into RUN/optuna_journal.log, from the beginning, in place of an older one.

    Params have the distributions of bench.json, scores are values, levels and the rest user attributes; failed trials
    are FAIL. Each has the time at which it was evaluated, as far as that is known. Pictures are artifacts: those of
    trials of these, the others of the study.

    Raises:
        RunFolderError: the folder is no run folder, or is damaged.
        DiskError: the journal cannot be written.
    """
    record = read_run(Path(folder))
    path = record.folder / JOURNAL
    try:
        shutil.rmtree(record.folder / ARTIFACTS, ignore_errors=True)
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
    storage, ended = journal_storage(journal), threading.Event()
    following = threading.Thread(target=_follow, args=(journal, ended), daemon=True)
    following.start()
    try:
        run_server(storage, host=host, port=port, artifact_store=_artifacts(journal.parent))
    except (OSError, OverflowError) as error:
        raise IsptuneError(f"{host}:{port} cannot be used: {error}; try another --port") from error
    finally:
        ended.set()
        following.join(10)


def _follow(journal: Path, ended: threading.Event) -> None:
    """Add the trials of a run that goes on to its journal, and its pictures when it has ended."""
    from optuna.artifacts import get_all_artifact_meta

    folder = journal.parent
    with quietly() as optuna:
        known = optuna.load_study(study_name=None, storage=journal_storage(journal))  # the only one
    done = len({trial.user_attrs["generation"] for trial in known.get_trials(deepcopy=False)})
    pictured = bool(get_all_artifact_meta(known))
    while not ended.wait(FOLLOW_EVERY_S):
        try:
            record = read_run(folder)
        except RunFolderError:  # it is being written
            continue
        if len(record.generations) > done or (record.answer and not pictured):
            with quietly() as optuna:
                study = optuna.load_study(study_name=record.name, storage=journal_storage(journal))
                _add(study, record, record.generations[done:])
                if record.answer and not pictured:
                    _attach(study, record)
                    pictured = True
            done = len(record.generations)


def command(journal: Path, host: str, port: int) -> list[str]:
    """The command that shows the journal without isptune; it does not follow a run that goes on."""
    where = ["--host", host, "--port", str(port), "--artifact-dir", str(journal.parent / ARTIFACTS)]
    return ["optuna-dashboard", "--storage-class", "JournalFileStorage", *where, str(journal)]


def _fill(path: Path, record: RunRecord) -> None:
    with quietly() as optuna:
        directions: list[Any] = [objective.direction for objective in record.objectives]
        study = optuna.create_study(
            storage=journal_storage(path), study_name=record.name, directions=directions
        )
        study.set_metric_names([objective.name for objective in record.objectives])
        _add(study, record, record.generations)
        if record.answer:
            _attach(study, record)


def _add(study: Any, record: RunRecord, generations: Sequence[Generation]) -> None:
    distributions = {param.name: distribution(param) for param in record.params}
    objectives = [objective.name for objective in record.objectives]
    levels = [facts.name for facts in record.levels]
    times, known = read_times(record.folder), record.generations
    first = sum(len(one.trials) for one in known) - sum(len(one.trials) for one in generations)
    for generation in generations:
        spans = times.get(generation.generation, ())
        written = written_trials(first, generation.generation, generation.trials, spans, levels)
        study.add_trials(frozen(trial, objectives, distributions) for trial in written)
        first += len(written)


def _attach(study: Any, record: RunRecord) -> None:
    """The run's pictures, each to the trial that it is of, or to the study."""
    from optuna.artifacts import upload_artifact

    store, trials = _artifacts(record.folder), study.get_trials(deepcopy=False)
    for path in sorted((record.folder / IMAGES).glob("*.png")):
        number = re.fullmatch(r".*_trial-(\d{1,7})", path.stem)
        if path.is_symlink():  # a folder from somebody else leads nowhere
            continue
        whose = trials[int(number[1])] if number and int(number[1]) < len(trials) else study
        upload_artifact(
            artifact_store=store,
            file_path=str(path),
            study_or_trial=whose,
            storage=study._storage,
        )


def _artifacts(folder: Path) -> Any:
    from optuna.artifacts import FileSystemArtifactStore

    folder_in(folder, ARTIFACTS)
    return FileSystemArtifactStore(str(folder / ARTIFACTS))
