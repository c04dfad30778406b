import sqlite3
import subprocess
import sys
import threading

import pytest

from isptune.errors import StudyClosed, StudyError, UnknownObserver, VoteRefused
from isptune.study.votes.answers import Answers
from isptune.study.votes.file import create
from isptune.study.votes.votes import Pair

PAIRS = [Pair("sky", "a", "b", "training"), Pair("sky", "b", "c"), Pair("sky", "c", "a")]


class ThreePairs:
    total = 3

    def batch(self, observer, asked, votes):
        return PAIRS[asked:] if asked == 0 else []


class OneAtATime:
    total = 2

    def batch(self, observer, asked, votes):
        assert len(votes()) == asked
        return [PAIRS[asked]] if asked < 2 else []


@pytest.fixture
def path(tmp_path):
    create(tmp_path / "answers.sqlite")
    return tmp_path / "answers.sqlite"


@pytest.fixture
def answers(path):
    with Answers(path, ThreePairs()) as opened:
        yield opened


def test_an_observer_answers_pair_after_pair_until_none_is_left(answers):
    token = answers.add_observer().token
    assert [p.number for p in answers.open_pairs(token)] == [1, 2]
    assert answers.progress(token).training_left == 1
    for number in (1, 2, 3):
        assert answers.open_pairs(token)[0].pair == PAIRS[number - 1]
        assert answers.vote(token, number, f"client-{number}", "second", 1500, (1280, 800))
    assert answers.open_pairs(token) == []
    progress = answers.progress(token)
    assert (progress.done, progress.total, progress.training_left, progress.finished) == (3, 3, 0, True)
    last = answers.votes()[-1]
    assert (last.scene, last.first, last.second, last.answer) == ("sky", "c", "a", "second")
    assert (last.response_ms, last.screen) == (1500, (1280, 800))


def test_tokens_differ_and_labels_do_not_show_them(answers):
    people = [answers.add_observer(), answers.add_observer("Eve"), answers.add_observer(source="simulation")]
    assert len({p.token for p in people}) == 3
    assert all(len(p.token) >= 32 for p in people)
    assert [p.label for p in answers.observers()] == ["observer_01", "Eve", "simulation_03"]
    assert answers.observers()[2].source == "simulation"


def test_a_vote_that_comes_again_is_the_same_vote(answers):
    token = answers.add_observer().token
    assert answers.vote(token, 1, "client-1", "first")
    assert not answers.vote(token, 1, "client-1", "first")
    answers.close_study()
    assert not answers.vote(token, 1, "client-1", "first")
    assert len(answers.votes()) == 1


@pytest.mark.parametrize(
    ("number", "client", "answer", "message"),
    [
        (1, "client-1", "second", "kept as 'first' on pair 1"),
        (2, "client-1", "first", "kept as 'first' on pair 1"),
        (1, "client-2", "first", "pair 1 is not asked now; pair 2 is"),
        (3, "client-2", "first", "pair 3 is not asked now; pair 2 is"),
        (99, "client-2", "first", "pair 99 is not asked now"),
        (2, "short", "first", "8 to 64 letters"),
        (2, "'; DROP TABLE votes; --", "first", "8 to 64 letters"),
    ],
)
def test_a_vote_that_was_not_asked_for_is_refused(answers, number, client, answer, message):
    token = answers.add_observer().token
    answers.vote(token, 1, "client-1", "first")
    with pytest.raises(VoteRefused, match=message):
        answers.vote(token, number, client, answer)
    assert len(answers.votes()) == 1


def test_impossible_times_and_screens_are_refused(answers):
    token = answers.add_observer().token
    with pytest.raises(VoteRefused, match="ms, not -1"):
        answers.vote(token, 1, "client-1", "first", -1)
    with pytest.raises(VoteRefused, match="pixels a side, not 0x5"):
        answers.vote(token, 1, "client-1", "first", 1, (0, 5))


def test_a_forged_token_is_no_observer(answers):
    token = answers.add_observer().token
    for forged in ("", token[:-1], "' OR 1=1 --"):
        with pytest.raises(UnknownObserver):
            answers.open_pairs(forged)


def test_the_last_vote_can_be_undone_once_and_is_kept_as_an_event(answers):
    token = answers.add_observer().token
    answers.vote(token, 1, "client-1", "first")
    answers.vote(token, 2, "client-2", "none")
    with pytest.raises(VoteRefused, match="only the last vote"):
        answers.undo(token, 1)
    assert answers.undo(token, 2).pair == PAIRS[1]
    assert answers.undo(token, 2).number == 2, "a repeated request undoes no other vote"
    assert [v.number for v in answers.votes()] == [1]
    assert answers.undone_count() == 1
    assert not answers.vote(token, 2, "client-2", "none"), "a late copy of the undone vote does not count"
    assert answers.vote(token, 2, "client-3", "second")
    assert [v.answer for v in answers.votes()] == ["first", "second"]


def test_a_closed_study_takes_nothing_until_it_is_opened_again(answers):
    token = answers.add_observer().token
    answers.vote(token, 1, "client-1", "first")
    answers.close_study()
    with pytest.raises(StudyClosed):
        answers.vote(token, 2, "client-2", "first")
    with pytest.raises(StudyClosed):
        answers.undo(token, 1)
    with pytest.raises(StudyClosed):
        answers.add_observer()
    answers.reopen_study()
    assert answers.vote(token, 2, "client-2", "first")


def test_an_adaptive_schedule_is_asked_when_its_pairs_are_answered(path):
    with Answers(path, OneAtATime()) as answers:
        token = answers.add_observer().token
        assert [p.number for p in answers.open_pairs(token)] == [1]
        assert answers.progress(token).total == 2
        answers.vote(token, 1, "client-1", "first")
        assert not answers.progress(token).finished
        assert [p.number for p in answers.open_pairs(token)] == [2]
        answers.vote(token, 2, "client-2", "first")
        assert answers.open_pairs(token) == []
        assert answers.progress(token).finished


def test_votes_of_many_threads_are_all_kept(path):
    with Answers(path, ThreePairs()) as answers:
        tokens = [answers.add_observer().token for _ in range(8)]
        failures = []

        def observe(token):
            try:
                for number in (1, 2, 3):
                    for _ in range(2):
                        answers.vote(token, number, f"client-{number}", "first")
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=observe, args=(token,)) for token in tokens]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(answers.votes()) == 24


def test_acknowledged_votes_survive_a_kill(path):
    program = f"""
import os, signal, sys
from pathlib import Path
from isptune.study.votes.answers import Answers
from tests.study.votes.test_answers import ThreePairs
answers = Answers(Path({str(path)!r}), ThreePairs())
token = answers.add_observer().token
answers.vote(token, 1, "client-1", "first"); answers.vote(token, 2, "client-2", "second")
print(token, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == -9, ended.stderr
    with Answers(path, ThreePairs()) as answers:
        assert [v.answer for v in answers.votes()] == ["first", "second"]
        assert answers.open_pairs(ended.stdout.strip())[0].number == 3


def test_the_file_is_in_write_ahead_mode_and_no_other_file_is_taken_for_it(path, tmp_path):
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    (tmp_path / "text.sqlite").write_text("this is no database, but it is long enough to be read as one" * 9)
    with pytest.raises(StudyError, match="is not a file of answers"):
        Answers(tmp_path / "text.sqlite")
    with pytest.raises(StudyError, match="there is no such file"):
        Answers(tmp_path / "none.sqlite")
    with pytest.raises(StudyError, match="is there already"):
        create(path)
