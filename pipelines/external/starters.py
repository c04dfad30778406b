"""What `isptune init command` and `isptune init remote` write: descriptions that work as they are."""

from pathlib import Path
from typing import Any

from isptune.starters import Starter
from isptune.system.schema import schema_of
from pipelines.external.description import PARAM_KINDS
from pipelines.external.settings import CommandSettings, RemoteSettings

FOLDER = Path(__file__).with_name("to_start_from")

_TRY = (
    "isptune list {kind}:{{file}}",
    "isptune run --pipeline {kind}:{{file}} --scene cat --resize 256 --population 10 --generations 10",
)


def command() -> Starter:
    """A program."""
    steps = tuple(step.format(kind="command") for step in _TRY)
    schema = _schema(CommandSettings, "a program as an ISP: isptune run --pipeline command:FILE")
    beside = {"isp.py": _text("isp.py")}
    return Starter("any program as an ISP", "isp.toml", _text("isp.toml"), schema, beside, steps)


def remote() -> Starter:
    """A board."""
    steps = ("python board.py &", *(step.format(kind="remote") for step in _TRY))
    schema = _schema(RemoteSettings, "an ISP behind HTTP: isptune run --pipeline remote:FILE")
    beside = {"board.py": _text("board.py")}
    return Starter("an ISP behind HTTP", "board.toml", _text("board.toml"), schema, beside, steps)


def _text(name: str) -> str:
    return (FOLDER / name).read_text()


def _schema(settings: type, title: str) -> dict[str, Any]:
    """That of the settings, with the tables of the knobs."""
    kinds = {name: schema_of(kind, f"a knob, {name}") for name, kind in PARAM_KINDS.items()}
    shared: dict[str, Any] = {}
    for made in kinds.values():
        shared |= made.pop("$defs")
        made.pop("$schema")
        made["properties"]["write"] = {"anyOf": [made["properties"]["write"], {"$ref": "#/$defs/Write"}]}
    knobs = {"type": "array", "minItems": 1, "items": {"anyOf": list(kinds.values())}}
    orders = {"type": "array", "items": {"type": "string"}}
    made = schema_of(settings, title, param=knobs, constraints=orders)
    made["required"] = [*made["required"], "param"]
    return {**made, "$defs": {**made["$defs"], **shared}}
