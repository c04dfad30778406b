"""Compression, against Pillow."""

import io

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from isptune.distortions import compression
from isptune.distortions.jpeg_tensor import jpeg_tensor
from isptune.errors import ConfigError

LEVELS = {
    "jpeg": (5.0, 57.0, 64.4, 96.0),
    "jpeg2000": (4.0, 16.0, 45.5, 170.0),
    "jpeg2000_psnr": (40.0, 29.0, 27.5, 23.0),
}


def photo(height=72, width=91):
    return np.ascontiguousarray(skimage.data.coffee()[100 : 100 + height, 200 : 200 + width])


def as_images(pixels):
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float()[None] / 255


def as_bytes(images):
    return (images[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def through_pillow(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **options)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("quality", [1, 4, 7, 24, 25, 43, 50, 75, 90, 99])
@pytest.mark.parametrize("size", [(72, 91), (64, 64), (37, 50)])
def test_jpeg_gives_the_pixels_that_pillow_saves_and_loads(quality, size):
    expected = through_pillow(photo(*size), format="JPEG", quality=quality)
    got = compression.jpeg(as_images(photo(*size)), 100.0 - quality)
    assert np.array_equal(as_bytes(got), expected)
    assert torch.equal(got, as_images(expected))


def test_jpeg_cuts_to_8_bits_as_arniqa_when_asked():
    images = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    for to_8bit, pixels in (("truncate", (images * 255).byte()), ("round", (images * 255).round().byte())):
        expected = through_pillow(pixels[0].permute(1, 2, 0).numpy(), format="JPEG", quality=36)
        assert np.array_equal(as_bytes(compression.jpeg(images, 64.0, to_8bit=to_8bit)), expected)


def test_jpeg_strength_is_rounded_to_a_whole_quality():
    images = as_images(photo()) * 0.999  # not on 8-bit values: untouched means not rounded either
    assert torch.equal(compression.jpeg(images, 0.4), images)
    assert not torch.equal(compression.jpeg(images, 0.5), images)
    assert torch.equal(compression.jpeg(images, 63.7), compression.jpeg(images, 64.0))
    assert torch.equal(compression.jpeg(images, 100.0), compression.jpeg(images, 99.0))


def test_an_untouched_image_in_a_compressed_batch_stays_untouched():
    images = (as_images(photo()) * 0.999).repeat(2, 1, 1, 1)
    both = compression.jpeg(images, torch.tensor([0.3, 60.0]))
    assert torch.equal(both[0], images[0])
    assert not torch.equal(both[1], images[1])
    assert torch.equal(both, jpeg_tensor(images, [None, 40]))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(48, 64), (33, 47), (44, 63), (17, 8), (5, 3), (1, 20), (20, 1)])
def test_jpeg_in_tensor_arithmetic_equals_libjpeg_sample_for_sample(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for pixels in (photo(*size), noise):
        for quality in (1, 5, 25, 50, 76, 92, 100):
            expected = through_pillow(pixels, format="JPEG", quality=quality)
            assert np.array_equal(as_bytes(jpeg_tensor(as_images(pixels), [quality])), expected)


def test_jpeg_in_tensor_arithmetic_takes_a_quality_for_every_image():
    images = torch.rand(3, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    strengths = torch.tensor([8.0, 64.0, 93.0])
    for to_8bit in ("round", "truncate"):
        expected = compression.jpeg(images, strengths, to_8bit=to_8bit)
        got = jpeg_tensor(images, [92, 36, 7], truncate=to_8bit == "truncate")
        assert torch.equal(got, expected)


@pytest.mark.parametrize("ratio", [16, 32, 45, 120, 170])
def test_jpeg2000_gives_the_pixels_that_pillow_saves_and_loads(ratio):
    pixels = photo(150, 160)
    expected = through_pillow(
        pixels,
        format="JPEG2000",
        quality_mode="rates",
        quality_layers=[ratio],
        num_resolutions=8,
        progression="LRCP",
    )
    assert np.array_equal(as_bytes(compression.jpeg2000(as_images(pixels), float(ratio))), expected)


@pytest.mark.parametrize("target", [29, 27.5, 26, 24.5, 23])
def test_jpeg2000_psnr_gives_the_pixels_that_pillow_saves_and_loads(target):
    pixels = photo(150, 160)
    expected = through_pillow(pixels, format="JPEG2000", quality_mode="dB", quality_layers=[target])
    got = compression.jpeg2000_psnr(as_images(pixels), target)
    assert np.array_equal(as_bytes(got), expected)
    reached = -10 * torch.log10((got - as_images(pixels)).square().mean())
    assert abs(reached - target) < 2


@pytest.mark.parametrize("entry", compression.DISTORTIONS, ids=lambda d: d.name)
def test_each_image_of_a_batch_is_as_if_alone(entry):
    images = torch.cat([as_images(photo()), as_images(photo()[::-1])] * 2)
    levels = torch.tensor(LEVELS[entry.name])
    together = entry(images, levels)
    alone = [entry(images[i : i + 1], levels[i : i + 1]) for i in range(4)]
    assert torch.equal(together, torch.cat(alone))
    errors = (together - images).square().mean((1, 2, 3))
    assert errors[0] < errors[1] < errors[3]


@pytest.mark.parametrize("entry", compression.DISTORTIONS, ids=lambda d: d.name)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (31, 7)])
def test_tiny_images_are_compressed_too(entry, size):
    flat = torch.full((1, 3, *size), 0.4)
    assert (entry(flat, LEVELS[entry.name][1]) - flat).abs().max() < 0.05


@pytest.mark.parametrize("entry", compression.DISTORTIONS, ids=lambda d: d.name)
def test_an_unknown_way_to_8_bits_is_refused(entry):
    with pytest.raises(ConfigError, match="round, truncate"):
        entry(as_images(photo()), LEVELS[entry.name][1], to_8bit="floor")
