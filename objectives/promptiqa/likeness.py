"""How unlike rated pictures a scene is: colours, tones and coarse structure, whatever an ISP does to fine detail.

A picture becomes 23 statistics of itself made small (96 pixels), each in units of how much it varies from photograph to
photograph. A scene's distance is the one to the rated picture that is nearest. What it measures, and how often it warns
of what, stands in experiments/promptiqa/likeness.md.
"""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from isptune.arrays import Images

UNLIKE = 1.4
"""Distance from which a scene is unlike: 99 of 100 crops of the photograph that was rated are nearer (Kodak, CID22)."""

SIDE = 96
_SMALLEST = 16
_OCTAVES = 4

Statistics = Float[Tensor, "batch 23"]

_DEVIATIONS = (
    0.214, 0.202, 0.184, 0.225, 0.202, 0.082, 0.101, 0.053, 0.053, 0.435, 0.152, 0.195,
    0.378, 0.147, 0.213, 0.307, 0.133, 0.244, 0.237, 0.115, 0.296, 0.198, 0.177,
)  # fmt: skip
"""Of each statistic over 300 photographs: BIQ2021 (Ahmed and Asif 2022), from its training part."""


@final
class Likeness:
    """Remembers rated pictures by their statistics.

    Args:
        rated: the pictures, each [1, 3, H, W].
        name: of what they come from, for messages.

    Attributes:
        bar: the distance from which a picture is unlike them: `UNLIKE`, or how far they are from one another.
    """

    def __init__(self, rated: Sequence[Images], name: str):
        self.name = name
        self._rated = torch.cat([statistics_of(image) for image in rated])
        apart = torch.cdist(self._rated, self._rated).fill_diagonal_(torch.inf)
        self.bar = max(UNLIKE, float(apart.min(1).values.max())) if len(rated) > 1 else UNLIKE

    def distance(self, image: Images) -> float:
        """How far a picture [1, 3, H, W] is from the rated one that is nearest."""
        return float(torch.cdist(statistics_of(image), self._rated).min())

    def warnings(self, images: Sequence[Images]) -> list[str]:
        """One line if any of the pictures is unlike the rated ones."""
        distances = [self.distance(image) for image in images]
        unlike = [distance for distance in distances if distance > self.bar]
        if not unlike:
            return []
        which = "the picture" if len(images) == 1 else f"{len(unlike)} of {len(images)} pictures"
        verb = "is" if len(unlike) == 1 else "are"
        return [
            f"{self.name}: {which} to score {verb} unlike the rated ones (distance {max(unlike):.1f}, above "
            f"{self.bar:.1f}), so the taste may not carry over: rate pictures of this kind of scene"
        ]


def statistics_of(images: Images) -> Statistics:
    """Tones, opponent colours, gradients at four octaves and layout; distances are root mean squares over them."""
    height, width = images.shape[-2:]
    scale = SIDE / max(height, width)
    size = [max(_SMALLEST, round(side * scale)) for side in (height, width)]
    small = functional.interpolate(images.detach().cpu().float(), size, mode="bilinear", antialias=True)
    red, green, blue = small.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    low, *middle, high = luma.flatten(1).quantile(torch.tensor([0.02, 0.25, 0.5, 0.75, 0.98]), dim=1)
    reach = (high - low).clamp_min(0.02)
    tones = [middle[1], reach, *((tone - low) / reach for tone in middle)]
    opponent = [(red - green).flatten(1), ((red + green) / 2 - blue).flatten(1)]
    colours = [*(plane.mean(1) for plane in opponent), *(plane.std(1) for plane in opponent)]
    stretched = (luma - low[:, None, None]) / reach[:, None, None]
    cells = functional.adaptive_avg_pool2d(luma.unsqueeze(1), 4).flatten(1)
    layout = cells.var(1) / (luma.flatten(1).var(1) + 1e-4)
    between = ((stretched > 0.25) & (stretched < 0.75)).flatten(1).float().mean(1)
    found = torch.stack([*tones, *colours, *_gradients(luma, reach), layout, between], 1)
    return found / (torch.tensor(_DEVIATIONS) * len(_DEVIATIONS) ** 0.5)


def _gradients(luma: Float[Tensor, "batch height width"], reach: Float[Tensor, " batch"]) -> list[Tensor]:
    """At each octave: how strong gradients are against the tones' reach, how sparse, and how much of one direction."""
    found, plane = [], luma.unsqueeze(1)
    for _ in range(_OCTAVES):
        across, down = (plane.diff(dim=dim).flatten(1) for dim in (3, 2))
        mean_across, mean_down = across.abs().mean(1), down.abs().mean(1)
        mean = (mean_across + mean_down) / 2
        root = ((across.square().mean(1) + down.square().mean(1)) / 2).sqrt()
        # The constants, half a level of 255 and more, keep what is flat from counting.
        found.append(((mean + 0.002) / reach).log())
        found.append(((root + 0.004) / (mean + 0.004)).log())
        found.append(((mean_across + 0.002) / (mean_down + 0.002)).log().abs())
        plane = functional.avg_pool2d(plane, 2)
    return found
