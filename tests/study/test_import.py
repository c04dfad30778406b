"""Votes of elsewhere: tables in and out, and what a study of them says."""

import json

import pytest
from PIL import Image

from isptune.study.plan.folder import read_study
from isptune.study.votes.answers import Answers
from tests.study.test_study_commands import TABLE, picture, rows_of


@pytest.mark.slow
def test_votes_come_in_and_go_out_in_the_columns_of_pwcmp(isptune, tmp_path):
    (tmp_path / "votes.csv").write_text(TABLE)
    status, out, err = isptune("study", "import", "s", "votes.csv")
    assert status == 0, err
    assert "4 votes of 2 observers on 3 conditions in 1 scene;" in out
    assert isptune("study", "export", "s", "--out", "back.csv")[0] == 0
    text = TABLE.replace("session_id", "session").replace("a b", "a-b")
    assert (tmp_path / "back.csv").read_text() == text
    assert "exists; choose another" in isptune("study", "export", "s", "--out", "back.csv")[2]
    status, out, err = isptune("study", "fit", "s", "--draws", "50")
    assert status == 0, err
    assert not (tmp_path / "s" / "prompt.csv").exists()
    page = (tmp_path / "s" / "report.html").read_text()
    assert "imported votes" in page
    assert "How people were asked" not in page
    assert "has votes but no pictures" in isptune("study", "correlate", "s", "--objectives", "redness")[2]


def test_votes_go_out_and_in_as_json_too(isptune, tmp_path):
    (tmp_path / "votes.csv").write_text(TABLE)
    assert isptune("study", "import", "s", "votes.csv")[0] == 0
    assert isptune("study", "export", "s", "--out", "votes.json", "--all")[0] == 0
    first = json.loads((tmp_path / "votes.json").read_text())[0]
    assert first["is_A_selected"] == 1.0
    assert (first["kind"], first["response_ms"]) == ("vote", None)
    status, _, err = isptune("study", "import", "t", "votes.json")
    assert status == 0, err
    exported = [isptune("study", "export", folder)[1] for folder in ("s", "t")]
    assert exported[0] == exported[1]
    (tmp_path / "wrong.json").write_text('{"observer": 1}')
    assert (
        "wrong.json: holds {'observer': 1}, and must be a list"
        in isptune("study", "import", "u", "wrong.json")[2]
    )
    (tmp_path / "wrong.json").write_text('[{"observer": ')
    assert "is not JSON that can be read" in isptune("study", "import", "u", "wrong.json")[2]


def test_other_columns_are_named_by_hand(isptune, tmp_path):
    (tmp_path / "votes.csv").write_text(
        "observer,scene,t1,l1,t2,l2,selected\no,s,DQ,1,NN,2,1\no,s,NN,2,DQ,3,2\n"
    )
    named = ["--column", "condition_A=t1+l1", "--column", "condition_B=t2+l2"]
    status, _, err = isptune("study", "import", "s", "votes.csv", *named)
    assert status == 0, err
    with Answers(tmp_path / "s" / "answers.sqlite") as answers:
        votes = answers.votes()
    assert [(v.first, v.second, v.answer) for v in votes] == [
        ("DQ-1", "NN-2", "first"),
        ("NN-2", "DQ-3", "second"),
    ]


def test_bad_rows_are_refused_or_skipped_and_counted(isptune, tmp_path):
    rows = ["o,1,s,a,b,1", "o,1,s,a,a,1", "o,1,s,b,c,0", "o,1,s,a,lost,1"]
    (tmp_path / "votes.csv").write_text("\n".join([TABLE.split("\n")[0], *rows]) + "\n")
    for name in "abc":
        picture(tmp_path / "in" / f"{name}.jpg", 90)
    status, _, err = isptune("study", "import", "s", "votes.csv")
    assert status == 2
    assert "line 3: 'a' is compared with itself (1 of 4 rows cannot be used; --skip-bad" in err
    status, out, err = isptune("study", "import", "s", "votes.csv", "--skip-bad", "--images", "in")
    assert status == 0, err
    assert "skipped 1 of 4 rows" in err
    assert "skipped 1 votes on pictures that are not there: s/lost" in err
    assert "s: 2 votes of 1 observer on 3 conditions" in out
    assert all(stimulus.file for stimulus in read_study(tmp_path / "s").stimuli)


