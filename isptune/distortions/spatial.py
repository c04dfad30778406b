"""Spatial distortions: pixels, patches and blocks in the wrong place, or of the wrong size."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.draws import Draws
from isptune.distortions.sampling import (
    Fields,
    box_mean,
    box_runs,
    displaced,
    image_by_image,
    nearest_there_and_back,
    picked,
    smoothed,
)
from isptune.distortions.sources import ANY_SIZE, ARNIQA, DEPICTQA, IMAGENET_C
from isptune.distortions.threads import map_images
from isptune.errors import ConfigError

_JITTER_PASSES = 5
_PATCH = 16  # px, the side of a patch and its distance from the picture's edge
_MOST_PATCHES = 400
_BLOCK = 32  # px
_MOST_BLOCKS = 100
_UP = {"nearest": Image.Resampling.NEAREST, "box": Image.Resampling.BOX}


@distortion(group="spatial", unit="px", low=0.0, high=5.0, stochastic=True, source=ARNIQA)
def jitter(images: Images, level: Tensor, draws: Draws, drift: bool = False) -> Images:
    """Every pixel taken from a place a normal shift away, five times over.

    Args:
        images: [batch, 3, H, W].
        level: sigma of the shift, px, [batch].
        draws: two fields a pass.
        drift: as ARNIQA's code has it: the picture's rows are padded by the largest shift of columns,
            rounded up, and the other way round; where the two differ the whole picture moves. This happens
            at sigmas whose largest shift is near a whole number (0.2, 1.0), and is not continuous.
    """
    steps = draws.normal(_JITTER_PASSES, 2, *images.shape[-2:], device=images.device)
    return image_by_image(_jittered if not drift else _drifted, images, steps, level)


def _jittered(images: Images, steps: Tensor, level: Tensor) -> Images:
    for step in steps.unbind(1):
        images = displaced(images, -level.view(-1, 1, 1, 1) * step, "border")
    return images


def _drifted(images: Images, steps: Tensor, level: Tensor) -> Images:
    for step in steps.unbind(1):
        shift = level.view(-1, 1, 1, 1) * step
        padding = shift.amax((2, 3), keepdim=True).abs().ceil()
        images = displaced(images, padding - padding.flip(1) - shift, "border")
    return images


@distortion(
    group="spatial", unit="patches", low=0.0, high=float(_MOST_PATCHES), stochastic=True,
    source=f"{ARNIQA} (non-eccentricity patch)",
)  # fmt: skip
def patch_shift(images: Images, level: Tensor, draws: Draws, smear: bool = False) -> Images:
    """Patches of 16x16 pixels copied over their surroundings, up to 8 px away, one after another.

    Patches keep 16 px from the picture's edge where it is large enough.

    Args:
        images: [batch, 3, H, W].
        level: how many patches, rounded: the first of a sequence that does not depend on it, [batch].
        draws: the sequence of places.
        smear: as ARNIQA's code has it: a patch is copied row by row within the picture, so that one that
            moves down repeats its first rows.
    """
    height, width = images.shape[-2:]
    sequences = draws.uniform(_MOST_PATCHES, 4).tolist()
    sources = [
        _patched_index(sequences[i % len(sequences)][:count], height, width, smear)
        for i, count in enumerate(level.round().int().tolist())
    ]
    index = torch.from_numpy(np.stack(sources)).to(images.device)
    return image_by_image(_rearranged, images, index)


def _patched_index(sequence: list[list[float]], height: int, width: int, smear: bool) -> np.ndarray:
    """Which pixel each pixel shows after the copies, as an index into the flattened picture."""
    index = np.arange(height * width).reshape(height, width)
    tall, wide = min(_PATCH, height), min(_PATCH, width)
    for place_x, place_y, shift_x, shift_y in sequence:
        x, new_x = _patch_places(place_x, shift_x, wide, width)
        y, new_y = _patch_places(place_y, shift_y, tall, height)
        rows_at_once = 1 if smear else tall
        for row in range(0, tall, rows_at_once):
            patch = index[y + row : y + row + rows_at_once, x : x + wide].copy()
            index[new_y + row : new_y + row + rows_at_once, new_x : new_x + wide] = patch
    return index.ravel()


def _patch_places(place: float, shift: float, patch: int, side: int) -> tuple[int, int]:
    first = min(_PATCH, (side - patch) // 2)
    last = max(first, side - patch - _PATCH)
    start = round(place * (last - first)) + first
    return start, min(max(round((shift - 0.5) * _PATCH + start), 0), side - patch)


def _rearranged(images: Images, index: Tensor) -> Images:
    return images.flatten(2).gather(2, index[:, None].expand(-1, 3, -1)).view_as(images)


@distortion(group="spatial", unit="strength", low=0.0, high=0.8, source=ARNIQA)
def pixelate(images: Images, level: Tensor) -> Images:
    """Nearest resizing to 0.95 - strength^0.6 of each side, rounded down, and back.

    A strength near 0 still resizes to 0.95: level 0 is the identity by declaration.
    """
    height, width = images.shape[-2:]
    scales = [0.95 - strength**0.6 for strength in _as_written(level)]
    rows = [nearest_there_and_back(height, max(1, int(height * scale))) for scale in scales]
    columns = [nearest_there_and_back(width, max(1, int(width * scale))) for scale in scales]
    return image_by_image(picked, images, *(_stacked(part, images) for part in (rows, columns)))


@distortion(
    group="spatial", unit="scale", low=0.02, high=1.0, identity=1.0,
    source=f"{DEPICTQA}; {IMAGENET_C}; Pillow, resize",
)  # fmt: skip
def pixelate_box(images: Images, level: Tensor, up: str = "nearest") -> Images:
    """Box means of 8-bit values at a smaller size, shown at full size.

    Args:
        images: [batch, 3, H, W].
        level: the smaller size as a part of the full one, both sides rounded down, [batch].
        up: Pillow's filter back to full size: `nearest` (DepictQA) or `box` (ImageNet-C). They differ where a
            pixel's centre falls between two small ones.

    On a GPU columns are averaged before rows, as in Pillow up to 12; newer ones on the CPU choose by the
    picture's shape, which changes the rounding in between (by 1/255).

    Raises:
        ConfigError: another `up`.
    """
    if up not in _UP:
        raise ConfigError(f"up = {up!r}: there are {', '.join(_UP)}")
    height, width = images.shape[-2:]
    sizes = [(max(1, int(height * s)), max(1, int(width * s))) for s in _as_written(level)]
    if images.device.type != "cpu":
        return _pixelated_tensor(images, sizes, up)

    def resize(planes: np.ndarray, i: int) -> np.ndarray:
        picture = Image.fromarray(np.rint(planes.transpose(1, 2, 0) * 255).astype(np.uint8))
        small_height, small_width = sizes[i]
        small = picture.resize((small_width, small_height), Image.Resampling.BOX)
        shown = np.asarray(small.resize((width, height), _UP[up]))
        return shown.transpose(2, 0, 1).astype(np.float32) / 255

    return map_images(resize, images)


def _pixelated_tensor(images: Images, sizes: list[tuple[int, int]], up: str) -> Images:
    pixels = (images * 255).round().to(torch.int32)
    # Columns first: Pillow rounds to 8 bits between its two passes.
    for dimension in (3, 2):
        runs = [box_runs(images.shape[dimension], size[dimension - 2], up) for size in sizes]
        start, end = (_stacked(edges, images) for edges in zip(*runs, strict=True))
        pixels = box_mean(pixels, start, end, dimension)
    return pixels.to(images.dtype) / 255


@distortion(
    group="spatial", unit="blocks", low=0.0, high=float(_MOST_BLOCKS), stochastic=True,
    source=f"{ARNIQA} (colour block)",
)  # fmt: skip
def color_block(images: Images, level: Tensor, draws: Draws) -> Images:
    """Squares of 32x32 pixels in random colours, one over another.

    The level is rounded: these are the first squares of a sequence that does not depend on it.
    """
    blocks = draws.uniform(_MOST_BLOCKS, 5, device="cpu")
    places = blocks[:, :, 3:].tolist()
    counts = level.round().int().tolist()
    tops = [_top_block(places[i % len(places)], count, *images.shape[-2:]) for i, count in enumerate(counts)]
    return image_by_image(_painted, images, _stacked(tops, images), blocks[:, :, :3].to(images.device))


def _top_block(places: list[list[float]], count: int, height: int, width: int) -> np.ndarray:
    """Which block each pixel shows, flattened; -1 where it shows the picture."""
    top = np.full((height, width), -1)
    for block, (down, right) in enumerate(places[:count]):
        y, x = int(down * max(0, height - _BLOCK)), int(right * max(0, width - _BLOCK))
        top[y : y + _BLOCK, x : x + _BLOCK] = block
    return top.ravel()


def _painted(images: Images, top: Tensor, colors: Tensor) -> Images:
    """`top`: [batch, H * W]; `colors`: [batch or 1, blocks, 3]."""
    table = colors.mT.expand(len(images), -1, -1)
    paint = table.gather(2, top.clamp(min=0)[:, None].expand(-1, 3, -1)).view_as(images)
    return torch.where(top.view(-1, 1, *images.shape[-2:]) < 0, images, paint)


@distortion(
    group="spatial", unit="alpha / 250", low=0.0, high=0.3, stochastic=True,
    source=f"{IMAGENET_C}; as {ANY_SIZE}, has it for any size",
)  # fmt: skip
def elastic_transform(images: Images, level: Tensor, draws: Draws) -> Images:
    """Pixels displaced by smooth random fields, mirrored at the edges.

    Uniform shifts within 0.5 % of the height, smoothed by a Gaussian of 1 % of each side (three sigmas), are
    multiplied by 250 * level. The first release, for 224x224 pixels, has other lists and bends the picture by a
    random affine map first; the published list of levels belongs to the form for any size, which does not.
    """
    height, width = images.shape[-2:]
    field = draws.uniform(2, height, width, device=images.device) * 2 - 1
    unit = smoothed(field, (0.01 * height, 0.01 * width), truncate=3) * (250 * 0.005 * height)
    return image_by_image(_stretched, images, unit, level)


def _stretched(images: Images, unit: Fields, level: Tensor) -> Images:
    return displaced(images, unit * level.view(-1, 1, 1, 1), "reflection")


def _as_written(level: Tensor) -> list[float]:
    """Levels as the decimal numbers that their single precision stands for: 0.35, not 0.34999999."""
    return [float(str(value)) for value in level.cpu().numpy().astype(np.float32)]


def _stacked(rows: list[np.ndarray] | tuple[np.ndarray, ...], images: Images) -> Tensor:
    return torch.from_numpy(np.stack(rows)).to(images.device)


DISTORTIONS = (
    jitter,
    patch_shift,
    pixelate,
    pixelate_box,
    color_block,
    elastic_transform,
)
