"""`isptune prompt make`: pictures, sheet and scores by the command line alone, in one go and broken off."""

import json
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
import torch

from isptune.rating.sitting import go_on
from isptune.scenes.images import write_image


@pytest.fixture
def here(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(6):
        image = torch.full((1, 3, 12, 16), 0.1 * number)
        write_image(tmp_path / "photos" / f"{number}.png", image)
    return tmp_path


def test_a_sheet_first_and_its_scores_later(isptune, here):
    code, out, err = isptune("prompt", "make", "mine.csv", "--images", "photos", "--count", 4, "--no-page")
    assert (code, err) == (0, "")
    assert "contact sheet: mine_pictures/contact_sheet.png" in out
    assert "isptune prompt make mine.csv --scores" in out
    assert sorted(path.name for path in (here / "mine_pictures").glob("*.png")) == [
        *(f"0{number}.png" for number in range(1, 5)),
        "contact_sheet.png",
    ]
    assert not (here / "mine.csv").exists()

    code, out, err = isptune("prompt", "make", "mine.csv", "--scores", "3, 2.5,-,7")
    assert (code, err) == (0, "")
    assert "mine.csv: 3 pictures; use it as --prompt mine.csv" in out
    rows = "image,score\nmine_pictures/01.png,3\nmine_pictures/02.png,2.5\nmine_pictures/04.png,7\n"
    assert (here / "mine.csv").read_text() == rows

    code, out, err = isptune("prompt", "make", "mine.csv", "--scores", "1,2,3,4")
    assert code == 2
    assert err == "isptune: mine.csv: exists; a finished rating is not replaced, give another name\n"
    assert (here / "mine.csv").read_text() == rows


@pytest.mark.slow
def test_pictures_of_a_run_in_one_command(isptune, here):
    isptune(
        *("run", "--pipeline", "tint", "--objective", "redness", "--crop", "32x24", "--optimizer", "random"),
        *("--population", 6, "--generations", 2, "--confirm", 2, "--second-opinion", "none", "--out", "r"),
    )
    code, out, err = isptune(
        "prompt", "make", "a.csv", "--from-run", "r", "--count", 5, "--scores", "1,1,1,1,1"
    )
    assert code == 0
    assert err == "warning: all scores are equal, which says nothing of a taste\n"
    assert "a.csv: 5 pictures" in out


def test_a_rating_goes_on_only_as_it_was_begun(isptune, here):
    isptune("prompt", "make", "mine.csv", "--images", "photos", "--count", 4, "--no-page")
    go_on(here / "mine.csv").rate(2, 5)
    code, out, err = isptune("prompt", "make", "mine.csv", "--images", "photos", "--no-page")
    assert code == 0
    assert "1 of 4 pictures are rated already" in out
    code, out, err = isptune("prompt", "make", "mine.csv", "--images", "photos", "--count", 5, "--no-page")
    assert code == 2
    assert "mine_pictures: holds a rating that was begun differently (count = 4 there, 5 now)" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mine.csv",), "what is to be rated? give --from-run RUN or --images FOLDER"),
        (("mine.csv", "--images", "photos", "--from-run", "r"), "not both"),
        (("mine.txt", "--images", "photos"), "give a name that ends in .csv"),
        (("a,b.csv", "--images", "photos"), "a comma would end the name"),
        (("mine.csv", "--images", "absent"), "absent: no such folder"),
        (("mine.csv", "--from-run", "photos"), "holds no config.json"),
        (("mine.csv", "--images", "photos", "--scene", "cat"), "a folder has none"),
        (("mine.csv", "--images", "photos", "--scores", "1,2,3"), "--scores has 3 entries for 6 pictures"),
        (("mine.csv", "--images", "photos", "--scores", "1,2,3,4,5,x"), "picture 6 has 'x'"),
        (
            ("mine.csv", "--images", "photos", "--scores", "1,2,-,-,-,-"),
            "2 pictures have a score; at least 3",
        ),
        (("mine.csv", "--images", "photos", "--count", "30"), "30 is not in the range 3<=x<=20"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line_and_writes_no_csv(isptune, here, arguments, message):
    code, _out, err = isptune("prompt", "make", *arguments)
    assert code in (1, 2)
    assert message in err
    assert not (here / "mine.csv").exists()


@pytest.mark.slow
def test_an_interrupted_page_keeps_the_scores_and_the_command_can_be_given_again(here):
    """The command itself, as a process that gets Ctrl-C after a score over the network."""
    command = [sys.executable, "-c", "from isptune.cli import main; main()"]
    command += ["prompt", "make", "mine.csv", "--images", "photos"]
    with subprocess.Popen(
        command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        line = next(line for line in process.stdout if line.startswith("rate them at "))
        address = line.split()[3]
        assert address.startswith("http://127.0.0.1:")
        body = json.dumps({"picture": 2, "score": 4}).encode()
        request = urllib.request.Request(address + "rate", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, err = process.communicate(timeout=30)
        assert time.monotonic() - start < 20
    assert process.returncode == 130
    assert err.strip() == "isptune: stopped; what was finished is kept"
    assert go_on(here / "mine.csv").scores == {2: 4.0}
    assert not (here / "mine.csv").exists()
