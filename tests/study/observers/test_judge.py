"""A judge as an extra observer of a study: its votes, and that nobody takes them for a person's."""

import csv
import json

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

import tests.toys
from isptune.errors import ConfigError
from isptune.study.observers.judge import JudgeObserver, judge_study
from isptune.study.observers.simulation import Habits, SimulatedObserver
from isptune.study.plan.folder import Plan, read_study
from isptune.study.plan.making import study_of_folder
from isptune.study.plan.schedule import schedule_of
from isptune.study.site.server import on_loopback
from isptune.study.votes.answers import Answers
from isptune.study.votes.votes import FIRST_JUDGE
from tests.toys import Redder, RedderAtOnce

REDS = (204, 202, 160, 100, 40)  # the toy judge likes 204 best, and can hardly tell 202 from it
SCENES = ("lake", "wood")


def distance(condition):
    return abs(REDS[int(condition[1])] / 255 - 0.8)


@pytest.fixture
def study(isptune, tmp_path):
    """Two scenes of five pictures that differ in red, without scores; the folder is called s."""
    for scene in SCENES:
        for k, red in enumerate(REDS):
            path = tmp_path / "in" / scene / f"r{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 8), (red, 90, 30)).save(path)
    return study_of_folder(tmp_path / "s", Plan(pairs_per_image=4, repeats=0), tmp_path / "in")


def vote(study, people=4, source="person"):
    """Observers who see what the judge sees, with the noise of Thurstone's Case V."""
    scale = {(s.scene, s.condition): -5 * distance(s.condition) for s in study.stimuli}
    with Answers(study.answers_path, schedule_of(study)) as answers:
        for number in range(people):
            observer = SimulatedObserver(scale, Habits(tie_threshold=0.2), number)
            token = answers.add_observer(source=source).token
            while pairs := answers.open_pairs(token, 1):
                answer = observer.answer(pairs[0].pair)
                answers.vote(token, pairs[0].number, f"person-{pairs[0].number:04d}", answer)


def judged(study, name=None):
    """The votes of a judge, by who stood left and right."""
    with Answers(study.answers_path) as answers:
        judges = {o.id for o in answers.observers() if o.source == "judge" and name in (None, o.name)}
        return {(v.scene, v.first, v.second): v.answer for v in answers.votes() if v.observer in judges}


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def expected(first, second, ties):
    """What the toy's formula gives, worked out here."""
    probability = 1 / (1 + np.exp(-20 * (distance(second) - distance(first))))
    return "none" if abs(probability - 0.5) <= ties else ("first" if probability > 0.5 else "second")


def test_a_judge_answers_every_pair_of_each_scene_by_its_probability(isptune, study):
    status, out, err = isptune("study", "judge", "s", "--judge", "redder")
    assert (status, err) == (0, "")
    assert out == "judge_redder: 20 new answers, 20 in all\nnext: isptune study fit s\n"
    found = judged(study)
    assert len({(scene, frozenset(pair)) for scene, *pair in found}) == len(found) == 2 * 10
    assert found == {key: expected(*key[1:], 0.05) for key in found}
    assert list(found.values()).count("none") == 2, "of 204 and 202, once a scene"
    assert {"first", "second"} < set(found.values()), "either side wins at times"


def test_ties_are_what_lies_near_a_half(study):
    judge = JudgeObserver(Redder(), "redder", ties=0.1)
    assert [judge.answer(p) for p in (0.0, 0.39, 0.4, 0.5, 0.6, 0.61, 1.0)] == [
        "second", "second", "none", "none", "none", "first", "first",
    ]  # fmt: skip
    assert JudgeObserver(Redder(), "redder", ties=0).answer(0.5001) == "first"
    with pytest.raises(ConfigError, match=r"ties = 0\.5 is not in \[0, 0\.5\)"):
        JudgeObserver(Redder(), "redder", ties=0.5)


def test_a_judge_that_compares_all_at_once_votes_alike_however_its_pictures_are_grouped(study, monkeypatch):
    list(judge_study(study, JudgeObserver(Redder(), "one")))
    list(judge_study(study, JudgeObserver(RedderAtOnce(), "two")))
    monkeypatch.setattr("isptune.study.observers.judge.PIXELS_AT_ONCE", 2 * 12 * 8)
    list(judge_study(study, JudgeObserver(RedderAtOnce(), "three")))
    assert judged(study, "one") == judged(study, "two") == judged(study, "three")


