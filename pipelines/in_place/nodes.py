"""JSON and YAML as nodes that know where they stand, read as tolerantly as libyaml reads them, and more.

Both are one language here, as they are to libyaml, which libcamera reads JSON with: commas may trail, keys may be bare,
and comments begin with `#`, or in a text that is all in brackets with `//` or `/*`. Of YAML it is the part that files
of settings have: tables and lists by indentation or in brackets, plain, quoted and block scalars, directives, tags and
anchors (which are passed over), and the first document of a file. What is not understood is refused, never guessed at.

Source: YAML 1.2.2 (2021), chapters 6 to 9; RFC 8259.
"""

import re
from dataclasses import dataclass
from typing import Literal, final

from isptune.system.records import DEEPEST
from pipelines.in_place.text import Span, unreadable

_BLANKS = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BLANKS_OF_JSON = re.compile(r"(?:[ \t\r\n]+|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'', re.DOTALL)
_FLOW_PLAIN = re.compile(
    r"(?:[^\s,\[\]{}:#]|:(?![\s,\[\]{}]|$)|(?<=\S)#|[ \t]+(?![\s,\[\]{}#:]|$)|[ \t]+:(?=\S))+"
)
_PLAIN_ITEM = re.compile(r"[ \t\r\n]*([-+.\w]+)[ \t\r\n]*,")
"""Of a list of numbers, which is most of what such files hold: the quick way through it."""
_BLOCK_PLAIN = re.compile(r"(?:[^\s:#]|:(?=\S)|(?<=\S)#|[ \t]+(?=[^\s#]))+")
_PROPERTIES = re.compile(r"(?:[!&][^\s,\[\]{}]*[ \t]+)*(?:[!&][^\s,\[\]{}]*(?=\s))?")
_LINE_END = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|$)")
_DOCUMENT = re.compile(r"(?:---|\.\.\.)(?=\s|$)")
_KEY_END = re.compile(r"[ \t]*:(?=\s|$)")


@dataclass(frozen=True)
class Node:
    """A value and where it stands.

    Attributes:
        span: from its first character to its last; of a value that is left empty, where it would stand.
        kind: what it is.
        members: of a table, in order; a key may repeat.
        items: of a list.
    """

    span: Span
    kind: Literal["scalar", "list", "table"] = "scalar"
    members: "tuple[tuple[str, Node], ...]" = ()
    items: "tuple[Node, ...]" = ()

    def member(self, key: str) -> "Node | None":
        """The last member of that key, as most readers take it."""
        return next((node for name, node in reversed(self.members) if name == key), None)


def parse_nodes(text: str) -> Node:
    """The value that a JSON or YAML text holds. Raises ConfigError that says where it is not understood."""
    return _Reader(text).document()


def unquoted(token: str) -> str:
    """What a scalar says, without quotes and with the usual escapes resolved."""
    if len(token) > 1 and token[0] == token[-1] == "'":
        return token[1:-1].replace("''", "'")
    if len(token) > 1 and token[0] == token[-1] == '"':
        return re.sub(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", _escape, token[1:-1], flags=re.DOTALL)
    return token


def _escape(found: "re.Match[str]") -> str:
    sign = found[1]
    if sign[0] in "ux" and len(sign) > 1:
        return chr(int(sign[1:], 16))
    return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}.get(sign, sign)


