"""What of two pictures is compared: luma only, without a border."""

import numpy as np
import pytest
import skimage.color
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from isptune.errors import ConfigError, ScoreError
from isptune.registry import build
from isptune.scenes.scene import load_scenes, photograph

LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def scene():
    return load_scenes(["cat"], crop="200x190")[0]


@pytest.fixture(scope="module")
def spoilt(scene):
    noise = torch.randn(scene.image.shape, generator=torch.Generator().manual_seed(1))
    return (scene.image + 0.05 * noise).clamp(0, 1)


def _luma(images):
    return images[0].double().permute(1, 2, 0).numpy() @ LUMA


@pytest.mark.parametrize("border", [0, 4, 11])
def test_psnr_and_ssim_of_luma_are_those_of_scikit_image(scene, spoilt, border):
    inside = slice(border, -border or None)
    ours, theirs = (_luma(images)[inside, inside] for images in (spoilt, scene.image))
    found = float(build("objective", f"psnr:channel=y,border={border}").score(spoilt, scene)[0])
    assert found == pytest.approx(peak_signal_noise_ratio(theirs, ours, data_range=1), abs=1e-4)
    found = float(build("objective", f"ssim?channel=y&border={border}").score(spoilt, scene)[0])
    _, wanted = structural_similarity(
        theirs, ours, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert found == pytest.approx(wanted[5:-5, 5:-5].mean(), abs=1e-6)


def test_luma_of_video_is_that_of_matlab(scene, spoilt):
    ours, theirs = (
        skimage.color.rgb2ycbcr(images[0].permute(1, 2, 0).numpy())[..., 0]
        for images in (spoilt, scene.image)
    )
    found = float(build("objective", "psnr:channel=ycbcr").score(spoilt, scene)[0])
    assert found == pytest.approx(peak_signal_noise_ratio(theirs, ours, data_range=255), abs=1e-2)
    plain = float(build("objective", "psnr:channel=y").score(spoilt, scene)[0])
    assert found - plain == pytest.approx(20 * np.log10(255 / 219), abs=1e-3)


@pytest.mark.parametrize("name", ["psnr", "ssim", "ms_ssim", "gmsd", "fsim", "vif"])
def test_what_lies_in_the_border_does_not_count(name, scene, spoilt):
    framed = spoilt.clone()
    framed[..., :6, :] = 1
    framed[..., -1:] = 0
    objective = build("objective", f"{name}:border=6")
    assert torch.equal(objective.score(framed, scene), objective.score(spoilt, scene))
    inside = (..., slice(6, -6), slice(6, -6))
    cut = photograph("cut", scene.image[inside].contiguous())
    wanted = build("objective", name).score(spoilt[inside].contiguous(), cut)
    torch.testing.assert_close(objective.score(spoilt, scene), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["psnr", "ssim", "ms_ssim", "fsim"])
def test_colour_does_not_count_in_luma(name, scene):
    y = torch.as_tensor(LUMA, dtype=torch.float32).view(1, 3, 1, 1)
    colour = torch.tensor([0.05, -0.05 * 0.299 / 0.587, 0.0]).view(1, 3, 1, 1)
    tinted = scene.image * 0.8 + 0.1
    reference = photograph("plain", tinted)
    shifted = tinted + colour
    assert float((shifted * y).sum(1).sub((tinted * y).sum(1)).abs().max()) < 1e-6
    equal = build("objective", f"{name}:channel=y").score(tinted, reference)
    torch.testing.assert_close(
        build("objective", f"{name}:channel=y").score(shifted, reference), equal, rtol=1e-3, atol=1e-4
    )
    assert float(build("objective", name).score(shifted, reference)[0]) < float(equal[0]) - 1e-4


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("psnr:channel=v", "psnr: channel = 'v' is none of rgb, y, ycbcr"),
        ("psnr:border=-1", "psnr: border = '-1' is no whole number of pixels from 0 to 4096"),
        ("ssim:border=1.5", "border = '1.5' is no whole number"),
        ("ssim:border=99999999999999999999", "is no whole number of pixels from 0 to 4096"),
        ("psnr:chanel=y", "'chanel=y' is not one of its options: channel=rgb, border=0, fit=none"),
        ("gmsd:channel=y", "'channel=y' is not one of its options: border=0, fit=none"),
    ],
)
def test_options_that_cannot_be_are_refused(spec, said):
    with pytest.raises(ConfigError) as raised:
        build("objective", spec)
    assert said in str(raised.value)


def test_a_border_that_leaves_too_little_is_refused(scene):
    with pytest.raises(ScoreError, match="from 11 pixels a side; images are 200x190, without a border of 90"):
        build("objective", "ssim:border=90").score(scene.image, scene)
