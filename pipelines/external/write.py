"""Where a knob of somebody else's ISP is written to: the keys of `write` in a description.

::

    [[param]]
    name = "sharpen.low_light"
    range = [0.0, 4.0]
    write = {file = "iq.json", at = "sharpen.strength", nodes = "sharpen.iso", node = 6400}

==============  ======================================================================================================
file            path of the file, from the folder of the description
at              the place in it, by its format (`pipelines.in_place.places`): a JSON path or pointer, keys of YAML, an
                XPath, `section.key`, or a regular expression with one group
format          json, yaml, xml, ini or regex; by default by the file's ending
index           at `at` there are several values: a list, numbers in a text, or what several places hold. This one is
                meant, counted from 0; below 0 from the end
nodes, node     the same, by what it stands for: ISO, colour temperature, gain. `nodes` is the place of the list of
                these in the same file, or the list itself, `[100, 800, 6400]`; `node` is the one that is meant
interpolate     "linear", "log" (for ISO) or "mired" (for colour temperature): several knobs that are written to one
                list stand at their nodes, and what lies between changes with them; beyond the last, as much as it
nodes alone     of a factor or an offset, the knob stands for the whole list; where a series (`isptune tune-series`) is
                exported, each value of the list changes as its table says at that node
how             "value": what stands there is the knob (its default is taken from the file, and not from `default`).
                "factor" and "offset": the knob multiplies what stands there, or is added to it, in the whole list where
                neither index nor node is given; its default is then 1 or 0
==============  ======================================================================================================

`write` may be a list of such tables: the knob is written at each of the places, and its default is read from the first.
"""

from dataclasses import dataclass
from typing import Literal

from isptune.errors import ConfigError
from pipelines.in_place.places import Format, format_of

Number = int | float


@dataclass(frozen=True)
class Write:
    """Where a knob goes; see above."""

    file: str
    at: str
    format: Format | None = None
    index: int | None = None
    node: Number | None = None
    nodes: str | tuple[Number, ...] | None = None
    interpolate: Literal["linear", "log", "mired"] | None = None
    how: Literal["value", "factor", "offset"] = "value"

    def __post_init__(self):
        if self.node is not None and self.nodes is None:
            raise ConfigError("write: node and nodes belong together: which one, and of which list")
        if self.nodes is not None and self.node is None and (self.how == "value" or self.index is not None):
            raise ConfigError(
                'write: nodes without a node is the whole list, which a knob can only change: how = "factor" or '
                '"offset", without index; or say which node'
            )
        if self.index is not None and self.node is not None:
            raise ConfigError("write: index and node both say which one; give one of them")
        if self.interpolate and self.node is None:
            raise ConfigError("write: interpolate needs nodes and node")
        if not self.file or any(sign in self.file for sign in "{}[]:!\0"):
            raise ConfigError(
                f"write: file = {self.file!r} is no name of a file that a command can be told by"
            )

    @property
    def by_node(self) -> bool:
        """Whether it is a whole list, whose nodes are known."""
        return self.nodes is not None and self.node is None

    @property
    def form(self) -> Format:
        return self.format or format_of(self.file)
