"""Tables of votes as people have them: read, or refused with both readings named."""

import numpy as np
import pytest

from isptune.errors import ConfigError
from isptune.study.plan.vote_reading import UNKNOWN, read_votes

CONDITIONS = (("p", "q"), ("q", "r"), ("p", "r"))


def read(folder, head, answers, said=None, columns=None, separator=","):
    """A table of three votes with these answers under this head."""
    path = folder / "votes.csv"
    rows = [["observer", "image_1", "image_2", head]]
    rows += [["o", *pair, answer] for pair, answer in zip(CONDITIONS, answers, strict=True)]
    path.write_text("\n".join(separator.join(row) for row in rows) + "\n")
    return read_votes(path, columns or {}, said)


def answers_of(table):
    return [vote.answer for vote in table.votes]


@pytest.mark.parametrize(
    ("head", "answers", "expected"),
    [
        ("is_A_selected", ("1", "0", "0.5"), ["first", "second", "none"]),
        ("is_A_selected", ("1.0", "0.0", "1.0"), ["first", "second", "first"]),
        ("is_A_selected", ("True", "False", "true"), ["first", "second", "first"]),
        ("is_B_selected", ("1", "0", "1"), ["second", "first", "second"]),
        ("right_is_better", ("yes", "no", "yes"), ["second", "first", "second"]),
        ("left_preferred", ("1", "-1", "1"), ["first", "second", "first"]),
        ("choice", ("left", "right", "tie"), ["first", "second", "none"]),
        ("Winner", ("A", "B", "b"), ["first", "second", "second"]),
        ("winner", ("p", "r", "p"), ["first", "second", "first"]),
        ("selected", ("1", "2", "0"), ["first", "second", "none"]),
        ("answer", ("1", "2", "2"), ["first", "second", "second"]),
    ],
)
def test_codings_of_answers_are_known_by_their_column_and_values(tmp_path, head, answers, expected):
    table = read(tmp_path, head, answers)
    assert answers_of(table) == expected
    assert not table.faults
    assert table.read_as


@pytest.mark.parametrize(
    ("head", "answers", "one", "other"),
    [
        ("selected", ("0", "1", "1"), "1 = A, 0 = B", "0 = A, 1 = B"),
        ("choice", ("0", "1", "2"), "1 = A, 2 = B, 0 = no difference", "0 = A, 1 = B, 2 = no difference"),
        ("vote", ("-1", "0", "1"), "1 = A, -1 = B", "-1 = A, 1 = B"),
        ("is_A_selected", ("1", "0", "-1"), "-1 = B, 0 = no difference", "0 = B, -1 = no difference"),
        ("winner", ("True", "False", "True"), "true = A", "true = B"),
        ("choice", ("0", "1", "what?"), "1 = A, 0 = B", "0 = A, 1 = B"),
    ],
)
def test_a_coding_that_fits_two_readings_is_refused_and_both_are_named(tmp_path, head, answers, one, other):
    with pytest.raises(ConfigError, match="fits two readings") as caught:
        read(tmp_path, head, answers)
    assert one in str(caught.value)
    assert other in str(caught.value)
    assert repr(head) in str(caught.value)


