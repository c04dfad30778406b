"""What a sensor makes of light: Poisson and Gaussian noise, rows and columns, hot pixels, whole numbers, clipping."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.scenes.camera_profile import NoiseAtISO

HOTTEST = (0.2, 1.0)
"""Hot pixels add something between these shares of the range: one that adds less is noise."""

Clean = Float[Tensor, "1 1 height width"]
"""Light on the sensor behind its filters, in shares of the range from black to white."""


@dataclass(frozen=True)
class Readout:
    """How light becomes numbers.

    Attributes:
        black: the number of no light at the first 2x2 samples, row by row.
        white: the largest number.
        step: between two neighbouring numbers; None: numbers are not rounded.
        cut: whether what lies below black becomes black; else only what lies below 0 becomes 0.
    """

    black: tuple[float, float, float, float]
    white: float
    step: float | None = 1.0
    cut: bool = False


def exposed(
    clean: Clean, noise: NoiseAtISO, readout: Readout, seed: int
) -> Float[Tensor, "1 1 height width"]:
    """The numbers of a sensor that sees this light; one seed is one noise field."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64)

    height, width = clean.shape[-2:]
    greens = torch.ones(2, 2, dtype=torch.float64)
    greens[0, 1], greens[1, 0] = 1 - noise.greens / 2, 1 + noise.greens / 2
    light = (clean.double() * greens.repeat(height // 2, width // 2)).clamp(min=0)
    if noise.shot > 0:
        light = torch.poisson(light / noise.shot, generator=generator) * noise.shot
    levels = torch.tensor(readout.black, dtype=torch.float64).view(2, 2).repeat(height // 2, width // 2)
    reach = readout.white - levels
    # Rounding is a part of the read noise that was measured: what it adds is left out before.
    rounding = 0.0 if readout.step is None else float((readout.step / reach.max()) ** 2) / 12
    light = light + normal(1, 1, height, width) * max(noise.read - rounding, 0.0) ** 0.5
    light = light + normal(1, 1, height, 1) * noise.row + normal(1, 1, 1, width) * noise.column
    light = light + _heat(height, width, noise.hot)
    return _numbers(light * reach, levels, readout)


def _heat(height: int, width: int, share: float) -> Tensor:
    """What hot pixels add. Where they lie is the sensor's, the same in all its pictures."""
    generator = torch.Generator().manual_seed(height * 65536 + width)
    draws = torch.rand(2, 1, 1, height, width, generator=generator, dtype=torch.float64)
    return (draws[0] < share) * (HOTTEST[0] + draws[1] * (HOTTEST[1] - HOTTEST[0]))


def _numbers(above_black: Tensor, levels: Tensor, readout: Readout) -> Tensor:
    numbers = levels + above_black
    if readout.step is not None:
        numbers = (numbers / readout.step).round() * readout.step
    numbers = torch.maximum(numbers, levels if readout.cut else torch.zeros_like(levels))
    return numbers.clamp(max=readout.white).float()