def test_pictures_are_read_once_each(study, monkeypatch):
    import isptune.study.observers.judge

    real, read = isptune.study.observers.judge.read_image, []
    monkeypatch.setattr(
        "isptune.study.observers.judge.read_image", lambda path: (read.append(path), real(path))[1]
    )
    list(judge_study(study, JudgeObserver(Redder(), "redder")))
    assert len(read) == len(set(read)) == 10


def test_after_a_stop_the_same_command_goes_on_and_then_says_that_it_is_done(isptune, study, monkeypatch):
    list(judge_study(study, JudgeObserver(Redder(), "whole")))
    calls, real = [], Redder.prefer

    def tired(self, first, second, scene):
        calls.append(len(first))
        if len(calls) > 5:
            raise RuntimeError("out of memory\nor so")
        return real(self, first, second, scene)

    monkeypatch.setattr(Redder, "prefer", tired)
    status, _, err = isptune("study", "judge", "s", "--judge", "redder")
    assert status == 1
    assert err == "isptune: redder: wood: RuntimeError: out of memory or so\n"
    kept = len(judged(study, "redder"))
    assert 10 <= kept == sum(calls[:5]) < 20
    monkeypatch.setattr(Redder, "prefer", real)
    out = isptune("study", "judge", "s", "--judge", "redder")[1]
    assert out.startswith(f"judge_redder: goes on after {kept} of 20 pairs\njudge_redder: {20 - kept} new ")
    assert judged(study, "redder") == judged(study, "whole")
    assert isptune("study", "judge", "s", "--judge", "redder")[1].startswith(
        "judge_redder: is done: all 20 pairs are answered\n"
    )
    assert len(judged(study, "redder")) == 20


def test_a_judge_without_an_answer_costs_none_of_those_before(isptune, study, monkeypatch):
    def silent(self, first, second, scene):
        return torch.full((len(first),), float("nan") if scene.name == "wood" else 0.9)

    monkeypatch.setattr(Redder, "prefer", silent)
    status, _, err = isptune("study", "judge", "s", "--judge", "redder")
    assert status == 1
    assert "redder gave no answer on wood: r" in err
    assert {scene for scene, *_ in judged(study)} == {"lake"}


@pytest.mark.slow
def test_what_cannot_be_is_told_in_one_line(isptune, study, tmp_path):
    def told(*more, judge="redder"):
        status, out, err = isptune("study", "judge", "s", "--judge", judge, *more)
        assert status in (1, 2)
        assert (out, err.count("\n")) == ("", 1)
        return err

    assert "no judge is called 'oracle'; there are: " in told(judge="oracle")
    assert "ties = 0.7 is not in [0, 0.5)" in told("--ties", "0.7")
    assert "s: has no reference of lake; leave out --reference" in told("--reference")
    picture = tmp_path / "s" / "stimuli" / "lake" / "r2.png"
    there = picture.read_bytes()
    picture.write_bytes(b"no picture")
    assert "r2.png" in told()
    picture.write_bytes(there)
    assert judged(study) == {}
    with Answers(study.answers_path) as answers:
        answers.close_study()
    assert "s: the study is closed: it takes no more votes" in told()
    with Answers(study.answers_path) as answers:
        assert answers.observers() == [], "a judge that cannot vote does not join"
        answers.reopen_study()
    assert isptune("study", "judge", "s", "--judge", "redder")[0] == 0
    assert "judge_redder has voted with --ties 0.05, and votes stay" in told("--ties", "0.1")


