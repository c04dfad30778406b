"""Fewer colours or grey levels."""

import numpy as np
import torch
from jaxtyping import Float64, Int64
from PIL import Image
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.eight_bit import count_bytes, map_bytes, map_tables
from isptune.distortions.imagewise import imagewise, per_image
from isptune.distortions.palettes import median_cut, multi_otsu, variance_palette
from isptune.distortions.sources import ARNIQA, DEPICTQA, KADID

OTSU_BINS = 30


@distortion(
    group="quantization", unit="levels", low=2, high=256, identity=256, source=f"{ARNIQA} (quantization)"
)
def quantization(images: Images, level: Tensor) -> Images:
    """Equal steps of grey levels, then stretched so that the image's range is [0, 1].

    Args:
        images: [batch, 3, H, W].
        level: how many classes (rounded) share 0..255. Black is one more class of its own, by definition.
            An image of a single class is left as it is.
    """

    def quantize(image: Images, classes: Tensor) -> Images:
        # Classes end at floor(255 k / n); with ceil(255 x) = c the class is ceil(c n / 255).
        index = ((image * 255).ceil_() * per_image(classes.round()) / 255).ceil_()
        low, high = index.amin((1, 2, 3), keepdim=True), index.amax((1, 2, 3), keepdim=True)
        return torch.where(high > low, (index - low) / (high - low).clamp(min=1), image)

    return imagewise(quantize, images, level)


@distortion(
    group="quantization", unit="colours", low=2, high=256, identity=256,
    source=f"{KADID} (6: colour quantization with dither); palette: Wu 1991, Efficient Statistical "
    "Computations for Optimal Color Quantization; Floyd and Steinberg 1976",
)  # fmt: skip
def dither_quantization(images: Images, level: Tensor) -> Images:
    """The image's own palette of few colours, with Floyd-Steinberg dither; runs on the CPU.

    Stands in for MATLAB's `rgb2ind(image, level)`, which is also minimum-variance quantization with error
    diffusion, but whose code is closed: the cells of the histogram (32 a channel here), ties between
    boxes, and the rounding of diffused errors (Pillow's here) may differ. It agrees in kind and strength,
    not pixel by pixel.

    Args:
        images: [batch, 3, H, W].
        level: how many colours (rounded), [batch].
    """
    colours = _whole(level)

    def quantize(pixels: np.ndarray, i: int) -> np.ndarray:
        palette = Image.new("P", (1, 1))
        palette.putpalette(variance_palette(pixels, colours[i]).tobytes())
        indexed = Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        return np.asarray(indexed.convert("RGB"))

    return map_bytes(quantize, images.cpu()).to(images.device)


@distortion(
    group="quantization", unit="classes", low=2, high=OTSU_BINS + 1, identity=OTSU_BINS + 1,
    source=f"{DEPICTQA} (quantization by Otsu); Liao, Chen and Chung 2001, A Fast Algorithm for Multilevel "
    "Thresholding; scikit-image, threshold_multiotsu",
)  # fmt: skip
def otsu_quantization(images: Images, level: Tensor) -> Images:
    """Each channel in classes between Otsu's thresholds, of a histogram of 30 bins.

    The image is rounded to bytes. Class k becomes min + k (max - min) / classes, so that the brightest class
    is darker than it was. A channel with fewer filled bins than classes keeps its bytes (the published code
    raises), which is why 31 classes are the identity.

    Args:
        images: [batch, 3, H, W].
        level: how many classes (rounded), [batch].
    """
    counts = count_bytes(images)
    tables = [
        [_otsu_table(channel, classes) for channel in channels]
        for channels, classes in zip(counts, _whole(level), strict=True)
    ]
    return map_tables(np.array(tables, dtype=np.float32), images)


@distortion(
    group="quantization", unit="grey levels", low=2, high=256, identity=256,
    source=f"{DEPICTQA} (quantization by median); Heckbert 1982, Color Image Quantization for Frame Buffer "
    "Display, doi:10.1145/965145.801294; Pillow's MEDIANCUT",
)  # fmt: skip
def median_quantization(images: Images, level: Tensor) -> Images:
    """Each channel in few grey levels, by median cut; the image is rounded to bytes.

    Args:
        images: [batch, 3, H, W].
        level: how many grey levels a channel (rounded), [batch].
    """
    tables = [
        [median_cut(channel, levels) for channel in channels]
        for channels, levels in zip(count_bytes(images), _whole(level), strict=True)
    ]
    return map_tables(np.array(tables, dtype=np.float32) / 255, images)


@distortion(
    group="quantization", unit="bins", low=2, high=256, identity=256,
    source=f"{DEPICTQA} (quantization by histogram equalisation)",
)  # fmt: skip
def histogram_quantization(images: Images, level: Tensor) -> Images:
    """Few grey levels, which are then equalised: the share of samples below becomes the value.

    The histogram is over all channels together. The image is rounded to bytes. An image whose
    samples all fall into one bin keeps its bytes (the published code makes it black).

    Args:
        images: [batch, 3, H, W].
        level: how many bins (rounded), [batch].
    """
    counts = count_bytes(images).sum(1)
    tables = [_equalising_table(samples, bins) for samples, bins in zip(counts, _whole(level), strict=True)]
    return map_tables(np.array(tables, dtype=np.float32)[:, None], images)


def _whole(level: Tensor) -> list[int]:
    return [int(value) for value in level.round().tolist()]


def _otsu_table(counts: Int64[np.ndarray, " 256"], classes: int) -> Float64[np.ndarray, " 256"]:
    """What every byte of a channel becomes, from the channel's histogram."""
    values = np.arange(256, dtype=np.float32)
    present = values[counts > 0]
    low, high = present[0], present[-1]
    binned, edges = np.histogram(values, OTSU_BINS, (low, high), weights=counts)
    if low == high or np.count_nonzero(binned) < classes:
        return values / np.float64(255)
    centres = (edges[:-1] + edges[1:]) / 2
    found = np.digitize(values, centres[multi_otsu(binned, classes)])
    return (
        found * (high - low) / classes + low
    ) / 255.0  # in this order: whole grey levels stay whole when cut


def _equalising_table(counts: Int64[np.ndarray, " 256"], bins: int) -> Float64[np.ndarray, " 256"]:
    """What every byte of an image becomes, from the image's histogram."""
    values = np.arange(256)
    below = np.histogram(values, bins, (0, 255), weights=counts)[0].astype(np.int64).cumsum()
    first = below[below > 0][0]
    if first == below[-1]:
        return values / 255
    equalised = np.maximum(below - first, 0) * 255 // (below[-1] - first)
    # The bin's value is looked up by rounding, though its members were found by flooring: as published.
    return equalised[np.round(values / 255 * (bins - 1)).astype(np.int64)] / 255


DISTORTIONS = (
    quantization,
    dither_quantization,
    otsu_quantization,
    median_quantization,
    histogram_quantization,
)
