"""Members put into a table of a JSON or YAML text, in the style that it has."""

import re
from collections.abc import Sequence

from pipelines.in_place.nodes import Node
from pipelines.in_place.text import Edit, Span

_TAIL = re.compile(r"(?P<comma>[ \t]*,)?(?P<comment>[ \t]*(?:#|//)[^\r\n]*)?")


def added_members(text: str, table: Node, pairs: Sequence[tuple[str, str]]) -> list[Edit]:
    """The edits that put members behind those of a table: on lines of their own where these have such.

    Args:
        text: JSON or YAML.
        table: a table of it, or what is left empty where one belongs.
        pairs: key and value, as they are written.
    """
    start, end = table.span
    bracket = text[start : start + 1] == "{"
    if not table.members:
        return [_into_empty(text, table, pairs)]
    last = table.members[-1][1].span.end
    tail = _TAIL.match(text, last)
    assert tail is not None, "it may be empty"
    if not bracket:
        indent = _line_end(text, start) + " " * (start - text.rfind("\n", 0, start) - 1)
        behind = last if tail["comma"] or not tail["comment"] else tail.end()
        return [Edit(Span(behind, behind), "".join(f"{indent}{key}: {value}" for key, value in pairs))]
    indent = re.match(r"[ \t\r\n]*", text[start + 1 : end])
    blank = (indent[0] if indent else "") or " "
    members = f",{blank}".join(f'"{key}": {value}' for key, value in pairs)
    if not tail["comment"]:
        return [Edit(Span(last, last), f",{blank}{members}")]
    comma = [] if tail["comma"] else [Edit(Span(last, last), ",")]
    return [*comma, Edit(Span(tail.end(), tail.end()), f"{blank}{members}{',' if tail['comma'] else ''}")]


def _into_empty(text: str, table: Node, pairs: Sequence[tuple[str, str]]) -> Edit:
    start, end = table.span
    members = ", ".join(f'"{key}": {value}' for key, value in pairs)
    inside = text[start + 1 : max(end - 1, start + 1)]
    if inside.strip():  # a comment is all that is in it
        return Edit(Span(end - 1, end - 1), f"{members} ")
    if "\n" in inside:  # a line of its own, which may be there already
        first = start + 1 + inside.index("\n") + 1
        line = text[text.rfind("\n", 0, start) + 1 :]
        indent = line[: len(line) - len(line.lstrip(" \t"))] + "    "
        blank = "" if "\n" in text[first:end] else _line_end(text, first)
        return Edit(Span(first, first), f"{indent}{members}{blank}")
    blank = " " if start and text[start - 1] == ":" else ""
    return Edit(table.span, f"{blank}{{ {members} }}")


def _line_end(text: str, place: int) -> str:
    """As the line that ends before this one has it."""
    start = text.rfind("\n", 0, place)
    return "\r\n" if text[start - 1 : start] == "\r" else "\n"
