"""Dead leaves: how much of a texture is left, as the eye weighs it.

Sources: Kirk, Herzer, Artmann and Kunz 2014, Description of texture loss using the dead leaves target: current issues
and a new intrinsic approach, doi:10.1117/12.2039689; Baxter, Cao, Eliasson and Phillips 2012, Development of the I3A
CPIQ spatial metrics.
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.charts.noise import PIXELS_A_DEGREE
from objectives.charts.regions import Luminance, OnChart, Quad, cut_box, luminance, parse_box
from objectives.full_reference.objective import matching_reference
from objectives.options import parse_options

COARSE = 0.03
"""Cycles a pixel: below, every pipeline keeps texture, so the response there is what 1 means."""
FINEST = 0.5
"""Cycles a pixel: the finest that pixels can hold."""


@final
@dataclass(frozen=True, eq=False)
class TextureAcutance:
    """An objective on a chart that needs to know the texture as it was.

    Attributes:
        on_chart: finds the part and measures it.
        facts: see `isptune.facts`.
    """

    on_chart: OnChart
    facts: ObjectiveFacts

    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image. Raises ScoreError without the reference, or where no texture is known."""
        matching_reference(self.on_chart.name, images, scene)
        return self.on_chart.score(images, scene)


def acutance(argument: str | None = None) -> TextureAcutance:
    """Texture left of a dead-leaves patch: its response to the true texture, weighed by the eye's sensitivity.

    The transfer is the cross spectrum with the true texture over the spectrum of the latter, so that noise is not
    taken for texture; it is 1 at coarse structures, and exposure and contrast do not count. Weighed over frequencies
    by the luminance sensitivity of CPIQ at 42 pixels a degree. 1 keeps all texture, less has lost some, more is
    sharpened. `acutance:box=WxH+X+Y` for a texture of a photograph that is its own reference.
    """
    options = parse_options("acutance", argument, {"box": ""})
    facts = ObjectiveFacts(
        direction="maximize",
        range=(0.0, math.inf),
        unit="share",
        source="Kirk, Herzer, Artmann and Kunz 2014, Description of texture loss using the dead leaves target: "
        "current issues and a new intrinsic approach, doi:10.1117/12.2039689; Baxter, Cao, Eliasson and Phillips "
        "2012, Development of the I3A CPIQ spatial metrics",
        uses_reference=True,
        whole_pictures=True,
    )
    on_chart = OnChart(
        name="acutance",
        facts=facts,
        part="dead leaves",
        regions="dead_leaves",
        score_part=_acutance,
        given=parse_box("acutance", options["box"]),
    )
    return TextureAcutance(on_chart, facts)


def _acutance(images: Images, quad: Quad, scene: Scene) -> Scores:
    reference = matching_reference("acutance", images, scene)
    frequencies, response = texture_response(
        luminance(cut_box(images, quad)), luminance(cut_box(reference, quad))
    )
    weights = sensitivity(frequencies * PIXELS_A_DEGREE)
    return response @ weights / weights.sum()


def texture_response(
    texture: Luminance, truth: Float[Tensor, "1 height width"]
) -> tuple[Float[Tensor, " places"], Float[Tensor, "batch places"]]:
    """The transfer of a texture by frequency, 1 at coarse structures.

    Args:
        texture: what became of it.
        truth: what it was, [1, height, width].

    Returns:
        Frequencies in cycles a pixel, and the transfer at each; negative where light and dark changed places.
    """
    height, width = texture.shape[1:]
    window = _hann(height, texture)[:, None] * _hann(width, texture)[None, :]

    def spectrum(light: Luminance) -> Tensor:
        return torch.fft.rfft2((light - (light * window).sum((1, 2), keepdim=True) / window.sum()) * window)

    ours, theirs = spectrum(texture), spectrum(truth)
    down = torch.fft.fftfreq(height, dtype=texture.dtype, device=texture.device)[:, None]
    across = torch.fft.rfftfreq(width, dtype=texture.dtype, device=texture.device)[None, :]
    radius = torch.sqrt(down.square() + across.square())
    step = 1 / min(height, width)
    places = int(FINEST / step)
    ring = torch.round(radius / step).long().clamp(max=places + 1).flatten()

    def around(plane: Tensor) -> Tensor:
        return plane.new_zeros(len(plane), places + 2).index_add_(1, ring, plane.flatten(1))[
            :, 1 : places + 1
        ]

    common, own = around((ours * theirs.conj()).real), around(theirs.abs().square())
    frequencies = step * torch.arange(1, places + 1, dtype=texture.dtype, device=texture.device)
    coarse = frequencies <= max(COARSE, 2 * step)
    scale = common[:, coarse].sum(1) / own[:, coarse].sum(1)
    return frequencies, common / own / scale[:, None]


def sensitivity(frequency: Float[Tensor, " places"]) -> Float[Tensor, " places"]:
    """The eye's sensitivity to luminance at cycles a degree: 75 f^0.8 exp(-0.2 f) (Baxter et al. 2012)."""
    return 75 * frequency**0.8 * torch.exp(-0.2 * frequency)


def _hann(count: int, like: Tensor) -> Float[Tensor, " count"]:
    places = (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) / count
    return torch.sin(torch.pi * places).square()
