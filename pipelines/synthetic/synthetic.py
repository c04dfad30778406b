"""The synthetic ISP: distortions one after another, behind a hidden map from parameters to levels.

After Rashidi et al., "ScoreNet: Netting Lightweight Quality Scores for Better Visual Assessment with Large
Multi-Modality Models" (2026), supplement, section 3.1 and figure 5: a pristine photograph, parameters X in
[0, 1]^5, a hidden non-linear map to levels D, five distortions in sequence. The paper names neither the five nor
the map. Ours are a declared choice:

===  ==============  =========================  ==========================
d    distortion      unit                       largest magnitude
===  ==============  =========================  ==========================
d_1  gaussian_blur   sigma, px                  5
d_2  white_noise     variance                   0.02
d_3  contrast        relative change, signed    0.6
d_4  saturation      relative change, signed    0.8
d_5  jpeg            strength = 100 - quality   96
===  ==============  =========================  ==========================

and the map is `warped` with seed 0 (`pipelines.synthetic.hidden_map`). Chain, ranges, family and seed are options; any
distortion of the catalogue can be a stage.

Of a large scene (`isptune.scenes.large`) what a stage takes from all of its picture, such as the mean that contrast
turns about, is taken from a sample of its pixels that goes through the same stages, so that a part can be rendered by
itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isptune.arrays import Images, Levels, Params
from isptune.distortions import get
from isptune.distortions.catalogue import Distortion
from isptune.distortions.chain import distort_in_turn
from isptune.distortions.frame_fields import FrameFields, Window
from isptune.errors import ConfigError
from isptune.facts import LevelFacts, PipelineFacts, Support
from isptune.scenes.large import is_large, sampled, size_of
from isptune.scenes.scene import Scene
from pipelines.synthetic.hidden_map import hidden_map
from pipelines.synthetic.knobs import settings_of, space_of, stages_of

GRID_PX = 32
"""Parts begin where the whole's vector registers do, so that filters round alike; a multiple of JPEG's grid."""


@dataclass(frozen=True)
class Stage:
    """One distortion of the chain; its level's distance from the identity goes up to `range`."""

    distortion: Distortion
    range: float

    def __post_init__(self):
        d = self.distortion
        reach = min(d.identity - d.low, d.high - d.identity) if d.signed else self._room
        if not 0 < self.range <= reach + 1e-9:
            raise ConfigError(f"{d.name}: range {self.range:g} is not in (0, {reach:g}] ({d.unit})")

    @property
    def _room(self) -> float:
        return max(
            self.distortion.high - self.distortion.identity, self.distortion.identity - self.distortion.low
        )

    def catalogue_level(self, d: Tensor) -> Tensor:
        """From a (signed) distance to the distortion's own level scale."""
        distortion = self.distortion
        downwards = distortion.high - distortion.identity < distortion.identity - distortion.low
        return distortion.identity - d if downwards and not distortion.signed else distortion.identity + d

    @property
    def reach(self) -> int | None:
        """How far it looks at most, pixels; None for all of the picture."""
        magnitudes = (0.0, self.range, -self.range) if self.distortion.signed else (0.0, self.range)
        levels = self.catalogue_level(torch.tensor(magnitudes, dtype=torch.float64)).tolist()
        found = [self.distortion.reach_at(level) for level in levels]
        return max((one for one in found if one is not None), default=0) if None not in found else None


