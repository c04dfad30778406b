"""`isptune list distortions`: the catalogue, or one published set, a line each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from isptune.distortions import Distortion, Preset


@dataclass(frozen=True)
class DistortionRow:
    """What is known of one type of a set, or of one catalogue function.

    Attributes:
        set: the set; empty for the catalogue.
        name: of the type, or of the function.
        function: the catalogue function.
        group: of the set, or of the catalogue.
        parameter: what levels are counted in: `--level` takes this.
        identity: the level that leaves an image as it is, in the catalogue's unit.
        low, high: the range of levels, in the catalogue's unit.
        unit: the catalogue's.
        signed, stochastic: as in the catalogue.
        published: the printed levels of severities 1 to 5; empty for the catalogue.
        source: authors, year, title.
        summary: what it does.
        part: main, extra or unused of the set.
    """

    set: str
    name: str
    function: str
    group: str
    parameter: str
    identity: float
    low: float
    high: float
    unit: str
    signed: bool
    stochastic: bool
    published: tuple[str, ...]
    source: str
    summary: str
    part: str = "main"


def distortion_table(set: str | None = None) -> list[DistortionRow]:
    """The types of a published set, or without one the catalogue's functions. Raises UnknownName."""
    from isptune.distortions import CATALOGUE, presets_of

    if set is None:
        return [_catalogue_row(one) for one in CATALOGUE.values()]
    return [_preset_row(one) for one in presets_of(set).values()]


def print_distortions(set: str | None, console: "Console") -> None:
    """Print the table: columns on a terminal, lines with tabs elsewhere, for other programs."""
    rows = distortion_table(set)
    titles, cells = (_set_columns if set else _catalogue_columns)(rows)
    if not console.is_terminal:
        console.file.writelines("\t".join(line) + "\n" for line in (titles, *cells))
        return
    from rich.table import Table

    table = Table(*titles, box=None, title_justify="left")
    for line in cells:
        table.add_row(*line)
    console.print(table)
    console.print(_closing(set), highlight=False, soft_wrap=True)


def number(value: float) -> str:
    """A level as short as it can be written."""
    return f"{value:g}"


def _catalogue_row(one: "Distortion") -> DistortionRow:
    return DistortionRow(
        set="",
        name=one.name,
        function=one.name,
        group=one.group,
        parameter=one.unit,
        identity=one.identity,
        low=one.low,
        high=one.high,
        unit=one.unit,
        signed=one.signed,
        stochastic=one.stochastic,
        published=(),
        source=one.source,
        summary=one.summary,
    )


def _preset_row(one: "Preset") -> DistortionRow:
    function = one.distortion
    return DistortionRow(
        set=one.set,
        name=one.name,
        function=function.name,
        group=one.group,
        parameter=one.parameter,
        identity=function.identity,
        low=function.low,
        high=function.high,
        unit=function.unit,
        signed=function.signed,
        stochastic=function.stochastic,
        published=tuple(_published(value) for value in one.published),
        source=function.source,
        summary=function.summary,
        part=one.part,
    )


def _published(value: float | tuple[float, ...]) -> str:
    return ",".join(number(part) for part in value) if isinstance(value, tuple) else number(value)


def _traits(row: DistortionRow) -> str:
    traits = ("signed", row.signed), ("random", row.stochastic), (row.part, row.part != "main")
    return " ".join(name for name, holds in traits if holds)


def _catalogue_columns(rows: list[DistortionRow]) -> tuple[list[str], list[list[str]]]:
    titles = ["name", "group", "unit", "identity", "range", "traits", "what", "source"]
    cells = [
        [row.name, row.group, row.unit, number(row.identity), f"{number(row.low)} .. {number(row.high)}",
         _traits(row), row.summary, row.source]
        for row in rows
    ]  # fmt: skip
    return titles, cells


def _set_columns(rows: list[DistortionRow]) -> tuple[list[str], list[list[str]]]:
    titles = ["name", "group", "function", "parameter", "1", "2", "3", "4", "5", "unit", "identity", "range",
              "traits", "source"]  # fmt: skip
    cells = [
        [row.name, row.group, row.function, row.parameter, *row.published, row.unit, number(row.identity),
         f"{number(row.low)} .. {number(row.high)}", _traits(row), row.source]
        for row in rows
    ]  # fmt: skip
    return titles, cells


def _closing(set: str | None) -> str:
    if set is None:
        return "published levels: isptune list distortions --set arniqa|kadid10k|depictqa|imagenet_c"
    return f"try one: isptune distort IN OUT.png --set {set} --distortion NAME --severity 3"
