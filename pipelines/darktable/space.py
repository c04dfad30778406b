"""What the pipeline `darktable` can tune, without starting the program or loading torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError
from isptune.space import Space
from isptune.system.records import read_bytes
from pipelines.darktable.reading import NEUTRAL_SIDECAR, sidecar_of
from pipelines.external.installed import copy_option, file_option, timeout_option


def space(argument: str | None, **options: Any) -> Space:
    """The knobs that can be set, at what the sidecar says of them. Raises ConfigError as `options_of`."""
    sidecar = options_of(argument, options)[1]
    return NEUTRAL_SIDECAR.space if sidecar is None else sidecar_of(read_bytes(sidecar), str(sidecar)).space


def options_of(argument: str | None, options: Mapping[str, Any]) -> tuple[float, Path | None, bool]:
    """`timeout_s`, `sidecar` and `copy`. Raises ConfigError for an argument or an option that is not allowed."""
    if argument:
        raise ConfigError(
            f"darktable takes no argument, not {argument!r}; its options are sidecar, copy and timeout_s"
        )
    sidecar, rest = file_option("sidecar", options)
    copy, rest = copy_option(rest)
    return timeout_option("darktable", rest, "sidecar", "copy"), sidecar, copy
