"""XML as elements that know where they stand, and the places of a small part of XPath.

Nothing is expanded: a document type and its entities are passed over, and a reference stays as it is written, so that
no file can make a program read another one or fill the memory.

====================  ==========================================================================================
`/ctx/sharp`          the text of an element; its name as it is written, with its prefix if it has one
`/ctx/sharp[3]`       the third element of that name among its brothers, counted from 1 as XPath does; `[last()]`;
                      where there is one alone with a list of numbers, the third of these
`/ctx/sharp/@value`   an attribute
`//sharp`             an element anywhere; `//` may stand for any step
`/ctx/*/gain`         an element of any name
`/ctx/mode[@iso=400]`  the elements whose attribute, or whose child `[iso=400]`, has this value; text in quotes
====================  ==========================================================================================

Source: XML 1.0 (2008); XML Path Language 1.0 (1999).
"""

import re
from dataclasses import dataclass, field
from html import unescape

from isptune.errors import ConfigError
from isptune.system.records import DEEPEST
from pipelines.in_place.numbers import same_value
from pipelines.in_place.text import Span, unreadable

_MARKUP = re.compile(
    r"<!--.*?-->|<!\[CDATA\[(?P<cdata>.*?)\]\]>|<\?.*?\?>"
    r"|<!DOCTYPE(?:[^\[\]<>\"']|\"[^\"]*\"|'[^']*')*(?:\[.*?\]\s*)?>"
    r"|</(?P<close>[^\s<>/]+)\s*>"
    r"|<(?P<open>[^\s<>/!?=]+)(?P<rest>(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*?)(?P<empty>/?)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([^\s=<>\"'/]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_STEP = re.compile(
    r"(?P<slashes>//?)(?:@(?P<attribute>[^/\[\]@]+)|(?P<name>[^/\[\]@]+)(?P<tests>(?:\[[^\]]*\])*))"
)
_TEST = re.compile(
    r"\[\s*(?:(?P<place>\d+)|(?P<last>last\(\))|(?P<key>@?[^=\]]+?)\s*=\s*(?P<value>[^\]]+?))\s*\]"
)


@dataclass
class Element:
    """An element: its attributes and its text by where they stand, and the elements in it."""

    name: str
    start: int
    attributes: dict[str, Span] = field(default_factory=dict)
    texts: list[Span] = field(default_factory=list)
    elements: "list[Element]" = field(default_factory=list)
    inside: Span | None = None


def parse_elements(text: str) -> Element:
    """A nameless element that holds the root. Raises ConfigError that says where a text is no XML."""
    top = Element("", 0, inside=Span(0, len(text)))
    opened, place = [top], 0
    while True:
        start = text.find("<", place)
        _add_text(text, opened[-1], place, len(text) if start < 0 else start)
        if start < 0:
            break
        found = _MARKUP.match(text, start)
        if found is None:
            raise unreadable(text, start, f"{text[start : start + 30]!r} is no XML that is understood")
        place = found.end()
        if found["cdata"] is not None:
            _add_text(text, opened[-1], *found.span("cdata"))
        elif found["close"]:
            element = opened.pop()
            if element.name != found["close"] or not opened:
                raise unreadable(text, start, f"</{found['close']}> closes what is not open")
            element.inside = Span(element.inside.start if element.inside else start, start)
        elif found["open"]:
            _open(text, opened, found)
    if len(opened) > 1:
        raise unreadable(text, opened[-1].start, f"<{opened[-1].name}> is not closed")
    if len(top.elements) != 1 or top.texts:
        raise unreadable(text, 0, "is no XML: it has not one element that holds all others")
    return top


def _open(text: str, opened: list[Element], found: "re.Match[str]") -> None:
    element = Element(found["open"], found.start())
    for one in _ATTRIBUTE.finditer(text, *found.span("rest")):
        element.attributes[one[1]] = Span(*one.span(2 if one[2] is not None else 3))
    opened[-1].elements.append(element)
    if not found["empty"]:
        element.inside = Span(found.end(), found.end())
        opened.append(element)
        if len(opened) > DEEPEST:
            raise unreadable(text, found.start(), f"is nested more than {DEEPEST} deep")


def _add_text(text: str, element: Element, start: int, end: int) -> None:
    part = text[start:end].lstrip("\ufeff")
    if part.strip():
        start = end - len(part.lstrip())
        element.texts.append(Span(start, start + len(part.strip())))


def find_in_elements(text: str, top: Element, path: str) -> list[Span]:
    """Where the texts and attributes stand that a path leads to.

    Raises:
        ConfigError: what is no path of this kind, or leads to an element whose text stands in several pieces.
    """
    if not path.startswith("/"):
        path = f"/{path}"
    path = path.removesuffix("/text()")
    here, place = [top], 0
    while place < len(path):
        step = _STEP.match(path, place)
        if step is None:
            raise ConfigError(
                f"{path!r} is no path: {path[place:]!r} is not understood; it is like /a/b[2]/@c"
            )
        place = step.end()
        if step["attribute"]:
            owners = _below(here) if step["slashes"] == "//" else here
            spans = [o.attributes[step["attribute"]] for o in owners if step["attribute"] in o.attributes]
            if place < len(path):
                raise ConfigError(f"{path!r} is no path: nothing comes behind an attribute")
            return spans
        here = _step(text, here, step, path)
    return [_text_of(text, element, path) for element in here]


def _step(text: str, here: list[Element], step: "re.Match[str]", path: str) -> list[Element]:
    owners = _below(here) if step["slashes"] == "//" else here
    found: list[Element] = []
    for owner in owners:
        brothers = [e for e in owner.elements if step["name"] in (e.name, "*")]
        tests = list(_TEST.finditer(step["tests"]))
        if "".join(t[0] for t in tests) != step["tests"]:
            raise ConfigError(
                f"{path!r} is no path: {step['tests']!r} is not understood; it is like [2] or [@iso=400]"
            )
        for test in tests:
            brothers = _tested(text, brothers, test)
        found += brothers
    return found


def _tested(text: str, brothers: list[Element], test: "re.Match[str]") -> list[Element]:
    if test["place"]:
        return brothers[int(test["place"]) - 1 :][:1] if int(test["place"]) else []
    if test["last"]:
        return brothers[-1:]
    wanted = test["value"].strip("\"'")
    return [
        one for one in brothers if any(same_value(said, wanted) for said in _said(text, one, test["key"]))
    ]


def _said(text: str, element: Element, key: str) -> list[str]:
    """What an attribute `@key`, a child `key`, or the element itself `.` says."""
    if key.startswith("@"):
        span = element.attributes.get(key[1:])
        return [] if span is None else [unescape(text[span.start : span.end])]
    owners = [element] if key in (".", "text()") else [e for e in element.elements if e.name == key]
    return [unescape(text[span.start : span.end]) for owner in owners for span in owner.texts]


def _below(elements: list[Element]) -> list[Element]:
    """The elements and all that are in them, in the order of the text."""
    found: list[Element] = []
    for element in elements:
        found += [element, *_below(element.elements)]
    return found


def _text_of(text: str, element: Element, path: str) -> Span:
    if element.elements:
        names = ", ".join(dict.fromkeys(e.name for e in element.elements))
        raise ConfigError(f"{path!r} leads to an element with elements in it ({names}), not to a text")
    if len(element.texts) > 1:
        raise ConfigError(f"{path!r} leads to an element whose text stands in several pieces")
    if element.texts:
        return element.texts[0]
    if element.inside is None:
        raise ConfigError(
            f"{path!r} leads to <{element.name}/>, which has no text; did you mean an attribute, /@NAME?"
        )
    return element.inside
