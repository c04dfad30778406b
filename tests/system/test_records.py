import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pytest

from isptune.errors import ConfigError, RunFolderError
from isptune.system.records import (
    Positive,
    Size,
    convert,
    optional,
    parse_json,
    parse_toml,
    plain,
    read_bytes,
    read_json,
    to_json,
)


@dataclass(frozen=True)
class Knob:
    name: str
    low: float | int
    kind: Literal["real", "integer"] = "real"
    values: Mapping[str, float | int | str] = field(default_factory=dict)
    pair: tuple[float | None, float | None] = (None, None)
    width: Size = 3
    sigma: Positive = 0.5

    def __post_init__(self):
        if self.name == "bad":
            raise ConfigError("a knob called bad")


@dataclass(frozen=True)
class File:
    knobs: tuple[Knob, ...]
    count: int = 3
    another: Knob | None = optional(None)


def file_of(**changes):
    return {"knobs": [{"name": "a", "low": 1, **changes}]}


def test_plain_data_become_a_record_and_come_back():
    record = convert(file_of(values={"x": 1, "y": 1.0, "z": "a"}, pair=[None, 2]), File, "f.toml")
    assert record.knobs[0] == Knob("a", 1, "real", {"x": 1, "y": 1.0, "z": "a"}, (None, 2.0))
    assert [type(value) for value in record.knobs[0].values.values()] == [int, float, str]
    assert "another" not in plain(record)
    assert convert(json.loads(to_json(record)), File, "f.toml") == record


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (file_of(low="x"), "knobs[0].low = 'x' must be a number"),
        (file_of(low=True), "knobs[0].low = True must be a number"),
        (file_of(kind="q"), "knobs[0].kind = 'q' is none of real, integer"),
        (file_of(values={"fine": 1, "x.y": [1]}), "knobs[0].values.x.y = [1] must be a number or text"),
        (file_of(pair=[1]), "knobs[0].pair = [1] must be a list of length 2"),
        (file_of(width=0), "knobs[0].width = 0 must be a whole number of 1 or more"),
        (file_of(width=1.5), "knobs[0].width = 1.5 must be a whole number"),
        (file_of(width="wide"), "knobs[0].width = 'wide' must be a whole number"),
        (file_of(width=300_000), "knobs[0].width = 300000 must be a whole number of 4096 or less"),
        (file_of(sigma=float("nan")), "knobs[0].sigma = nan must be a number above 0"),
        (file_of(lwo=1), "knobs[0]: unknown key 'lwo'; did you mean 'low'? known are: name, low, "),
        (file_of(name="bad"), "a knob called bad"),
        ({"knobs": [{"low": 1}]}, "knobs[0] has no 'name'"),
        ({}, "has no 'knobs'"),
        ({"knobs": [], "another": 3}, "another = 3 must be a table or nothing"),
        ({"knob": [], "count": 1}, "unknown key 'knob'; did you mean 'knobs'? known are: knobs, count, another"),
        ([], "holds [], and must be a table"),
        ({"knobs": "x" * 500}, "..."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place_its_value_and_what_is_allowed(value, message):
    with pytest.raises(RunFolderError) as refused:
        convert(value, File, "f.toml", RunFolderError, known_only=True)
    assert str(refused.value).startswith("f.toml: ")
    assert message in str(refused.value)
    assert len(str(refused.value)) < 160


def test_unknown_keys_are_let_pass_where_that_is_wanted():
    assert convert({"knobs": [], "newer": 3}, File, "f.json") == File(())


HOSTILE_JSON = [
    b"[" * 100_000, b"[" * 200 + b"]" * 200, b"9" * 5000, b"9" * 40, b"9" * 5000 + b".5", b"1e999", b"NaN",
    b'{"a": Infinity}', b'{"a": "\\ud800"}', b'{"\\udfff": 1}', b'"\xed\xa0\x80"', b"\xff", b"", b"{", b'{"a": 1} x',
    b'{"a": 1', b'"a\x00b"', b"[1,]",
]  # fmt: skip
HOSTILE_TOML = [
    b"a = " + b"[" * 100_000, b"a = " + b"[" * 200 + b"]" * 200, b".".join([b"a"] * 5000) + b" = 1",
    b"a = " + b"9" * 5000, b"a = " + b"9" * 40, b"a = 0x" + b"f" * 6000, b"a = nan", b"a = [-inf]", b"a = 1e999",
    b'a = "\\ud800"', b"\xff", b"a = 2020-01-01", b"a =", b"a = 1\na = 2",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parse", "data"),
    [(parse_json, data) for data in HOSTILE_JSON] + [(parse_toml, data) for data in HOSTILE_TOML],
)
def test_hostile_text_gives_one_line_that_names_the_file(parse, data):
    with pytest.raises(RunFolderError) as refused:
        parse(data, "the\nfile", RunFolderError)
    assert str(refused.value).startswith(r"the\nfile: ")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 160


def test_the_place_of_a_number_that_is_none_is_named():
    with pytest.raises(ConfigError, match=r"f: knobs\[1\].low = nan is no number to work with"):
        parse_toml("[[knobs]]\nlow = 1\n[[knobs]]\nlow = nan\n", "f")
    with pytest.raises(ConfigError, match=r"line 3, column"):
        parse_json('{"a": 1,\n"b": 2,\n"c" 3}', "f")


def test_a_byte_order_mark_is_passed_over():
    assert parse_json(b"\xef\xbb\xbf{}", "f") == parse_toml("\ufeff", "f") == {}


def test_files_are_bounded_in_bytes_and_named_where_they_cannot_be_read(tmp_path):
    (tmp_path / "a.json").write_text('{"knobs": []}')
    assert read_json(tmp_path / "a.json", File) == File(())
    with pytest.raises(ConfigError, match=r"a\.json: is larger than 12 bytes"):
        read_json(tmp_path / "a.json", File, largest=12)
    with pytest.raises(ConfigError, match=r"none\.json: no such file"):
        read_bytes(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_bytes(tmp_path)


def test_what_no_file_can_hold_is_not_written():
    assert json.loads(to_json({"a": float("nan"), "b": (1, float("inf"))})) == {"a": None, "b": [1, None]}
    with pytest.raises(ConfigError, match="halves of characters"):
        to_json({"scene": "caf\udce9.png"})
