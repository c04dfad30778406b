"""Orders that parameters keep, `tone.low < tone.high`, and how values that break them are moved.

They are moved as little as puts them in order: to each other's middle, in the scale in which they are given. So an
optimizer that asks for what breaks an order gets the scores of the nearest candidate that keeps it, in place of a
failure that says nothing of the way back.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isptune.errors import SpaceError

_ORDER = re.compile(r"\s*([\w.+-]+)\s*(<=|>=|<|>)\s*([\w.+-]+)\s*")

GAP = 1e-4
"""How far numbers are kept apart that must not be equal, as a share of the smaller range; of whole numbers it is 1."""

_PASSES = 50


@dataclass(frozen=True)
class Order:
    """One parameter is below another; `strict` where they may not be equal."""

    low: str
    high: str
    strict: bool

    def kept(self, values: Mapping[str, float]) -> bool:
        """Whether values are in this order."""
        low, high = values[self.low], values[self.high]
        return low < high if self.strict else low <= high

    def __str__(self) -> str:
        return f"{self.low} {'<' if self.strict else '<='} {self.high}"


@dataclass(frozen=True)
class Reach:
    """Where a parameter may be moved, and whether to whole numbers only."""

    low: float
    high: float
    whole: bool

    def nearest(self, value: float, up: bool) -> float:
        """The value inside; a whole one at or above it, or at or below it."""
        rounded = (math.ceil(value) if up else math.floor(value)) if self.whole else value
        return min(max(rounded, self.low), self.high)


def parse_order(text: str) -> Order:
    """`A < B`, or with <=, >, >=. Raises SpaceError."""
    found = _ORDER.fullmatch(text)
    if found is None or found[1] == found[3]:
        raise SpaceError(f"constraint {text!r} is not NAME < NAME (or <=, >, >=) of two parameters")
    first, sign, second = found.groups()
    low, high = (first, second) if sign[0] == "<" else (second, first)
    return Order(low, high, strict=len(sign) == 1)


def moved(
    values: Mapping[str, float], orders: Sequence[Order], reaches: Mapping[str, Reach]
) -> dict[str, float] | None:
    """The values in all orders; None where that was not found.

    Args:
        values: by name, of all parameters in the orders.
        orders: to keep.
        reaches: of those that may be moved; the others stay.
    """
    found = dict(values)
    for _ in range(_PASSES):
        broken = [order for order in orders if not order.kept(found)]
        if not broken:
            return found
        for order in broken:
            if not order.kept(found):
                _put_in_order(found, order, reaches)
    return None


def _put_in_order(values: dict[str, float], order: Order, reaches: Mapping[str, Reach]) -> None:
    low, high = reaches.get(order.low), reaches.get(order.high)
    gap = _gap(order, low, high)
    if low is None and high is None:
        return
    middle = (values[order.low] + values[order.high]) / 2
    if low is None:
        middle = values[order.low] + gap / 2
    elif high is None:
        middle = values[order.high] - gap / 2
    if high is not None:
        values[order.high] = high.nearest(middle + gap / 2, up=True)
    if low is not None:
        values[order.low] = low.nearest(min(middle - gap / 2, values[order.high] - gap), up=False)
    if high is not None and not order.kept(values):  # the lower one is at its end
        values[order.high] = high.nearest(values[order.low] + gap, up=True)


def _gap(order: Order, low: Reach | None, high: Reach | None) -> float:
    if not order.strict:
        return 0.0
    known = [reach for reach in (low, high) if reach is not None]
    if all(reach.whole for reach in known):
        return 1.0
    return GAP * min((reach.high - reach.low for reach in known), default=1.0)
