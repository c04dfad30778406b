"""Places in JSON and YAML: a JSON path, a JSON pointer, or keys with dots.

=====================================  =========================================================================
`sharpen.strength`, `$.sharpen.table`  keys; one with dots in it may be written out: `rpi.sharpen.strength`
`/sharpen/table/3`                     a JSON pointer (RFC 6901); `~1` is a slash and `~0` a tilde in a key
`table[3]`, `table[-1]`                an item of a list, counted from 0; or from the end
`modes[*]`                             every item or member
`modes[iso=400]`, `modes[name=dusk]`   the items that have this value under this key; also `[?(@.iso==400)]`
`$['a key']`                           a key in quotes
=====================================  =========================================================================

Source: RFC 9535 (JSONPath), of which this is the part that names single places.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from isptune.errors import ConfigError
from pipelines.in_place.nodes import Node, unquoted
from pipelines.in_place.numbers import same_value


@dataclass(frozen=True)
class Step:
    """One step of a path.

    Attributes:
        kind: by key, by key or index (of a pointer), by index, all, or those that have a value.
        key: of the member; of `having` the key that is looked at.
        value: the index, or the value that is asked for.
    """

    kind: Literal["key", "pointer", "index", "all", "having"]
    key: str = ""
    value: str = ""


_BRACKET = re.compile(
    r"\[\s*(?:(?P<index>-?\d+)|(?P<all>\*)|(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|\?\(\s*@\.(?P<asked>[^=\]\[]+?)\s*==\s*(?P<value>[^\]]+?)\s*\)|(?P<having>[^=\]\[?]+?)\s*=\s*(?P<wanted>[^\]]+?))\s*\]"
)
_KEY = re.compile(r"\.?(?P<key>[^.\[\]]+)")


def path_steps(path: str) -> tuple[Step, ...]:
    """A path in its steps. Raises ConfigError for one that is none."""
    if path.startswith("/"):
        return tuple(step for part in path[1:].split("/") for step in _pointer_part(part))
    rest = path[1:] if path.startswith("$") else path
    steps = _dotted(rest)
    if not steps and path != "$":
        raise ConfigError(
            f"{path!r} is no path: give keys with dots, such as sharpen.table[3], or /sharpen/table/3"
        )
    return steps


def _pointer_part(part: str) -> tuple[Step, ...]:
    """A segment of a pointer, behind which brackets may stand."""
    key, bracket, rest = part.partition("[")
    first = Step("pointer", key.replace("~1", "/").replace("~0", "~"))
    if not bracket:
        return (first,)
    return (*((first,) if key else ()), *_dotted(f"[{rest}"))


def _dotted(text: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    place = 0
    while place < len(text):
        found = _BRACKET.match(text, place)
        key = None if found else _KEY.match(text, place)
        if found:
            steps.append(_bracket_step(found))
        elif key:
            steps.append(Step("all") if key["key"] == "*" else Step("key", key["key"].strip()))
        else:
            raise ConfigError(f"{text!r} is no path: {text[place:]!r} is not understood")
        place = (found or key).end()  # pyright: ignore[reportOptionalMemberAccess]
    return tuple(steps)


def _bracket_step(found: "re.Match[str]") -> Step:
    if found["index"] is not None:
        return Step("index", value=found["index"])
    if found["all"]:
        return Step("all")
    if found["quoted"]:
        return Step("key", unquoted(found["quoted"]))
    key, value = (found["asked"], found["value"]) if found["asked"] else (found["having"], found["wanted"])
    return Step("having", key.strip().lstrip("@."), unquoted(value.strip()))


def select(text: str, node: Node, steps: Sequence[Step]) -> list[Node]:
    """Every node that the steps lead to, in the order of the text."""
    if not steps:
        return [node]
    step, rest = steps[0], steps[1:]
    if step.kind == "key":
        return _by_key(text, node, steps)
    return [found for inner in _inner(text, node, step) for found in select(text, inner, rest)]


def _by_key(text: str, node: Node, steps: Sequence[Step]) -> list[Node]:
    """Through a member whose key is the first step, or the first few of them with dots in between."""
    found: list[Node] = []
    plain = next((i for i, step in enumerate(steps) if step.kind != "key"), len(steps))
    for name, member in node.members:
        for count in range(1, plain + 1):
            if name == ".".join(step.key for step in steps[:count]):
                found += select(text, member, steps[count:])
    return found


def _inner(text: str, node: Node, step: Step) -> list[Node]:
    """Where one step leads."""
    inside = [*node.items, *(member for _, member in node.members)]
    if step.kind == "all":
        return inside
    if step.kind == "having":
        return [one for one in inside if _has(text, one, step)]
    if step.kind == "pointer":
        named = [member for name, member in node.members if name == step.key]
        return named if named or not re.fullmatch(r"\d+", step.key) else list(node.items[int(step.key) :][:1])
    index = int(step.value)
    return [node.items[index]] if -len(node.items) <= index < len(node.items) else []


def _has(text: str, node: Node, step: Step) -> bool:
    member = node.member(step.key)
    return member is not None and same_value(unquoted(text[member.span.start : member.span.end]), step.value)
