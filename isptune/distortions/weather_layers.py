"""What weather puts before the lens: clouds of fog, flakes, ice and drops, made from random fields."""

import math

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.distortions.sampling import Fields

ICE_TINTS = (
    ((0.302, 0.578, 0.642), 0.067),
    ((0.779, 0.797, 0.832), 0.084),
    ((0.779, 0.797, 0.832), 0.084),
    ((0.559, 0.618, 0.668), 0.105),
    ((0.404, 0.449, 0.495), 0.146),
)
"""Mean colour and standard deviation of 512x384 parts of the five photographs of frost that ImageNet-C
draws from (two of them are the same): measured on them, so that made textures change an image as much."""

CRYSTALS = (40, 360)
"""How many crystals grow in a texture, of the large and of the small kind."""

Mask = Float[np.ndarray, "height width"]


def plasma(field: Fields, decay: Float[Tensor, "batch 1 1 1"], height: int, width: int) -> Fields:
    """Clouds by the diamond-square algorithm, in [0, 1] over the whole square map, cropped.

    Each pixel of the map, which wraps around, is the mean of its four neighbours on the grid above plus
    uniform noise. The noise falls by decay^2 from one grid to the next: the published code multiplies the
    wobble by a random number within the wobble, so that it enters twice.

    Args:
        field: uniform in [-1, 1], one number a pixel, [batch or 1, 1, side, side]; side is a power of two.
        decay: of the wobble.
        height, width: of the crop, from the top left corner.

    Source: Fournier, Fussell and Carpenter 1982, Computer Rendering of Stochastic Models, doi:10.1145/358523.358553;
    constants from Hendrycks and Dietterich 2019, ImageNet-C, arXiv:1903.12261.
    """
    side = field.shape[-1]
    noise = field[:, 0]
    heights = noise.new_zeros(len(decay), side, side)
    amplitude, step = torch.ones_like(decay[:, 0]), side
    while step >= 2:
        _refine(heights, noise, amplitude, step)
        amplitude, step = amplitude / decay[:, 0] ** 2, step // 2
    lowest, highest = heights.amin((1, 2), keepdim=True), heights.amax((1, 2), keepdim=True)
    return ((heights[:, :height, :width] - lowest) / (highest - lowest)).unsqueeze(1)