class SyntheticISP:
    """Pipeline and KnownLevels: renders a photograph through the chain; knows the true levels."""

    def __init__(self, chain: Sequence[Stage], family: str = "warped", map_seed: int = 0):
        if not chain:
            raise ConfigError("the chain of the synthetic ISP is empty")
        self.chain = tuple(chain)
        self.map = hidden_map(family, len(chain), map_seed)
        self.space = space_of(len(chain))
        names = _unique([stage.distortion.name for stage in self.chain])
        levels = tuple(
            LevelFacts(name, stage.range, stage.distortion.unit)
            for name, stage in zip(names, self.chain, strict=True)
        )
        self.facts = PipelineFacts(max_batch=512, levels=levels, support=_support(self.chain))
        self._fields = FrameFields()

    @property
    def optimum(self) -> dict[str, float]:
        """The parameters at which every level is 0: for tests and reports, never shown to an optimizer."""
        return dict(zip(self.space.names, self.map.optimum.tolist(), strict=True))

    def levels(self, params: Params) -> Levels:
        """Levels D, shape [batch, stages], float64, signed where the distortion is, else magnitudes."""
        x = torch.stack([torch.as_tensor(params[name]).double().cpu() for name in self.space.names], dim=1)
        relative = self.map.relative(x)
        signed = torch.tensor([stage.distortion.signed for stage in self.chain])
        relative = torch.where(signed, relative, relative.abs())
        return relative * torch.tensor([stage.range for stage in self.chain], dtype=torch.float64)

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Distort the scene's photograph, stage after stage; all images share the noise of `seed`."""
        levels = self.levels(params)
        images = scene.image.expand(len(levels), -1, -1, -1)
        steps = [
            (stage.distortion, stage.catalogue_level(levels[:, i]).to(images.device, torch.float32))
            for i, stage in enumerate(self.chain)
        ]
        seeds = [(seed * 1_000_003 + i) % 2**63 for i in range(len(steps))]
        whole = scene if scene.cut is None else scene.cut.whole
        sample = sampled(whole.image) if is_large(size_of(whole)) else None
        return distort_in_turn(images, steps, seeds, sample, self._window(scene))

    def _window(self, scene: Scene) -> Window | None:
        """Where a scene that is cut from another lies in it."""
        if scene.cut is None:
            return None
        (across, down), (width, height) = size_of(scene.cut.whole), size_of(scene)
        return Window((down, across), scene.cut.left, scene.cut.top, (height, width), self._fields)


def _support(chain: Sequence[Stage]) -> Support:
    """How far a chain looks: as far as all of its stages together."""
    found = [stage.reach for stage in chain]
    margin = sum(one for one in found if one is not None) if None not in found else None
    return Support(margin, math.lcm(GRID_PX, *(stage.distortion.grid for stage in chain)))


def build(argument: str | None, **options: Any) -> SyntheticISP:
    """`synthetic[:FAMILY]` with the options `map`, `map_seed` and `chain`.

    Args:
        argument: the family of the hidden map, short for the option `map`.
        options: `map`: identity, warped or coupled. `map_seed`: a whole number. `chain`: `NAME:RANGE,...`
            or a list of tables with `distortion` and `range`.

    Raises:
        ConfigError: an unknown option, family or distortion, or a range that its distortion does not allow.
    """
    settings = settings_of(argument, options)
    return SyntheticISP(parse_chain(settings["chain"]), str(settings["map"]), settings["map_seed"])


def parse_chain(chain: object) -> list[Stage]:
    """Stages from `gaussian_blur:5,jpeg:96` or from tables. Raises ConfigError that names what is wrong."""
    return [_stage(table) for table in stages_of(chain)]


def _stage(table: Mapping[str, Any]) -> Stage:
    unknown = sorted(set(table) - {"distortion", "range"})
    if unknown or "distortion" not in table:
        raise ConfigError(f"a stage of the chain has the keys 'distortion' and 'range', not {sorted(table)}")
    distortion = get(str(table["distortion"]))
    try:
        return Stage(distortion, float(table["range"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{distortion.name}: its range must be a number ({distortion.unit})") from error


def _unique(names: list[str]) -> list[str]:
    """A distortion that stands twice in the chain gets a number, so that levels have names of their own."""
    return [
        name if names.count(name) == 1 else f"{name}_{names[: i + 1].count(name)}"
        for i, name in enumerate(names)
    ]
