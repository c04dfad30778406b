"""Weather before the lens, at severities 0 to 5: snow, frost, fog and spatter.

The published tuples of each severity are interpolated linearly. Severity 0 leaves the image as it is, and up to
severity 1 what the weather adds grows from nothing.
"""

import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.companions import companions
from isptune.distortions.draws import Draws
from isptune.distortions.sampling import image_by_image
from isptune.distortions.sources import ANY_SIZE, IMAGENET_C
from isptune.distortions.threads import map_images
from isptune.distortions.weather_layers import (
    CRYSTALS,
    drops_of_water,
    flakes,
    ice,
    liquid,
    plasma,
    splashes_of_mud,
    trail_kernels,
    trailed,
)
from isptune.scenes.color import luma

# mean, deviation, magnification, threshold, trail's radius and sigma, what is left of the image, opacity
_SNOW = (
    (0.1, 0.3, 3, 0.5, 10, 4, 1.0, 0),
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8, 1),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7, 1),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7, 1),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65, 1),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55, 1),
)
_LONGEST_TRAIL = 24  # px, twice the largest radius

# weight of the image, weight of the texture
_FROST = ((1, 0), (1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))

# thickness, decay of the clouds' wobble
_FOG = ((0, 2), (1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))

# mean, deviation, sigma, threshold, light of the water, share of mud, opacity
_SPATTER = (
    (0.65, 0.3, 4, 0.69, 0.6, 0, 0),
    (0.65, 0.3, 4, 0.69, 0.6, 0, 1),
    (0.65, 0.3, 3, 0.68, 0.6, 0, 1),
    (0.65, 0.3, 2, 0.68, 0.5, 0, 1),
    (0.65, 0.3, 1, 0.65, 0.5, 1, 1),
    (0.67, 0.4, 1, 0.65, 0.5, 1, 1),
)
_MUD_SIGMA_PX = 1.5
_WATER = (175 / 255, 238 / 255, 238 / 255)  # pale turquoise
_MUD = (63 / 255, 42 / 255, 20 / 255)

SOURCE = f"{IMAGENET_C}; as {ANY_SIZE}"


@distortion(group="weather", unit="severity", low=0.0, high=5.0, stochastic=True, source=SOURCE)
def snow(images: Images, level: Tensor, draws: Draws) -> Images:
    """Falling flakes with trails, over a picture that turns pale.

    The layer of flakes is not rounded to 8 bits in between, as it is in the sources.
    """
    field = draws.normal(1, *images.shape[-2:], device=images.device)
    degrees = draws.uniform(1, device=images.device)[:, 0] * 90 - 135
    return image_by_image(_snowed, images, field, degrees, level)


def _snowed(images: Images, field: Tensor, degrees: Tensor, level: Tensor) -> Images:
    mean, deviation, zoom, threshold, radius, sigma, kept, opacity = companions(level, _SNOW)
    layer = flakes(field, zoom, mean, deviation, threshold)
    layer = trailed(layer, trail_kernels(radius.flatten(), sigma.flatten(), degrees, _LONGEST_TRAIL))
    pale = torch.maximum(images, luma(images) * 1.5 + 0.5)
    return torch.lerp(pale, images, kept) + opacity * (layer + layer.flip(2, 3))


@distortion(
    group="weather", unit="severity", low=0.0, high=5.0, stochastic=True,
    source=f"{SOURCE}; the textures are made by code, not theirs",
)  # fmt: skip
def frost(images: Images, level: Tensor, draws: Draws) -> Images:
    """Ice crystals before the picture, from textures made by code.

    The published definition adds a random part of one of five photographs of frost. Here every stream of
    random numbers grows a texture of its own, feathers of ice over a haze, in the mean colour and with the
    contrast of one of these five; that is all they have in common.
    """
    height, width = images.shape[-2:]
    crystals = draws.uniform(sum(CRYSTALS), 4).numpy()
    haze = draws.normal(5, 6).numpy()
    variant = draws.uniform(1)[:, 0].tolist()
    grown = images.new_empty(len(variant), 3, height, width, device="cpu")
    grown = map_images(lambda _, i: ice(crystals[i], haze[i], variant[i], height, width), grown)
    return image_by_image(_frosted, images, grown.to(images.device), level)


def _frosted(images: Images, texture: Tensor, level: Tensor) -> Images:
    image_weight, texture_weight = companions(level, _FROST)
    return (images * image_weight).addcmul_(texture_weight, texture)


@distortion(group="weather", unit="severity", low=0.0, high=5.0, stochastic=True, source=SOURCE)
def fog(images: Images, level: Tensor, draws: Draws) -> Images:
    """Clouds of fog, brighter than the picture, which is dimmed to make room for them."""
    side = max(2, 2 ** (max(images.shape[-2:]) - 1).bit_length())
    field = draws.uniform(1, side, side, device=images.device) * 2 - 1
    return image_by_image(_fogged, images, field, level)


def _fogged(images: Images, field: Tensor, level: Tensor) -> Images:
    thickness, decay = companions(level, _FOG)
    clouds = plasma(field, decay, *images.shape[-2:])
    brightest = images.amax((1, 2, 3), keepdim=True)
    return (images + thickness * clouds) * (brightest / (brightest + thickness))


@distortion(group="weather", unit="severity", low=0.0, high=5.0, stochastic=True, source=SOURCE)
def spatter(images: Images, level: Tensor, draws: Draws) -> Images:
    """Drops of water up to severity 3, splashes of mud from 4 on, a mixture in between.

    The drops' outlines come from thresholds, so that they change by leaps of some pixels. They are drawn on
    the CPU, as the random numbers are.
    """
    field = draws.normal(*images.shape[-2:]).numpy()
    rows = torch.stack([column.flatten() for column in companions(level.cpu(), _SPATTER)], 1).tolist()

    def cover(masks: np.ndarray, i: int) -> None:
        mean, deviation, sigma, threshold, light, mud, _ = rows[i]
        wet = liquid(field[i % len(field)], mean, deviation, sigma)
        masks[0] = drops_of_water(wet, threshold, light) if mud < 1 else 0
        masks[1] = splashes_of_mud(wet, threshold, _MUD_SIGMA_PX) if mud > 0 else 0

    masks = map_images(cover, torch.zeros(len(images), 3, *images.shape[-2:])).to(images.device)
    return image_by_image(_spattered, images, masks, level)


def _spattered(images: Images, masks: Tensor, level: Tensor) -> Images:
    *_, mud, opacity = companions(level, _SPATTER)
    watered = (images + masks[:, :1] * _color(_WATER, images)).clamp_(0, 1)
    muddied = torch.lerp(images, _color(_MUD, images), masks[:, 1:2])
    return torch.lerp(images, torch.lerp(watered, muddied, mud), opacity)


def _color(color: tuple[float, float, float], images: Images) -> Tensor:
    return torch.tensor(color, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)


DISTORTIONS = (snow, frost, fog, spatter)