def test_where_nobody_says_who_voted_intervals_are_over_votes_and_it_is_said(isptune, tmp_path):
    (tmp_path / "counts.csv").write_text(
        "condition_A,condition_B,A_wins,B_wins\na,b,30,10\nb,c,25,15\na,c,35,5\n"
    )
    status, out, err = isptune("study", "import", "s", "counts.csv")
    assert status == 0, err
    assert "120 votes of unknown observers" in out
    status, out, err = isptune("study", "fit", "s", "--draws", "100")
    assert status == 0, err
    assert "intervals are over votes" in err
    assert "a single observer" not in err
    best = rows_of(tmp_path / "s" / "scale.csv")[0]
    assert float(best["low"]) < float(best["score"]) < float(best["high"])
    assert "resamples of the votes" in (tmp_path / "s" / "report.html").read_text()


def test_a_single_observer_has_no_intervals_and_no_nan_is_said(isptune, tmp_path):
    rows = ["o,1,s,a,b,1", "o,1,s,b,c,0"]
    (tmp_path / "votes.csv").write_text("\n".join([TABLE.split("\n")[0], *rows]) + "\n")
    assert isptune("study", "import", "s", "votes.csv")[0] == 0
    status, out, err = isptune("study", "fit", "s", "--draws", "50")
    assert status == 0, err
    assert "s: 2 votes of 1 observer on 3 images\n" in out
    assert "nan" not in out
    assert "a single observer" in err


@pytest.mark.slow
def test_the_report_of_many_scenes_has_only_the_first_plots_inside(isptune, tmp_path, monkeypatch):
    monkeypatch.setattr("isptune.report.study_report.SCENES_INSIDE", 2)
    rows = [f"{o},1,s{k},a,b,{(o + k) % 2}" for o in range(3) for k in range(4)]
    (tmp_path / "votes.csv").write_text("\n".join([TABLE.split("\n")[0], *rows]) + "\n")
    assert isptune("study", "import", "s", "votes.csv")[0] == 0
    assert isptune("study", "fit", "s", "--draws", "50")[0] == 0
    page = (tmp_path / "s" / "report.html").read_text()
    assert page.count('class="plot" src="data:') == 3, "the histogram and two scenes"
    for k in (2, 3):
        assert f'src="plots/scale_s{k}.png"' in page
        assert (tmp_path / "s" / "plots" / f"scale_s{k}.png").is_file()


@pytest.mark.slow
def test_groups_that_were_never_compared_are_warned_of(isptune, tmp_path):
    rows = ["o,1,s,a,b,1", "o,1,s,c,d,0", "p,1,s,a,b,0", "p,1,s,c,d,0"]
    (tmp_path / "votes.csv").write_text("\n".join([TABLE.split("\n")[0], *rows]) + "\n")
    assert isptune("study", "import", "s", "votes.csv")[0] == 0
    _, _, err = isptune("study", "fit", "s", "--draws", "50")
    assert "votes connect 2 groups of images with no vote between them" in err


def test_pictures_of_votes_that_are_too_large_are_cut_to_their_middle_which_is_said(
    isptune, tmp_path, monkeypatch
):
    from isptune.scenes import images

    (tmp_path / "votes.csv").write_text(TABLE)
    (tmp_path / "pictures").mkdir()
    for name in ("a b", "c", "d"):
        Image.new("RGB", (300, 40)).save(tmp_path / "pictures" / f"{name}.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 4000)
    status, _, err = isptune("study", "import", "s", "votes.csv", "--images", "pictures")
    assert status == 0, err
    assert "is 300x40; its middle, 100x40, is used" in err
