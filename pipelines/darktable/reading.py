"""Sidecars of darktable (.xmp) as what a search starts from: the user's own sidecar is the base.

Of its modules the knobs are read of those whose version is understood. All others stay in the history as they are, and
active: their order, their instances and masks too. A candidate is the sidecar with the parameters of those modules
changed whose knobs differ from it; a module that is not there yet is added at the end of the history.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.space import Candidate, Space, Value, reaching
from pipelines.darktable import fields
from pipelines.darktable.modules import SPACE, Module, modules_of, to_xmp
from pipelines.darktable.sidecar import Entry, SidecarText, unpacked
from pipelines.external.templates import by_reason

_ALWAYS_ON: Candidate = {"highlights.mode": "opposed"}
"""What darktable 4.2 takes for the modules that are on in any case, where that is no default of ours."""

_UNSAID = frozenset({"sigmoid"})
"""Modules that cannot be added, since others do what they do: another tone curve would come on top."""

OPERATIONS = tuple(fields.SIZES)


@final
@dataclass(frozen=True)
class Sidecar:
    """A sidecar and what its knobs stand at."""

    text: SidecarText

    @cached_property
    def values(self) -> Candidate:
        """What the knobs that have an effect stand at."""
        found: Candidate = {}
        for operation in OPERATIONS:
            found |= self._values(operation)
        return {name: value for name, value in found.items() if name not in self.locked}

    @cached_property
    def locked(self) -> dict[str, str]:
        """The knobs that cannot be set in this sidecar, each with the reason."""
        found: dict[str, str] = {}
        for operation in OPERATIONS:
            found |= self._locked(operation)
        return found

    @cached_property
    def space(self) -> Space:
        """The knobs that can be set, starting at the sidecar's values; ranges and words reach to these."""
        start = {**SPACE.default, **_ALWAYS_ON, **self.values}
        return Space(tuple(reaching(p, start[p.name]) for p in SPACE if p.name not in self.locked))

    @cached_property
    def passed_through(self) -> list[str]:
        """Modules that are on and have no knob, or instances of those that have."""
        return sorted(
            entry.operation if entry.priority == "0" else f"{entry.operation} (instance {entry.priority})"
            for entry in self.text.effective.values()
            if entry.enabled and (entry.operation not in OPERATIONS or entry.priority != "0")
        )

    def with_values(self, candidate: Mapping[str, Value]) -> "Sidecar":
        """The sidecar with those knobs of a candidate set that differ from it; knobs that are locked stay."""
        start = self.space.default
        changed = {name: value for name, value in candidate.items() if name in start and value != start[name]}
        values: Candidate = {**SPACE.default, **start, **changed}
        fresh = {module.operation: module for module in modules_of(values)}
        edits: list[tuple[Entry, bytes]] = []
        added: list[Module] = []
        for operation in OPERATIONS:
            knobs = fields.knobs_of(operation)
            mine = {name: changed[name] for name in knobs if name in changed}
            entry = self._entry(operation)
            if not mine or (self._is_off(operation) and self._stays_off(operation, values)):
                continue
            if entry is None or not self._understood(entry):
                added.append(fresh[operation])
            else:
                new = mine if entry.enabled else {name: values[name] for name in knobs}
                edits.append((entry, fields.write(operation, self._params(entry), new)))
        return Sidecar(self.text.edited(edits, added))

    def _entry(self, operation: str) -> Entry | None:
        return self.text.effective.get((operation, "0"))

    def _is_off(self, operation: str) -> bool:
        entry = self._entry(operation)
        return entry is None or not entry.enabled

    @staticmethod
    def _stays_off(operation: str, values: Candidate) -> bool:
        off = fields.OFF.get(operation, {})
        return bool(off) and all(values[name] == value for name, value in off.items())

    def _params(self, entry: Entry) -> bytes:
        return unpacked(entry.params, f"{self.text.name}: the parameters of {entry.operation}")

    def _understood(self, entry: Entry) -> bool:
        try:
            return fields.understood(entry.operation, entry.version, len(self._params(entry)))
        except ConfigError:
            return False

    def _values(self, operation: str) -> Candidate:
        entry = self._entry(operation)
        if entry is None or not entry.enabled:
            return dict(fields.OFF.get(operation, {}))
        return fields.read(operation, self._params(entry)) if self._understood(entry) else {}

    def _locked(self, operation: str) -> dict[str, str]:
        knobs, entry = fields.knobs_of(operation), self._entry(operation)
        if entry is None or not (entry.enabled or self._understood(entry)):
            where = None if operation not in _UNSAID else f"{operation} is not in the sidecar"
            where = where or self.text.closed
            return dict.fromkeys(knobs, where) if where else {}
        if not entry.enabled:
            return dict.fromkeys(knobs, f"{operation} is off") if operation in _UNSAID else {}
        if not self._understood(entry):
            return dict.fromkeys(
                knobs, f"{operation} of version {entry.version} is not one that can be edited"
            )
        params = self._params(entry)
        read = fields.read(operation, params)
        logarithmic = {param.name for param in SPACE.numeric if param.log}
        usable = [name for name, value in read.items() if name not in logarithmic or float(value) > 0]
        unread = {
            name: f"{operation} holds no number for it that can be used"
            for name in knobs
            if name not in usable
        }
        return {**unread, **fields.overruled(operation, params)}


NEUTRAL_SIDECAR = Sidecar(SidecarText(to_xmp(modules_of(SPACE.default)).encode(), "neutral"))
"""The sidecar of those who give none."""

_MARKS = (b"adobe:ns:meta/", b"http://darktable.sf.net/")


def sidecar_of(data: bytes, name: str) -> Sidecar:
    """The sidecar that a file holds. Raises ConfigError for what is none, or a damaged one."""
    if not all(mark in data for mark in _MARKS):
        raise ConfigError(f"{name} is no sidecar of darktable: it has no history of darktable's")
    found = Sidecar(SidecarText(data, name))
    found.values  # noqa: B018  read here, so that a damaged one is refused where it is named
    return found


def read_set(data: bytes, path: Path, template: bytes | None = None) -> ParameterSet | None:
    """What a sidecar says of the knobs; None for what is none. The sidecar itself becomes the pipeline's base.

    Numbers come back as the floats of 32 bits that stand there. Of a module that is off, only the knobs come back
    that turn it off.

    Raises:
        ConfigError: damaged XML, a document type, or a style of darktable.
    """
    if b"<darktable_style" in data[:400]:
        raise ConfigError(
            f"{path}: is a style of darktable, which darktable-cli takes from its own library only; apply it to a "
            "picture in darktable and give that picture's sidecar (.xmp)"
        )
    if not all(mark in data for mark in _MARKS):
        if (
            data.lstrip(b"\xef\xbb\xbf \r\n").startswith((b"<?xpacket", b"<?xml", b"<x:xmpmeta"))
            and _MARKS[0] in data
        ):
            raise ConfigError(
                f"{path}: is a sidecar of another program than darktable: it has no history of modules"
            )
        return None
    found = sidecar_of(data, str(path))
    options = {"sidecar": str(path.resolve())}
    return ParameterSet(path.stem, found.values, "darktable", options, note=note_on(found))


def note_on(sidecar: Sidecar) -> str:
    """What a user should know of a sidecar that a search starts from: what stays as it is, what cannot be tuned."""
    notes = []
    if sidecar.passed_through:
        notes.append(f"left in the history as they are: {', '.join(sidecar.passed_through)}")
    notes += [f"cannot be tuned, since {why}: {names}" for why, names in by_reason(sidecar.locked).items()]
    return "; ".join(notes)
