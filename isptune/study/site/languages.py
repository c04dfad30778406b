"""The languages of the pages: a file of words each, of which the browser's wishes choose one.

Beside a page stands a folder words/ with en.json, de.json, ...: the words by their key, a text each, or texts by the
plural category of a number (CLDR: one, few, many, other). A further language is a further file. In the page `{{key}}`
stands for a text, `{{language}}` for the file's name, and `{{words}}` for all of them, which the page's script reads.
"""

import html
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from isptune.system.records import parse_json

ENGLISH = "en"

_WORD = re.compile(r"\{\{(\w+)\}\}")


def translated(package: str, name: str, accepted: str) -> str:
    """A page of the folder page/ of a package, in the language that the header Accept-Language asks for."""
    folder = files(package).joinpath("page")
    return _filled(package, name, chosen(accepted, _known(folder)))


def chosen(accepted: str, known: Sequence[str]) -> str:
    """The first of a browser's languages that there is a file for, by its wishes; English where there is none.

    Of a language with a region, as de-AT, the file of the region goes before that of the language (RFC 4647, lookup).
    """
    wishes: list[tuple[float, str]] = []
    for part in accepted[:1000].split(","):
        language, _, weight = part.strip().lower().partition(";")
        quality = 1.0
        with suppress(ValueError):
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        if 0 < quality <= 1:
            wishes.append((-quality, language.strip()))
    files_by_name = {name.lower(): name for name in known}
    for _, language in sorted(wishes, key=lambda wish: wish[0]):
        while language:
            if language in files_by_name:
                return files_by_name[language]
            language = language.rpartition("-")[0]
    return ENGLISH


def _known(folder: Traversable) -> list[str]:
    names = sorted(path.name for path in folder.joinpath("words").iterdir())
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


@cache
def _filled(package: str, name: str, language: str) -> str:
    folder = files(package).joinpath("page")
    place = folder.joinpath("words", f"{language}.json")
    words = parse_json(place.read_bytes(), str(place))
    # In a script element nothing but "<" could end it, or begin a comment.
    data = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")

    def word(match: re.Match[str]) -> str:
        key = match[1]
        return data if key == "words" else language if key == "language" else html.escape(words[key])

    return _WORD.sub(word, folder.joinpath(name).read_text(encoding="utf-8"))
