"""A tuning file of libcamera: which of its numbers a set of the raw ISP may change, and where they stand.

======================  ===============================  ==================================================
algorithm               keys                             the raw ISP's
======================  ===============================  ==================================================
rpi.black_level         black_level..., 16 bits          black.offset, added
rpi.denoise             sdn: deviation...                raw_denoise.luma, as a factor
(or rpi.sdn)            cdn: deviation, strength         raw_denoise.chroma, denoise.chroma, as factors
rpi.contrast            gamma_curve: its values          all of tone.*, as a change of the curve
rpi.ccm                 every matrix                     matrix.strength and colour.saturation
rpi.sharpen             strength, threshold, limit       sharpen.amount, .threshold, .halo, as factors
BlackLevelCorrection    R, Gr, Gb, B, 16 bits (rkisp1),  black.offset, added
                        12 where they are below 1024;
                        offset00..., 20 bits (mali-c55)
BlackLevel              blackLevel, 16 bits (simple)     black.offset, added
GammaOutCorrection      gamma (rkisp1)                   tone.gamma, as a factor; no other of tone.*
ToneMapping, Adjust     gamma (ipu3, simple)             the same
Ccm                     ccms: every matrix               matrix.strength and colour.saturation
Adjust                  saturation (simple)              colour.saturation, as a factor
======================  ===============================  ==================================================

The first part is the Raspberry Pi's: JSON of version 2.0 (a list of algorithms) and 1.0 (an object of them). The second
is of other platforms: YAML, a list of algorithms. rkisp1's Filter takes sharpness and denoising from an application,
never from its file; of its Dpf and of ipu3's black level the unit is not documented: no knob is given a place there.

Where one of these keys holds a list in place of a number, and a list of as many numbers lies beside it under `iso` or
`isos`, or `gain`, `gains` or `analogue_gain` (1 is ISO 100), it is a knob's values by ISO.

Source: Raspberry Pi camera algorithm and tuning guide; the tuning files, algorithms and the YAML parser of libcamera
(BSD-2-Clause, LGPL-2.1-or-later).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

from isptune.errors import ConfigError
from pipelines.in_place.nodes import Node, parse_nodes
from pipelines.in_place.numbers import number_of
from pipelines.in_place.text import SourceText, source_text

FULL = 65535
"""White of libcamera's 16-bit scale."""

WANTED = {
    "rpi.black_level": ("black.offset",),
    "rpi.denoise": ("raw_denoise.luma", "raw_denoise.chroma", "denoise.chroma"),
    "rpi.contrast": ("tone.*",),
    "rpi.ccm": ("matrix.strength", "colour.saturation"),
    "rpi.sharpen": ("sharpen.amount", "sharpen.threshold", "sharpen.halo"),
}
"""What the Raspberry Pi's algorithms take of a set."""

NODES = {"iso": 1.0, "isos": 1.0, "gain": 100.0, "gains": 100.0, "analogue_gain": 100.0}
"""Keys of lists that say for which ISO the values beside them stand, and what ISO 1 of theirs is."""

_SMALLEST_OF_16_BITS = 1024
"""Black levels below this are of 12 bits, as files were written before libcamera counted in 16."""

_BLACKS = (
    ("BlackLevelCorrection", ("R", "Gr", "Gb", "B"), FULL),
    ("BlackLevelCorrection", ("offset00", "offset01", "offset10", "offset11"), 2**20 - 1),
    ("BlackLevel", ("blackLevel",), FULL),
)
"""Where the YAML files have black levels: algorithm, keys, white."""

_MARKS = re.compile(rb'(?<![\w.-])"?algorithms"?\s*:|"rpi\.[a-z_]+"\s*:')


