"""What the pipeline `rawtherapee` can tune, without starting the program or loading torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError
from isptune.space import Space
from isptune.system.records import read_bytes
from pipelines.external.installed import copy_option, file_option, timeout_option
from pipelines.rawtherapee.pp3 import NEUTRAL_PROFILE, profile_of


def space(argument: str | None, **options: Any) -> Space:
    """The knobs that can be set, at what the profile says of them. Raises ConfigError as `options_of`."""
    profile = options_of(argument, options)[1]
    return NEUTRAL_PROFILE.space if profile is None else profile_of(read_bytes(profile), str(profile)).space


def options_of(argument: str | None, options: Mapping[str, Any]) -> tuple[float, Path | None, bool]:
    """`timeout_s`, `profile` and `copy`. Raises ConfigError for an argument or an option that is not allowed."""
    if argument:
        raise ConfigError(
            f"rawtherapee takes no argument, not {argument!r}; its options are profile, copy and timeout_s"
        )
    profile, rest = file_option("profile", options)
    copy, rest = copy_option(rest)
    return timeout_option("rawtherapee", rest, "profile", "copy"), profile, copy