@final
class _Reader:
    """Walks through a text once; every method takes where it begins and gives the node, whose span says its end."""

    def __init__(self, text: str):
        self.text = text
        opening = _BLANKS_OF_JSON.match(text, 1 if text.startswith("\ufeff") else 0)
        self._is_json = opening is not None and text[opening.end() : opening.end() + 1] in ("{", "[")
        self._blanks = _BLANKS_OF_JSON if self._is_json else _BLANKS

    def document(self) -> Node:
        place = 1 if self.text.startswith("\ufeff") else 0
        place = self._blank_lines(place)
        while self.text.startswith("%", place):  # a directive
            place = self._blank_lines(self._line_after(place))
        if self.text.startswith("---", place) and _DOCUMENT.match(self.text, place):
            place = self._blank_lines(place + 3)
        if self._ended(place):
            raise unreadable(self.text, min(place, len(self.text)), "there is nothing in it")
        node, end = self._node(place, -1, 0)
        end = self._blank_lines(end)
        if not self._ended(end):
            raise unreadable(self.text, end, f"{self._shown(end)} does not belong to what stands before it")
        return node

    # Blanks, lines and columns.

    def _blank_lines(self, place: int) -> int:
        """The next thing that is neither blank nor a comment, on this line or a later one."""
        found = self._blanks.match(self.text, place)
        return found.end() if found else place

    def _line_after(self, place: int) -> int:
        end = self.text.find("\n", place)
        return len(self.text) if end < 0 else end + 1

    def _column(self, place: int) -> int:
        start = self.text.rfind("\n", 0, place) + 1
        return place - start - (self.text.startswith("\ufeff", start))

    def _ended(self, place: int) -> bool:
        """Whether the document is over here."""
        return place >= len(self.text) or (
            self._column(place) == 0 and _DOCUMENT.match(self.text, place) is not None
        )

    def _shown(self, place: int) -> str:
        return repr(self.text[place : self._line_after(place)].strip()[:30])

    def _rest_is_empty(self, place: int) -> bool:
        return _LINE_END.match(self.text, place) is not None

    # Nodes.

    def _node(self, place: int, parent: int, depth: int) -> tuple[Node, int]:
        """What stands here; on later lines only what is indented by more than its parent belongs to it."""
        if depth > DEEPEST:
            raise unreadable(self.text, place, f"is nested more than {DEEPEST} deep")
        place = self._without_properties(place)
        if self.text[place : place + 1] in ("{", "["):
            node = self._bracket(place, depth)
            if parent >= 0 or not _KEY_END.match(self.text, node.span.end):
                return node, node.span.end
        if self._is_dash(place):
            return self._block_list(place, depth)
        if self._key(place) is not None:
            return self._block_table(place, depth)
        if self.text[place] in "|>":
            return self._block_scalar(place, parent)
        return self._scalar(place, parent)

    def _without_properties(self, place: int) -> int:
        """Behind tags and anchors."""
        found = _PROPERTIES.match(self.text, place)
        return found.end() if found else place

    def _is_dash(self, place: int) -> bool:
        return self.text.startswith("-", place) and self.text[place + 1 : place + 2] in (
            "",
            " ",
            "\t",
            "\r",
            "\n",
        )

    def _key(self, place: int) -> tuple[str, int] | None:
        """The key that begins here and where its value may begin, or None if this is no key."""
        token = _QUOTED.match(self.text, place) or _BLOCK_PLAIN.match(self.text, place)
        if token is None:
            return None
        colon = _KEY_END.match(self.text, token.end())
        return None if colon is None else (unquoted(token[0]), colon.end())

    def _block_list(self, place: int, depth: int) -> tuple[Node, int]:
        column, first, items = self._column(place), place, []
        end = place
        while not self._ended(place) and self._column(place) == column and self._is_dash(place):
            node, end = self._value(place + 1, column, depth, column)
            items.append(node)
            place = self._blank_lines(end)
        self._refuse_deeper(place, column)
        return Node(Span(first, end), "list", items=tuple(items)), end

    def _block_table(self, place: int, depth: int) -> tuple[Node, int]:
        column, first = self._column(place), place
        members: list[tuple[str, Node]] = []
        end = place
        while not self._ended(place) and self._column(place) == column:
            found = self._key(self._without_properties(place))
            if found is None:
                if self._is_dash(place):
                    break
                raise unreadable(self.text, place, f"{self._shown(place)} is no KEY: VALUE")
            node, end = self._value(found[1], column, depth, column - 1)
            members.append((found[0], node))
            place = self._blank_lines(end)
        self._refuse_deeper(place, column)
        return Node(Span(first, end), "table", members=tuple(members)), end

    def _refuse_deeper(self, place: int, column: int) -> None:
        if not self._ended(place) and self._column(place) > column and self._starts_line(place):
            raise unreadable(
                self.text, place, f"{self._shown(place)} is indented more than what stands before it"
            )

    def _starts_line(self, place: int) -> bool:
        return not self.text[self.text.rfind("\n", 0, place) + 1 : place].strip(" \t")

    def _value(self, place: int, column: int, depth: int, dashes: int) -> tuple[Node, int]:
        """What a key or a dash at a column has; a list may have its dashes right of the column `dashes`."""
        start = self._blank_on_line(place)
        behind = self._without_properties(start)
        if not self._rest_is_empty(behind):
            return self._node(start, column, depth + 1)
        following = self._blank_lines(behind)
        if not self._ended(following):
            deeper = self._column(following) > (dashes if self._is_dash(following) else column)
            if deeper:
                return self._node(following, column, depth + 1)
        return Node(Span(place, place)), behind if behind > start else place

    def _blank_on_line(self, place: int) -> int:
        while self.text[place : place + 1] in (" ", "\t"):
            place += 1
        return place

    def _block_scalar(self, place: int, parent: int) -> tuple[Node, int]:
        """`|` or `>` and the lines below it that are indented by more than the parent, or blank."""
        end = here = self._line_after(place)
        while here < len(self.text):
            after = self._line_after(here)
            line = self.text[here:after]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= parent:
                break
            end = here = after
        return Node(Span(place, end)), end

    def _scalar(self, place: int, parent: int) -> tuple[Node, int]:
        quoted = _QUOTED.match(self.text, place)
        token = quoted or _BLOCK_PLAIN.match(self.text, place)
        if (
            token is None
            or (self.text[place] in "\"'@`%" and quoted is None)
            or self.text.startswith("? ", place)
        ):
            raise unreadable(self.text, place, f"{self._shown(place)} is not understood")
        end = token.end()
        while quoted is None:  # a plain scalar goes on with lines that are indented more
            following = self._blank_lines(end)
            more = None if self._ended(following) else _BLOCK_PLAIN.match(self.text, following)
            if more is None or not self._starts_line(following) or self._column(following) <= parent:
                break
            if "#" in self.text[end:following] or self._key(following) is not None:
                break
            end = more.end()
        if not self._rest_is_empty(end):
            raise unreadable(self.text, end, f"{self._shown(end)} does not belong to what stands before it")
        return Node(Span(place, end)), end

    # In brackets.

    def _bracket(self, place: int, depth: int) -> Node:
        if depth > DEEPEST:
            raise unreadable(self.text, place, f"is nested more than {DEEPEST} deep")
        table, first = self.text[place] == "{", place
        closing = "}" if table else "]"
        members: list[tuple[str, Node]] = []
        items: list[Node] = []
        place += 1
        while not table and (quick := _PLAIN_ITEM.match(self.text, place)):
            items.append(Node(Span(*quick.span(1))))
            place = quick.end()
        place = self._blank_lines(place)
        while not self.text.startswith(closing, place):
            key, node, end = self._entry(place, depth, table)
            members.append((key, node))
            place = self._blank_lines(end)
            if self.text.startswith(",", place):
                place = self._blank_lines(place + 1)
            elif not self.text.startswith(closing, place):
                raise self._not_in_bracket(place, closing)
        span = Span(first, place + 1)
        if table:
            return Node(span, "table", members=tuple(members))
        return Node(span, "list", items=(*items, *(node for _, node in members)))

    def _entry(self, place: int, depth: int, table: bool) -> tuple[str, Node, int]:
        """A member or an item: its key, its value, and where it ends."""
        node = self._flow(place, depth)
        end = self._blank_lines(node.span.end)
        if not table and not (node.kind == "scalar" and self._is_colon(end, node)):
            return "", node, node.span.end
        key = unquoted(self.text[node.span.start : node.span.end])
        if not self._is_colon(end, node):
            if self.text[node.span.start] in "\"'" or node.kind != "scalar":
                raise unreadable(self.text, end, f"{self._shown(end)} where a colon belongs")
            return key, Node(Span(node.span.end, node.span.end)), node.span.end
        start = self._blank_lines(end + 1)
        value = (
            Node(Span(end + 1, end + 1))
            if self.text[start : start + 1] in (",", "}", "]")
            else self._flow(start, depth)
        )
        if table:
            return key, value, value.span.end
        pair = Node(Span(node.span.start, value.span.end), "table", ((key, value),))
        return "", pair, value.span.end

    def _is_colon(self, place: int, key: Node) -> bool:
        quoted = self.text[key.span.start] in "\"'"
        return self.text.startswith(":", place) and (
            quoted or self.text[place + 1 : place + 2] in tuple(" \t\r\n,]}")
        )

    def _flow(self, place: int, depth: int) -> Node:
        place = self._without_properties(place)
        if self.text[place : place + 1] in ("{", "["):
            return self._bracket(place, depth + 1)
        token = _QUOTED.match(self.text, place)
        if token is None and self.text[place : place + 1] not in tuple("\"'@`%"):
            token = _FLOW_PLAIN.match(self.text, place)
        if token is None:
            raise self._not_in_bracket(place, "")
        return Node(Span(*token.span()))

    def _not_in_bracket(self, place: int, closing: str) -> Exception:
        if place >= len(self.text):
            return unreadable(self.text, len(self.text), "it ends too early: a bracket is not closed")
        wanted = f" where a comma or {closing} belongs" if closing else " is no value"
        return unreadable(self.text, place, f"{self._shown(place)}{wanted}")
