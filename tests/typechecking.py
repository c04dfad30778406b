"""The run-time type checker that tests install over all modules of the project that pass arrays around."""

import re
from pathlib import Path

from beartype import BeartypeConf, beartype

ROOT = Path(__file__).parents[1]
PACKAGES = ("isptune", "objectives", "pipelines")

# A float parameter may be given an int, as type checkers allow it.
typechecked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def modules_with_arrays() -> list[str]:
    """Modules that import types of arrays.

    Only a call can tell whether a shape is right; all other types are pyright's. To check these at run time, too, took
    two fifths of the tests' time.
    """
    naming = re.compile(r"^\s*from (?:jaxtyping|isptune\.arrays) import", re.MULTILINE)
    files = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in files
        if path.name != "__init__.py" and naming.search(path.read_text(encoding="utf-8"))
    ]
