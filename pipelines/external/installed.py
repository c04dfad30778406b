"""Programs of the system's packages: where they are, which version, and what to do without them."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from isptune.errors import ConfigError, MissingExtra, one_line


def find_program(program: str, package: str) -> str:
    """The path of a program. Raises MissingExtra with the Debian package that has it."""
    found = shutil.which(program)
    if found is None:
        raise MissingExtra(f"{program} is not installed; on Debian and Ubuntu: apt-get install {package}")
    return found


def version_of(argv: Sequence[str]) -> str:
    """The first line that a program says when it is asked for its version, or `unknown`."""
    try:
        asked = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    lines = asked.stdout.decode(errors="replace").strip().splitlines()
    return one_line(lines[0])[:100] if lines else "unknown"


def timeout_option(pipeline: str, options: Mapping[str, Any]) -> float:
    """The only option of a pipeline, `timeout_s`. Raises ConfigError for any other, and for what is no time."""
    unknown = sorted(set(options) - {"timeout_s"})
    if unknown:
        raise ConfigError(f"{pipeline} has no option {unknown[0]!r}; there is: timeout_s")
    timeout_s = options.get("timeout_s", 120.0)
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not timeout_s > 0:
        raise ConfigError(f"timeout_s = {timeout_s!r} must be a number above 0")
    return float(timeout_s)
