"""Pictures padded, resized and normalised as CLIP's processor does it with Pillow."""

import numpy as np
import pytest
import torch
from PIL import Image

from objectives.encoders.clip.preprocessing import DEVIATION, MEAN
from objectives.encoders.padded_square import BACKGROUND, padded_square


def picture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def tensor(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def by_pillow(pixels, side):
    height, width = pixels.shape[:2]
    longest = max(height, width)
    square = Image.new("RGB", (longest, longest), BACKGROUND)
    square.paste(Image.fromarray(pixels), ((longest - width) // 2, (longest - height) // 2))
    resized = np.asarray(square.resize((side, side), Image.Resampling.BICUBIC)) / 255
    return ((resized - MEAN) / DEVIATION).transpose(2, 0, 1)


@pytest.mark.parametrize(
    "size", [(384, 512), (511, 383), (32, 32), (448, 448), (33, 900), (448, 101), (1, 7)]
)
def test_pixels_are_pillows(size):
    pixels = picture(*size)
    # One level of 8 bits would be 0.014; what is left is the rounding of float32.
    assert np.abs(padded_square(tensor(pixels), 448)[0].numpy() - by_pillow(pixels, 448)).max() < 1e-6


def test_a_batch_is_prepared_as_its_images_are():
    images = torch.cat([tensor(picture(60, 90, seed)) for seed in range(3)])
    alone = torch.cat([padded_square(image[None], 56) for image in images])
    assert torch.equal(padded_square(images, 56), alone)


def test_the_background_is_clips_mean_colour():
    assert BACKGROUND == (122, 116, 104)
    square = padded_square(torch.zeros(1, 3, 10, 30), 30)
    # 122/255 lies 0.003 below the mean, which is 0.011 standard deviations.
    assert square[0, :, 0].abs().max() < 0.012
    assert square[0, 0, 10:20].max() == pytest.approx(-MEAN[0] / DEVIATION[0], abs=1e-6)


def test_an_odd_difference_leaves_the_larger_half_below():
    square = padded_square(torch.ones(1, 3, 3, 6), 6)
    white = (square[0, 0, :, 0] > 1).tolist()
    assert white == [False, True, True, True, False, False]


def test_values_are_rounded_to_eight_bits_and_cut_off():
    image = torch.tensor([-1.0, 0.1019, 2.0]).view(1, 1, 1, 3).expand(1, 3, 3, 3)
    levels = padded_square(image, 3)[0, 0, 0] * DEVIATION[0] + MEAN[0]
    assert (levels * 255).tolist() == pytest.approx([0, 26, 255], abs=1e-4)
