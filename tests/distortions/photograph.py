"""The photograph that tests of distortions spoil, and how they measure it."""

import numpy as np
import skimage.data
import torch


def photograph(height=192, width=256, top=100, left=150):
    """A part of scikit-image's coffee as images [1, 3, H, W]."""
    pixels = skimage.data.coffee()[top : top + height, left : left + width]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def as_array(images):
    """The first image as [H, W, 3], float64."""
    return images[0].permute(1, 2, 0).double().numpy()


def psnr(first, second):
    """Peak signal-to-noise ratio in dB, of arrays or tensors in [0, 1]."""
    return -10 * np.log10(np.mean((np.asarray(first, float) - np.asarray(second, float)) ** 2))


def generators(count, first=0):
    """Generators with seeds of their own."""
    return [torch.Generator().manual_seed(first + i) for i in range(count)]


def assert_batch_is_its_images(distortion, images, levels, **options):
    """f(batch)[i] is f(image i), with a stream for each image and with one for all."""
    streams = generators(len(images)) if distortion.stochastic else None
    own = distortion(images, levels, streams, **options)
    for i in range(len(images)):
        generator = generators(1, i) if distortion.stochastic else None
        alone = distortion(images[i : i + 1], levels[i], generator, **options)
        torch.testing.assert_close(own[i : i + 1], alone, rtol=0, atol=1e-6)
    if distortion.stochastic:
        together = distortion(images, levels, generators(1)[0], shared=True, **options)
        for i in range(len(images)):
            alone = distortion(images[i : i + 1], levels[i], generators(1)[0], shared=True, **options)
            torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-6)
