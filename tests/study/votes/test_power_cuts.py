"""A vote that was acknowledged is there after a power cut; a study and a search by eye are whole, or made again."""

import os
import sqlite3
import sys

import pytest

from isptune.errors import StudyError
from isptune.study.by_eye.run import EyeRun, forget_unfinished, go_on, start
from isptune.study.by_eye.settings import SETTINGS, EyeSettings
from isptune.study.plan.folder import ANSWERS, read_study
from isptune.study.plan.schedule import schedule_of
from isptune.study.site.server import application
from isptune.study.votes.answers import Answers
from tests.forgetful_disk import ForgetfulDisk, found_after
from tests.study.served import Client, small_study
from tests.study.studies import study_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # the real disk is not cut


def test_a_vote_that_the_page_acknowledged_is_there_after_a_power_cut(tmp_path):
    study = small_study(tmp_path / "disk" / "study")
    with Answers(study.answers_path, schedule_of(study), sync_each=False) as answers:
        token = answers.add_observer().token
        disk = ForgetfulDisk(tmp_path / "disk")
        with disk.followed(), Client(application(study, answers)) as client:
            for number in range(1, 4):
                body = {"number": number, "id": f"vote-{number:04d}", "answer": "left"}
                assert client.post(f"/o/{token}/vote", json=body).status_code == 200
                for which, state in enumerate(disk.now()):
                    found = found_after(state, tmp_path / f"{number}-{which}") / "study"
                    with Answers(found / ANSWERS) as kept:
                        assert [vote.number for vote in kept.votes()] == list(range(1, number + 1))


def test_what_is_written_elsewhere_than_by_the_page_is_synced_by_sqlite_itself(tmp_path):
    study = study_of(tmp_path / "study", images=3)
    with Answers(study.answers_path) as answers:
        assert answers._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert answers._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_study_is_whole_after_a_power_cut_or_is_none(tmp_path):
    (root := tmp_path / "disk").mkdir()
    with ForgetfulDisk(root, synced_by_others=(ANSWERS,)).followed() as disk:
        study_of(root / "study", scenes=("sky", "sea"))
    whole = 0
    for number, state in enumerate(disk.states.values()):
        found = found_after(state, tmp_path / str(number)) / "study"
        try:
            study = read_study(found)
        except StudyError as error:
            assert "is no study" in str(error)  # noqa: PT017 - most states are such
            continue
        assert len(study.stimuli) == 16
        with Answers(study.answers_path) as answers:
            assert answers.is_open
        whole += 1
    assert whole > 0


@pytest.mark.slow
def test_a_search_by_eye_goes_on_or_begins_anew_after_a_power_cut(tmp_path):
    settings = EyeSettings(scene="astronaut", crop="32x24", tune=("isp.x1", "isp.x2"), votes=60, device="cpu")
    (root := tmp_path / "disk").mkdir()

    def shown(run: EyeRun):
        folder = run.study.folder
        return {path.name: path.read_bytes() for path in (folder / "stimuli").rglob("*.png")}

    with ForgetfulDisk(root, synced_by_others=(ANSWERS,)).followed() as disk:
        want = shown(start(root / "eye", settings, lambda _: None))
    states = list(disk.states.values())
    for number in range(0, len(states), max(1, len(states) // 20)):
        folder = found_after(states[number], tmp_path / str(number)) / "eye"
        forget_unfinished(folder)
        if (folder / SETTINGS).exists():
            run = go_on(folder, {}, trust=True, say=lambda _: None)
            with Answers(folder / ANSWERS, run) as answers:
                assert answers.open_pairs(answers.add_observer().token)
        else:
            run = start(folder, settings, lambda _: None)
        assert shown(run) == want, sorted(states[number])


def test_a_file_of_answers_that_was_cut_is_one_line(tmp_path):
    study = study_of(tmp_path / "study", images=3)
    with sqlite3.connect(study.answers_path) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = study.answers_path.read_bytes()
    for kept in (0, 50, 1000, len(data) // 2):
        study.answers_path.write_bytes(data[:kept] + bytes(len(data) - kept))
        with pytest.raises(StudyError, match="answers"), Answers(study.answers_path) as answers:
            answers.votes()
