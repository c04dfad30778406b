"""Files of answers that somebody edited by hand: one clear line, whatever stands in them."""

import sqlite3

import pytest

from isptune.errors import IsptuneError, StudyError
from isptune.study.findings.analysis import analyse
from isptune.study.plan.folder import read_study
from isptune.study.plan.shown_pictures import ShownPictures
from isptune.study.plan.tables import write_table
from isptune.study.votes.answers import Answers
from isptune.study.votes.votes import AskedPair, Pair
from tests.study.served import small_study

COLUMNS = {
    "votes": ("answer", "session", "response_ms", "screen_width", "client_id", "number"),
    "asked": ("scene", "first", "second", "kind", "number"),
    "observers": ("name", "source", "created", "token", "id"),
    "study": ("value",),
}
WRONG = (None, b"\x00\xff", 2**62, 0.5, "nobody", "\x00")


@pytest.fixture
def study(isptune, tmp_path):
    small_study(tmp_path / "st", scenes=("pond",))
    assert isptune("study", "simulate", "st", "--observers", "2")[0] == 0
    return tmp_path / "st"


def _edit(path, table, column, value):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        try:
            connection.execute(f"UPDATE OR REPLACE {table} SET {column} = ?", (value,))
        except (sqlite3.IntegrityError, OverflowError):
            return False  # SQLite itself keeps it out
    connection.close()
    return True


@pytest.mark.slow
@pytest.mark.parametrize("table", COLUMNS)
def test_whatever_stands_in_a_column_costs_one_line(isptune, study, table):
    whole = (study / "answers.sqlite").read_bytes()
    for column in COLUMNS[table]:
        for value in WRONG:
            for left in study.glob("answers.sqlite*"):
                left.unlink()
            (study / "answers.sqlite").write_bytes(whole)
            if not _edit(study / "answers.sqlite", table, column, value):
                continue
            for read in (_analysed, _exported):
                said = ""
                try:
                    read(study)
                except IsptuneError as error:
                    said = str(error)
                assert "\n" not in said, (table, column, value)


def _analysed(folder):
    analyse(read_study(folder), draws=50)


def _exported(folder):
    with Answers(folder / "answers.sqlite") as answers:
        write_table(answers.votes(), answers.observers(), True, "csv")
        for observer in answers.observers():
            answers.progress(observer.token)
            answers.open_pairs(observer.token, ask_more=False)


def test_a_vote_on_a_picture_that_is_not_there_is_named(isptune, study):
    assert _edit(study / "answers.sqlite", "asked", "first", "unknown")
    status, _, error = isptune("study", "fit", "st")
    assert (status, "voted on pond/unknown, which is no picture of this study" in error) == (1, True)


def test_a_pair_that_was_put_into_the_file_shows_no_picture_from_elsewhere(study, tmp_path):
    (tmp_path / "private.png").write_bytes((study / "stimuli" / "pond" / "crisp_secret.png").read_bytes())
    shown = ShownPictures(read_study(study))
    asked = AskedPair(1, Pair("../..", "private", "private"))
    name = shown.named(1, asked)["left"]
    with pytest.raises(StudyError, match="a picture that the study does not have"):
        shown.find(1, [asked], name)


def test_a_file_that_is_no_database_is_said_to_be_that(study):
    (study / "answers.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(StudyError, match="is not a file of answers"):
        Answers(study / "answers.sqlite")
