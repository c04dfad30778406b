"""Spoilt photographs with what was done to them: by chains of distortions, by presets, and as the tuner spoils.

Everything comes in groups: one photograph, spoilt in several ways whose order of quality is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions import get, preset, presets_of
from objectives.training.pictures.captions import AXES
from objectives.training.pictures.photographs import Photograph

SIDE = 256
"""Of the training pictures, pixels."""

VARIANTS = 4
"""Pictures in a group."""


@dataclass(frozen=True)
class Way:
    """A catalogue distortion as training uses it: an amount in [0, 1], or [-1, 1] if it has two sides.

    Attributes:
        distortion: the catalogue's name.
        axis: of `captions.AXES` that it moves.
        reach: the level at amount 1 is identity + reach; if `factor`, identity * reach^amount.
        sign: of the axis for positive amounts.
        two_sided: whether negative amounts exist.
        factor: whether levels are factors.
    """

    distortion: str
    axis: str
    reach: float
    sign: int = 1
    two_sided: bool = False
    factor: bool = False

    def level(self, amount: float) -> float:
        """The catalogue's level."""
        identity = get(self.distortion).identity
        if self.factor:
            return identity * self.reach**amount
        return identity + self.reach * amount


WAYS: Sequence[Way] = (
    Way("gaussian_blur", "sharpness", 5.0, -1),
    Way("white_noise", "noise", 0.02),
    Way("contrast", "contrast", 0.6, two_sided=True),
    Way("saturation", "saturation", 0.8, two_sided=True),
    Way("jpeg", "compression", 96.0),
    Way("lens_blur", "sharpness", 7.0, -1),
    Way("motion_blur", "sharpness", 14.0, -1),
    Way("denoise", "sharpness", 0.03, -1),
    Way("oversharpen", "sharpness", 5.0),
    Way("unsharp_lab", "sharpness", 8.0),
    Way("white_noise_ycbcr", "noise", 0.015),
    Way("speckle_noise", "noise", 0.15),
    Way("poisson_noise", "noise", 0.08),
    Way("impulse_noise", "noise", 0.04),
    Way("correlated_noise", "noise", 0.15),
    Way("tone_contrast", "contrast", 0.6, two_sided=True),
    Way("contrast_compression", "contrast", 0.35, -1),
    Way("saturation_lab", "saturation", 3.0, two_sided=True, factor=True),
    Way("saturation_hsv", "saturation", 3.0, two_sided=True, factor=True),
    Way("gamma", "brightness", 0.4, two_sided=True, factor=True),
    Way("mean_shift", "brightness", 0.3, two_sided=True),
    Way("brighten", "brightness", 0.8),
    Way("darken", "brightness", 0.7, -1),
    Way("pixelate", "detail", 0.45),
    Way("quantization", "detail", 1 / 45, factor=True),
)
"""The distortions of continuous amounts. Two-sided axes have both sides: a tuner walks wherever the score rises."""

CHAIN = tuple(WAYS[:5])
"""Those of the synthetic ISP's default chain, in its order."""

SEVERITY_COSTS = (0.0, 0.15, 0.35, 0.6, 0.85, 1.1)
"""What a preset of severity 0 to 5 counts beside the amounts of ways."""

PRESET_SETS = ("arniqa", "kadid10k", "depictqa")
SLOW = frozenset({"jpeg2000", "jpeg2000_psnr"})
AXIS_OF_GROUP = {
    "blur": "sharpness", "noise": "noise", "compression": "compression", "sharpness": "sharpness",
}  # fmt: skip
"""Presets of other groups go either way, so captions do not speak of them."""


@dataclass(frozen=True)
class Step:
    """One thing done: a way with an amount, or a preset with a severity."""

    name: str
    amount: float
    set: str | None = None


@dataclass(frozen=True)
class Spoiling:
    """All that was done to one picture.

    Attributes:
        steps: in order.
        cost: how much worse it made the picture: the sum of the amounts' magnitudes.
        amounts: signed amounts by axis, where they are known.
    """

    steps: tuple[Step, ...] = ()
    cost: float = 0.0
    amounts: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(AXES, 0.0))


@dataclass(frozen=True)
class Cut:
    """Which part of which photograph a training picture is, so that it can be made again."""

    photograph: int
    scale: float
    top: float
    left: float
    mirrored: bool

    def pixels(self, photographs: Sequence[Photograph]) -> Tensor:
        """[3, SIDE, SIDE] in [0, 1]."""
        full = photographs[self.photograph].pixels
        shorter = min(full.shape[:2])
        scale = max(self.scale, SIDE / shorter)
        size = (max(SIDE, round(full.shape[1] * scale)), max(SIDE, round(full.shape[0] * scale)))
        # Antialiased, and not on whole 255ths any more: a pristine picture must not be known by its histogram.
        small = cv2.resize(full.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        top = int(self.top * (size[1] - SIDE + 1))
        left = int(self.left * (size[0] - SIDE + 1))
        part = small[top : top + SIDE, left : left + SIDE]
        part = part[:, ::-1] if self.mirrored else part
        return torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1))).div_(255).clamp_(0, 1)


@dataclass(frozen=True)
class Group:
    """One picture, spoilt in `VARIANTS` ways."""

    cut: Cut
    variants: tuple[Spoiling, ...]


def draw_cut(index: int, photograph: Photograph, random: np.random.Generator) -> Cut:
    """A part of a photograph at a drawn scale."""
    shorter = min(photograph.pixels.shape[:2])
    low = SIDE / shorter
    scale = float(np.exp(random.uniform(np.log(low), np.log(max(low, photograph.largest_scale)))))
    return Cut(index, scale, float(random.random()), float(random.random()), bool(random.random() < 0.5))


