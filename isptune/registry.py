"""Finds plug-ins by their entry points and builds them.

A plug-in's entry point names a factory:

* `isptune.pipelines`   `build(argument: str | None, **options) -> Pipeline`
* `isptune.objectives`  `build(argument: str | None) -> Objective`
* `isptune.judges`      `build(argument: str | None, *, reference: bool) -> Judge` (`reference`: it sees the scene's
  reference too, and raises a ScoreError where there is none; a ConfigError from a judge that cannot use one)
* `isptune.optimizers`  `build(argument: str | None, space, *, population, seed, budget, objectives) -> Optimizer`
  (`budget` in evaluations, `objectives` their number; a ConfigError where it cannot do what is asked)
* `isptune.scenes`      `build(argument: str | None) -> list[Scene]`
* `isptune.writers`     `build(argument: str | None) -> RunWriter`
* `isptune.set_readers` `read(data: bytes, path: Path, template: bytes | None) -> ParameterSet | None` (None for what is
  no file of this kind; a ConfigError for one that is damaged)

What names a plug-in is a spec, `NAME:ARGUMENT?KEY=VALUE&...` (`isptune.spec`): `ssim`, `nevergrad:NGOpt`,
`raw:shot.dng?crop=full`. A pipeline's options reach its factory as keywords, with values as TOML reads them; other
factories get what stands behind the name as it was written.
"""

import inspect
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from isptune.errors import ConfigError, UnknownName
from isptune.spec import split_name, split_options, typed

KINDS = ("pipeline", "objective", "judge", "optimizer", "scene")

FUNCTION = "python"
"""`python:NAME` stands in a run's settings for a function that was given in Python."""


@runtime_checkable
class PlugIn(Protocol):
    """An entry point, of Python's own kind or of that of importlib_metadata.

    This backport finds all packages in Python's stead once another package imports it, as mlflow does.
    """

    dist: ClassVar[Any]

    @property
    def name(self) -> str: ...

    @property
    def value(self) -> str: ...

    @property
    def module(self) -> str: ...

    def load(self) -> Any: ...


def installed(kind: str) -> dict[str, PlugIn]:
    """The entry points of one kind by name, sorted: `pipeline`, `objective`, `judge`, `optimizer`, `scene`, ..."""
    found = _entry_points(f"isptune.{kind}s", tuple((place, _changed_ns(place)) for place in sys.path))
    return {point.name: point for point in sorted(found, key=lambda point: point.name)}


@lru_cache(maxsize=32)
def _entry_points(group: str, places: tuple[tuple[str, int], ...]) -> tuple[PlugIn, ...]:
    """Those of all packages, looked for once: it takes 10 to 40 ms, and a file that is read asks several times.

    Args:
        group: of the entry points.
        places: where packages are found, and when each was changed: one that is installed meanwhile is found.
    """
    return tuple(entry_points(group=group))


def _changed_ns(place: str) -> int:
    try:
        return os.stat(place or ".").st_mtime_ns
    except OSError:  # a zip file that is gone, say: nothing is found there
        return 0


def factory(kind: str, name: str) -> Callable[..., Any]:
    """Load what an entry point names. Raises UnknownName, or ConfigError if its module does not import."""
    known = installed(kind)
    if name not in known:
        raise UnknownName(kind, name, list(known))
    try:
        return known[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(_explain(kind, known[name], error)) from error


def build(kind: str, spec: str, *positional: Any, **options: Any) -> Any:
    """Build the plug-in that a spec names.

    Raises:
        UnknownName: nothing of that name is installed.
        ConfigError: it does not import, or refuses its argument or options; or one is given twice, differently.
        MissingExtra: it needs a package or weights that are not there.
    """
    if own_file(spec):
        raise ConfigError(
            f"{spec}: a file of one's own is run only where it is named on the command line or in Python itself, "
            "not where a folder, a set or another spec names it"
        )
    name, argument = split_name(spec)
    if name == FUNCTION:
        raise ConfigError(
            f"{spec}: was a function in somebody's Python, which no folder brings along; give it again in Python"
        )
    argument, options = with_options(kind, name, argument, options)
    make = factory(kind, name)
    try:
        inspect.signature(make).bind(argument, *positional, **options)
    except TypeError as error:
        raise ConfigError(f"the {kind} {name!r} cannot take what it was given: {error}") from error
    return make(argument, *positional, **options)


def own_file(spec: str) -> tuple[Path, str] | None:
    """The file and the name in it where a spec is of the form `FILE.py:NAME`; see `isptune.functions.own_files`."""
    file, argument = split_name(spec)
    return (Path(file), argument) if file.endswith(".py") and argument else None


def with_options(
    kind: str, name: str, rest: str | None, options: dict[str, Any]
) -> tuple[str | None, dict[str, Any]]:
    """A plug-in's argument and options: of a pipeline those of its spec beside those that are given apart from it.

    Other kinds read the options of their spec themselves. Raises ConfigError for one that is given twice, differently.
    """
    if kind != "pipeline":
        return rest, options
    argument, written = split_options(rest)
    merged = {key: typed(value) for key, value in written.items()}
    for key, value in options.items():
        if merged.setdefault(key, value) != value:
            raise ConfigError(f"{name}: the option {key} is given twice: {merged[key]!r} and {value!r}")
    return argument, merged


def _explain(kind: str, point: PlugIn, error: Exception) -> str:
    import importlib.util

    package = point.module.partition(".")[0]
    spec = importlib.util.find_spec(package)
    found = f"; {package!r} was found at {spec.origin}" if spec and spec.origin else ""
    return f"the {kind} {point.name!r} ({point.value}) cannot be imported: {error}{found}"