@pytest.mark.slow
def test_a_judge_that_sees_the_reference_is_another_observer(isptune, study, tmp_path, monkeypatch):
    seen = []
    real = Redder.prefer

    def watching(self, first, second, scene):
        seen.append(None if scene.reference is None else float(scene.reference.mean()))
        return real(self, first, second, scene)

    monkeypatch.setattr(Redder, "prefer", watching)
    for scene in SCENES:
        path = tmp_path / "s" / "references" / f"{scene}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (12, 8), (51, 51, 51)).save(path)
    assert isptune("study", "judge", "s", "--judge", "redder")[0] == 0
    assert set(seen) == {None}
    seen.clear()
    assert (
        "judge_redder,reference: 20 new"
        in isptune("study", "judge", "s", "--judge", "redder", "--reference")[1]
    )
    assert seen == pytest.approx([0.2] * len(seen))
    assert seen


@pytest.mark.slow
def test_the_pairs_of_the_schedule_are_the_same_for_all_judges(isptune, study, tmp_path):
    plan = tmp_path / "s" / "study.toml"
    plan.write_text(plan.read_text().replace("pairs_per_image = 4", "pairs_per_image = 2"))
    for judge in ("redder", "redder:critic"):
        out = isptune("study", "judge", "s", "--judge", judge, "--pairs", "schedule")[1]
        assert out.startswith(f"judge_{judge}: 10 new answers, 10 in all\n")
    assert judged(study, "redder") == judged(study, "redder:critic") != {}
    isptune("study", "judge", "s", "--judge", "redder")
    assert len(judged(study, "redder")) == 20, "with all pairs, the others are added"
    plan.write_text(plan.read_text().replace('"random"', '"swiss"'))
    err = isptune("study", "judge", "s", "--judge", "redder", "--pairs", "schedule")[2]
    assert "the schedule swiss decides by an observer's earlier votes: a judge takes --pairs all" in err


@pytest.mark.parametrize("schedule", ["complete", "active"])
def test_people_are_asked_the_same_with_a_judge_as_without(isptune, study, tmp_path, schedule):
    plan = tmp_path / "s" / "study.toml"
    shared = "pairs_per_observer = 5"
    plan.write_text(
        plan.read_text().replace('"random"', f'"{schedule}"').replace("pairs_per_observer = 0", shared)
    )

    def asked():
        with Answers(study.answers_path) as answers:
            return [(v.observer, v.scene, v.first, v.second, v.answer) for v in answers.votes(judges=False)]

    original = study.answers_path.read_bytes()
    vote(read_study(tmp_path / "s"))
    without = asked()
    for path in study.folder.glob("answers.sqlite*"):
        path.unlink()
    study.answers_path.write_bytes(original)
    assert isptune("study", "judge", "s", "--judge", "redder")[0] == 0
    vote(read_study(tmp_path / "s"))
    assert asked() == without != []
    with Answers(study.answers_path) as answers:
        labels = [observer.label for observer in answers.observers()]
    assert labels == ["observer_01", "observer_02", "observer_03", "observer_04", "judge_redder"]


@pytest.mark.slow
def test_scales_are_of_people_alone_unless_judges_are_asked_for(isptune, study, tmp_path):
    vote(study)
    isptune("study", "fit", "s", "--draws", "50")
    files = ("scale.csv", "differences.csv", "observers.csv", "prompt.csv")
    before = [(tmp_path / "s" / name).read_bytes() for name in files]
    assert "Judges" not in (tmp_path / "s" / "report.html").read_text()
    exported = isptune("study", "export", "s")[1]
    isptune("study", "judge", "s", "--judge", "redder")
    status, out, _ = isptune("study", "fit", "s", "--draws", "50")
    assert status == 0
    assert [(tmp_path / "s" / name).read_bytes() for name in files] == before
    assert "judge_redder: the observers' scale foretells " in out
    assert "of an observer's votes (" in out
    page = (tmp_path / "s" / "report.html").read_text()
    assert "people; 1 judge beside them" in page
    assert "Its votes are in none of the scales above." in page
    assert page.count('<strong class="worse">judge</strong>') == 1
    assert isptune("study", "export", "s")[1:] == (
        exported,
        "20 votes of judges are left out; --with-judges writes them, too\n",
    )
    lines = isptune("study", "export", "s", "--with-judges")[1].splitlines()
    assert sum(line.startswith("judge_redder,ties-0.05,") for line in lines) == 20
    for command in (["correlate", "s", "--draws", "0"], ["weights", "s"]):
        arguments = ("study", *command, "--objectives", "redness,greenness")
        alone, together = isptune(*arguments), isptune(*arguments, "--with-judges")
        assert (alone[0], alone[2], together[0]) == (0, "", 0)
        assert "1 of 5 observers are judges" in together[2]
        assert alone[1] != together[1]


