"""How a plug-in is named, with what it is given: `NAME:ARGUMENT?KEY=VALUE&KEY=VALUE`, one grammar for all kinds.

* NAME ends at the first colon or question mark. `:ARGUMENT` and `?OPTIONS` may be left out.
* ARGUMENT is for the plug-in to read: a file, a URL, or a spec again (`unprocessed:chart:?iso=200`).
* The options begin at the last question mark that a key and `=` follow; any other is part of ARGUMENT.
* In ARGUMENT and VALUE a percent sign and two hexadecimal digits are a byte, as in a URL: `%3F` is `?`, `%26` is `&`,
  `%25` is `%`. Any other percent sign, and `+`, are themselves. So every file name can be said.

Where the plug-in reads its options itself, as objectives and scenes do, what stands behind NAME reaches it as one text,
which `split_options` parts; pipelines get theirs as keywords.
"""

import difflib
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from isptune.errors import ConfigError
from isptune.system.records import toml_value

_NAME = re.compile(r"[^:?]*")
_OPTIONS = re.compile(r"\?(?=[A-Za-z_][A-Za-z0-9_]*=)")


@dataclass(frozen=True)
class Spec:
    """A spec in its parts, decoded; `str()` writes it such that it is read as the same again.

    Attributes:
        name: of the plug-in.
        argument: None where there is none; never empty.
        options: by key, as text.
    """

    name: str
    argument: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        argument = "" if self.argument is None else f":{escaped(self.argument)}"
        options = "&".join(f"{key}={escaped(value)}" for key, value in self.options.items())
        return f"{self.name}{argument}{'?' if options else ''}{options}"


def parse(text: str) -> Spec:
    """A whole spec. Raises ConfigError for options that are no KEY=VALUE, or a key that is given twice."""
    name, rest = split_name(text)
    return Spec(name, *split_options(rest))


def split_name(text: str) -> tuple[str, str | None]:
    """NAME, and what stands behind it as it was written: behind its colon, or from its question mark on; or None."""
    name = _NAME.match(text)
    assert name is not None, text  # it may be empty
    rest = text[name.end() :]
    return name[0].strip(), rest.removeprefix(":") if rest else None


def split_options(rest: str | None) -> tuple[str | None, dict[str, str]]:
    """Part `ARGUMENT?KEY=VALUE&KEY=VALUE` and decode it; an argument that is empty or not there is None.

    Raises:
        ConfigError: a part of the options is no KEY=VALUE, or a key is given twice.
    """
    if rest is None:
        return None, {}
    marks = list(_OPTIONS.finditer(rest))
    if not marks:
        return _decoded(rest) or None, {}
    options: dict[str, str] = {}
    for part in rest[marks[-1].end() :].split("&"):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"the option {part!r} is no KEY=VALUE; & and ? in a value are written %26 and %3F"
            )
        if key in options:
            raise ConfigError(f"the option {key} is given twice")
        options[key] = _decoded(value)
    return _decoded(rest[: marks[-1].start()]) or None, options


def without_options(text: str, keys: Container[str]) -> tuple[str, list[tuple[str, str]]]:
    """A spec as it is written, less some of its options; and these, decoded, in order.

    For what is said of a spec of any kind, whoever reads the rest of it.
    """
    marks = list(_OPTIONS.finditer(text))
    if not marks:
        return text, []
    parts = [part.partition("=") for part in text[marks[-1].end() :].split("&")]
    kept = "&".join("".join(part) for part in parts if part[0] not in keys)
    taken = [(key, _decoded(value)) for key, _, value in parts if key in keys]
    return text[: marks[-1].start()] + (f"?{kept}" if kept else ""), taken


def has_options(rest: str | None) -> bool:
    """Whether what stands behind a name has options in this grammar's spelling."""
    return rest is not None and _OPTIONS.search(rest) is not None


def refuse_unknown(whose: str, given: Iterable[str], known: Mapping[str, str]) -> None:
    """Raise ConfigError for a key that is not known; the known ones are listed with what they take."""
    for key in given:
        if key not in known:
            listed = ", ".join(f"{name} ({what})" if what else name for name, what in known.items())
            near = difflib.get_close_matches(key, list(known), 1, 0.7)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ConfigError(f"{whose} has no option {key!r}; {hint}there are: {listed}")


def typed(text: str) -> Any:
    """A value as TOML has it (number, true, list, ...), or the text itself. Raises ConfigError for NaN or infinity."""
    return toml_value(text, "an option")


def escaped(text: str) -> str:
    """A text as an argument or a value in which nothing is taken for a part of the grammar."""
    return re.sub(r"[%?&]", lambda sign: quote(sign[0]), text)


def _decoded(text: str) -> str:
    # What is no UTF-8 becomes what Python makes of such bytes in a file's name.
    return unquote(text, errors="surrogateescape")
