"""From a TOML file and command-line options to checked settings, and to the folder of a run."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError
from isptune.runs.settings import RunSettings, from_mapping
from isptune.runs.settings_schema import in_our_words
from isptune.spec import parse, typed
from isptune.system.disk import slug
from isptune.system.records import parse_toml, read_bytes

_DEVELOPERS = frozenset({"raw", "libraw", "rawtherapee", "darktable"})
"""Pipelines that develop raw files and know at which values they leave noise and detail as they are."""

_WITH_TRUTH = frozenset({"pair", "twin", "unprocessed", "file", "chart"})
"""Sources of scenes that bring a reference along."""


def load_settings(
    file: str | Path | None, options: Mapping[str, Any], scenes: Sequence[str] = ()
) -> RunSettings:
    """Lay options over a TOML file over the defaults.

    Args:
        file: TOML with the keys of `RunSettings`, or None.
        options: by key; None and empty values are taken as not given. Tables are merged key by key.
        scenes: those that are tuned on, where these are not the settings' own, as in a series; for what leads where
            nobody says.

    Raises:
        ConfigError: the file is missing or no TOML, a key is unknown, or a value has the wrong type.
    """
    values = {} if file is None else in_our_words(parse_toml(read_bytes(Path(file)), str(file)), str(file))
    from_mapping(values, str(file))  # so that a message about the file names the file
    given = {key: value for key, value in options.items() if value is not None and value not in ((), {}, [])}
    for key, value in given.items():
        values[key] = {**values.get(key, {}), **value} if isinstance(value, Mapping) else value
    settings = from_mapping(values, "command line")
    if "objectives" in values:
        return settings
    return replace(settings, objectives=(default_objective(settings.pipeline, scenes or settings.scenes),))


def default_objective(pipeline: str, scenes: Sequence[str]) -> str:
    """What leads where nobody says: `ssim` where the truth is known, `camera` where a raw file stands alone."""
    developer = parse(pipeline).name in _DEVELOPERS
    known = any(parse(spec).name in _WITH_TRUTH or "reference=" in spec for spec in scenes)
    return "camera" if developer and not known else "ssim"


def parse_assignments(pairs: Sequence[str], option: str) -> dict[str, Any]:
    """`KEY=VALUE` pairs; a value is read as TOML (number, true, list, ...), else taken as text.

    Raises:
        ConfigError: a pair without `=`.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"{option} {pair!r} is not KEY=VALUE")
        values[key.strip()] = typed(text)
    return values


def default_folder(settings: RunSettings, root: str | Path = "runs") -> Path:
    """`runs/PIPELINE-OBJECTIVES-HASH`: the same settings lead to the same folder, others to another.

    So a command that was interrupted goes on where it stopped when it is given again.
    """
    text = json.dumps(settings.as_dict(), sort_keys=True)
    name = "-".join([settings.pipeline, *settings.objectives])
    return Path(root) / f"{slug(name)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
