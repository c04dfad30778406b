"""What may be tuned: named parameters with their ranges, and the candidates inside them."""

import difflib
import fnmatch
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from isptune.errors import SpaceError
from isptune.space_rules import Order, Reach, moved, parse_order

Value = float | int | str
Candidate = dict[str, Value]
"""One value for every parameter, by name."""

When = Mapping[str, str | Sequence[str]]
"""Options of choices, by the choices' names."""


@dataclass(frozen=True)
class Real:
    """A real-valued parameter in [low, high]; with `log`, searched on a logarithmic scale.

    `when` names choices with the options, one or several, with which it exists: {"method": "nlm"}. Of all three kinds.
    """

    name: str
    low: float
    high: float
    default: float
    log: bool = False
    unit: str = ""
    help: str = ""
    when: When = field(default_factory=dict, repr=False, hash=False)

    def __post_init__(self):
        _check_numeric(self)

    def check(self, value: object) -> float:
        """Return the value as a float. Raises SpaceError if it is no number or out of range."""
        return float(_check_number(self, value))


@dataclass(frozen=True)
class Integer:
    """A whole-number parameter in [low, high], both included."""

    name: str
    low: int
    high: int
    default: int
    log: bool = False
    unit: str = ""
    help: str = ""
    when: When = field(default_factory=dict, repr=False, hash=False)

    def __post_init__(self):
        for key in ("low", "high", "default"):
            value = getattr(self, key)
            if not isinstance(value, int | np.integer) or isinstance(value, bool):
                raise SpaceError(f"{self.name}: {key} = {value!r} is not a whole number")
        _check_numeric(self)

    def check(self, value: object) -> int:
        """Return the value as an int. Raises SpaceError if it is not whole or out of range."""
        number = _check_number(self, value)
        if number != round(number):
            raise SpaceError(f"{self.name} = {value!r} is not a whole number")
        return round(number)


@dataclass(frozen=True)
class Choice:
    """A parameter that takes one of a few named options."""

    name: str
    options: tuple[str, ...]
    default: str
    unit: str = ""
    help: str = ""
    when: When = field(default_factory=dict, repr=False, hash=False)

    def __post_init__(self):
        object.__setattr__(self, "options", tuple(self.options))
        if not self.options or len(set(self.options)) != len(self.options):
            raise SpaceError(f"{self.name}: options {self.options!r} are empty or repeat themselves")
        if not all(isinstance(option, str) for option in self.options):
            raise SpaceError(f"{self.name}: options {self.options!r} are not all text")
        self.check(self.default)

    def check(self, value: object) -> str:
        """Return the value. Raises SpaceError if it is none of the options."""
        if value not in self.options:
            raise SpaceError(f"{self.name} = {value!r} is none of {', '.join(self.options)}")
        return str(value)


Param = Real | Integer | Choice
Numeric = Real | Integer


