"""Lists of plug-ins: what is said of each on its card, and of those without one what their code says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from isptune.cards import Card, Cards
from isptune.errors import IsptuneError, UnknownName
from isptune.registry import PlugIn, build, factory, installed

SEEN_BESIDE = {"scorenet-align": "scorenet", "scorenet-clip": "scorenet", "brisque": "brisque-refit"}
NARROW = 24
"""A description is cut to no less than this where a terminal is narrow."""


@dataclass(frozen=True)
class Found:
    """What is listed: as data, and as lines of a given width (None: as long as they are)."""

    data: Any
    lines: Callable[[int | None], Sequence[str]]


def everything(cards: Cards, kinds: Sequence[str]) -> Found:
    """Every kind: a line for each plug-in, and of objectives, which are many, the names."""
    data = {kind: _table(cards, kind.removesuffix("s")) for kind in kinds}

    def lines(width: int | None) -> list[str]:
        told: list[str] = []
        for kind, table in data.items():
            if kind == "objectives":
                told.append("objectives: `isptune list objectives` says which may lead a search")
                told += _names(table, width or 100)
                continue
            told += [f"{kind}:", *_columns([[name, one["says"]] for name, one in table.items()], width)]
        return [*told, "distortions: `isptune list distortions`", _MORE]

    return Found(data, lines)


_MORE = "`isptune list PIPELINE` has its knobs, `isptune list KIND NAME` all that is known of one; --json for programs"


def of_kind(cards: Cards, kind: str) -> Found:
    """A line for each plug-in of a kind."""
    table = _table(cards, kind)
    if kind != "objective":
        return Found(
            table, lambda width: _columns([[name, _line(one)] for name, one in table.items()], width)
        )
    return Found(table, lambda width: _objectives(table, width))


def charts(cards: Cards, name: str | None) -> Found:
    """Scenes that are charts, and the objectives that measure them."""
    if name is not None:
        return one(cards, "objective" if name in installed("objective") else "scene", name)
    data = {
        "scenes": {n: c for n, c in _table(cards, "scene").items() if n == "chart"},
        "objectives": {n: c for n, c in _table(cards, "objective").items() if c["needs"] == "chart"},
    }

    def lines(width: int | None) -> list[str]:
        rows = [[f"--scene {name}:", card["says"]] for name, card in data["scenes"].items()]
        return [
            "a chart:",
            *_columns(rows, width),
            "what measures it:",
            *_objectives(data["objectives"], width),
        ]

    return Found(data, lines)


def one(cards: Cards, kind: str, name: str) -> Found:
    """All that is known of one plug-in. Raises UnknownName."""
    name = name.partition(":")[0].partition("?")[0]
    point = installed(kind).get(name)
    if point is None:
        raise UnknownName(kind, name, list(installed(kind)))
    card = cards.of(kind).get(name)
    data = _said(card, point) | {"name": name, "kind": kind}
    if card is None:
        data |= _built(kind, name)
    figures = [
        {"figure": figure, "what": cards.evidence[key].what, "source": cards.evidence[key].source}
        for key, figure in (card.figures if card else {}).items()
        if key in cards.evidence
    ]
    return Found({**data, "figures": figures}, lambda width: _sheet(data, figures))


def _table(cards: Cards, kind: str) -> dict[str, dict[str, Any]]:
    """By name: those with cards in the order of these, then the others."""
    points, known = installed(kind), cards.of(kind)
    order = [*[name for name in known if name in points], *[name for name in points if name not in known]]
    return {name: _said(known.get(name), points[name]) for name in order}


def _said(card: Card | None, point: PlugIn) -> dict[str, Any]:
    if card is None:
        card = Card(f"{point.value} of {point.dist.name if point.dist else 'an installed package'}")
    return asdict(card)


def _built(kind: str, name: str) -> dict[str, Any]:
    """What the code of a plug-in without a card says: its first line, and the facts of one that is built as it is."""
    says = (factory(kind, name).__doc__ or "").strip().split("\n")[0]
    found: dict[str, Any] = {"says": says} if says else {}
    if kind != "objective":
        return found
    try:
        facts = build(kind, name).facts
    except IsptuneError as error:
        return {**found, "argument": f"needed: {error}"}
    better = "higher" if facts.direction == "maximize" else "lower"
    needs = "reference" if facts.uses_reference else ""
    return {**found, "better": better, "needs": needs, "facts": {k: v for k, v in asdict(facts).items() if v}}


def _line(one: Mapping[str, Any]) -> str:
    return one["says"] + (f" (needs: {one['needs']})" if one["needs"] else "")


def _objectives(table: Mapping[str, Mapping[str, Any]], width: int | None) -> list[str]:
    """A screen: those that are variants of another one share its line at the end."""
    beside = [name for name in table if SEEN_BESIDE.get(name) in table]
    rows = [["objective", "better", "needs", "leads", "what it is"]]
    rows += [
        [name, one["better"], one["needs"], one["leads"], one["says"]]
        for name, one in table.items()
        if name not in beside
    ]
    also = f"and {', '.join(beside)}; " if beside else ""
    said = "leads: may it lead a search? `isptune list objectives NAME` says what"
    return [*_columns(rows, width), f"{also}{said}"]


def _columns(rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Aligned; the last column is cut where a terminal is narrower."""
    sizes = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)] if rows else []
    room = None if width is None else max(NARROW, width - sum(sizes) - 2 * len(sizes) - 2)
    told = []
    for row in rows:
        last = row[-1] if room is None or len(row[-1]) <= room else f"{row[-1][: room - 1]}…"
        cells = [*(cell.ljust(size) for cell, size in zip(row, sizes, strict=False)), last]
        told.append(f"  {'  '.join(cells)}".rstrip())
    return told


def _names(names: Iterable[str], width: int) -> list[str]:
    import textwrap

    text = ", ".join(names)
    return textwrap.wrap(
        text, max(40, width), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )


def _sheet(data: Mapping[str, Any], figures: Sequence[Mapping[str, str]]) -> list[str]:
    """One plug-in, a subject a line."""
    said = {
        "better": data["better"] and f"{data['better']} scores",
        "needs": data["needs"],
        "may lead": data["lead"],
        "may judge": data["judge"],
        "argument": data["argument"] and f"{data['name']}:{data['argument']}",
    }
    told = [f"{data['name']} ({data['kind']}): {data['says']}"]
    told += [f"  {key:9}  {value}" for key, value in said.items() if value]
    if data["options"]:
        first = next(iter(data["options"]))
        told.append(f"  options    written {data['name']}?{first}=...&...")
        told += [f"    {key:12} {what}" for key, what in data["options"].items()]
    told += [f"  {key:9}  {value}" for key, value in data.get("facts", {}).items()]
    told += [f"  figure     {one['figure']}: {one['what']} [{one['source']}]" for one in figures]
    return [*told, *([f"  example    {data['example']}"] if data["example"] else [])]
