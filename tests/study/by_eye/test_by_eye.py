import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from isptune.errors import ConfigError, StudyError
from isptune.parameter_set import read_set
from isptune.registry import build
from isptune.runs.answer import read_answer
from isptune.study.by_eye.run import LOG, RECOMMENDED, EyeRun, start
from isptune.study.by_eye.search import PAIRS_EACH, POPULATION, EyeSearch
from isptune.study.by_eye.settings import SETTINGS, EyeSettings
from isptune.study.site.server import application
from isptune.study.votes.answers import Answers
from tests.study.served import Client

VOTES_EACH = POPULATION * PAIRS_EACH // 2


def level_error(pipeline, candidate):
    params = {name: torch.tensor([float(value)], dtype=torch.float64) for name, value in candidate.items()}
    ranges = torch.tensor([level.limit for level in pipeline.facts.levels], dtype=torch.float64)
    return float((pipeline.levels(params)[0].abs() / ranges).mean())


def sharp_eyed(pipeline, search):
    """The answers of a simulated observer who sees every difference in the levels."""
    errors = [level_error(pipeline, candidate) for candidate in search.candidates]
    return ["first" if errors[i] < errors[j] else "second" for i, j in search.pairs]


@pytest.fixture
def small(tmp_path):
    """A search on a small picture, without a word."""
    settings = EyeSettings(scene="astronaut", crop="48x32", votes=2 * VOTES_EACH + 3, device="cpu")
    return start(tmp_path / "eye", settings, lambda _: None)


@pytest.mark.slow
def test_votes_without_error_lead_close_to_perfect():
    pipeline = build("pipeline", "synthetic")
    search = EyeSearch(pipeline.space, POPULATION, PAIRS_EACH, seed=1)
    before = level_error(pipeline, search.recommend())
    votes = 0
    while votes < 450 and search.stop_reason is None:
        search.tell(sharp_eyed(pipeline, search))
        votes += VOTES_EACH
    assert level_error(pipeline, search.recommend()) < 0.2 * before


@pytest.mark.slow
def test_votes_for_the_worse_lead_away():
    pipeline = build("pipeline", "synthetic")
    search = EyeSearch(pipeline.space, POPULATION, PAIRS_EACH, seed=1)
    before = level_error(pipeline, search.recommend())
    turned = {"first": "second", "second": "first"}
    for _ in range(10):
        search.tell([turned[answer] for answer in sharp_eyed(pipeline, search)])
    assert level_error(pipeline, search.recommend()) > 1.3 * before


def test_the_same_answers_give_the_same_search():
    pipeline = build("pipeline", "synthetic")
    one, two = (EyeSearch(pipeline.space, POPULATION, PAIRS_EACH, seed=4) for _ in range(2))
    for _ in range(4):
        answers = sharp_eyed(pipeline, one)
        one.tell(answers)
        two.tell(answers)
    assert (one.candidates, one.pairs, one.recommend()) == (two.candidates, two.pairs, two.recommend())


def test_ranks_follow_the_votes_and_ties_share_them():
    search = EyeSearch(build("pipeline", "synthetic").space, 6, 5, seed=0)  # every two meet
    ranks = search._ranks(["first" if i < j else "second" for i, j in search.pairs])
    assert ranks.tolist() == [0, 1, 2, 3, 4, 5]
    ranks = search._ranks(["none"] * len(search.pairs))
    assert ranks.tolist() == [2.5] * 6
    with pytest.raises(ValueError, match="1 answers to 15 pairs"):
        search.tell(["first"])


def vote(client, link, count):
    """Vote through the page's own requests; returns the state after it."""
    for _ in range(count):
        pair = client.get(f"{link}/state").json()["pairs"][0]
        assert client.get(pair["left"]).content[:4] == b"\x89PNG"
        body = {"number": pair["number"], "id": f"vote-{pair['number']:04d}", "answer": "left"}
        assert client.post(f"{link}/vote", json=body).status_code == 200
    return client.get(f"{link}/state").json()


@pytest.mark.slow
def test_generations_follow_each_other_on_the_page_until_the_votes_are_used_up(small):
    with (
        Answers(small.study.answers_path, small, sync_each=False) as answers,
        Client(application(small.study, answers)) as client,
    ):
        link = f"/o/{answers.add_observer().token}"
        assert client.get(f"/owner/{'A' * 32}").status_code == 404
        assert not (small.study.folder / RECOMMENDED).exists()
        state = vote(client, link, VOTES_EACH)
        assert (state["phase"], state["done"]) == ("voting", VOTES_EACH)
        recommended = read_set(small.study.folder / RECOMMENDED)
        assert recommended.values == pytest.approx(small.search.recommend(), abs=1e-6)
        assert vote(client, link, VOTES_EACH)["phase"] == "finished"  # 3 votes are too few for a generation
    assert len((small.study.folder / LOG).read_text().splitlines()) == 2


