"""JSON schemas of records, by which editors complete and check TOML files (Taplo, Even Better TOML)."""

import inspect
import json
import math
import re
from typing import Any

import msgspec

DRAFT = "http://json-schema.org/draft-07/schema#"
"""What editors of TOML understand."""


def schema_of(kind: type, title: str, **further: Any) -> dict[str, Any]:
    """The schema of a file that holds a record; unknown keys are marked.

    Args:
        kind: a dataclass whose docstring says under `Attributes:` what each key is.
        title: of the file.
        further: schemas of keys that the record has not; or others in the place of the record's own.
    """
    made = msgspec.json.schema(kind)
    parts = made["$defs"]
    own = parts.pop(kind.__name__)
    for part in parts.values():
        _close(part)
    described = _described(kind)
    keys = {key: {**value, **_text(described.get(key, ""))} for key, value in own["properties"].items()}
    keys |= {key: {**_text(described.get(key, "")), **value} for key, value in further.items()}
    schema = {"$schema": DRAFT, "title": title, "type": "object", "properties": keys}
    schema |= {"required": own["required"], "additionalProperties": False}
    return _plain({**schema, "$defs": parts})


def to_text(schema: dict[str, Any]) -> str:
    """A schema as a file."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _close(part: dict[str, Any]) -> None:
    if part.get("type") == "object" and "properties" in part:
        part["additionalProperties"] = False


def _text(description: str) -> dict[str, str]:
    return {"description": description} if description else {}


def _described(kind: type) -> dict[str, str]:
    """What a docstring says of each attribute; `crop, resize: ...` is of both."""
    text = inspect.getdoc(kind) or ""
    found: dict[str, str] = {}
    for names, said in re.findall(
        r"^    (\w+(?:, \w+)*): (.*(?:\n {8,}.*)*)", text.partition("Attributes:")[2], re.M
    ):
        found |= dict.fromkeys(names.split(", "), " ".join(said.split()))
    return found


def _in_toml(default: Any) -> bool:
    """Whether a default can be written, and says something."""
    numbers = default if isinstance(default, list) else [default]
    return default not in (None, [], {}) and all(
        not isinstance(n, float) or math.isfinite(n) for n in numbers
    )


def _plain(value: Any) -> Any:
    """Without null, which TOML has not, and with tuples as draft 7 writes them."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _plain(item) for key, item in value.items() if not (key == "default" and not _in_toml(item))}
    if "prefixItems" in kept:
        kept |= {"items": kept.pop("prefixItems"), "additionalItems": False}
    if "anyOf" in kept:
        kept["anyOf"] = [item for item in kept["anyOf"] if item != {"type": "null"}]
    return kept
