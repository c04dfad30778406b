"""`isptune list`: what can be tuned, and with what; and that the cards say what is so."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from isptune.cards import read_cards
from isptune.errors import ConfigError
from isptune.parameter_set import parse_set
from isptune.registry import build, installed
from isptune.spaces import space_of

HERE = Path(__file__).parents[2]
KINDS = ("objective", "judge", "pipeline", "optimizer", "scene")
CHEAP = ["ssim", "psnr", "ms_ssim", "gmsd", "fsim", "vif", "tv", "noise", "entropy", "sharpness", "niqe", "camera",
         "blockiness", "jpeg_trace", "colourfulness", "mtf50", "overshoot", "snr", "visual_noise", "acutance",
         "colorchecker"]  # fmt: skip
WITH_OPTIONS = ["ssim", "gmsd", "mtf50", "visual_noise", "colorchecker", "clipiqa", "zsclip", "qalign", "promptiqa",
                "arniqa", "task_guided"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_plug_in_of_ours_has_a_card_and_every_card_a_plug_in(kind):
    assert set(read_cards().of(kind)) == set(installed(kind))


@pytest.mark.parametrize("name", CHEAP)
def test_a_card_says_what_the_facts_of_an_objective_say(name):
    card, facts = read_cards().objective[name], build("objective", name).facts
    assert card.better == {"maximize": "higher", "minimize": "lower"}[facts.direction]
    assert card.needs == "chart" or (card.needs == "reference") == facts.uses_reference
    assert (card.needs == "raw file") == facts.splits_noise


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_a_card_lists_the_options_that_an_objective_takes(name):
    with pytest.raises(ConfigError, match="no option 'nonsense'") as refused:
        build("objective", f"{name}?nonsense=1")
    known = str(refused.value).partition("there are: ")[2].split(", ")
    assert set(known) == set(read_cards().objective[name].options)


@pytest.mark.parametrize("kind", ["imagenet", "detection", "codes"])
def test_the_card_of_tasks_lists_the_options_of_each(kind):
    with pytest.raises(ConfigError, match="no option 'nonsense'") as refused:
        build("objective", f"task:{kind}?nonsense=1")
    known = set(str(refused.value).partition("there are: ")[2].split(", ")) - {"task"}
    assert known <= set(read_cards().objective["task"].options)


def test_every_figure_of_a_card_stands_in_the_file_that_it_names():
    cards = read_cards()
    for name, card in cards.objective.items():
        for key, figure in card.figures.items():
            text = (HERE / cards.evidence[key].source).read_text()
            lines = [line for line in text.splitlines() if figure in line]
            assert any(
                name.removesuffix("-refit") in line or key.startswith("people_of") for line in lines
            ), name


def test_what_may_not_lead_is_said_to_lead_nothing_alone():
    for name, card in read_cards().objective.items():
        assert card.leads in ("yes", "some", "no"), name
        assert (card.leads == "no") == card.lead.startswith("nothing"), name


@pytest.mark.parametrize(
    "spec", ["synthetic", "raw", "libraw", f"command:{HERE}/experiments/black_box/small_isp.toml"]
)
def test_the_knobs_that_are_told_are_those_of_the_built_pipeline(spec):
    assert space_of(spec, {}) == build("pipeline", spec).space


def test_options_that_change_the_knobs_are_heard():
    told = space_of("synthetic", {"chain": "gaussian_blur:5,jpeg:96"})
    assert told is not None
    assert told.names == ["isp.x1", "isp.x2"]


def test_the_factory_set_is_read_back_as_the_defaults(isptune):
    status, out, _ = isptune("list", "raw", "--toml")
    found, space = parse_set(out, Path("factory.toml")), space_of("raw", {})
    assert status == 0
    assert space is not None
    assert (found.pipeline, found.values) == ("raw", space.default)


def test_a_knob_is_listed_with_its_range_unit_choices_and_help(isptune):
    _, out, _ = isptune("list", "raw")
    (line,) = (line for line in out.splitlines() if "denoise.chroma " in line and "raw_" not in line)
    assert re.search(r"0\.005 +0 to 0\.1 +share of white +noise taken out of colour", line)
    assert "bilinear, malvar2004, menon2007" in out
    data = json.loads(isptune("list", "raw", "--json")[1])
    assert {"name", "type", "low", "high", "default"} <= set(data["params"][0])
    assert len(data["params"]) == 36


def test_short_lists_fit_a_screen_and_load_nothing_heavy():
    program = (
        "import sys, io, contextlib\nfrom isptune.cli import main\n"
        "for words in ([], ['objectives'], ['raw'], ['objectives', 'niqe'], ['scenes', 'twin']):\n"
        "    sys.argv, out = ['isptune', 'list', *words], io.StringIO()\n"
        "    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit): main()\n"
        "    assert 5 < out.getvalue().count('\\n') <= 40, (words, out.getvalue())\n"
        "assert not {'torch', 'cv2', 'scipy', 'matplotlib', 'optuna'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_one_objective_is_told_with_what_it_may_lead_and_whose_figure_that_is(isptune):
    _, out, _ = isptune("list", "objectives", "people")
    assert "may lead   nothing" in out
    assert "0.823 [0.783, 0.855]" in out
    assert "objectives/weights/people_biq2021.md" in out
    assert "example    isptune score" in out


def test_what_is_called_something_else_is_found_or_asked_back(isptune):
    assert "niqe (objective)" in isptune("list", "niqe")[1]
    status, _, err = isptune("list", "nique")
    assert (status, "did you mean 'niqe'?" in err) == (2, True)
    assert "did you mean 'twin'?" in isptune("list", "scenes", "twinn")[2]


def test_an_objective_without_a_card_says_what_its_code_says(isptune):
    _, out, _ = isptune("list", "objectives", "redness")
    assert "redness (objective)" in out
    assert "higher scores" in out or "lower scores" in out
