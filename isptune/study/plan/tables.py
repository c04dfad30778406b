"""Votes as a table in the columns of pwcmp, in and out.

The columns are observer, session, scene, condition_A, condition_B and is_A_selected: 1 where A was better, 0 where B
was, and 0.5, which pwcmp itself does not know, for no difference.
"""

import csv
import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from isptune.errors import ConfigError, StudyError
from isptune.scenes.images import SUFFIXES
from isptune.study.plan.folder import Plan, Stimulus, Study, new_folder, stimulus_file, write_study
from isptune.study.plan.vote_columns import COLUMNS
from isptune.study.plan.vote_reading import TableVote, VoteTable
from isptune.study.votes.answers import Answers
from isptune.study.votes.comparisons import SHARE
from isptune.study.votes.votes import Answer, Observer, Pair, VoteRecord
from isptune.system.disk import make_folder


def write_table(
    votes: Sequence[VoteRecord],
    observers: Sequence[Observer],
    everything: bool = False,
    file_format: Literal["csv", "json"] = "csv",
) -> str:
    """The votes as CSV, or as a JSON list of objects with the same keys.

    Training, repeats and anchors only with `everything`, and with two more columns that tell them apart.
    """
    labels = {observer.id: observer.label for observer in observers}
    rows: list[dict[str, str | int | float | None]] = []
    for vote in votes:
        row = [labels[vote.observer], vote.session, vote.scene, vote.first, vote.second, SHARE[vote.answer]]
        extra = {"kind": vote.kind, "response_ms": vote.response_ms} if everything else {}
        if everything or vote.kind == "vote":
            rows.append({**dict(zip(COLUMNS, row, strict=True)), **extra})
    if file_format == "json":
        return json.dumps(rows, indent=1) + "\n"
    table = io.StringIO()
    extra_columns = ("kind", "response_ms") if everything else ()
    writer = csv.DictWriter(table, [*COLUMNS, *extra_columns], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "is_A_selected": f"{row['is_A_selected']:g}"})
    return table.getvalue()


def import_table(
    folder: Path,
    table: VoteTable,
    title: str,
    pictures: Path | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Study:
    """Make a closed study of votes that were given elsewhere; the observers' source is `import`.

    Args:
        folder: new or empty.
        table: the votes of all observers.
        title: of the study.
        pictures: a folder with scene/condition.png, as far as there are pictures; see `find_picture`. Of one that is
            too large the middle is taken.
        tell: gets lines on what was done to pictures.

    Raises:
        ConfigError: there are no votes, the folder is not empty, a scene has one condition only, or a picture cannot
            be read.
    """
    votes = table.votes
    if not votes:
        raise ConfigError(f"{title}: the table has no votes" + (" that can be used" if table.faults else ""))
    new_folder(folder)
    try:
        return _import(folder, table, title, pictures, tell)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _import(
    folder: Path, table: VoteTable, title: str, pictures: Path | None, tell: Callable[[str], None]
) -> Study:
    votes = table.votes
    names = sorted({(v.pair.scene, c) for v in votes for c in (v.pair.first, v.pair.second)})
    files = {name: _copy_picture(folder, find_picture(table, pictures, *name), *name, tell) for name in names}
    plan = Plan(title=title, schedule="complete", repeats=0, anchors=0, training=0)
    study = write_study(folder, plan, [Stimulus(scene, c, files[scene, c]) for scene, c in names])
    with Answers(study.answers_path) as answers:
        for observer, own in _by_observer(votes).items():
            answers.add_table(answers.add_observer(observer, "import").id, own)
        answers.close_study()
    return study


def without_pictures(table: VoteTable, pictures: Path) -> set[tuple[str, str]]:
    """Scenes and conditions of a table that a folder has no picture of."""
    names = {(v.pair.scene, c) for v in table.votes for c in (v.pair.first, v.pair.second)}
    return {name for name in names if find_picture(table, pictures, *name) is None}


def find_picture(table: VoteTable, pictures: Path | None, scene: str, condition: str) -> Path | None:
    """The picture of a condition: SCENE/CONDITION with an ending of a picture, or CONDITION itself where that has one.

    Names are the table's or ours; pictures of a table without scenes, or of a single one, may lie in the folder itself.
    """
    if pictures is None:
        return None
    own_scene, own_condition = table.names.get((scene, condition), (scene, condition))
    single = len({name for name, _ in table.names}) == 1
    folders = [pictures / scene, pictures / own_scene, *([pictures] if single else [])]
    endings = ("", *SUFFIXES) if Path(own_condition).suffix.lower() in SUFFIXES else SUFFIXES
    for folder in folders:
        for name in (condition, own_condition):
            for ending in endings:
                path = folder / f"{name}{ending}"
                if path.is_file():
                    return path
    return None


Own = list[tuple[Pair, Answer, str]]


def _by_observer(votes: Sequence[TableVote]) -> dict[str, Own]:
    found: dict[str, Own] = {}
    for vote in votes:
        found.setdefault(vote.observer, []).append((vote.pair, vote.answer, vote.session))
    return found


def _copy_picture(
    folder: Path, source: Path | None, scene: str, condition: str, tell: Callable[[str], None]
) -> str:
    """The stimulus's file, copied; empty where there is none."""
    from isptune.scenes.images import read_fitting, write_image

    if source is None:
        return ""
    target = folder / stimulus_file(scene, condition)
    try:
        make_folder(target.parent)
    except OSError as error:
        raise StudyError(f"{target.parent}: cannot be made: {error.strerror or error}") from error
    found = read_fitting(source)
    for line in found.told:
        tell(line)
    write_image(target, found.image)
    return stimulus_file(scene, condition)
