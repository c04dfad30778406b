"""What a preset is: a catalogue function with the levels that a published set of distortions gave it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import Distortion
from isptune.errors import ConfigError

SEVERITIES = (1, 2, 3, 4, 5)
"""Every published set has five, of which 1 is meant to be the mildest."""

Published = float | tuple[float, ...]
"""A printed level: a number in the set's own unit, or several that belong together."""

Output = Literal["float", "round", "truncate"]
"""How results are stored: as they are, or cut to 8 bits, to the nearest or downwards."""

Part = Literal["main", "extra", "unused"]
"""Of the set proper; beside it (ImageNet-C's validation four); in its code but in none of its data."""


@dataclass(frozen=True, eq=False)
class Preset:
    """One distortion type of a published set.

    Attributes:
        set: arniqa, kadid10k, depictqa or imagenet_c.
        name: the type's name in that set.
        group: of the set; samplers draw from groups.
        distortion: the catalogue function.
        parameter: what the published numbers are.
        published: at severities 1 to 5, as printed or coded by the set's authors.
        to_level: the catalogue's level for a published number; None where the published entries are tuples:
            then the catalogue function has the table, and its unit is the severity.
        options: of the catalogue function.
        output: how the set stores its results.
        part: whether it belongs to the set proper.
        skips_identity: whether the catalogue's identity leaves images untouched, as it does outside presets;
            not where the set's code changes them even there.
    """

    set: str
    name: str
    group: str
    distortion: Distortion
    parameter: str
    published: tuple[Published, ...]
    to_level: Callable[[float], float] | None
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    output: Output = "float"
    part: Part = "main"
    skips_identity: bool = True

    @property
    def levels(self) -> tuple[float, ...]:
        """The catalogue's levels at severities 1 to 5."""
        if self.to_level is None:
            return tuple(float(severity) for severity in SEVERITIES)
        return tuple(self.to_level(value) for value in self.published if not isinstance(value, tuple))

    def apply(
        self,
        images: Images,
        severity: int | Sequence[int] | None = None,
        *,
        level: Tensor | float | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        shared: bool = False,
    ) -> Images:
        """Distort a batch as the set does.

        Args:
            images: [batch, 3, H, W], in [0, 1].
            severity: 1 to 5, one for all or one for each image.
            level: instead of a severity, in the unit of the published numbers (`parameter`), between and beyond
                them, one for all or [batch]; where these are tuples, a real severity from 0 to 5.
            generator, shared: as for a `Distortion`.

        Raises:
            ConfigError: neither or both of severity and level, or one that is out of range.
        """
        if severity is not None and level is None:
            levels = self._of_severity(severity)
        elif level is not None and severity is None:
            levels = self._of_level(level)
        else:
            raise ConfigError(f"{self.set} {self.name}: give a severity (1 to 5) or a level, one of the two")
        at = torch.tensor(levels, dtype=torch.float32, device=images.device)
        if not self.skips_identity:
            at = at.expand(len(images)).contiguous()
            return stored(self.distortion.function(images, at, **self.options).clamp(0, 1), self.output)
        distorted = self.distortion(images, at, generator, shared, **self.options)
        return stored(distorted, self.output)

    def _of_severity(self, severity: int | Sequence[int]) -> float | list[float]:
        if isinstance(severity, int):
            self._check(severity)
            return self.levels[severity - 1]
        for one in severity:
            self._check(one)
        levels = self.levels
        return [levels[one - 1] for one in severity]

    def _check(self, severity: int) -> None:
        if severity not in SEVERITIES:
            raise ConfigError(f"{self.set} {self.name}: severity {severity} is none of 1, 2, 3, 4, 5")

    def _of_level(self, level: Tensor | float) -> float | list[float]:
        if not isinstance(level, Tensor) or level.ndim == 0:
            return self._converted(float(level))
        return [self._converted(value) for value in level.tolist()]

    def _converted(self, value: float) -> float:
        distortion = self.distortion
        try:
            level = float(value if self.to_level is None else self.to_level(value))
        except (ZeroDivisionError, OverflowError):
            level = float("nan")
        slack = 1e-5 * (distortion.high - distortion.low)
        if distortion.low - slack <= level <= distortion.high + slack:
            return level
        raise ConfigError(
            f"{self.set} {self.name}: {self.parameter} {value:g} is {level:g} {distortion.unit} of "
            f"{distortion.name}, outside [{distortion.low:g}, {distortion.high:g}]"
        )


def stored(images: Images, output: Output) -> Images:
    """Images as a set stores them: unchanged, or on the grid of 255ths."""
    if output == "float":
        return images
    scaled = images * 255
    return (scaled.round_() if output == "round" else scaled.floor_()).div_(255)


def as_is(value: float) -> float:
    """The catalogue has the published unit."""
    return float(value)


def squared(sigma: float) -> float:
    """A variance from a standard deviation."""
    return sigma * sigma


def inverse(photons: float) -> float:
    """The catalogue counts in 1 / photons, so that 0 is without noise."""
    return 1 / photons


def strength_of_quality(quality: float) -> float:
    """The catalogue counts JPEG from 0, which is untouched."""
    return 100 - quality


def negative(shift: float) -> float:
    """Darkening is a shift in the other direction."""
    return -shift


def compression_of_offset(offset: float) -> float:
    """How far the output range 0.5 +- offset is from the whole range."""
    return 0.5 - offset


@runtime_checkable
class MakesPreset(Protocol):
    """Makes one preset of a set; what is not named is an option of the catalogue function."""

    def __call__(
        self,
        name: str,
        group: str,
        distortion: Distortion,
        parameter: str,
        published: Sequence[Published],
        to_level: Callable[[float], float] | None = as_is,
        part: Part = "main",
        skips_identity: bool = True,
        **options: Any,
    ) -> Preset: ...


def presets_of_set(set_name: str, output: Output) -> MakesPreset:
    """How the table of a set is written down: one call a type, without what all its types share."""

    def make(
        name: str,
        group: str,
        distortion: Distortion,
        parameter: str,
        published: Sequence[Published],
        to_level: Callable[[float], float] | None = as_is,
        part: Part = "main",
        skips_identity: bool = True,
        **options: Any,
    ) -> Preset:
        return Preset(
            set=set_name,
            name=name,
            group=group,
            distortion=distortion,
            parameter=parameter,
            published=tuple(published),
            to_level=to_level,
            options=MappingProxyType(options),
            output=output,
            part=part,
            skips_identity=skips_identity,
        )

    return make
