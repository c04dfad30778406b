"""One raw capture in memory: the mosaic behind the colour filters, and what it takes to read it.

Every capture starts on a red sample (RGGB): readers shift the first row or column where the sensor begins with
another colour, so that nothing that works on mosaics has to know four orders. A mono capture, of a sensor without
colour filters, has no red sample: what works on mosaics leaves out white balance and demosaicing.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import SceneError
from isptune.scenes.color import linear_to_srgb

Mosaic = Float[Tensor, "batch 1 height width"]
"""Samples behind a colour filter array in the order RGGB; height and width are even."""

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

MIN_SIDE = 16
"""The shortest side of a mosaic that is accepted: shorter than the reach of demosaicing, mirrored, it has no inside."""

MAX_BASELINE_EV = 4.0
"""No capture is brightened by more than this on its own account: a dark one may be meant to be dark."""

METERED_EV = 1 / 3
"""What misses clipping by less than this is left as bright as it is."""


class NoiseModel(NamedTuple):
    """The variance of a sample x in [0, 1] (0 black, 1 clipping) is shot * x + read."""

    shot: float
    read: float


class Optics(NamedTuple):
    """Where the lens points, in pixels of the mosaic; a crop need not hold it."""

    x: float
    y: float
    radius: float  # from there to the corners of the full frame


@dataclass(frozen=True, eq=False)
class RawCapture:
    """What a sensor recorded.

    Attributes:
        mosaic: [1, 1, H, W], digital numbers as the sensor gave them, order RGGB, even sides.
        black: the digital number of no light, for R, G beside R, G beside B, and B.
        white: the digital number at which samples clip.
        white_balance: what R, G and B are multiplied by, so that grey is grey; of green it is 1.
        matrix: from white-balanced camera RGB to linear sRGB; its rows sum to 1.
        baseline_ev: brightness of a neutral rendering, relative to clipping at white.
        noise: of the sensor at this gain; None where it is not known.
        optics: for lens shading.
        mono: whether the sensor has no colour filters: every sample is grey, and nothing has to be interpolated.
    """

    mosaic: Float[Tensor, "1 1 height width"]
    black: tuple[float, float, float, float]
    white: float
    white_balance: tuple[float, float, float]
    matrix: Matrix = IDENTITY
    baseline_ev: float = 0.0
    noise: NoiseModel | None = None
    optics: Optics | None = None
    mono: bool = False

    def __post_init__(self):
        height, width = self.mosaic.shape[-2:]
        if height % 2 or width % 2 or min(height, width) < MIN_SIDE:
            raise SceneError(f"a mosaic of {width}x{height}: its sides must be even, and at least {MIN_SIDE}")
        if not max(self.black) < self.white:
            raise SceneError(
                f"the white level {self.white:g} is not above the black level {max(self.black):g}"
            )
        if min(self.white_balance) <= 0:
            raise SceneError(f"white balance {self.white_balance} is not positive")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the mosaic, and of the pictures that are made of it."""
        return self.mosaic.shape[-1], self.mosaic.shape[-2]

    @property
    def black_levels(self) -> Float64[Tensor, "height width"]:
        """The black level of each sample, on the CPU."""
        width, height = self.size
        levels = torch.tensor(self.black, dtype=torch.float64).view(2, 2)
        return levels.repeat(height // 2, width // 2)

    @property
    def sha256(self) -> str:
        """A hash of the samples and of what is known of them, for provenance."""
        digest = hashlib.sha256(self.mosaic.detach().cpu().contiguous().numpy().tobytes())
        facts = (
            self.black,
            self.white,
            self.white_balance,
            self.matrix,
            self.baseline_ev,
            self.noise,
            self.optics,
        )
        digest.update(repr((*facts, "mono") if self.mono else facts).encode())
        return digest.hexdigest()

    def to(self, device: torch.device | str) -> "RawCapture":
        """The same capture with its mosaic on another device."""
        return replace(self, mosaic=self.mosaic.to(device))

    def cropped(self, left: int, top: int, width: int, height: int) -> "RawCapture":
        """A part of it, on the grid of the colour filters: all four numbers are even (see `on_grid`)."""
        mosaic = self.mosaic[..., top : top + height, left : left + width].contiguous()
        optics = self.optics
        if optics is not None:
            optics = optics._replace(x=optics.x - left, y=optics.y - top)
        return replace(self, mosaic=mosaic, optics=optics)


def on_grid(*lengths: int) -> tuple[int, ...]:
    """Each length down to a whole number of 2x2 cells."""
    return tuple(length - length % 2 for length in lengths)


def centre_of_about(size: tuple[int, int], pixels: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of the centre of a frame with about so many pixels, of its shape."""
    shrink = min(1.0, (pixels / (size[0] * size[1])) ** 0.5)
    width, height = on_grid(int(size[0] * shrink), int(size[1] * shrink))
    left, top = on_grid((size[0] - width) // 2, (size[1] - height) // 2)
    return left, top, width, height


def with_measured_brightness(capture: RawCapture) -> RawCapture:
    """The capture with the exposure at which half a per cent of its pixels reach white.

    Sensors leave headroom, by how much depends on the photographer: unlike `exposure.bias` of a pipeline it is
    a property of the capture. What clips already is not made darker, and what comes within a third of a stop of it,
    the step of a camera's metering, was exposed so: a white wall or a chart's white patch need not be white light.
    """
    bright = _small_linear(capture).amax(1).flatten()
    level = float(bright.kthvalue(max(1, round(0.995 * len(bright)))).values)
    gain = min(-math.log2(max(level, 1e-6)), MAX_BASELINE_EV)
    return replace(capture, baseline_ev=round(gain, 4) if gain > METERED_EV else 0.0)


def preview(capture: RawCapture) -> Images:
    """A plain picture of it, [1, 3, H, W]: cells of 2x2 as pixels, enlarged; camera white balance, sRGB."""
    light = _small_linear(capture).clamp(0, 1) * 2**capture.baseline_ev
    large = light
    if not capture.mono:
        large = torch.nn.functional.interpolate(light, scale_factor=2, mode="bilinear", align_corners=False)
    return linear_to_srgb(large.clamp(0, 1)).clamp(0, 1)


def _small_linear(capture: RawCapture) -> Images:
    """Linear sRGB at half the size; of a mono capture, where nothing is missing, grey at its own."""
    if capture.mono:
        black = torch.tensor(capture.black).view(1, 4, 1, 1).to(capture.mosaic.device)
        cells = (torch.nn.functional.pixel_unshuffle(capture.mosaic, 2) - black) / (capture.white - black)
        return torch.nn.functional.pixel_shuffle(cells, 2).clamp(0, 1).expand(-1, 3, -1, -1)
    cells = torch.nn.functional.pixel_unshuffle(capture.mosaic, 2)
    black = torch.tensor(capture.black, device=cells.device).view(1, 4, 1, 1)
    red, green, other_green, blue = ((cells - black) / (capture.white - black)).unbind(1)
    camera = torch.stack((red, (green + other_green) / 2, blue), 1).clamp(0, 1)
    gains = torch.tensor(capture.white_balance, device=cells.device).view(1, 3, 1, 1)
    balanced = (camera * gains).clamp(max=1)
    matrix = torch.tensor(capture.matrix, device=cells.device)
    return (matrix @ balanced.flatten(2)).view_as(balanced)
