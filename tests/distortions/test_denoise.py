"""The denoiser that stands in for DnCNN, against noise of known strength and its own tensor path."""

import numpy as np
import pytest
import torch

from isptune.distortions.denoise import NOISE_SHARE, SPLINE, _shrink, _shrink_tensor, denoise
from tests.distortions.photograph import assert_batch_is_its_images, generators, photograph, psnr


def picture():
    return photograph(80, 128)


def test_a_batch_is_its_images():
    images = torch.cat([photograph(60, 64, top) for top in (40, 100, 160, 220)])
    assert_batch_is_its_images(denoise, images, torch.tensor([0.01, 0.03, 0.1, 0.15]))


@pytest.mark.parametrize("variance", [0.01, 0.05, 0.15])
def test_most_of_the_noise_is_gone(variance):
    field = torch.randn(3, 80, 128, generator=generators(1)[0])
    noisy = (picture() + variance**0.5 * field).clamp(0, 1)
    clean = denoise(picture(), variance, generators(1))
    assert psnr(clean, picture()) > psnr(noisy, picture()) + 5


def test_more_noise_costs_more_detail():
    levels = torch.tensor([0.01, 0.03, 0.05, 0.1, 0.15])
    results = denoise(picture().expand(5, -1, -1, -1), levels, generators(1)[0], shared=True)
    losses = [psnr(result, picture()[0]) for result in results]
    assert losses == sorted(losses, reverse=True)


def test_tensors_do_the_same_as_opencv():
    sigmas = torch.tensor([0.1, 0.3])
    planes = torch.cat([photograph(50, 70), photograph(50, 70, 200)]) - 0.5
    expected = [
        np.stack([_shrink(plane, sigma) for plane in image.numpy()])
        for image, sigma in zip(planes, sigmas.tolist(), strict=True)
    ]
    shrunk = _shrink_tensor(planes, sigmas)
    torch.testing.assert_close(shrunk, torch.from_numpy(np.stack(expected)), rtol=0, atol=1e-5)


def test_the_share_of_noise_in_each_plane_follows_from_the_taps():
    size, radius = 127, 63
    impulse = np.zeros((size, size))
    impulse[radius, radius] = 1
    rest = impulse
    for scale, share in enumerate(NOISE_SHARE):
        taps = np.zeros(4 * 2**scale + 1)
        taps[:: 2**scale] = SPLINE
        smooth = np.apply_along_axis(np.convolve, 0, rest, taps, "same")
        smooth = np.apply_along_axis(np.convolve, 1, smooth, taps, "same")
        assert np.sqrt(((rest - smooth) ** 2).sum()) == pytest.approx(share, abs=1e-3)
        rest = smooth
