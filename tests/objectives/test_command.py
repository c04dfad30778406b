import json
import re

import pytest
import torch

from isptune.errors import ConfigError, ScoreError
from isptune.scenes.scene import photograph
from isptune.testing.objectives import check_objective
from objectives.command import build

LEVEL = """
import json, sys
import cv2
open("calls", "a").write(f"{len(sys.argv) - 1}\\n")
pictures = [cv2.imread(path, cv2.IMREAD_UNCHANGED) for path in sys.argv[1:]]
print("loading weights 3")
print(json.dumps([float(one.mean()) / (255 if one.dtype == "uint8" else 65535) for one in pictures]), file=OUT)
"""
"""Prints the mean of each picture, and keeps how many it was given."""


@pytest.fixture
def described(tmp_path):
    """Writes a program and its description, and gives the spec's argument."""

    def write(program, words='"{images}"', more='direction = "maximize"'):
        (tmp_path / "metric.py").write_text(program)
        (tmp_path / "metric.toml").write_text(f'command = ["{{python}}", "metric.py", {words}]\n{more}\n')
        return str(tmp_path / "metric.toml")

    return write


@pytest.fixture
def images():
    return torch.linspace(0.1, 0.9, 4)[:, None, None, None].expand(4, 3, 8, 6).contiguous()


SCENE = photograph("s", torch.full((1, 3, 8, 6), 0.5))


@pytest.mark.slow
@pytest.mark.parametrize(("bits", "tolerance"), [(8, 0.5 / 255), (16, 0.5 / 65535)])
def test_a_program_gets_the_pictures_in_order_and_its_numbers_come_back(described, images, bits, tolerance):
    program = LEVEL.replace("OUT", "sys.stdout").replace('print("loading', "#")
    objective = build(described(program, more=f'direction = "maximize"\nbits = {bits}'))
    assert objective.score(images, SCENE).tolist() == pytest.approx(
        [0.1, 0.3667, 0.6333, 0.9], abs=1e-4 + tolerance
    )


@pytest.mark.slow
def test_a_batch_is_one_call_and_a_picture_is_given_once(described, images, tmp_path):
    program = LEVEL.replace("OUT", "open(sys.argv[1], 'w')").replace("sys.argv[1:]", "sys.argv[2:]")
    objective = build(described(program, '"{out}", "{images}"'))
    first = objective.score(images[:2], SCENE)
    again = objective.score(images[[1, 3, 2, 0, 3]], SCENE)
    assert again[[3, 0]].tolist() == first.tolist()
    assert (tmp_path / "calls").read_text().split() == ["3", "3"]


@pytest.mark.slow
def test_more_pictures_than_a_call_takes_are_several_calls(described, images, tmp_path):
    program = LEVEL.replace("OUT", "sys.stdout").replace('print("loading', "#")
    build(described(program) + "?max_images=3").score(images, SCENE)
    assert (tmp_path / "calls").read_text().split() == ["3", "1"]


COMPARE = """
import sys
import cv2
reference, listed = sys.argv[1:3]
truth = cv2.imread(reference).astype(float)
for path in open(listed):
    print("scoring", sys.argv[3])
    print(path.strip(), abs(cv2.imread(path.strip()).astype(float) - truth).mean(), sep=",")
"""


@pytest.mark.slow
def test_an_objective_with_the_reference_keeps_the_contract(described, images):
    more = 'direction = "minimize"\nrange = [0, 255]\nunit = "levels"'
    objective = build(described(COMPARE, '"{reference}", "{list}", "{scene}"', more))
    assert objective.facts.uses_reference
    assert (objective.facts.unit, objective.facts.range) == ("levels", (0.0, 255.0))
    assert set(objective.facts.weights) == {"metric.toml", "metric.py"}
    check_objective(objective, images, SCENE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import sys; sys.exit('no GPU found')", "ended with status 1: no GPU found"),
        ("print(0.5)", "the program gave 1 numbers for 4 pictures"),
        ("print('[0.1, 0.2, \"x\", 0.4]')", "the program gave 0 numbers for 4 pictures"),
        ("import time; time.sleep(60)", "took longer than 1 s and was stopped"),
    ],
)
def test_what_goes_wrong_is_one_line(described, images, program, message):
    objective = build(described(program, more='direction = "maximize"\ntimeout_s = 1.0'))
    with pytest.raises(ScoreError, match=re.escape(message)):
        objective.score(images, SCENE)


@pytest.mark.parametrize(
    ("words", "more", "message"),
    [
        ('"{images}"', "", "direction"),
        ('"{images}"', 'direction = "up"', "direction"),
        ('"{images}"', 'direction = "maximize"\nbitz = 8', "bitz"),
        ('"{out}"', 'direction = "maximize"', "says nowhere what to score: {images}, {list} or {folder}"),
        ('"--in={images}"', 'direction = "maximize"', "{images} must be a word of its own"),
        (
            '"{pictures}"',
            'direction = "maximize"',
            "command has {pictures}; a placeholder is one of {images}",
        ),
        ('"{images"', 'direction = "maximize"', "{{ and }} stand for braces"),
    ],
)
def test_a_wrong_description_is_refused_when_it_is_read(described, words, more, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        build(described("", words, more))


def test_an_option_wins_over_the_file_but_the_command_stays(described):
    argument = described("", more='direction = "maximize"\ntimeout_s = 5')
    assert build(f"{argument}?timeout_s=7&bits=16").settings.timeout_s == 7
    with pytest.raises(ConfigError, match="no option 'command'"):
        build(f"{argument}?command=ls")
    with pytest.raises(ConfigError, match="Give command:FILE.toml"):
        build(None)


@pytest.mark.slow
def test_a_run_is_led_by_a_program(described, isptune, tmp_path):
    program = LEVEL.replace("OUT", "sys.stdout").replace('print("loading', "#")
    spec = f"command:{described(program)}"
    quick = [
        "--scene",
        "cat",
        "--resize",
        "32",
        "--population",
        "4",
        "--generations",
        "2",
        "--second-opinion",
        "none",
    ]
    status, _, err = isptune("run", "--objective", spec, *quick, "--out", "r")
    assert status == 0, err
    told = json.loads((tmp_path / "r" / "provenance.json").read_text())
    assert {"metric.toml", "metric.py"} <= set(told["weights"])
