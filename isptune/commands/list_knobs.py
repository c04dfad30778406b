"""The knobs of a pipeline: what each is, its range, unit and default; and the set that they stand at."""

from collections.abc import Mapping, Sequence
from typing import Any

from isptune.commands.list_cards import Found
from isptune.registry import build, own_file
from isptune.report.digits import number
from isptune.space import Choice, Integer, Param, Space
from isptune.spaces import space_of

_MAY_LACK = ("log", "unit", "help", "when")
"""Of a param what is not told where there is nothing to tell."""

WIDEST = 28
"""Characters of a column of choices; more of them stand in the line of help."""


ROOMY = 120
"""Columns of a terminal from which units have a column of their own; else they stand behind the help."""


def knobs(spec: str, options: Mapping[str, Any]) -> Found:
    """What can be tuned. Raises ConfigError, SpaceError, MissingExtra as the pipeline does."""
    space = _space(spec, options)
    data = {
        "pipeline": spec,
        "pipeline_options": dict(options),
        "params": [_as_data(param) for param in space],
        "constraints": list(space.constraints),
    }
    return Found(data, lambda width: _lines(spec, space, width))


def factory_set(spec: str, options: Mapping[str, Any]) -> str:
    """All knobs at their defaults, as a set in TOML that `diff` and `import` take."""
    from isptune.parameter_set import ParameterSet, to_toml

    space = _space(spec, options)
    return to_toml(ParameterSet("factory", space.default, spec, dict(options)), space.params)


def _space(spec: str, options: Mapping[str, Any]) -> Space:
    """What the pipeline says without being built, or else what it has once it is."""
    told = space_of(spec, options)
    if told is not None:
        return told
    if own_file(spec):
        from isptune.functions.own_files import pipeline_of

        return pipeline_of(spec, **options).space
    return build("pipeline", spec, **options).space


def _as_data(param: Param) -> dict[str, Any]:
    kind = {Choice: "choice", Integer: "integer"}.get(type(param), "real")
    kept = {key: value for key, value in vars(param).items() if value or key not in _MAY_LACK}
    return {"name": param.name, "type": kind, **kept}


def _lines(spec: str, space: Space, width: int | None) -> list[str]:
    rows = [["knob", "default", "range", "unit", ""], *([_row(param) for param in space])]
    if width is not None and width < ROOMY:
        rows = [
            [*row[:3], "", f"{row[4]} [{row[3]}]" if row[3] and row[4] else row[4] or row[3]] for row in rows
        ]
    sizes = [max(len(row[i]) for row in rows) for i in range(4)]
    told = [f"{spec}: {len(space)} knobs; `--tune 'PATTERN,...'` tunes some, --toml writes them as a set"]
    for row in rows:
        cells = (cell.ljust(size) for cell, size in zip(row[:4], sizes, strict=True) if size)
        told += _folded(f"  {'  '.join(cells)}  ", row[4], width)
    return [*told, *(f"  always {order}" for order in space.constraints)]


def _folded(start: str, text: str, width: int | None) -> list[str]:
    """A row whose last column goes on below itself where the terminal ends."""
    import textwrap

    if width is None or len(start) + len(text) <= width:
        return [f"{start}{text}".rstrip()]
    inset = " " * len(start) if width - len(start) >= 20 else " " * 6
    pieces = textwrap.wrap(text, max(20, width - len(inset)))
    first = [start.rstrip()] if len(inset) == 6 else [f"{start}{pieces.pop(0)}"]
    return [*first, *(f"{inset}{piece}" for piece in pieces)]


def _row(param: Param) -> list[str]:
    exists = "".join(f"; only with {name} = {_one_of(given)}" for name, given in param.when.items())
    if isinstance(param, Choice):
        options, text = " | ".join(param.options), f"{param.help}{exists}"
        if len(options) > WIDEST:
            options, text = f"one of {len(param.options)}", f"{', '.join(param.options)}; {text}"
        return [param.name, param.default, options, param.unit, text.strip("; ")]
    whole = ", whole" if isinstance(param, Integer) else ""
    log = ", log" if param.log else ""
    reach = f"{number(param.low)} to {number(param.high)}{whole}{log}"
    return [param.name, number(param.default), reach, param.unit, f"{param.help}{exists}".lstrip("; ")]


def _one_of(given: str | Sequence[str]) -> str:
    return given if isinstance(given, str) else " or ".join(given)
