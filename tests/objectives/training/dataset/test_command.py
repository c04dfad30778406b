"""`isptune dataset`: what it says, and the one line that each mistake gets."""

import pytest

from isptune.errors import DiskError
from objectives.training.dataset import samples
from tests.objectives.training.dataset.folders import photographs, tree

SMALL = ("--photos", "photos", "--size", "4", "--side", "64", "--raters", "ssim", "--workers", "1")


@pytest.fixture(autouse=True)
def _says_nothing_on_the_way(monkeypatch):
    """However slow the machine is, no line of progress comes between."""
    monkeypatch.setattr("isptune.commands.progress.PLAIN_COUNT_EVERY_S", 1e9)


@pytest.mark.slow
def test_a_data_set_is_made_counted_and_shown_again(isptune, tmp_path):
    photographs(tmp_path / "photos")
    status, out, err = isptune("dataset", "make", "set", *SMALL, "--validation", "0.4")
    assert (status, err) == (0, "")
    assert "12 pictures of 4 photographs" in out
    assert (tmp_path / "set" / "statistics.html").stat().st_size > 10_000
    before = tree(tmp_path / "set")
    status, again, err = isptune("dataset", "make", "set", *SMALL, "--validation", "0.4")
    assert (status, err) == (0, "")
    assert again == "set: finished already\n" + out
    assert isptune("dataset", "show", "set") == (0, out, "")
    assert tree(tmp_path / "set") == before


@pytest.mark.slow
def test_few_photographs_may_leave_a_part_without_any_and_it_is_said(isptune, tmp_path):
    photographs(tmp_path / "photos", names=("dune",))
    status, out, _ = isptune("dataset", "make", "set", *SMALL, "--tasks", "identification")
    assert status == 0
    assert "no photograph fell to validation" in out
    assert "rating" not in out
    assert "no photograph in the part" in (tmp_path / "set" / "statistics.html").read_text()


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--photos", "none"], 2, "none: no such folder; give photographs"),
        (["--photos", "empty"], 2, "empty: holds no photographs (.png, .jpg,"),
        (
            ["--tasks", "identification,naming"],
            2,
            "no task is called 'naming'; there are: identification, rating",
        ),
        (["--tasks", ","], 2, "--tasks ',' names none; there are: identification, rating"),
        (["--raters", "sism"], 2, "no objective is called 'sism'; did you mean 'ssim'? there are: "),
        (["--raters", ","], 2, "rating needs one objective at least"),
        (["--side", "20"], 2, "--side 20: pictures need 64 pixels a side; 0 keeps their size"),
        (["--size", "0"], 2, "0 is not in the range 1<=x<=9999999"),
        (["--validation", "2"], 2, "2.0 is not in the range 0<=x<=1"),
    ],
)
def test_a_mistake_gets_one_clear_line_and_makes_nothing(isptune, tmp_path, options, status, message):
    photographs(tmp_path / "photos", names=("dune",))
    (tmp_path / "empty").mkdir()
    left, _, err = isptune("dataset", "make", "set", *SMALL, *options)
    assert left == status
    assert message in err
    assert not (tmp_path / "set").exists()


@pytest.mark.slow
def test_another_seed_does_not_go_on_in_the_same_folder(isptune, tmp_path):
    photographs(tmp_path / "photos", names=("dune",))
    arguments = ["dataset", "make", "set", *SMALL, "--tasks", "identification"]
    assert isptune(*arguments)[0] == 0
    status, _, err = isptune(*arguments, "--seed", "1")
    assert (status, err.count("\n")) == (1, 1)
    assert "set: holds a data set with other settings: seed 0 there, 1 now; give another folder" in err


def test_a_data_set_that_is_not_there_or_not_finished_is_said_to_be_that(isptune, tmp_path, monkeypatch):
    photographs(tmp_path / "photos", names=("dune",))
    assert "nowhere: holds no dataset.json" in isptune("dataset", "show", "nowhere")[2]

    def full(path, image):
        raise DiskError(f"{path}: cannot be written: No space left on device")

    monkeypatch.setattr(samples, "write_image", full)
    status, _, err = isptune("dataset", "make", "set", *SMALL, "--tasks", "identification")
    assert (status, err.count("\n")) == (1, 1)
    assert (
        "No space left on device; what was made is kept: make room, then give the same command again" in err
    )
    assert "set: is not finished; give its command again" in isptune("dataset", "show", "set")[2]
