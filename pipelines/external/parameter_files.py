"""Where the knobs of somebody else's ISP stand in the text files that it reads, and those files with other values.

`pipelines.external.write` says how a knob is given its places. A knob that stands where the search started is not
written. Numbers keep the style of what they replace: decimals, hexadecimal digits, a suffix; what is interpolated or
multiplied in a list of whole numbers is rounded.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import final

import numpy as np

from isptune.errors import ConfigError
from isptune.space import Candidate, Choice, Integer, Space, Value
from isptune.system.records import read_bytes
from pipelines.external.write import Number, Write
from pipelines.in_place.numbers import in_style_of, number_of, same_number
from pipelines.in_place.places import Format, TextPlaces, format_of
from pipelines.in_place.text import Edit, Span, with_edits


@final
class ParameterFiles:
    """The files of an ISP, and where its knobs stand in them.

    Args:
        contents: the files, by the name that the description has for them.
        writes: by parameter, where it goes.

    Raises:
        ConfigError: the format of a file cannot be told.
    """

    def __init__(self, contents: Mapping[str, bytes], writes: Mapping[str, Sequence[Write]]):
        self.contents = dict(contents)
        self.writes = {name: tuple(places) for name, places in writes.items()}
        self._places: dict[tuple[str, Format], TextPlaces] = {}

    @property
    def opened(self) -> list[tuple[tuple[str, Format], TextPlaces]]:
        """The files that were looked into, by name and format."""
        return list(self._places.items())

    @property
    def names(self) -> list[str]:
        return list(self.contents)

    @property
    def versions(self) -> dict[str, str]:
        """The hash of each file."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self.contents.items()}

    def without_place(self, file: str, names: Sequence[str]) -> tuple[str, ...]:
        """The parameters that do not stand in a file."""
        return tuple(n for n in names if all(write.file != file for write in self.writes.get(n, ())))

    def start(self, name: str, options: Sequence[str] | None) -> Value:
        """What a file says that a knob is: a number, or one of some options. Raises ConfigError."""
        for write in self.writes[name]:
            if write.by_node:
                places = self.places(write)
                self.nodes(places, write, len(places.cells(write.at)))  # that they fit is known before a run
        write = self.writes[name][0]
        if write.how != "value":
            return 1.0 if write.how == "factor" else 0.0
        places = self.places(write)
        span = self.target(places, write, number=options is None)
        said = places.said(span)
        if options is None:
            number = number_of(said)
            assert number is not None, said
            return number
        found = [option for option in options if option.lower() == said.strip().lower()]
        if not found:
            raise ConfigError(f"{write.file}: {write.at!r} is {said!r}, none of {', '.join(options)}")
        return found[0]

    def edited(
        self,
        values: Candidate,
        start: Candidate,
        space: Space,
        at: Callable[[float], Candidate] | None = None,
    ) -> dict[str, bytes]:
        """The files with a candidate's values in them.

        Args:
            values: of all parameters.
            start: what the files stand for; knobs that are still there are not written.
            space: of the ISP.
            at: of a series, the candidate at each node of lists whose nodes are known.

        Raises:
            ConfigError: a place is not there, is there twice, or cannot hold a value.
        """
        changed = [p for p in space if p.name in self.writes and not _same(values[p.name], start[p.name])]
        named = [param.name for param in changed]
        if at is not None:
            named += [n for n, own in self.writes.items() if n not in named and any(w.by_node for w in own)]
        if not named:
            return dict(self.contents)
        work = _Work(self, values, start, at)
        for param in changed:
            for write in self.writes[param.name]:
                if write.how == "value" and write.interpolate is None:
                    work.set(param.name, write, isinstance(param, Choice), isinstance(param, Integer))
        for write in self._groups(named):
            work.change(write, self._supports(write))
        files = {name: work.edits(name) for name in self.contents}
        return {name: self._with(name, edits) for name, edits in files.items()}

    def with_file(self, name: str, data: bytes) -> "ParameterFiles":
        """The same with another file in the place of one."""
        return ParameterFiles({**self.contents, name: data}, self.writes)

    def named(self, path: Path) -> str:
        """Which file of the description somebody's file stands for. Raises ConfigError where that cannot be told."""
        for part in ("name", "suffix"):
            same = [n for n in self.contents if getattr(PurePosixPath(n), part) == getattr(path, part)]
            if len(same) == 1:
                return same[0]
        if len(self.contents) == 1:
            return self.names[0]
        raise ConfigError(f"{path}: which of {', '.join(self.contents)} is it? Name it like that one")

    def _with(self, name: str, edits: Sequence[Edit]) -> bytes:
        if not edits:
            return self.contents[name]
        places = next(places for (file, _), places in self._places.items() if file == name)
        return places.source.encoded(with_edits(places.text, edits))

    def places(self, write: Write) -> TextPlaces:
        """The file that a knob is written to."""
        key = (write.file, write.form)
        if key not in self._places:
            self._places[key] = TextPlaces(self.contents[write.file], *key)
        return self._places[key]

    def target(self, places: TextPlaces, write: Write, number: bool) -> Span:
        """Where the one value of a knob stands."""
        if write.index is None and write.node is None:
            return places.scalar(write.at, number)
        cells = places.cells(write.at)
        if write.index is not None:
            if not -len(cells) <= write.index < len(cells):
                raise ConfigError(
                    f"{write.file}: {write.at!r} has {len(cells)} values, and none at index {write.index}"
                )
            return cells[write.index]
        assert write.node is not None
        nodes = self.nodes(places, write, len(cells))
        found = [cell for cell, node in zip(cells, nodes, strict=True) if node == write.node]
        if len(found) != 1:
            many = f"is there {len(found)} times" if found else "is not there"
            raise ConfigError(f"{write.file}: node {write.node:g} {many} in {_listed(nodes)}")
        return found[0]

    def nodes(self, places: TextPlaces, write: Write, count: int) -> list[float]:
        """What each value of a list stands for."""
        assert write.nodes is not None
        if isinstance(write.nodes, str):
            said = [number_of(places.said(span)) for span in places.cells(write.nodes)]
            nodes = [float(number) for number in said if number is not None]
        else:
            nodes = [float(node) for node in write.nodes]
        if len(nodes) != count:
            where = repr(write.nodes) if isinstance(write.nodes, str) else "nodes"
            raise ConfigError(
                f"{write.file}: {write.at!r} has {count} values, and {where} has {len(nodes)} nodes"
            )
        return nodes

    def _groups(self, names: Sequence[str]) -> list[Write]:
        """The lists that are changed as a whole by some knobs, each once: what is equal in all writes to it."""
        whole = [
            replace(write, node=None, interpolate=None, index=None)
            if write.interpolate is None and write.node is None and write.index is None
            else write
            for name in names
            for write in self.writes[name]
            if write.interpolate or write.how != "value"
        ]
        return list({_list_of(write): write for write in whole}.values())

    def _supports(self, write: Write) -> list[tuple[str, Write]]:
        """The knobs that change this list together, each with its own place in it."""
        return [
            (name, one)
            for name, writes in self.writes.items()
            for one in writes
            if _list_of(one) == _list_of(write) and (one.interpolate or one.how != "value")
        ]