@dataclass(frozen=True)
class Space:
    """The parameters of a pipeline, or those of them that are tuned, in a fixed order.

    `fixed` holds the values of the parameters that are not tuned, by name. `constraints` are what two numeric
    parameters must keep, as "tone.low < tone.high" (<, <=, >, >=); the defaults keep them.
    """

    params: tuple[Param, ...]
    fixed: Mapping[str, Value] | None = None
    constraints: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self):
        object.__setattr__(self, "params", tuple(self.params))
        names = self.names
        if len(set(names)) != len(names):
            raise SpaceError(f"parameter names repeat: {', '.join(sorted(names))}")
        object.__setattr__(self, "constraints", tuple(self.constraints))
        self._check_rules()
        self.refuse_broken(self.default)

    @property
    def has_rules(self) -> bool:
        """Whether there are constraints, or params that exist with some choices only."""
        return bool(self.constraints) or any(param.when for param in self.params)

    @property
    def orders(self) -> list[Order]:
        """The constraints, read."""
        return [parse_order(text) for text in self.constraints]

    def refuse_broken(self, candidate: Mapping[str, Value]) -> None:
        """Raise SpaceError for values that break a constraint; those not given are at their defaults or fixed."""
        values = {**(self.fixed or {}), **self.default, **candidate}
        for order in self.orders:
            if not order.kept(_numbers(values, order)):
                raise SpaceError(f"{order} is broken: {values[order.low]:g} and {values[order.high]:g}")

    def kept(self, candidate: Mapping[str, Value]) -> Candidate:
        """The candidate moved to where the constraints are kept; params that do not exist there are at their defaults.

        Where it cannot be moved, all params in constraints are at their defaults, which keep them.
        """
        existing = self.existing({**(self.fixed or {}), **candidate})
        found = {p.name: candidate[p.name] if p.name in existing else p.default for p in self.params}
        orders = self.orders
        if not orders:
            return found
        names = {name for order in orders for name in (order.low, order.high)}
        values = {**(self.fixed or {}), **found}
        reaches = {
            p.name: Reach(p.low, p.high, isinstance(p, Integer)) for p in self.numeric if p.name in existing
        }
        free = {name: float(values[name]) for name in names}
        shifted = moved(free, orders, reaches)
        for param in self.numeric:
            if param.name in names:
                value = param.default if shifted is None else shifted[param.name]
                found[param.name] = round(value) if isinstance(param, Integer) else float(value)
        return found

    def existing(self, candidate: Mapping[str, Value]) -> Candidate:
        """Those values whose params exist with the choices among them."""
        names = existing_names(self.params, {**(self.fixed or {}), **candidate})
        return {name: value for name, value in candidate.items() if name in names}

    def _check_rules(self) -> None:
        known = {**dict.fromkeys(self.fixed or {}), **{param.name: param for param in self.params}}
        for order in self.orders:
            for name in (order.low, order.high):
                if name not in known or isinstance(known[name], Choice):
                    raise SpaceError(f"constraint {order}: there is no number called {name!r}")
        for param in self.params:
            seen = [param.name]
            for choice, given in param.when.items():
                if choice not in known or isinstance(known[choice], Real | Integer) or choice in seen:
                    raise SpaceError(f"{param.name}: when names {choice!r}, which is no other choice")
                wrong = [one for one in _options(given) if isinstance(known[choice], Choice)
                         and one not in known[choice].options]  # fmt: skip
                if wrong:
                    raise SpaceError(f"{param.name}: when {choice} = {wrong[0]!r} is none of its options")
        _refuse_circles(self.params)

    def __iter__(self) -> Iterator[Param]:
        return iter(self.params)

    def __len__(self) -> int:
        return len(self.params)

    @property
    def names(self) -> list[str]:
        return [param.name for param in self.params]

    @property
    def numeric(self) -> tuple[Numeric, ...]:
        """The reals and integers, in order."""
        return tuple(param for param in self.params if not isinstance(param, Choice))

    @property
    def choices(self) -> tuple[Choice, ...]:
        return tuple(param for param in self.params if isinstance(param, Choice))

    @property
    def default(self) -> Candidate:
        """The default of every tuned parameter."""
        return {param.name: param.default for param in self.params}

    def select(self, patterns: Iterable[str], marks: Mapping[str, str] | None = None) -> "Space":
        """Tune only the parameters that match a shell-style pattern; fix the others at their defaults.

        Args:
            patterns: of names.
            marks: what to say of some parameters where they are listed, by name.

        Raises:
            SpaceError: a pattern matches nothing; the message lists the parameters with their marks.
        """
        patterns = list(patterns)
        for pattern in patterns:
            if not fnmatch.filter(self.names, pattern):
                listed = [f"{n} ({marks[n]})" if marks and n in marks else n for n in self.names]
                raise SpaceError(
                    f"{pattern!r} matches no parameter; {_near(pattern, self.names)}there are: {', '.join(listed)}"
                )
        tuned = [p for p in self.params if any(fnmatch.fnmatchcase(p.name, pattern) for pattern in patterns)]
        chosen = {param.name for param in tuned}
        rest = {param.name: param.default for param in self.params if param.name not in chosen}
        return Space(tuple(tuned), {**(self.fixed or {}), **rest}, self.constraints)

    def starting_at(self, values: Mapping[str, object]) -> "Space":
        """The same space with other defaults. Raises SpaceError for unknown names or values out of range."""
        checked = self.check(values, partial=True)
        params = tuple(_with_default(p, checked[p.name]) if p.name in checked else p for p in self.params)
        return Space(params, self.fixed, self.constraints)

    def complete(self, candidate: Mapping[str, object]) -> Candidate:
        """Fill in the fixed values and the defaults: every parameter of the pipeline, checked."""
        return {**(self.fixed or {}), **self.default, **self.check(candidate, partial=True)}

    def check(self, candidate: Mapping[str, object], partial: bool = False) -> Candidate:
        """Return a clean copy in the space's order. Raises SpaceError that names what is wrong."""
        unknown = sorted(set(candidate) - set(self.names))
        if unknown:
            raise SpaceError(
                f"no parameter is called {unknown[0]!r}; {_near(unknown[0], self.names)}there are: "
                f"{', '.join(self.names)}"
            )
        missing = [name for name in self.names if name not in candidate]
        if missing and not partial:
            raise SpaceError(f"no value for {', '.join(missing)}")
        return {p.name: p.check(candidate[p.name]) for p in self.params if p.name in candidate}

    def to_unit(self, candidate: Mapping[str, Value]) -> np.ndarray:
        """The numeric parameters on [0, 1] (logarithmic ones by their logarithm), in order."""
        return np.array([unit_of(p, float(candidate[p.name])) for p in self.numeric], dtype=np.float64)

    def distance(self, first: Mapping[str, Value], second: Mapping[str, Value]) -> float:
        """How far two candidates are apart: the mean change over the parameters, as a share of each range.

        Of logarithmic parameters by their logarithm; a choice counts 1 where it differs. In [0, 1].
        """
        if not self.params:
            return 0.0
        numbers = float(np.abs(self.to_unit(first) - self.to_unit(second)).sum())
        return (numbers + sum(first[c.name] != second[c.name] for c in self.choices)) / len(self.params)

    def from_unit(self, point: Sequence[float] | np.ndarray) -> Candidate:
        """The inverse of `to_unit` for the numeric parameters; clips to [0, 1] and rounds integers."""
        return {p.name: at_unit(p, float(u)) for p, u in zip(self.numeric, point, strict=True)}


