"""Processing profiles of RawTherapee (.pp3) as what a search starts from: the user's own profile is the base.

Of a profile the knobs are read that RawTherapee would look at; every other key, whatever a newer version calls it,
stays where it is and as it is, and goes to the program with the rest. A candidate is the profile with the lines of
those knobs changed that differ from it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.space import Candidate, Choice, Integer, Space, Value, reaching
from pipelines.external.templates import by_reason
from pipelines.rawtherapee.for_the_program import films_folder, missing_film
from pipelines.rawtherapee.keyfile import KeyFile, Place
from pipelines.rawtherapee.knobs import (
    FORMERLY,
    KNOBS,
    MIXER,
    NEUTRAL,
    OVERRULED,
    RELIED_ON,
    SPACE,
    TOOLS,
    UNSAID,
    Knob,
    switch,
)
from pipelines.rawtherapee.sections import SECTIONS

_TRUE = ("true", "1")
_THOUSANDTHS_SINCE = 338
"""Before this version of the format a channel mixer's rows were whole hundredths, and it was on where it was said."""


@final
@dataclass(frozen=True)
class Profile:
    """A profile and what its knobs stand at."""

    file: KeyFile

    @cached_property
    def values(self) -> Candidate:
        """What the profile's picture is made with, of the knobs that have a say."""
        return {name: value for name, value in self._read.items() if not isinstance(value, _Locked)}

    @cached_property
    def locked(self) -> dict[str, str]:
        """The knobs that cannot be set in this profile, each with the reason."""
        return {name: value.reason for name, value in self._read.items() if isinstance(value, _Locked)}

    @cached_property
    def space(self) -> Space:
        """The knobs that can be set, starting at the profile's values; ranges and words reach to these."""
        params = (param for param in SPACE if param.name in self.values)
        return Space(tuple(reaching(param, self.values[param.name]) for param in params))

    @cached_property
    def passed_through(self) -> list[str]:
        """Sections without a knob that say something: the tools of theirs that are on stay on."""
        own = {knob.section for knob in KNOBS} | {"Version", "General"}
        keys = self.file.keys
        return [
            name
            for name in self.file.sections
            if name not in own and keys.get((name, "Enabled"), "true") in _TRUE
        ]

    def on(self, section: str) -> bool:
        """Whether a section's tool works."""
        told = self.file.keys.get((section, "Enabled"))
        if section == MIXER and self._percent:
            return section in self.file.sections
        return told in _TRUE

    def with_values(self, candidate: Mapping[str, Value]) -> "Profile":
        """The profile with those knobs of a candidate set that differ from it; knobs that are locked stay."""
        changed = {
            knob.param.name: candidate[knob.param.name]
            for knob in KNOBS
            if knob.param.name in candidate
            and candidate[knob.param.name] != self.values.get(knob.param.name, candidate[knob.param.name])
        }
        keys: dict[Place, str] = {}
        for section in dict.fromkeys(knob.section for knob in KNOBS):
            knobs = [knob for knob in KNOBS if knob.section == section]
            if any(knob.param.name in changed for knob in knobs):
                keys |= self._section(section, knobs, {**self.values, **changed}, changed)
        there = self.file.keys
        return Profile(
            self.file.with_keys({p: text for p, text in keys.items() if not _same(there.get(p), text)})
        )

    def _section(
        self, section: str, knobs: list[Knob], values: Candidate, changed: Mapping[str, Value]
    ) -> dict[Place, str]:
        """The keys of a section that change; a tool that was off gets all that it relies on."""
        enabling = [knob for knob in knobs if knob.enables and knob.param.name in values]
        used = any(values[knob.param.name] != knob.param.default for knob in enabling)
        written = [knob for knob in knobs if knob.param.name in changed]
        keys: dict[Place, str] = {}
        if section in TOOLS and used and not self.on(section):
            keys = {(section, "Enabled"): "true"}
            keys |= {place: text for place, text in RELIED_ON.items() if place[0] == section}
            written += [knob for knob in enabling if knob not in written]
        for knob in written:
            keys |= self._key(knob, values[knob.param.name], fresh=bool(keys.get((section, "Enabled"))))
        return keys

    def _place(self, knob: Knob) -> Place:
        """Where the profile has a knob, or would have it."""
        place = knob.section, knob.key
        former = FORMERLY.get(place, place)
        return former if place not in self.file.keys and former in self.file.keys else place

    def _key(self, knob: Knob, value: Value, fresh: bool) -> dict[Place, str]:
        place = self._place(knob)
        if knob.section == MIXER:
            return {place: self._row(knob, float(value), fresh)}
        if knob.param.name == "highlights.recovery" and value == "off":
            return {(knob.section, "Enabled"): "false"}
        if knob.param.name == "raw.hot_pixels" and place == (knob.section, knob.key):
            return {place: switch(value), (knob.section, "DeadPixelFilter"): switch(value)}
        if knob.param.name == "sharpen.halo_control":
            enabled = {(knob.section, "HalocontrolEnabled"): "true" if value else "false"}
            return {place: knob.text(value), **enabled} if value else enabled
        return {place: knob.text(value)}

    def _row(self, knob: Knob, gain: float, fresh: bool) -> str:
        """A row of the channel mixer: what stands there times the gain's change; of a mixer that was off, its own."""
        position = 0 if knob.key == "Red" else 2
        whole = 100 if self._percent else 1000
        parts = [0.0, 0.0, 0.0]
        parts[position] = whole * gain
        if not fresh:
            old = [float(part) for part in self._text(knob).split(";")[:3]]
            parts = [part * whole * gain / old[position] for part in old]
        return "".join(f"{round(part)};" for part in parts)

    @property
    def _percent(self) -> bool:
        """Whether the profile is so old that its channel mixer counts otherwise; without a version it is new."""
        version = self.file.keys.get(("Version", "Version"), "")
        return version.isdecimal() and int(version) < _THOUSANDTHS_SINCE

    def _text(self, knob: Knob) -> str:
        place = knob.section, knob.key
        unsaid = UNSAID.get(place, knob.text(knob.param.default))
        return self.file.keys.get(self._place(knob)) or unsaid

    @cached_property
    def _read(self) -> "dict[str, Value | _Locked]":
        found: dict[str, Value | _Locked] = {knob.param.name: self._value(knob) for knob in KNOBS}
        for section, key, text, names in OVERRULED:
            told = self.file.keys.get((section, key), text)
            if told != text and (section not in TOOLS or self.on(section)):
                found |= dict.fromkeys(names, _Locked(f"[{section}] {key}={told}"))
        return found

    def _value(self, knob: Knob) -> "Value | _Locked":
        if knob.enables and not self.on(knob.section):
            return knob.param.default
        halo = self.file.keys.get((knob.section, "HalocontrolEnabled"), "false")
        if knob.param.name == "sharpen.halo_control" and halo not in _TRUE:
            return 0
        text = self._text(knob)
        if knob.text is switch:
            return "on" if text in _TRUE else "off"
        if isinstance(knob.param, Choice):
            return text
        try:
            number = self._gain(knob, text) if knob.section == MIXER else float(text)
            if not math.isfinite(number) or (knob.param.log and number <= 0):
                raise ValueError(text)
        except (ValueError, IndexError, ZeroDivisionError):
            return _Locked(f"[{knob.section}] {knob.key}={text}")
        return round(number) if isinstance(knob.param, Integer) else number

    def _gain(self, knob: Knob, text: str) -> float:
        parts = text.split(";")
        if not {"Red", "Green", "Blue"} <= {key for section, key in self.file.keys if section == MIXER}:
            return 1.0  # RawTherapee reads all three rows or none
        return float(parts[0 if knob.key == "Red" else 2]) / (100 if self._percent else 1000)