def _refine(heights: Tensor, noise: Tensor, amplitude: Tensor, step: int) -> None:
    old, new = slice(None, None, step), slice(step // 2, None, step)
    corners = heights[:, old, old]
    pairs = corners + corners.roll(-1, 1)
    middles = (pairs + pairs.roll(-1, 2)) / 4 + amplitude * noise[:, new, new]
    heights[:, new, new] = middles
    above_and_below = middles + middles.roll(1, 1)
    heights[:, old, new] = (above_and_below + corners + corners.roll(-1, 2)) / 4 + amplitude * noise[
        :, old, new
    ]
    left_and_right = middles + middles.roll(1, 2)
    heights[:, new, old] = (left_and_right + pairs) / 4 + amplitude * noise[:, new, old]


def flakes(field: Fields, zoom: Tensor, location: Tensor, scale: Tensor, threshold: Tensor) -> Fields:
    """The part of a magnified normal field above a threshold, in [0, 1]; 0 elsewhere.

    `field` is [batch or 1, 1, H, W], the others [batch, 1, 1, 1]. The middle of the field is magnified.
    """
    sides = field.shape[-2:]
    # The first and the last of the side / zoom pixels in the middle go to the edges, as scipy's zoom has it.
    rows, columns = (
        torch.linspace(-1, 1, side, device=field.device)
        * ((side / zoom.flatten(1) - 1) / max(side - 1, 1)).clamp(0)
        for side in sides
    )
    places = torch.stack((columns.unsqueeze(1).expand(-1, *sides), rows.unsqueeze(2).expand(-1, *sides)), -1)
    large = torch.nn.functional.grid_sample(
        field.expand(len(zoom), -1, -1, -1), places, padding_mode="border", align_corners=True
    )
    snow = location + scale * large
    return torch.where(snow < threshold, 0, snow).clamp(0, 1)


def trail_kernels(radius: Tensor, sigma: Tensor, degrees: Tensor, reach: int) -> Float[Tensor, "n 1 k k"]:
    """Kernels of one-sided Gaussian trails: 2 radius + 1 steps of a pixel, rounded to whole pixels.

    Args:
        radius, sigma: [n], px; the last step counts for the fraction of it that is within the radius.
        degrees: [n], the direction; what moves goes the other way.
        reach: of the kernel, at least twice the radius.
    """
    steps = torch.arange(2 * reach + 1, device=radius.device)
    share = (2 * radius.unsqueeze(1) + 1 - steps).clamp(0, 1)
    weights = share * torch.exp(-(steps**2) / (2 * sigma.unsqueeze(1) ** 2))
    weights = weights / weights.sum(1, keepdim=True)
    angle = torch.deg2rad(degrees).unsqueeze(1)
    down, right = ((steps * part - 0.5).ceil().long() for part in (angle.sin(), angle.cos()))
    side = 2 * reach + 1
    place = ((down + reach).clamp(0, side - 1) * side + (right + reach).clamp(0, side - 1)).expand_as(weights)
    kernels = torch.zeros(len(weights), side * side, device=radius.device)
    return kernels.scatter_add_(1, place, weights).view(-1, 1, side, side)


def trailed(layers: Fields, kernels: Float[Tensor, "batch 1 k k"]) -> Fields:
    """Each layer [batch, 1, H, W] correlated with its kernel; the last pixel repeats beyond the edge."""
    if layers.device.type == "cpu":
        moved = [
            cv2.filter2D(layer, -1, kernel, borderType=cv2.BORDER_REPLICATE)
            for layer, kernel in zip(layers[:, 0].numpy(), kernels[:, 0].numpy(), strict=True)
        ]
        return torch.from_numpy(np.stack(moved)).unsqueeze(1)
    return _trailed_tensor(layers, kernels)


def _trailed_tensor(layers: Fields, kernels: Tensor) -> Fields:
    reach = kernels.shape[-1] // 2
    height, width = layers.shape[-2:]
    padded = torch.nn.functional.pad(layers, (reach,) * 4, mode="replicate")
    result = torch.zeros_like(layers)
    # Shift, scale and add, as in `kernels`: a GPU library's convolution would round to ten bits by default.
    for y, x in kernels.any(0)[0].nonzero().tolist():
        shifted = padded[..., y : y + height, x : x + width]
        result.addcmul_(shifted, kernels[:, :, y, x].view(-1, 1, 1, 1))
    return result


def ice(
    crystals: Float[np.ndarray, "crystals 4"],
    haze: Float[np.ndarray, "rows columns"],
    variant: float,
    height: int,
    width: int,
) -> Float[np.ndarray, "3 height width"]:
    """A made texture of frost: feathers of ice that grow from seeds until they meet, over a haze.

    Each pixel belongs to the nearest seed. There a spine runs in the seed's direction, and barbs leave it
    at 60 degrees, as ice crystals branch.

    Args:
        crystals: uniform numbers for each seed: row, column, direction, brightness.
        haze: normal numbers on a coarse grid.
        variant: uniform in [0, 1): which of `ICE_TINTS`.
        height, width: pixels.
    """
    grey = 0.8 * cv2.resize(haze, (width, height), interpolation=cv2.INTER_CUBIC)
    first = 0
    for count, weight in zip(CRYSTALS, (1.0, 0.6), strict=True):
        grey += weight * _feathers(crystals[first : first + count], height, width)
        first += count
    grey = (grey - grey.mean()) / max(float(grey.std()), 1e-6)
    color, spread = ICE_TINTS[int(variant * len(ICE_TINTS))]
    tint = np.asarray(color, np.float32)[:, None, None]
    return np.clip(tint + np.float32(spread) * grey, 0, 1)


def _feathers(crystals: np.ndarray, height: int, width: int) -> Mask:
    rows = np.minimum((crystals[:, 0] * height).astype(int), height - 1)
    columns = np.minimum((crystals[:, 1] * width).astype(int), width - 1)
    ground = np.full((height, width), 255, np.uint8)
    ground[rows, columns] = 0
    _, nearest = cv2.distanceTransformWithLabels(ground, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    label = nearest.astype(np.int64)
    # The labels count the seeds in some order of OpenCV's; seeds in one pixel share a label.
    seed = np.zeros(int(label.max()) + 1, int)
    seed[label[rows, columns]] = np.arange(len(crystals))
    owner = seed[label]
    angle = crystals[:, 2] * 2 * math.pi
    cos, sin = np.cos(angle).astype(np.float32)[owner], np.sin(angle).astype(np.float32)[owner]
    down = np.arange(height, dtype=np.float32)[:, None] - rows.astype(np.float32)[owner]
    right = np.arange(width, dtype=np.float32)[None, :] - columns.astype(np.float32)[owner]
    size = math.sqrt(height * width / len(crystals))
    along, aside = (right * cos + down * sin) / size, np.abs(down * cos - right * sin) / size
    # A barb every eighth of a crystal; tan(60 degrees) is how far it runs aside for a step along.
    phase = (along - aside / np.float32(math.tan(math.pi / 3))) * 8
    barbs = np.abs(2 * (phase - np.floor(phase)) - 1)
    spine = np.float32(1.5) / (1 + (aside * 25) ** 2)
    return spine + barbs / (1 + 2 * aside) + crystals[:, 3].astype(np.float32)[owner]


def liquid(field: Mask, location: float, scale: float, sigma_px: float) -> Mask:
    """A normal field, smoothed, of the given mean and of the given deviation before smoothing."""
    return location + scale * _gaussian(field, sigma_px)


def drops_of_water(wet: Mask, threshold: float, intensity: float) -> Mask:
    """How much light drops add, up to `intensity`: bright and dark sides by a relief of their outlines.

    The steps are the published ones (Canny outlines, their distance, equalised, embossed, blurred).
    """
    pixels = np.clip(np.where(wet < threshold, 0, wet) * 255, 0, 255).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(pixels, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8)
    relief = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.float32)
    embossed = cv2.filter2D(cv2.equalizeHist(distance), cv2.CV_8U, relief)
    light = pixels * cv2.blur(embossed, (3, 3)).astype(np.float32)
    return light * (intensity / max(float(light.max()), 1e-6))


def splashes_of_mud(wet: Mask, threshold: float, sigma_px: float) -> Mask:
    """How much mud covers, 0 or 0.8 to 1: what is above the threshold, smoothed, without its faint rim."""
    cover = _gaussian((wet > threshold).astype(np.float32), sigma_px)
    return np.where(cover < 0.8, np.float32(0), cover)


def _gaussian(plane: Mask, sigma_px: float) -> Mask:
    size = 2 * int(4 * sigma_px + 0.5) + 1
    return cv2.GaussianBlur(plane, (size, size), sigma_px, borderType=cv2.BORDER_REPLICATE)
