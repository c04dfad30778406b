"""A rating's folder: written whole or not at all, gone on with after any interruption, never replaced."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from isptune.errors import ConfigError, SceneError
from isptune.rating.choice import Chosen
from isptune.rating.contact_sheet import CELL_PX, GAP_PX, HEAD_PX, LABEL_PX, write_contact_sheet
from isptune.rating.sitting import begin, go_on
from isptune.scenes.images import read_image
from objectives.promptiqa.rated_images import read_ratings
from tests.rating.sittings import chosen, sitting


def test_pictures_are_numbered_in_a_fixed_order_that_is_not_the_scores(tmp_path):
    (tmp_path / "other").mkdir()
    first, again = sitting(tmp_path, 8), sitting(tmp_path / "other", 8)
    shown = [float(read_image(first.picture(n)).mean()) for n in first.numbers]
    assert shown == [float(read_image(again.picture(n)).mean()) for n in again.numbers]
    assert sorted(shown) == pytest.approx([n / 8 for n in range(8)], abs=0.003)
    assert shown not in (sorted(shown), sorted(shown, reverse=True))
    record = json.loads((first.folder / "sitting.json").read_text())
    assert [picture["chosen_by"] / 8 for picture in record["pictures"]] == pytest.approx(shown, abs=0.003)
    (tmp_path / "third").mkdir()
    third = sitting(tmp_path / "third", 8, seed=1)
    assert shown != [float(read_image(third.picture(n)).mean()) for n in third.numbers]


def test_every_score_is_on_the_disk_when_rate_returns(tmp_path):
    begun = sitting(tmp_path)
    begun.rate(3, 4)
    begun.rate(1, -2.5)
    begun.rate(3, 5)
    assert go_on(tmp_path / "mine.csv").scores == {1: -2.5, 3: 5.0}
    assert go_on(tmp_path / "mine.csv").missing == [2, 4, 5]
    for number, score, message in ((0, 1, "there are 1 to 5"), (6, 1, "1 to 5"), (2, float("nan"), "finite")):
        with pytest.raises(ConfigError, match=message):
            begun.rate(number, score)
    assert go_on(tmp_path / "mine.csv").scores == {1: -2.5, 3: 5.0}


def test_the_csv_is_written_at_the_end_and_never_replaced(tmp_path):
    begun = sitting(tmp_path)
    for number, score in ((2, 1.25), (5, 3)):
        begun.rate(number, score)
    with pytest.raises(ConfigError, match="2 pictures have a score; at least 3 are needed"):
        begun.finish()
    assert not (tmp_path / "mine.csv").exists()
    begun.rate(4, 1e-7)
    begun.finish()
    rows = list(csv.DictReader((tmp_path / "mine.csv").read_text().splitlines()))
    assert [row["image"] for row in rows] == [f"mine_pictures/0{n}.png" for n in (2, 4, 5)]
    assert [rating.score for rating in read_ratings(tmp_path / "mine.csv")] == [1.25, 1e-7, 3]
    with pytest.raises(ConfigError, match="exists; a finished rating is not replaced"):
        begun.finish()


def test_a_picture_that_fails_leaves_nothing_behind(tmp_path):
    def broken():
        raise SceneError("gone")

    with pytest.raises(SceneError, match="gone"):
        begin(tmp_path / "mine.csv", {}, [*chosen(3), Chosen({}, None, broken)], 0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_that_name_is_left_alone(tmp_path):
    (tmp_path / "mine_pictures").mkdir()
    (tmp_path / "mine_pictures" / "holiday.png").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="holds no rating that was begun"):
        go_on(tmp_path / "mine.csv")
    with pytest.raises(Exception, match="cannot be written"):
        sitting(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine_pictures", "holiday.png"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sitting.json", "{"),
        ("sitting.json", "[]"),
        ("sitting.json", '{"source": {}, "pictures": [{}]}'),
        ("ratings.json", '{"9": 1}'),
        ("ratings.json", '{"1": NaN}'),
        ("ratings.json", '{"1": "x"}'),
    ],
)
def test_a_damaged_folder_is_named_in_one_line(tmp_path, name, text):
    (sitting(tmp_path).folder / name).write_text(text)
    with pytest.raises(ConfigError, match="mine_pictures.*damaged") as refused:
        go_on(tmp_path / "mine.csv")
    assert "\n" not in str(refused.value)


def test_a_missing_picture_is_named(tmp_path):
    sitting(tmp_path).picture(2).unlink()
    with pytest.raises(ConfigError, match=r"mine_pictures: picture 2 is missing"):
        go_on(tmp_path / "mine.csv")


def test_the_contact_sheet_shows_every_picture_at_its_pixels_in_rows(tmp_path):
    """Ten are two rows of five; each picture lies below its number."""
    files = []
    for number in range(10):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (60, 40), (20 * number, 255 - 20 * number, 7)).save(files[-1])
    write_contact_sheet(tmp_path / "sheet.png", files, "mine.csv")
    with Image.open(tmp_path / "sheet.png") as opened:
        sheet = np.asarray(opened)
    assert sheet.shape == (HEAD_PX + 2 * (40 + LABEL_PX + GAP_PX), 5 * (60 + GAP_PX) + GAP_PX, 3)
    for number in range(10):
        left = GAP_PX + number % 5 * (60 + GAP_PX)
        top = HEAD_PX + number // 5 * (40 + LABEL_PX + GAP_PX)
        shown = sheet[top + LABEL_PX : top + LABEL_PX + 40, left : left + 60]
        assert (shown == (20 * number, 255 - 20 * number, 7)).all()
        assert sheet[top : top + LABEL_PX, left : left + 40].max() > 200  # the number, in a light ink


def test_large_pictures_are_made_small_and_keep_their_ratio(tmp_path):
    Image.new("RGB", (2000, 1000), "red").save(tmp_path / "a.png")
    write_contact_sheet(tmp_path / "sheet.png", [tmp_path / "a.png"] * 3, "a long name " * 30)
    assert read_image(tmp_path / "sheet.png").shape[3] == 3 * (CELL_PX + GAP_PX) + GAP_PX
    assert read_image(tmp_path / "sheet.png").shape[2] == HEAD_PX + CELL_PX // 2 + LABEL_PX + GAP_PX