@dataclass(frozen=True)
class Slot:
    """A number of the file that one knob changes.

    Attributes:
        knob: its name.
        what: algorithm and key, for messages.
        table: what holds the number.
        key: of the number in it.
        node: the number; None where the file leaves it to libcamera.
        missing: what libcamera takes then.
        full: of a knob that is added: what its share 1 is in the unit of the number; None for a factor.
        most: no larger number may stand there.
        iso: for which ISO it stands, in a list by ISO.
    """

    knob: str
    what: str
    table: Node
    key: str
    node: Node | None
    missing: float | None = None
    full: int | None = None
    most: float | None = None
    iso: float | None = None


@final
class TuningFile:
    """A tuning file of any platform.

    Args:
        data: the file.
        name: what it is called, for messages.

    Raises:
        ConfigError: it is no tuning file.
    """

    def __init__(self, data: bytes, name: str):
        self.name = name
        self.source: SourceText = source_text(data)
        try:
            top = parse_nodes(self.source.text)
        except ConfigError as error:
            raise ConfigError(f"{name} is no tuning file that can be read: {error}") from error
        self.algorithms: Mapping[str, Node] = _algorithms(top)
        if not self.algorithms:
            held = ", ".join(key for key, _ in top.members) or "none"
            raise ConfigError(
                f"{name} is no tuning file of libcamera: it has neither a list of 'algorithms' nor members rpi.NAME; "
                f"its keys: {held}"
            )

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def is_raspberry_pi(self) -> bool:
        return any(name.startswith("rpi.") for name in self.algorithms)

    def number(self, node: Node, what: str) -> float:
        """The number that stands there. Raises ConfigError if it is none."""
        token = self.text[node.span.start : node.span.end]
        value = number_of(token)
        if value is None:
            raise ConfigError(f"{self.name}: {what} is {token!r}, not a number")
        return float(value)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """All numbers that a single knob changes."""
        found = self._raspberry_pi() if self.is_raspberry_pi else self._others()
        return tuple(one for slot in found for one in self._by_iso(slot))

    def _by_iso(self, slot: Slot) -> list[Slot]:
        """A slot for each number of a list by ISO; of a single number the slot itself."""
        if slot.node is None or slot.node.kind != "list":
            return [slot]
        known = [(key, node) for key in NODES if (node := slot.table.member(key)) is not None]
        for key, nodes in known:
            if len(nodes.items) == len(slot.node.items):
                isos = [self.number(node, f"{slot.what} {key}") * NODES[key] for node in nodes.items]
                return [
                    replace(slot, node=node, iso=iso, what=f"{slot.what} at ISO {iso:g}")
                    for node, iso in zip(slot.node.items, isos, strict=True)
                ]
        raise ConfigError(
            f"{self.name}: {slot.what} is a list of {len(slot.node.items)}, and no list of as many beside it says for "
            f"which ISO: {', '.join(NODES)}"
        )

    @cached_property
    def curve(self) -> tuple[tuple[Node, Node], ...]:
        """The points of the gamma curve: light and value; empty where there is none."""
        contrast = self.algorithms.get("rpi.contrast")
        drawn = contrast and contrast.member("gamma_curve")
        if not drawn:
            return ()
        if len(drawn.items) < 4 or len(drawn.items) % 2:
            raise ConfigError(f"{self.name}: the gamma_curve of rpi.contrast is no list of pairs of numbers")
        return tuple(zip(drawn.items[::2], drawn.items[1::2], strict=True))

    @cached_property
    def matrices(self) -> tuple[tuple[Node, ...], ...]:
        """The colour matrices, nine numbers each; empty where there are none."""
        name = "rpi.ccm" if self.is_raspberry_pi else "Ccm"
        table = self.algorithms.get(name)
        entries = table and table.member("ccms")
        found = [one.member("ccm") for one in (entries.items if entries else ())]
        if any(one is None or len(one.items) != 9 for one in found):
            raise ConfigError(f"{self.name}: the ccms of {name} are not nine numbers each")
        return tuple(one.items for one in found if one is not None)

    def knobs(self, names: list[str]) -> list[str]:
        """Those of some knobs that have a place in this file."""
        own = {slot.knob for slot in self.slots}
        if self.matrices:
            own |= {"matrix.strength", "colour.saturation"}
        return [name for name in names if name in own or (self.curve and name.startswith("tone."))]

    def _raspberry_pi(self) -> Iterator[Slot]:
        black = self.algorithms.get("rpi.black_level")
        if black is not None:
            keys = [key for key, _ in black.members if re.fullmatch(r"black_level(_[rgb])?", key)]
            for key in keys or ["black_level"]:
                yield _slot(black, "rpi.black_level", key, "black.offset", 4096.0, full=FULL)
        denoise = self.algorithms.get("rpi.denoise") or self.algorithms.get("rpi.sdn")
        if denoise is not None:
            yield from _denoising(denoise)
        sharpen = self.algorithms.get("rpi.sharpen")
        if sharpen is not None:
            for key, name in (("strength", "amount"), ("threshold", "threshold"), ("limit", "halo")):
                yield _slot(sharpen, "rpi.sharpen", key, f"sharpen.{name}", 1.0)

    def _others(self) -> Iterator[Slot]:
        for name, keys, full in _BLACKS:
            table = self.algorithms.get(name)
            held = [key for key in keys if table is not None and table.member(key) is not None]
            for key in held:  # one that is not there libcamera takes of the sensor
                assert table is not None
                slot = _slot(table, name, key, "black.offset", None, full=full)
                small = (
                    full == FULL
                    and slot.node is not None
                    and slot.node.kind == "scalar"
                    and self.number(slot.node, slot.what) < _SMALLEST_OF_16_BITS
                )
                yield replace(slot, full=2**12 - 1) if small else slot
        for name in ("GammaOutCorrection", "ToneMapping", "Adjust"):
            table = self.algorithms.get(name)
            if table is not None and (name == "GammaOutCorrection" or table.member("gamma") is not None):
                yield _slot(table, name, "gamma", "tone.gamma", 2.2)
                break
        adjust = self.algorithms.get("Adjust")
        if adjust is not None and adjust.member("saturation") is not None and not self.matrices:
            yield _slot(adjust, "Adjust", "saturation", "colour.saturation", None)


