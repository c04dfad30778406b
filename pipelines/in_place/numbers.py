"""Numbers as text: read as C, JSON, YAML and XML files have them, and written in the style of what they replace."""

import math
import re

from isptune.system.records import LARGEST_INTEGER

_DECIMAL = re.compile(
    r"(?P<sign>[-+]?)(?P<whole>\d*)(?:(?P<point>\.)(?P<decimals>\d*))?(?:[eE][-+]?\d+)?(?P<suffix>[fFlLuU]{0,3})"
)
_HEX = re.compile(r"(?P<sign>[-+]?)0(?P<x>[xX])(?P<digits>[0-9a-fA-F]+)(?P<suffix>[uUlL]{0,3})")
NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:0[xX][0-9a-fA-F]+[uUlL]{0,3}|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[fFlLuU]{0,3})(?![\w.])"
)
"""A number in a text, that is no part of a word."""

LONGEST = 400
"""Characters of a number: the largest that a computer holds has 309 digits."""

DIGITS = 7
"""How many digits of a number that is no whole one are written: a batch holds its values as 32-bit numbers."""


def number_of(token: str) -> float | int | None:
    """The number that a token says, or None if it says none, or one beyond all that can be worked with."""
    token = token.strip()
    if len(token) > LONGEST:
        return None
    found = _HEX.fullmatch(token)
    if found:
        return _bounded(int(found["sign"] + found["digits"], 16))
    found = _DECIMAL.fullmatch(token)
    if not found or not (found["whole"] or found["decimals"]):
        return None
    plain = token[: len(token) - len(found["suffix"])]
    return _bounded(int(plain) if re.fullmatch(r"[-+]?\d+", plain) else float(plain))


def _bounded(number: float | int) -> float | int | None:
    inside = abs(number) <= LARGEST_INTEGER if isinstance(number, int) else math.isfinite(number)
    return number if inside else None


def in_style_of(token: str, number: float | int) -> str:
    """A number as the file has the one that it replaces: hexadecimal, with as many decimals at least, with its suffix.

    A number that is equal to the token's, up to the digits that are written, is the token itself.
    """
    old = number_of(token)
    if (old is not None and f"{old:.{DIGITS}g}" == f"{number:.{DIGITS}g}") or old == number:
        return token
    found = _HEX.fullmatch(token)
    if found and number == round(number):
        digits = f"{abs(round(number)):0{len(found['digits'])}x}"
        digits = digits.upper() if found["digits"] != found["digits"].lower() else digits
        return f"{'-' if number < 0 else ''}0{found['x']}{digits}{found['suffix']}"
    style = _DECIMAL.fullmatch(token)
    suffix = style["suffix"] if style else ""
    if isinstance(number, int):
        whole = f"{number}.{'0' * len(style['decimals'] or '')}" if style and style["point"] else str(number)
        return whole + suffix
    return _decimal(number, style) + suffix


def _decimal(number: float, style: "re.Match[str] | None") -> str:
    text = f"{number:.{DIGITS}g}"
    if "e" in text and not 1e-4 <= abs(number) < 1e15:
        return text
    text = f"{number:.0f}" if "e" in text else text
    decimals = len(style["decimals"] or "") if style and style["point"] else 0
    if "." not in text and (decimals or (style and style["point"])):
        text += "."
    missing = decimals - len(text.partition(".")[2])
    return text + "0" * max(missing, 0)


def same_number(first: float | int, second: float | int) -> bool:
    """Whether two numbers are equal, up to the digits that are written of one that is no whole number."""
    if isinstance(first, int) and isinstance(second, int):
        return first == second
    return f"{first:.{DIGITS}g}" == f"{second:.{DIGITS}g}"


def same_value(token: str, wanted: str) -> bool:
    """Whether two tokens say the same number, or are the same text."""
    first, second = number_of(token), number_of(wanted)
    return token == wanted if first is None or second is None else first == second