def _list_of(write: Write) -> tuple[object, ...]:
    """What writes to one list have in common; one that is not interpolated is by itself."""
    own = None if write.interpolate else (write.index, write.node)
    return (write.file, write.form, write.at, write.nodes, write.interpolate, write.how, own)


@final
class _Work:
    """The new values of one candidate, by where they stand."""

    def __init__(
        self,
        files: ParameterFiles,
        values: Candidate,
        start: Candidate,
        at: Callable[[float], Candidate] | None,
    ):
        self.files, self.values, self.start, self.at = files, values, start, at
        self._numbers: dict[str, dict[Span, Number]] = {}
        self._texts: dict[str, dict[Span, str]] = {}

    def set(self, name: str, write: Write, choice: bool, whole: bool) -> None:
        """Put a knob in its place."""
        places = self.files.places(write)
        span = self.files.target(places, write, number=not choice)
        if choice:
            value = _cased(str(self.values[name]), places.said(span), str(self.start[name]))
            self._texts.setdefault(write.file, {})[span] = places.written(span, value)
        else:
            number = float(self.values[name])
            self._numbers.setdefault(write.file, {})[span] = round(number) if whole else number

    def change(self, write: Write, supports: Sequence[tuple[str, Write]]) -> None:
        """Change a list as a whole by the knobs that stand in it."""
        places = self.files.places(write)
        single = write.interpolate is None and (write.index is not None or write.node is not None)
        cells = [self.files.target(places, write, True)] if single else places.cells(write.at)
        numbers = [self._now(places, cell) for cell in cells]
        amounts = self._amounts(places, write, supports, len(cells))
        whole = all(isinstance(number_of(places.said(cell)), int) for cell in cells)
        held = self._numbers.setdefault(write.file, {})
        for cell, number, amount in zip(cells, numbers, amounts.tolist(), strict=True):
            new = number * amount if write.how == "factor" else number + amount
            held[cell] = round(new) if whole else new

    def _now(self, places: TextPlaces, cell: Span) -> Number:
        held = self._numbers.get(places.name, {})
        number = held.get(cell, number_of(places.said(cell)))
        if number is None:
            raise ConfigError(f"{places.name}: {places.said(cell)!r} is not a number")
        return number

    def _amounts(
        self, places: TextPlaces, write: Write, supports: Sequence[tuple[str, Write]], count: int
    ) -> np.ndarray:
        """By how much each value of a list changes: a factor, or what is added."""
        if write.interpolate is None:
            if write.by_node and self.at is not None:
                each = [self.at(node) for node in self.files.nodes(places, write, count)]
            else:
                each = [self.values]
            amounts = np.array([[self._amount(n, w, places, own) for n, w in supports] for own in each])
            together = amounts.prod(1) if write.how == "factor" else amounts.sum(1)
            return np.broadcast_to(together, (count,))
        nodes = np.array(self.files.nodes(places, write, count))
        at = np.array([float(one.node or 0) for _, one in supports])
        amounts = np.array([self._amount(name, one, places, self.values) for name, one in supports])
        if write.interpolate != "linear":
            if min(nodes.min(), at.min()) <= 0:
                raise ConfigError(
                    f"{write.file}: interpolate = {write.interpolate!r} needs nodes above 0, "
                    f"not {_listed(nodes.tolist())}"
                )
            nodes, at = (np.log(x) if write.interpolate == "log" else 1 / x for x in (nodes, at))
        order = np.argsort(at)
        at, amounts = at[order], amounts[order]
        return np.interp(nodes, at, amounts)

    def _amount(self, name: str, write: Write, places: TextPlaces, values: Candidate) -> float:
        value, start = float(values[name]), float(self.start[name])
        unchanged = _same(values[name], self.start[name])
        if write.how == "factor":
            if not unchanged and start == 0:
                raise ConfigError(
                    f"{name}: the search started from the factor 0, from which nothing can be multiplied"
                )
            return 1.0 if unchanged else value / start
        if unchanged:
            return 0.0
        if write.how == "offset":
            return value - start
        return value - float(self._now(places, self.files.target(places, write, number=True)))

    def edits(self, file: str) -> list[Edit]:
        """What changes in a file."""
        text = next((p.text for (name, _), p in self.files.opened if name == file), "")
        found = [Edit(span, new) for span, new in self._texts.get(file, {}).items()]
        for span, number in self._numbers.get(file, {}).items():
            found.append(Edit(span, in_style_of(text[span.start : span.end], number)))
        return [edit for edit in found if edit.new != text[edit.span.start : edit.span.end]]