def test_pictures_called_like_sides_are_named_or_beside_each_other_and_the_user_says_which(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("left,right,winner\na,b,a\nb,c,b\na,c,a\na,b,b\n")
    with pytest.raises(ConfigError, match="the name of the better picture; or the side"):
        read_votes(path, {})
    assert answers_of(read_votes(path, {}, "names")) == ["first", "first", "first", "second"]
    assert answers_of(read_votes(path, {}, "sides")) == ["first", "second", "first", "second"]


@pytest.mark.parametrize(
    ("answers", "said", "expected"),
    [
        (("0", "1", "1"), "0=A,1=B", ["first", "second", "second"]),
        (("1", "0", "-1"), "-1=skip", None),  # what is left still fits two readings
        (("1", "2", ""), "=tie", ["first", "second", "none"]),
        (("1", "2", ""), "=skip", ["first", "second"]),
        (("x", "y", "x"), "x=A,y=B", ["first", "second", "first"]),
        (("0.7", "0.5", "0.2"), "round", ["first", "none", "second"]),
    ],
)
def test_what_the_user_says_of_answers_counts(tmp_path, answers, said, expected):
    if expected is None:
        with pytest.raises(ConfigError, match="fits two readings"):
            read(tmp_path, "choice", answers, said)
    else:
        assert answers_of(read(tmp_path, "choice", answers, said)) == expected


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found_and_what_excel_puts_before_them(tmp_path, separator):
    assert len(read(tmp_path, "choice", ("left", "right", "left"), separator=separator).votes) == 3
    path = tmp_path / "excel.csv"
    path.write_bytes(b"\xef\xbb\xbfsep=;\r\nleft;right;choice\r\nmy pic;b;left\r\n")
    assert read_votes(path, {}).votes[0].pair.first == "my-pic"
    path.write_text("left;right;choice\na;b;left\n", encoding="utf-16")
    assert len(read_votes(path, {}).votes) == 1


def test_rows_that_cannot_be_used_are_told_one_by_one(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text(
        "observer,left,right,is_A_selected\no,a,b,1\no,a,a,1\n,a,b,0\no,a,,1\no,b,a,0.73\no,b,a,\n"
    )
    table = read_votes(path, {})
    assert len(table.votes) == 1
    assert [fault.split(":")[0] for fault in table.faults] == [f"line {k}" for k in range(3, 8)]
    for said, fault in zip(
        ("with itself", "column 'observer'", "column 'right'", "share of several votes", "not answered"),
        table.faults,
        strict=True,
    ):
        assert said in fault


def test_without_observers_and_scenes_votes_are_of_unknown_observers_on_one_scene(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("image_A,image_B,winner\np,q,p\n")
    (vote,) = read_votes(path, {}).votes
    assert (vote.observer, vote.session, vote.pair.scene) == (UNKNOWN, "1", "all")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scene,left,right,left_wins,right_wins,ties\ns,a,b,2,1,1\n", (2, 1, 1)),
        ("left,right,votes_left,votes_right\na,b,2.5,1.5\n", (2, 1, 1)),
        ("A,B,n_A,n_B\na,b,3,\n", (3, 0, 0)),
        ("left,right,is_A_selected,n\na,b,0.75,8\n", (6, 2, 0)),
        (",a,b\na,0,2\nb,1,0\n", (2, 1, 0)),
        ("a,b\n0,2\n1,0\n", (2, 1, 0)),
        ("0;2,5\n1,5;0\n", (2, 1, 1)),
    ],
)
def test_counts_and_matrices_of_counts_become_votes(tmp_path, text, expected):
    (tmp_path / "c.csv").write_text(text)
    answers = answers_of(read_votes(tmp_path / "c.csv", {}))
    assert tuple(answers.count(kind) for kind in ("first", "second", "none")) == expected


def test_a_stack_of_matrices_is_one_scene_each_and_columns_may_have_won(tmp_path):
    wins = np.array([[[0, 3], [1, 0]], [[0, 0], [4, 0]]])
    np.save(tmp_path / "wins.npy", wins)
    table = read_votes(tmp_path / "wins.npy", {})
    assert {vote.pair.scene for vote in table.votes} == {"scene_01", "scene_02"}
    assert answers_of(table) == ["first"] * 3 + ["second"] * 5
    assert answers_of(read_votes(tmp_path / "wins.npy", {}, winner="columns"))[:3] == [
        "first",
        "second",
        "second",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "observer,type1,level1,type2,level2,selected\no,A,1,B,2,1\n",
            "condition_A=type1+level1 --column condition_B",
        ),
        ("left,right,choice,winner\na,b,left,a\n", "'choice' and 'winner' could each say"),
        ("left,right,left,winner\na,b,c,a\n", "has the column 'left' 2 times"),
        ("left,right,winner\na b,c,c\na-b,c,c\n", "'all/a b' and 'all/a-b' would both be called all/a-b"),
        ("left,right\na,b\n", "has no column 'is_A_selected'"),
        ("A,B,A_wins,B_wins\na,b,1e9,0\n", "are no counts of wins"),
        ("0,2\n1,3\n", "row 2 has 3 wins over itself"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, text, message):
    (tmp_path / "v.csv").write_text(text)
    try:
        told = read_votes(tmp_path / "v.csv", {}).faults[0]
    except ConfigError as error:
        told = str(error)
    assert message in told
    assert "\n" not in told


def test_joined_columns_that_meet_are_told_apart(tmp_path):
    (tmp_path / "v.csv").write_text("t1,l1,t2,l2,selected\nA,11,A1,1,1\nA,1-1,A-1,1,2\n")
    named = {"condition_A": "t1+l1", "condition_B": "t2+l2"}
    with pytest.raises(ConfigError, match=r"'all/A\+1-1' and 'all/A-1\+1' would both be called all/A-1-1"):
        read_votes(tmp_path / "v.csv", named)
