"""Ratings of laboratories become mean opinion scores with intervals."""

import csv

import numpy as np
import pytest
from scipy.stats import t

from isptune.study.opinions.ratings import Rating, differential, erratic, mean_opinions, read_ratings

LONG = "subject,stimulus,score\nann,a.png,5\nbob,a.png,4\ncat,a.png,4\nann,b.png,Bad\nbob,b.png,poor\ncat,b.png,2\n"
WIDE = "image;ann;bob;cat\na.png;5;4;4\nb.png;1;2;2\n"


@pytest.mark.parametrize("text", [LONG, WIDE])
def test_the_mean_has_students_interval_over_observers(tmp_path, text):
    (tmp_path / "r.csv").write_text(text)
    ratings, faults = read_ratings(tmp_path / "r.csv")
    first, second = mean_opinions(ratings)
    assert not faults
    assert (first.picture, first.ratings, first.mos) == ("a.png", 3, pytest.approx(13 / 3))
    assert first.high - first.mos == pytest.approx(t.ppf(0.975, 2) * np.std([5, 4, 4], ddof=1) / np.sqrt(3))
    assert second.mos == pytest.approx(5 / 3)


def test_with_a_hidden_reference_ratings_are_relative_to_the_same_observers(tmp_path):
    (tmp_path / "r.csv").write_text(
        "observer,image,reference,rating\nann,a,ref,3\nann,ref,ref,4\nbob,a,ref,5\nbob,ref,ref,5\ncat,a,ref,1\n"
    )
    found = differential(read_ratings(tmp_path / "r.csv")[0], best=5)
    assert [(one.observer, one.picture, one.value) for one in found] == [("ann", "a", 4), ("bob", "a", 5)]


def test_an_observer_who_is_far_off_both_ways_is_flagged():
    rng = np.random.default_rng(0)
    usual = [rng.permutation(np.linspace(2, 4, 14)) for _ in range(20)]
    ratings = [Rating(f"o{k}", f"p{i}", value) for i, row in enumerate(usual) for k, value in enumerate(row)]
    ratings += [Rating("wild", f"p{i}", 5.0 if i % 2 else 1.0) for i in range(20)]
    assert erratic(ratings) == ["wild"]


def test_ratings_go_in_and_out_and_bad_ones_are_counted(isptune, tmp_path):
    (tmp_path / "r.csv").write_text(LONG + "dan,b.png,never\n")
    assert "line 8: the rating 'never' of 'b.png' by 'dan'" in isptune("study", "mos", "r.csv")[2]
    status, out, err = isptune("study", "mos", "r.csv", "--skip-bad", "--out", "mos.csv")
    assert (status, out) == (0, "mos.csv: 6 ratings of 3 observers on 2 pictures\n")
    assert "skipped 1 ratings" in err
    with open(tmp_path / "mos.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a.png", "b.png"]
    assert float(rows[0]["low"]) < float(rows[0]["mos"]) < float(rows[0]["high"])


def test_what_is_no_table_of_ratings_is_one_line(isptune, tmp_path):
    (tmp_path / "r.csv").write_text("observer,rating\nann,5\n")
    status, _, err = isptune("study", "mos", "r.csv")
    assert status == 2
    assert "is no table of ratings" in err
    assert err.count("\n") == 1
