"""Programs of the system's packages: where they are, which version, and what to do without them."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isptune.deeds import Deed
from isptune.errors import ConfigError, MissingExtra, one_line

LONGEST_S = 366 * 86400
"""That a program may be waited for."""


def find_program(program: str, package: str) -> str:
    """The path of a program. Raises MissingExtra with the Debian package that has it."""
    found = shutil.which(program)
    if found is None:
        raise MissingExtra(f"{program} is not installed; on Debian and Ubuntu: apt-get install {package}")
    return found


def started(program: str, file: Any) -> Deed:
    """That a program of the system is started, with a file that says what it is to do."""
    return Deed(f"start {program}" + (f" with {one_line(str(file))}" if file else ""))


def version_of(argv: Sequence[str]) -> str:
    """The first line that a program says when it is asked for its version, or `unknown`."""
    try:
        asked = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    lines = asked.stdout.decode(errors="replace").strip().splitlines()
    return one_line(lines[0])[:100] if lines else "unknown"


def timeout_option(pipeline: str, options: Mapping[str, Any], *others: str) -> float:
    """The option `timeout_s` of a pipeline. Raises ConfigError for what is no time, and for other options."""
    known = (*others, "timeout_s")
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(f"{pipeline} has no option {unknown[0]!r}; there are: {', '.join(known)}")
    timeout_s = options.get("timeout_s", 120.0)
    if (
        isinstance(timeout_s, bool)
        or not isinstance(timeout_s, int | float)
        or not 0 < timeout_s <= LONGEST_S
    ):
        raise ConfigError(
            f"timeout_s = {timeout_s!r} must be a number above 0, and at most {LONGEST_S} (a year)"
        )
    return float(timeout_s)


def copy_option(options: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """The option `copy`, false where it is not given, and the others. Raises ConfigError for what is no truth value."""
    rest = {name: value for name, value in options.items() if name != "copy"}
    given = options.get("copy", False)
    if not isinstance(given, bool):
        raise ConfigError(f"copy = {given!r} must be true or false")
    return given, rest


def file_option(key: str, options: Mapping[str, Any]) -> tuple[Path | None, dict[str, Any]]:
    """The file that an option names, None where it is not given, and the other options. Raises ConfigError."""
    rest = {name: value for name, value in options.items() if name != key}
    given = options.get(key)
    if given is None:
        return None, rest
    if not isinstance(given, str) or not Path(given).is_file():
        raise ConfigError(f"{key} = {given!r}: no such file")
    return Path(given), rest