def may_be_tuning_file(data: bytes) -> bool:
    """Whether a file has what a tuning file is known by."""
    return _MARKS.search(data) is not None


def _algorithms(top: Node) -> dict[str, Node]:
    """The algorithms by name, of a list of tables with one member each, or of version 1.0."""
    listed = top.member("algorithms")
    if listed is not None:
        return {name: node for item in listed.items for name, node in item.members}
    return {name: node for name, node in top.members if name.startswith("rpi.")}


def _denoising(table: Node) -> Iterator[Slot]:
    """Of the mode `normal`, where there are modes; temporal denoising is left alone."""
    mode = table.member("normal") or table
    spatial, colour = mode.member("sdn"), mode.member("cdn")
    if spatial is not None:
        for key in ("deviation", "deviation2", "deviation_no_tdn"):
            if spatial.member(key) is not None:
                yield _slot(spatial, "rpi.denoise sdn", key, "raw_denoise.luma", None)
    elif mode is table:  # the older algorithm holds its two numbers itself; 3.2 is what it takes without one
        yield _slot(table, "rpi.sdn", "deviation", "raw_denoise.luma", 3.2)
    if colour is not None:
        for key, knob, most in (
            ("deviation", "raw_denoise.chroma", None),
            ("strength", "denoise.chroma", 1.0),
        ):
            if colour.member(key) is not None:
                yield _slot(colour, "rpi.denoise cdn", key, knob, None, most=most)


def _slot(
    table: Node,
    algorithm: str,
    key: str,
    knob: str,
    missing: float | None,
    full: int | None = None,
    most: float | None = None,
) -> Slot:
    return Slot(knob, f"{algorithm} {key}", table, key, table.member(key), missing, full, most)