@final
@dataclass(frozen=True)
class _Locked:
    reason: str


def _same(old: str | None, new: str) -> bool:
    """Whether two texts are the same number, or the same text."""
    try:
        return old is not None and (old == new or float(old) == float(new))
    except ValueError:
        return False


def _neutral() -> KeyFile:
    """The profile of those who give none: every knob is said, at its default."""
    keys = dict(NEUTRAL)
    for knob in KNOBS:
        place = knob.section, knob.key
        keys[place] = (
            UNSAID.get(place, "") if knob.section in (MIXER, "HLRecovery") else knob.text(knob.param.default)
        )
    keys |= {(section, "Enabled"): "false" for section in sorted(TOOLS)}
    keys |= RELIED_ON
    keys["RAW", "DeadPixelFilter"] = "false"
    keys["Sharpening", "HalocontrolEnabled"] = "false"
    in_order = dict.fromkeys(section for section, _ in keys)
    return KeyFile("").with_keys({k: v for name in in_order for k, v in keys.items() if k[0] == name})


NEUTRAL_PROFILE = Profile(_neutral())


def profile_of(data: bytes, name: str) -> Profile:
    """The profile that a file holds. Raises ConfigError for what is none."""
    file = KeyFile.of(data)
    if not _is_profile(file):
        raise ConfigError(f"{name} is no pp3 profile: it has no section of RawTherapee's, such as [Exposure]")
    return Profile(file)


def _is_profile(file: KeyFile) -> bool:
    sections = set(file.sections)
    return bool(sections & SECTIONS) and "values" not in sections


def read_set(data: bytes, path: Path, template: bytes | None = None) -> ParameterSet | None:
    """What a profile says of the knobs; None for what is no profile. The profile itself becomes the pipeline's base.

    Gains of white balance come back in thousandths, haze removal in whole numbers: a profile holds no more.
    """
    file = KeyFile.of(data)
    named_so = path.suffix.lower() == ".pp3" and file.sections  # of a version whose sections are all new
    if not (named_so or _is_profile(file)):
        return None
    profile = Profile(file)
    options = {"profile": str(path.resolve())}
    return ParameterSet(path.stem, profile.values, "rawtherapee", options, note=note_on(profile))


def note_on(profile: Profile) -> str:
    """What a user should know of a profile that a search starts from: what stays as it is, and what cannot be tuned."""
    notes = []
    if profile.passed_through:
        notes.append(f"passed on to RawTherapee as they are: {', '.join(profile.passed_through)}")
    film = missing_film(profile.file, films_folder())
    if film is not None:
        notes.append(f"[Film Simulation] is on with {film}, which is not there: RawTherapee leaves it out")
    notes += [
        f"cannot be tuned because of {why}: {names}" for why, names in by_reason(profile.locked).items()
    ]
    return "; ".join(notes)
