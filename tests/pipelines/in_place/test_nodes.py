"""Values of JSON and YAML texts stand where they are said to stand, and read as PyYAML reads them."""

import json

import pytest
import yaml

from isptune.errors import ConfigError
from pipelines.in_place.members import added_members
from pipelines.in_place.nodes import Node, parse_nodes, unquoted
from pipelines.in_place.text import Edit, Span, source_text, with_edits

TEXTS = {
    "a tuning file": """# SPDX
%YAML 1.1
---
version: 1
algorithms:
  - Agc:
  - Awb: &x
      a: 1
      b: !!int 3  # c
  - Lsc:
      x-size: [ 0.06, 2, ]
      sets:
        - ct: 3000
          r:  [
             1, 2, 3,
             4,
          ]
        - ct: 5
          r: "x: # y"
...
""",
    "all kinds of scalars": """
a:
- 1
- 2
b:
  c: 'it''s'
  d: plain text with spaces # comment
  f: http://x.y/z
  g: multi
    line
  h:
  i: {a: 1, b: [x y, z], "c":3, d}
  j: [a: 1, b]
  k: -5
  l: x#y
""",
    "JSON as libyaml takes it": '{"a": 1, "b": [1,2,{"c": "d\\"e"},], # x\n "e": {}, "f":[ ] ,}',
    "lists in lists": "- a\n- - b\n  - c\n- d: 1\n  e: 2\n-\n  f: 3\n",
    "one line": "k: v",
    "Windows": "a: 1\r\nb:\r\n  - x\r\n  - y\r\n",
    "settings": 'platform:\n    filename: "In.raw"\n    \n    bar: true\n# comment\nx: [[1, 2], [3, 4]]\n',
}


def _value(text: str, node: Node):
    if node.kind == "table":
        return {key: _value(text, member) for key, member in node.members}
    if node.kind == "list":
        return [_value(text, item) for item in node.items]
    token = text[node.span.start : node.span.end]
    return unquoted(token) if token[:1] in ("'", '"') else yaml.safe_load(token) if token else None


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_value_is_where_it_stands(text):
    assert _value(text, parse_nodes(text)) == yaml.safe_load(text)


def test_comments_of_other_languages_are_passed_over_and_a_mark_at_the_start():
    text = '\ufeff// head\n{ /* a */ "a": 1, // b\n "b": [ 1, /* , */ 2 ] }'
    assert _value(text, parse_nodes(text)) == {"a": 1, "b": [1, 2]}


def test_the_last_of_keys_that_repeat_is_the_member():
    node = parse_nodes('{"a": 1, "a": 2}')
    assert [key for key, _ in node.members] == ["a", "a"]
    assert node.member("a") == Node(Span(14, 15))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1, column 2: it ends too early: a bracket is not closed"),
        ('{"a" 1}', "line 1, column 6: '1}' where a colon belongs"),
        ("a: 1\n  b: 2", "line 2, column 3: 'b: 2' is indented more"),
        ("a: [1] x", "'x' does not belong to what stands before it"),
        ("a: 1\nfoo", "line 2, column 1: 'foo' is no KEY: VALUE"),
        ("? a\n: b", "'. a' is not understood"),
        ("[" * 1000, "is nested more than 64 deep"),
        ("- " * 1000 + "a", "is nested more than 64 deep"),
        ('a: "x', "is not understood"),
        ("", "there is nothing in it"),
    ],
)
def test_what_is_not_understood_is_refused_where_it_stands(text, message):
    with pytest.raises(ConfigError, match=message) as raised:
        parse_nodes(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf{\r\n}",
        "\ufeff<a>é</a>".encode("utf-16-le"),
        "\ufeff<a>é</a>".encode("utf-16-be"),
        '<?xml version="1.0" encoding="GB2312"?><a>曝光</a>'.encode("gb2312"),
        b'<?xml version="1.0" encoding="none"?><a>\xff</a>',
        b"# \xb5m\nsharp = 1\n",
    ],
)
def test_a_text_becomes_the_same_bytes_again(data):
    source = source_text(data)
    assert source.encoded(source.text) == data


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ('{"t": {"a": 1}}', '{"t": {"a": 1, "b": 2, "c": 3}}'),
        ('{"t": {\n  "a": 1\n}}', '{"t": {\n  "a": 1,\n  "b": 2,\n  "c": 3\n}}'),
        ('{"t": {\n  "a": 1 # one\n}}', '{"t": {\n  "a": 1, # one\n  "b": 2,\n  "c": 3\n}}'),
        ('{"t": {\n  "a": 1, // one\n}}', '{"t": {\n  "a": 1, // one\n  "b": 2,\n  "c": 3,\n}}'),
        ('{"t":{}}', '{"t": { "b": 2, "c": 3 }}'),
        ('{\n  "t":\n  {\n\n  },\n  "u": 1}', '{\n  "t":\n  {\n      "b": 2, "c": 3\n  },\n  "u": 1}'),
        ('{"t": {\r\n}}', '{"t": {\r\n    "b": 2, "c": 3\r\n}}'),
        ('{"t": { # none\n} }', '{"t": { # none\n"b": 2, "c": 3 } }'),
        ("t:\r\n  a: 1 # one\r\nu: 1\r\n", "t:\r\n  a: 1 # one\r\n  b: 2\r\n  c: 3\r\nu: 1\r\n"),
        ("t:\nu: 1\n", 't: { "b": 2, "c": 3 }\nu: 1\n'),
        ("- t:\n    a: 1\n- u:\n", "- t:\n    a: 1\n    b: 2\n    c: 3\n- u:\n"),
    ],
)
def test_members_are_added_as_the_text_has_its_own(text, new):
    top = parse_nodes(text)
    table = (top.items[0] if top.items else top).member("t")
    edited = with_edits(text, added_members(text, table, [("b", "2"), ("c", "3")]))
    assert edited == new
    before, after = _value(text, top), _value(edited, parse_nodes(edited))
    held = (before[0] if isinstance(before, list) else before)["t"] or {}
    assert (after[0] if isinstance(after, list) else after)["t"] == {**held, "b": 2, "c": 3}


def test_edits_that_are_in_each_others_way_are_refused():
    text = json.dumps({"a": 1})
    assert with_edits(text, [Edit(Span(6, 7), "2"), Edit(Span(6, 7), "2")]) == '{"a": 2}'
    with pytest.raises(ConfigError, match="line 1, column 7 is written to twice"):
        with_edits(text, [Edit(Span(6, 7), "2"), Edit(Span(6, 7), "3")])
