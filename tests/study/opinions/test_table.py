"""Tables of opinions of known data sets, in small, as these have them."""

import pytest
import torch

from isptune.errors import ConfigError
from isptune.scenes.images import write_image
from isptune.study.opinions.table import PictureFolder, read_opinions

TABLES = {
    "koniq": "image_name,c1,c2,c_total,MOS,SD,MOS_zscore\n826373.jpg,1,2,105,3.91,0.4,80.6\n",
    "spaq": "Image name,MOS,Brightness\n00001.jpg,31.67,40\n",
    "kadid": "dist_img,ref_img,dmos,var\nI01_01_01.png,I01.png,4.57,0.496\n",
    "tid2013": "5.51429 I01_01_1.bmp\n5.56757 I01_01_2.bmp\n",
    "csiq": "image,dst_idx,dst_type,dst_lev,dmos_std,dmos\n1600,1,noise,1,0.06,0.062\n1600,3,jpeg 2000,4,0.06,0.9\n",
    "pipal": "A0001_00_00.bmp,1491.5045\nA0001_00_01.bmp,1320.1\n",
    "biq2021": "Images,MOS,STD\nimg_1.jpg,0.712,0.1\n",
}
FIRST = {
    "koniq": ("826373.jpg", 3.91),
    "spaq": ("00001.jpg", 31.67),
    "kadid": ("I01_01_01.png", 4.57),
    "tid2013": ("I01_01_1.bmp", 5.51429),
    "csiq": ("1600.AWGN.1.png", -0.062),
    "pipal": ("A0001_00_00.bmp", 1491.5045),
    "biq2021": ("img_1.jpg", 0.712),
}


@pytest.mark.parametrize("preset", TABLES)
def test_each_preset_reads_its_own_table_and_higher_is_better_after(tmp_path, preset):
    path = tmp_path / ("scores.csv" if "," in TABLES[preset] else "mos_with_names.txt")
    path.write_text(TABLES[preset])
    found = read_opinions(path, preset)
    assert (found.rows[0].name, found.rows[0].score) == FIRST[preset]
    assert found.known
    assert preset in found.told


def test_kadid_is_known_by_its_heads_since_its_dmos_is_no_difference(tmp_path):
    (tmp_path / "dmos.csv").write_text(TABLES["kadid"])
    found = read_opinions(tmp_path / "dmos.csv")
    assert not found.lower_was_better
    assert found.rows[0].reference == "I01.png"


def test_parts_of_names_make_those_of_csiqs_files(tmp_path):
    (tmp_path / "csiq.csv").write_text(TABLES["csiq"])
    assert [row.name for row in read_opinions(tmp_path / "csiq.csv").rows] == [
        "1600.AWGN.1.png",
        "1600.jpeg2000.4.png",
    ]


def test_a_column_called_dmos_is_turned_unless_the_user_says_otherwise(tmp_path):
    (tmp_path / "t.csv").write_text("file;DMOS\na.png;12,5\nb.png;70\n")
    assert [row.score for row in read_opinions(tmp_path / "t.csv").rows] == [-12.5, -70]
    assert [row.score for row in read_opinions(tmp_path / "t.csv", lower_is_better=False).rows] == [12.5, 70]


def test_many_files_of_pipal_are_one_table(tmp_path):
    for k in range(2):
        (tmp_path / f"A000{k}.txt").write_text(f"A000{k}_00_00.bmp,14{k}0.5\n")
    assert [row.score for row in read_opinions(tmp_path, "pipal").rows] == [1400.5, 1410.5]


def test_pictures_are_found_below_a_folder_in_whatever_case_and_ending(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    write_image(tmp_path / "in" / "deep" / "i01_01_1.BMP.png", torch.zeros(1, 3, 4, 4))
    write_image(tmp_path / "in" / "deep" / "I02.png", torch.zeros(1, 3, 4, 4))
    pictures = PictureFolder(tmp_path / "in")
    assert pictures.find("i02.PNG") == tmp_path / "in" / "deep" / "I02.png"
    assert pictures.find("i02") == tmp_path / "in" / "deep" / "I02.png"
    assert pictures.find("nowhere.png") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "has no column score or mos|has no column mos or score"),
        ("file,mos\na.png,1\na.png,2\n", "line 3: a.png is in line 2 already"),
        ("", "holds no scores"),
    ],
)
def test_what_is_no_table_of_opinions_is_one_line(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_opinions(tmp_path / "t.csv")