def spoiling_of(steps: Sequence[tuple[Way, float]]) -> Spoiling:
    """From ways with their amounts."""
    amounts = dict.fromkeys(AXES, 0.0)
    for way, amount in steps:
        amounts[way.axis] += way.sign * amount
    kept = tuple(Step(way.distortion, amount) for way, amount in steps if amount)
    return Spoiling(kept, sum(abs(amount) for _, amount in steps), amounts)


def draw_chain_group(random: np.random.Generator) -> tuple[Spoiling, ...]:
    """Variants of the default chain: all of it, close to its optimum, or along one of its axes."""
    kind = random.random()
    if kind < 0.35:
        return draw_axis_group(random)
    shrink = 0.3 if kind > 0.75 else 1.0
    rows = [_amounts(CHAIN, random, 0.6) * shrink for _ in range(VARIANTS)]
    if random.random() < 0.6:
        rows[0] = np.zeros(5)
    return _chain_spoilings(rows)


def draw_axis_group(
    random: np.random.Generator, shares: Sequence[float] = (0.1, 0.1, 0.35, 0.35, 0.1)
) -> tuple[Spoiling, ...]:
    """Variants along one axis of the default chain, drawn with these shares; the first has none of it."""
    way = int(random.choice(5, p=shares))
    around = _amounts(CHAIN, random, 0.4) * 0.5 if random.random() < 0.5 else np.zeros(5)
    rows = [around.copy() for _ in range(VARIANTS)]
    for number, row in enumerate(rows):
        row[way] = 0.0 if number == 0 else _amount(CHAIN[way], random)
    return _chain_spoilings(rows)


def _chain_spoilings(rows: Sequence[np.ndarray]) -> tuple[Spoiling, ...]:
    return tuple(spoiling_of(list(zip(CHAIN, map(float, row), strict=True))) for row in rows)


def draw_mixed_group(random: np.random.Generator) -> tuple[Spoiling, ...]:
    """Variants by one to three ways of the whole list, in any order; the same ways for all variants."""
    count = int(random.integers(1, 4))
    ways = [WAYS[i] for i in random.choice(len(WAYS), count, replace=False)]
    rows = [[(way, _amount(way, random)) for way in ways] for _ in range(VARIANTS)]
    if random.random() < 0.5:
        rows[0] = [(way, 0.0) for way in ways]
    return tuple(map(spoiling_of, rows))


def draw_preset_group(random: np.random.Generator) -> tuple[Spoiling, ...]:
    """Variants by one type of a published set, at severities of which no two are equal."""
    one = _PRESETS[int(random.integers(len(_PRESETS)))]
    severities = sorted(random.choice(6, VARIANTS, replace=False))
    return tuple(_preset_spoiling(one, int(severity)) for severity in severities)


def around_end(
    ways: Sequence[Way], end: Sequence[float], random: np.random.Generator
) -> tuple[Spoiling, ...]:
    """Variants about the place where the tuner ended: the picture untouched, the end, and two on the way back."""
    back = [amount * float(random.uniform(0.2, 0.8)) for amount in end]
    one = [0.0 if random.random() < 0.5 else amount for amount in end]
    rows = ([0.0] * len(end), end, back, one)
    return tuple(spoiling_of(list(zip(ways, map(float, row), strict=True))) for row in rows)


def render(pictures: Images, spoilings: Sequence[Spoiling], seed: int) -> Images:
    """Spoil a batch, each picture its own way."""
    generator = torch.Generator().manual_seed(seed)
    result = pictures.clone()
    for position in range(max((len(spoiling.steps) for spoiling in spoilings), default=0)):
        rows: dict[tuple[str | None, str], list[int]] = {}
        for row, spoiling in enumerate(spoilings):
            if position < len(spoiling.steps):
                step = spoiling.steps[position]
                rows.setdefault((step.set, step.name), []).append(row)
        for (source, name), index in rows.items():
            steps = [spoilings[row].steps[position] for row in index]
            place = torch.tensor(index)
            result[place] = _apply(source, name, steps, result[place], generator)
    return result


def _apply(
    source: str | None, name: str, steps: Sequence[Step], images: Images, generator: torch.Generator
) -> Images:
    if source is not None:
        return preset(source, name).apply(images, [int(step.amount) for step in steps], generator=generator)
    way = _BY_NAME[name]
    distortion = get(name)
    levels = torch.tensor([way.level(step.amount) for step in steps]).clamp(distortion.low, distortion.high)
    return distortion(images, levels, generator)


def _amounts(ways: Sequence[Way], random: np.random.Generator, share: float) -> np.ndarray:
    return np.array([_amount(way, random) if random.random() < share else 0.0 for way in ways])


def _amount(way: Way, random: np.random.Generator) -> float:
    """Small amounts are as frequent as they are hard to see."""
    size = float(random.random() ** 1.7)
    return -size if way.two_sided and random.random() < 0.5 else size


def _preset_spoiling(one: tuple[str, str, str], severity: int) -> Spoiling:
    source, name, group = one
    if severity == 0:
        return Spoiling()
    axis = AXIS_OF_GROUP.get(group)
    side = -1 if group == "blur" else 1
    amounts = {axis: side * severity / 5} if axis else {}
    return Spoiling((Step(name, severity, source),), SEVERITY_COSTS[severity], amounts)


_BY_NAME = {way.distortion: way for way in WAYS}
_PRESETS = [
    (source, name, preset(source, name).distortion.group)
    for source in PRESET_SETS
    for name in presets_of(source)
    if preset(source, name).distortion.name not in SLOW
]