@pytest.mark.slow
def test_with_judges_their_votes_count_and_are_named_everywhere(isptune, study, tmp_path):
    isptune("study", "judge", "s", "--judge", "redder")
    assert (
        "judges only have voted; 'isptune study serve' takes people's votes"
        in isptune("study", "fit", "s")[2]
    )
    vote(study)
    isptune("study", "fit", "s", "--draws", "50")
    alone, found = (tmp_path / "s" / "scale.csv").read_bytes(), rows_of(tmp_path / "s" / "judges.csv")
    status, _, err = isptune("study", "fit", "s", "--draws", "50", "--with-judges")
    assert status == 0
    assert "1 of 5 observers are judges, not people, and their votes are in the scale." in err
    assert (tmp_path / "s" / "scale.csv").read_bytes() != alone
    assert rows_of(tmp_path / "s" / "judges.csv") == found, "compared with people alone, still"
    people = rows_of(tmp_path / "s" / "observers.csv")
    assert [(row["observer"], row["source"]) for row in people][-1] == ("judge_redder", "judge")
    page = (tmp_path / "s" / "report.html").read_text()
    assert "1 of them judges, not people" in page
    assert page.count('<strong class="worse">judge</strong>') == 2
    assert json.loads((tmp_path / "s" / "result.json").read_text())["judges_in_the_scale"] == 1


def test_simulations_may_vote_beside_a_judge(isptune, study, tmp_path):
    table = tmp_path / "s" / "stimuli.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *(f"{line}{k}" for k, line in enumerate(lines[1:]))]) + "\n")
    isptune("study", "judge", "s", "--judge", "redder")
    status, out, _ = isptune("study", "simulate", "s", "--observers", "2")
    assert status == 0
    assert [line.split(":")[0] for line in out.splitlines()] == ["simulation_01", "simulation_02"]


@pytest.mark.slow
def test_the_owners_page_counts_people_and_gives_no_link_for_a_judge(isptune, study, window):
    vote(study, people=2)
    isptune("study", "judge", "s", "--judge", "redder")
    with Answers(study.answers_path) as answers:
        token = answers.observers()[-1].token
        counted = sum(v.kind != "training" for v in answers.votes(judges=False))
    with on_loopback(study) as (root, owner):
        state = httpx.get(f"{root}/owner/{owner}/state").json()
        assert state["votes"] == counted
        entry = state["observers"][-1]
        assert (entry["label"], entry["source"], entry["token"]) == ("judge_redder", "judge", None)
        assert (entry["done"], entry["total"], entry["finished"]) == (20, 20, True)
        assert httpx.get(f"{root}/owner/{owner}/scale").json()["votes"] == counted
        assert httpx.get(f"{root}/o/{token}/state").json()["pairs"] == [], "nobody votes in its name"
        page = window(f"{root}/owner/{owner}")
        page.wait_for_selector(".chip:has-text('judge')")
        assert page.inner_text("#done") == "2 of 2"
        assert [part.is_visible() for part in page.query_selector_all("#observers .link")] == [
            True,
            True,
            False,
        ]


def test_who_serves_a_study_with_a_judge_is_told_so(study):
    from isptune.study.site.server import _greet

    list(judge_study(study, JudgeObserver(Redder(), "redder")))
    said = []
    with Answers(study.answers_path) as answers:
        _greet(answers, "http://x", "y", said.append)
    assert said[0].endswith("it has 0 observers.")
    assert said[1] == "Beside them, 1 judge has voted, whose votes no scale counts."


@pytest.mark.slow
def test_judges_ids_lie_apart(study):
    list(judge_study(study, JudgeObserver(Redder(), "a")))
    list(judge_study(study, JudgeObserver(tests.toys.Critic(), "b")))
    with Answers(study.answers_path) as answers:
        assert [o.id for o in answers.observers()] == [FIRST_JUDGE, FIRST_JUDGE + 1]
        assert answers.add_observer().id == 1