def test_a_search_ends_when_its_voter_is_content_as_a_run_that_every_command_takes(small, isptune):
    folder, ended = small.study.folder, []
    small._on_end = ended.append

    with Answers(small.study.answers_path, small, sync_each=False) as answers:

        def content():
            answers.close_study()
            small.finish("content")

        with Client(application(small.study, answers, on_content=content)) as client:
            link = f"/o/{answers.add_observer().token}"
            assert vote(client, link, VOTES_EACH + 2)["may_end"] is True
            state = client.post(f"{link}/content", json={}).json()
            assert (state["phase"], state["pairs"]) == ("closed", [])
    assert ended == [folder]
    for command in (
        ("show", folder),
        ("report", folder),
        ("diff", folder),
        ("study", "fit", folder, "--draws", "50"),
    ):
        status, _, error = isptune(*command)
        assert status == 0, (command, error)
    assert (folder / "report.html").exists()
    assert (folder / "study_report.html").exists()
    assert read_set(folder).values == pytest.approx(small.space.complete(small.search.recommend()), abs=1e-6)
    status, _, error = isptune("export", folder, "--trial", 3)
    assert status == 0, error
    (warning,) = read_answer(folder).warnings
    assert warning.startswith(
        f"{VOTES_EACH} votes led this search, 0 of which saw no difference. None compared"
    )
    status, _, error = isptune(
        "study", "new", folder.parent / "both", "--images", folder / "images", "--schedule", "complete"
    )
    assert status == 0, error
    for command in (
        ("study", "new", folder.parent / "new", "--from-run", folder),
        ("verify", folder, "--scene", "cat"),
    ):
        status, _, error = isptune(*command)
        assert (status, error.count("\n")) == (1, 1), (command, error)
        assert "was led by votes" in error


def test_a_voter_who_has_seen_the_viewing_questions_can_leave_them_out(tmp_path):
    settings = EyeSettings(crop="32x32", device="cpu")
    for viewing in (True, False):
        run = start(tmp_path / str(viewing), replace(settings, viewing=viewing), lambda _: None)
        assert run.study.plan.viewing is viewing
        assert ("viewing" in json.loads((run.study.folder / SETTINGS).read_text())) is not viewing


def test_a_search_goes_on_where_it_was_also_from_the_middle_of_a_generation(small):
    folder = small.study.folder
    with Answers(small.study.answers_path, small) as answers:
        token = answers.add_observer().token
        for number in range(1, VOTES_EACH + 5):
            assert answers.open_pairs(token)[0].number == number
            answers.vote(token, number, f"vote-{number:04d}", "second")
    with open(folder / LOG, "a") as log:
        log.write('{"generation": 1, "ans')  # torn by a power cut
    again = EyeRun(folder, lambda _: None)
    assert again.search.candidates == small.search.candidates
    with Answers(again.study.answers_path, again) as answers:
        for number in range(VOTES_EACH + 5, 2 * VOTES_EACH + 1):
            assert answers.open_pairs(token)[0].number == number
            answers.vote(token, number, f"vote-{number:04d}", "first")
        assert answers.open_pairs(token) == []
        assert answers.progress(token).finished
    logged = [json.loads(line)["answers"] for line in (folder / LOG).read_text().splitlines()]
    assert logged == [["second"] * VOTES_EACH, ["second"] * 4 + ["first"] * (VOTES_EACH - 4)]


def test_a_vote_changed_after_its_generation_is_over_changes_nothing(small):
    with Answers(small.study.answers_path, small) as answers:
        token = answers.add_observer().token
        for number in range(1, VOTES_EACH + 1):
            answers.vote(token, number, f"vote-{number:04d}", "second")
        answers.open_pairs(token)  # the next generation is asked
        answers.undo(token, VOTES_EACH)
        answers.vote(token, VOTES_EACH, "another-one", "first")
        assert answers.open_pairs(token)[0].number == VOTES_EACH + 1
    again = EyeRun(small.study.folder, lambda _: None)
    assert again.search.candidates == small.search.candidates


def test_what_cannot_be_rendered_is_shown_grey_and_said(tmp_path, toys):
    said = []
    settings = EyeSettings(pipeline="moody", crop="48x32", votes=30, device="cpu")
    run = start(tmp_path / "eye", settings, said.append)
    pictures = sorted((run.study.folder / "stimuli").rglob("*.png"))
    assert len(pictures) == POPULATION
    grey = [line for line in said if "shown grey" in line]
    from isptune.scenes.images import read_image

    flat = [path for path in pictures if float(read_image(path).std()) < 1e-6]
    assert len(flat) == len(grey) > 0
    assert np.isfinite(run.search.recommend()[run.space.params[0].name])


def test_choices_are_refused_and_can_be_left_out(tmp_path, isptune):
    command = [
        "tune-by-eye",
        tmp_path / "eye",
        "--pipeline",
        "tint",
        "-P",
        "with_choice=true",
        "--crop",
        "48x32",
    ]
    status, _, error = isptune(*command)
    assert status == 2
    assert "not tint.order; name some with --tune" in error
    assert not (tmp_path / "eye").exists()
    names = ("tint.red", "tint.green")
    settings = EyeSettings("tint", {"with_choice": True}, crop="48x32", tune=names, device="cpu")
    run = start(tmp_path / "eye", settings, lambda _: None)
    assert all(set(candidate) == set(names) for candidate in run.search.candidates)


def test_wrong_folders_and_settings_are_one_clear_line(small, tmp_path, isptune):
    status, _, error = isptune("tune-by-eye", small.study.folder, "--scene", "cat")
    assert status == 2
    assert "holds another search (scene = 'astronaut' there, 'cat' now)" in error
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    status, _, error = isptune("tune-by-eye", tmp_path / "used")
    assert status == 2
    assert "is not empty" in error
    (small.study.folder / LOG).write_text("nonsense\n")
    with pytest.raises(StudyError, match="is damaged"):
        EyeRun(small.study.folder)
    (small.study.folder / SETTINGS).write_text("{}")
    with pytest.raises(StudyError, match="is damaged"):
        EyeRun(small.study.folder)
    with pytest.raises(ConfigError, match="no such"):
        start(tmp_path / "new", EyeSettings(scene="no such"))
