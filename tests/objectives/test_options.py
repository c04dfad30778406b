"""Options of objectives, in the grammar of all plug-ins and in the older one with commas."""

import pytest

from isptune.errors import ConfigError
from objectives.options import parse_options

DEFAULTS = {"labels": "", "encoder": "bundled", "seed": "0"}


@pytest.mark.parametrize(
    "text", ["pets.txt?encoder=openai:RN50&seed=3", "?labels=pets.txt&encoder=openai:RN50&seed=3",
             "pets.txt,encoder=openai:RN50,seed=3", "labels=pets.txt, seed = 3,encoder=openai:RN50"],
)  # fmt: skip
def test_both_spellings_give_the_same_options(text):
    expected = {"labels": "pets.txt", "encoder": "openai:RN50", "seed": "3"}
    assert parse_options("zsclip", text, DEFAULTS, first="labels") == expected


def test_without_options_there_are_the_defaults():
    assert parse_options("zsclip", None, DEFAULTS, first="labels") == DEFAULTS
    assert parse_options("zsclip", "", DEFAULTS, first="labels") == DEFAULTS


@pytest.mark.parametrize(
    ("text", "file"),
    [("a,b.txt?seed=1", "a,b.txt"), ("a%2Cb.txt", "a,b.txt"), ("what?.txt", "what?.txt"), ("a+b.txt", "a+b.txt"),
     ("runs/x=1/a.txt", "runs/x=1/a.txt"), ("?labels=a%26b%3F.txt", "a&b?.txt")],
)  # fmt: skip
def test_files_of_any_name_can_be_given(text, file):
    assert parse_options("zsclip", text, DEFAULTS, first="labels")["labels"] == file


@pytest.mark.parametrize(
    ("text", "first", "message"),
    [
        (
            "pets.txt?sed=3",
            "labels",
            r"zsclip has no option 'sed'; did you mean 'seed'\? there are: labels, encoder, seed",
        ),
        (
            "pets.txt,sed=3",
            "labels",
            "'sed=3' is not one of its options: labels=..., encoder=bundled, seed=0",
        ),
        ("pets.txt?labels=cats.txt", "labels", "labels is given twice"),
        ("pets.txt,labels=cats.txt", "labels", "labels is given twice"),
        ("?seed=1&seed=2", "labels", "seed is given twice"),
        ("pets.txt?seed=1", None, "zsclip takes options only, no argument; got 'pets.txt'"),
        ("pets.txt", None, "'pets.txt' is not one of its options"),
    ],
)
def test_what_is_no_option_is_refused_with_those_that_are(text, first, message):
    with pytest.raises(ConfigError, match=message):
        parse_options("zsclip", text, DEFAULTS, first=first)
