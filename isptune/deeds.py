"""What a plug-in would do beside computing: start a program, ask a server, send a key.

A spec may come from somebody else, in a set, a run's folder or a study. So a plug-in that acts says what it would do
before it is built: under `isptune.deeds`, as `KIND.NAME` (`pipeline.command`), stands a function

    deeds(argument: str | None, options: Mapping[str, Any]) -> Sequence[Deed | Named]

which starts nothing and raises nothing; a `Named` is a plug-in that this one is made of. A plug-in that is not there is
taken to compute only (of ours a test looks at what they import). `isptune.trust` asks the user.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isptune.errors import ConfigError, one_line
from isptune.registry import installed, own_file, with_options
from isptune.spec import split_name


@dataclass(frozen=True)
class Deed:
    """Something that is done to the world.

    Attributes:
        what: in words: `start /home/me/isp.sh {scene} {out} in /home/me`.
        key: of a key that goes along to a server that it is not known to belong to: which, and where to; else empty.
    """

    what: str
    key: str = ""


@dataclass(frozen=True)
class Named:
    """A plug-in by its kind and spec, and the options that are given apart from it."""

    kind: str
    spec: str
    options: Mapping[str, Any] = field(default_factory=dict)


def deeds_of(plug_ins: Iterable[Named]) -> list[Deed]:
    """What these plug-ins would do, and those that they are made of; each once."""
    found: dict[Deed, None] = {}
    waiting, seen = list(plug_ins), set[tuple[str, str, str]]()
    while waiting:
        named = waiting.pop(0)
        key = (named.kind, named.spec, repr(sorted(named.options.items())))
        if key in seen:
            continue
        seen.add(key)
        for one in _of(named):
            if isinstance(one, Named):
                waiting.append(one)
            else:
                found[one] = None
    return list(found)


def _of(named: Named) -> Sequence[Deed | Named]:
    if own_file(named.spec):
        return [Deed(f"run {one_line(named.spec)}")]
    name, argument = split_name(named.spec)
    tells = installed("deed").get(f"{named.kind}.{name}")
    if tells is None:
        return []
    try:
        argument, options = with_options(named.kind, name, argument, dict(named.options))
    except ConfigError:  # it will not be built
        return []
    return tells.load()(argument, options)