def _same(value: Value, start: Value) -> bool:
    """Whether a knob is where it started, up to what a batch of 32-bit numbers keeps of it."""
    if isinstance(value, str) or isinstance(start, str):
        return value == start
    return same_number(value, start)


def _cased(option: str, said: str, start: str) -> str:
    """An option in the case that the file has for the one that it replaces: True for true."""
    if said == start or said.lower() != start.lower():
        return option
    return option.upper() if said.isupper() else option.capitalize() if said == said.capitalize() else option


def _listed(nodes: Sequence[float]) -> str:
    return ", ".join(f"{node:g}" for node in nodes)


def read_parameter_files(
    folder: Path, writes: Mapping[str, Sequence[Write]], base: Sequence[str]
) -> ParameterFiles:
    """The files that some knobs are written to.

    Args:
        folder: of the description.
        writes: by parameter.
        base: paths of files that stand in for those beside the description.

    Raises:
        ConfigError: a file cannot be read, or it cannot be told what it stands in for.
    """
    names = list(dict.fromkeys(write.file for own in writes.values() for write in own))
    for write in (write for own in writes.values() for write in own):
        if write.format is None:
            format_of(write.file)  # it cannot be told: that is said before the file is missed
    stand_ins = ParameterFiles(dict.fromkeys(names, b""), writes)
    if base and not names:
        raise ConfigError("base: no knob is written to a file")
    instead = {stand_ins.named(folder / path): folder / path for path in base}
    return ParameterFiles({name: read_bytes(instead.get(name, folder / name)) for name in names}, writes)
