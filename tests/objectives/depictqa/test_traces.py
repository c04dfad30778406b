"""Traces of distortions against plain NumPy, and what they must show on pictures made for it."""

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from isptune.distortions import preset
from objectives.depictqa.differences import DIFFERENCES, differences_of
from objectives.depictqa.traces import (
    MOST_FREQUENT,
    PLANES,
    RANKS,
    SEEN,
    SIZES,
    TRACES,
    displayed,
    seen_of,
    traces_of,
)

A_PLANE = 9 + len(RANKS) + len(MOST_FREQUENT)
COLOURS = PLANES * A_PLANE
NEIGHBOURS = COLOURS + 4
RESIDUALS = NEIGHBOURS + 8 + 14


def picture(height=48, width=64, seed=0):
    smooth = torch.nn.functional.interpolate(
        torch.rand(1, 3, 7, 9, generator=torch.Generator().manual_seed(seed)), (height, width), mode="bicubic"
    )
    return displayed(smooth.clamp(0, 1))


def test_histogram_traces_are_those_of_numpy():
    image = picture()
    red = np.round(image[0, 0].numpy() * 255).astype(int)
    shares = np.bincount(red.ravel(), minlength=256) / red.size
    rough = np.abs(shares[1:-1] - (shares[:-2] + shares[2:]) / 2).sum()
    used = shares > 0
    entropy = -(shares[used] * np.log2(shares[used])).sum() / 8
    wanted = [
        used.mean(), used.sum() / (red.max() - red.min() + 1), red.min() / 255, red.max() / 255, red.std() / 255,
        rough, entropy, np.log(shares[0] + 1e-4), np.log(shares[255] + 1e-4),
        *(np.quantile(red, rank, method="inverted_cdf") / 255 for rank in RANKS),
        *(np.sort(shares)[::-1][:count].sum() for count in MOST_FREQUENT),
    ]  # fmt: skip
    np.testing.assert_allclose(traces_of(image)[0, :A_PLANE], wanted, atol=1e-4)


def test_shares_of_equal_neighbours_are_those_of_numpy():
    image = preset("depictqa", "pixelate").apply(picture(), 1)
    pixels = np.round(image[0].numpy() * 255)
    found = traces_of(displayed(image))[0, NEIGHBOURS : NEIGHBOURS + 8].numpy()
    wanted = []
    for lag in (1, 2, 3, 4):
        wanted.append((pixels[:, :, lag:] == pixels[:, :, :-lag]).all(0).mean())
        wanted.append((pixels[:, lag:] == pixels[:, :-lag]).all(0).mean())
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found[0] >= 0.5


def test_residual_traces_are_those_of_scipy():
    image = displayed(
        picture() + 0.05 * torch.randn(1, 3, 48, 64, generator=torch.Generator().manual_seed(3))
    )
    red, green, blue = image[0].numpy().astype(np.float64)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    residual = luma - uniform_filter(luma, 3, mode="nearest")
    square = (residual**2).mean()
    found = traces_of(image)[0, RESIDUALS : RESIDUALS + 3].numpy()
    across = (residual[:, 1:] * residual[:, :-1]).mean() / square
    wanted = [np.log(square + 1e-9) / 2, np.log((residual**4).mean() / square**2 + 1e-4), across]
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_few_colours_are_counted():
    image = torch.zeros(1, 3, 32, 32)
    image[..., 8:, :] = 0.2
    image[..., 16:] = 0.7
    found = traces_of(displayed(image))[0, COLOURS : COLOURS + 4].numpy()
    np.testing.assert_allclose(found, [np.log2(3) / 16, 1, 1, 1], atol=1e-6)


def test_what_is_seen_ends_with_traces_and_the_size():
    image = picture()
    seen = seen_of(image)
    assert seen.shape == (1, SEEN)
    assert torch.equal(seen[:, -SIZES - TRACES : -SIZES], traces_of(image))
    torch.testing.assert_close(seen[0, -SIZES:], torch.tensor([48 * 64, 48 / 64]).log2())
    assert seen_of(image[:0]).shape == (0, SEEN)


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (32, 32), (600, 30)])
@pytest.mark.parametrize("level", [0.0, 1.0, None])
def test_traces_and_differences_are_finite_for_any_picture(shape, level):
    image = picture(*shape) if level is None else torch.full((1, 3, *shape), level)
    assert traces_of(displayed(image)).isfinite().all()
    for reference in (image, picture(*shape, seed=1)):
        assert differences_of(image, reference).isfinite().all()


def test_a_nan_gives_nan_in_its_row_alone():
    images = torch.cat([picture(), picture(seed=1)])
    images[1, 0, 2, 2] = torch.nan
    assert traces_of(images).isnan().any(1).tolist() == [False, True]
    assert differences_of(images, picture()).isnan().any(1).tolist() == [False, True]


def test_differences_tell_the_shift_and_the_gain():
    image = picture() * 0.5 + 0.2
    found = differences_of(torch.cat([image, image + 0.1, 0.5 * image]), image)
    assert found.shape == (3, DIFFERENCES)
    # Of the first plane, red: mean difference, then gain.
    torch.testing.assert_close(found[0, :2], torch.tensor([0.0, 1.0]), atol=2e-3, rtol=0)
    torch.testing.assert_close(found[1, :2], torch.tensor([0.1, 1.0]), atol=2e-3, rtol=0)
    torch.testing.assert_close(found[2, 1], torch.tensor(0.5), atol=2e-3, rtol=0)
