"""Votes as a table in the columns of pwcmp, in and out.

The columns are observer, session, scene, condition_A, condition_B and is_A_selected: 1 where A was better, 0 where B
was, and 0.5, which pwcmp itself does not know, for no difference.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isptune.errors import ConfigError, StudyError, one_line
from isptune.study.plan.folder import Plan, Stimulus, Study, new_folder, stimulus_file, write_study
from isptune.study.votes.answers import Answers
from isptune.study.votes.comparisons import SHARE
from isptune.study.votes.votes import Answer, Observer, Pair, VoteRecord
from isptune.system.disk import slug
from isptune.system.records import read_json

COLUMNS = ("observer", "session", "scene", "condition_A", "condition_B", "is_A_selected")
OTHER_NAMES = {
    "session": ("session_id",),
    "condition_A": ("condition_1",),
    "condition_B": ("condition_2",),
    "is_A_selected": ("selected_A", "selected", "selection"),
}
"""As earlier versions of pwcmp call them; `selected` and `selection` hold 1 for A, 2 for B and 0 for no difference."""

_IS_A: Mapping[str, Answer] = {"1": "first", "1.0": "first", "0": "second", "0.0": "second", "0.5": "none"}
_WHICH: Mapping[str, Answer] = {"1": "first", "2": "second", "0": "none"}


_Cell = str | int | float | bool | None
"""What a table in JSON may have in a column."""


@dataclass(frozen=True)
class TableVote:
    """One row of a table."""

    observer: str
    session: str
    pair: Pair
    answer: Answer


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


def read_table(path: Path, columns: Mapping[str, str]) -> list[TableVote]:
    """Read votes from CSV, or from a file that ends in .json: a list of objects.

    Args:
        path: the file; its first line, or its first object, names the columns.
        columns: what the file calls a column, by our name for it; several joined by `+` become one, with a minus
            between their values (`condition_A` from `type1+level1`).

    Raises:
        ConfigError: the file cannot be read, a column is missing, or an answer is none; the message names the line.
    """
    if path.suffix.lower() == ".json":
        return _of_objects(read_json(path, list[dict[str, _Cell]]), columns, path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.DictReader(text, skipinitialspace=True, strict=True)
            where = _places(columns, [name or "" for name in rows.fieldnames or ()], path)
            return [_vote(row, where, f"{path}, line {rows.line_num}") for row in rows]
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:
        raise ConfigError(f"{path}: is no table that can be read: {error}") from error


def _of_objects(
    rows: Sequence[Mapping[str, _Cell]], columns: Mapping[str, str], path: Path
) -> list[TableVote]:
    where = _places(columns, list(rows[0]) if rows else [], path)
    texts = ({key: None if value is None else str(value) for key, value in row.items()} for row in rows)
    return [_vote(row, where, f"{path}, vote {number}") for number, row in enumerate(texts, 1)]


def _places(columns: Mapping[str, str], header: Sequence[str], path: Path) -> dict[str, list[str]]:
    return {name: _find(name, columns, header, path) for name in COLUMNS}


def import_table(folder: Path, votes: Sequence[TableVote], title: str, pictures: Path | None = None) -> Study:
    """Make a closed study of votes that were given elsewhere; the observers' source is `import`.

    Args:
        folder: new or empty.
        votes: of all observers.
        title: of the study.
        pictures: a folder with scene/condition.png, as far as there are pictures.

    Raises:
        ConfigError: there are no votes, the folder is not empty, a scene has one condition only, or a picture cannot
            be read.
    """
    if not votes:
        raise ConfigError(f"{title}: the table has no votes")
    new_folder(folder)
    names = sorted({(v.pair.scene, c) for v in votes for c in (v.pair.first, v.pair.second)})
    files = {name: _copy_picture(folder, pictures, *name) for name in names}
    plan = Plan(title=title, schedule="complete", repeats=0, anchors=0, training=0)
    study = write_study(folder, plan, [Stimulus(scene, c, files[scene, c]) for scene, c in names])
    with Answers(study.answers_path) as answers:
        for observer in dict.fromkeys(vote.observer for vote in votes):
            number = answers.add_observer(observer, "import").id
            own: list[tuple[Pair, Answer, str]] = [
                (v.pair, v.answer, v.session) for v in votes if v.observer == observer
            ]
            answers.add_table(number, own)
        answers.close_study()
    return study


def _find(name: str, columns: Mapping[str, str], header: Sequence[str], path: Path) -> list[str]:
    """The file's columns that make up one of ours."""
    if name in columns:
        wanted = columns[name].split("+")
    else:
        wanted = [next((n for n in (name, *OTHER_NAMES.get(name, ())) if n in header), name)]
        if wanted == ["session"] and "session" not in header:
            return []
    missing = [column for column in wanted if column not in header]
    if missing:
        raise ConfigError(
            f"{path}: has no column {missing[0]!r}; it has: {one_line(', '.join(header)) or 'none'}; "
            f"say what stands for it with --column {name}=..."
        )
    return wanted


def _vote(row: Mapping[str, str | None], where: Mapping[str, Sequence[str]], place: str) -> TableVote:
    values = {}
    for name, columns in where.items():
        parts = [(row.get(column) or "").strip() for column in columns]
        if not all(parts):
            raise ConfigError(f"{place}: has nothing in the column {columns[parts.index('')]!r}")
        values[name] = "-".join(parts)
    answers = _WHICH if where["is_A_selected"][0] in ("selected", "selection") else _IS_A
    if values["is_A_selected"] not in answers:
        got = one_line(values["is_A_selected"][:20])
        raise ConfigError(f"{place}: the answer is {got!r}; it must be {', '.join(answers)}")
    scene, first, second = (slug(values[name]) for name in ("scene", "condition_A", "condition_B"))
    pair = Pair(scene, first, second)
    if pair.first == pair.second:
        raise ConfigError(f"{place}: {pair.first!r} is compared with itself")
    session = values["session"] or "1"
    return TableVote(one_line(values["observer"]), one_line(session), pair, answers[values["is_A_selected"]])


def _copy_picture(folder: Path, pictures: Path | None, scene: str, condition: str) -> str:
    """The stimulus's file, copied; empty where there is none."""
    from isptune.scenes.images import read_image, write_image

    source = None if pictures is None else pictures / scene / f"{condition}.png"
    if source is None or not source.is_file():
        return ""
    target = folder / stimulus_file(scene, condition)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"{target.parent}: cannot be made: {error.strerror or error}") from error
    write_image(target, read_image(source))
    return stimulus_file(scene, condition)