def existing_names(params: Iterable[Param], values: Mapping[str, Value]) -> set[str]:
    """The names of those values whose params exist with the choices among them; of unknown ones all."""
    conditions = {param.name: param.when for param in params}
    names, before = set(values), -1
    while len(names) != before:
        before = len(names)
        for name in values:  # as a rule what others depend on comes first
            given = conditions.get(name, {})
            if not all(one in names and values[one] in _options(allowed) for one, allowed in given.items()):
                names.discard(name)  # and takes along what exists with it
    return names


def _refuse_circles(params: Sequence[Param]) -> None:
    """Raises SpaceError where choices exist with each other only: which was to be first?"""
    left = {param.name: param.when for param in params}
    while free := [name for name, when in left.items() if not left.keys() & when.keys()]:
        for name in free:
            del left[name]
    if left:
        shown = ", ".join(list(left)[:5])
        raise SpaceError(
            f"when: {shown} depend on each other in a circle; one of them must exist without the others"
        )


def in_words(when: When) -> str:
    """With which choices a param exists: `method = nlm or bm3d`."""
    return " and ".join(f"{choice} = {' or '.join(_options(given))}" for choice, given in when.items())


def reaching(param: Param, value: Value) -> Param:
    """A parameter that starts at a value, and whose range or options reach to it.

    Raises:
        SpaceError: the value can be none of its kind.
    """
    if isinstance(param, Choice):
        options = param.options if value in param.options else (*param.options, str(value))
        return replace(param, options=options, default=str(value))
    assert not isinstance(value, str), value
    if isinstance(param, Integer):
        number = round(value)
        return replace(param, low=min(param.low, number), high=max(param.high, number), default=number)
    return replace(param, low=min(param.low, value), high=max(param.high, value), default=float(value))


def _near(name: str, names: Sequence[str]) -> str:
    """A question for the name that is nearest to one that is none; of patterns, for the stage."""
    stages = [f"{one.partition('.')[0]}.*" for one in names if "." in one]
    near = difflib.get_close_matches(name, [*names, *stages], 1, 0.7)
    return f"did you mean {near[0]!r}? " if near else ""


def _check_numeric(param: Numeric) -> None:
    if not all(math.isfinite(x) for x in (param.low, param.high, param.default)):
        raise SpaceError(f"{param.name}: low, high and default must be finite")
    if not param.low < param.high:
        raise SpaceError(f"{param.name}: low = {param.low} is not below high = {param.high}")
    if param.log and param.low <= 0:
        raise SpaceError(f"{param.name}: a logarithmic scale needs low > 0, not {param.low}")
    _check_number(param, param.default)


def _check_number(param: Numeric, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise SpaceError(f"{param.name} = {value!r} is not a number")
    if not param.low <= value <= param.high:
        raise SpaceError(f"{param.name} = {value:g} is outside [{param.low:g}, {param.high:g}]")
    return float(value)


def _with_default(param: Param, default: Value) -> Param:
    fields = {name: getattr(param, name) for name in param.__dataclass_fields__}
    return type(param)(**{**fields, "default": default})


def unit_of(param: Numeric, value: float) -> float:
    """Where a value lies in its param's range, from 0 to 1; by its logarithm where that is searched."""
    if param.log:
        return math.log(value / param.low) / math.log(param.high / param.low)
    return (value - param.low) / (param.high - param.low)


def at_unit(param: Numeric, unit: float) -> float | int:
    """The inverse; clips to [0, 1] and rounds integers."""
    unit = min(max(unit, 0.0), 1.0)
    if param.log:
        value = param.low * (param.high / param.low) ** unit
    else:
        value = param.low + unit * (param.high - param.low)
    value = min(max(value, param.low), param.high)
    return round(value) if isinstance(param, Integer) else value


def _options(given: str | Sequence[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else given


def _numbers(values: Mapping[str, Value], order: Order) -> dict[str, float]:
    return {name: float(values[name]) for name in (order.low, order.high)}
