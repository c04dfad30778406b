"""Pages of the documentation as what can be executed: their fenced blocks, in order, and what is said of each.

| block | what is done |
|---|---|
| ```` ```python title="my_isp.py" ````, any language with a title | written as this file |
| ```` ```sh ```` | each command is run; those of isptune in this process, which saves time |
| ```` ```python ```` | run |
| ```` ```text ```` | its lines stand, but for numbers, in what the block before printed; `...` is anything |

A comment on the line above says more: `<!-- not run: REASON -->`, or `<!-- quick: OPTIONS -->`, which are added to
each search in the block, where the page's own budget would take too long.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^(?: *<!-- (?P<said>[^\n]*?) -->\n\n?)?(?P<in> *)```(?P<head>[^\n]*)\n(?P<body>.*?)^(?P=in)```$",
    re.M | re.S,
)
_TITLE = re.compile(r'title="([^"]+)"')
_NUMBER = re.compile(r"(?<![A-Za-z_])[-+]?\d[\d.,]*(?:e[-+]?\d+)?")
_SHELL = re.compile(r"[|<>&;$`*?(){}\[\]~]")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: sh, python, toml, text, ...
        title: the file that it is, or empty.
        not_run: why it cannot be run here, or empty.
        quick: options that make its commands quick.
        line: where it stands in the page.
    """

    language: str
    body: str
    title: str
    not_run: str
    quick: str
    line: int


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, also those that are indented in a list."""
    return [_block(found, text) for found in _BLOCK.finditer(text)]


def _block(found: "re.Match[str]", text: str) -> Block:
    said, head = found["said"] or "", found["head"]
    title = _TITLE.search(head)
    indent = len(found["in"])
    return Block(
        language=head.split(" ")[0],
        body="".join(
            line[indent:] if line.strip() else line for line in found["body"].splitlines(keepends=True)
        ),
        title=title[1] if title else "",
        not_run=said.removeprefix("not run: ") if said.startswith("not run: ") else "",
        quick=said.removeprefix("quick: ") if said.startswith("quick: ") else "",
        line=text[: found.start("head")].count("\n") + 1,
    )


def commands(body: str) -> list[str]:
    """The commands of a block of shell, a line each: continued lines joined, comments left out."""
    lines = [re.sub(r"(^|\s)#.*$", "", line).strip() for line in body.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line]


def isptune_words(command: str) -> list[str] | None:
    """The arguments of a command of isptune that needs no shell; None of any other."""
    words = shlex.split(command)
    outside = re.sub(r"'[^']*'", "", command)
    return words[1:] if words[0] == "isptune" and not _SHELL.search(outside) else None


def without_numbers(text: str) -> str:
    """Text whose numbers are one sign, and its spaces one space."""
    return re.sub(r"\s+", " ", _NUMBER.sub("0", text)).strip()


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
