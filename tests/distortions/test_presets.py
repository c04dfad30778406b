"""The published sets: their types, groups, numbers and quirks."""

import itertools

import cv2
import numpy as np
import pytest
import skimage.color
import skimage.data
import torch

from isptune.distortions import CATALOGUE, SETS, blur, blur_random, color, noise, preset, presets_of, weather
from isptune.distortions.color import _edge_mask
from isptune.distortions.palettes import multi_otsu
from isptune.errors import ConfigError, UnknownName
from tests.distortions import published
from tests.distortions.photograph import generators, photograph, psnr

EVERY = [one for presets in SETS.values() for one in presets.values()]
every = pytest.mark.parametrize("one", EVERY, ids=lambda one: f"{one.set}-{one.name}")


def grouped(set, part="main"):
    groups = {}
    for one in presets_of(set).values():
        if one.part == part:
            groups.setdefault(one.group, []).append(one.name)
    return groups


def test_the_sets_have_24_25_35_and_15_types_and_the_extra_ones():
    counts = {set: sum(one.part == "main" for one in presets.values()) for set, presets in SETS.items()}
    assert counts == {"arniqa": 24, "kadid10k": 25, "depictqa": 35, "imagenet_c": 15}
    assert [one.name for one in EVERY if one.part == "unused"] == list(published.DEPICTQA_UNUSED)
    extra = [one.name for one in EVERY if one.part == "extra"]
    assert extra == ["speckle_noise", "gaussian_blur", "spatter", "saturate"]
    for one in EVERY:
        assert CATALOGUE[one.distortion.name] is one.distortion


def test_groups_are_those_of_the_sets():
    assert {group: tuple(names) for group, names in grouped("arniqa").items()} == published.ARNIQA_GROUPS
    counts = {group: len(names) for group, names in grouped("depictqa").items()}
    assert counts == published.DEPICTQA_CATEGORIES
    assert {group: len(names) for group, names in grouped("imagenet_c").items()} == {
        "noise": 3, "blur": 4, "weather": 4, "digital": 4,
    }  # fmt: skip


def test_every_published_number_is_there():
    found = {set: {one.name: one.published for one in presets.values()} for set, presets in SETS.items()}
    assert found["arniqa"] == published.ARNIQA
    assert {int(name[:2]): levels for name, levels in found["kadid10k"].items()} == published.KADID10K
    assert found["depictqa"] == published.DEPICTQA | published.DEPICTQA_UNUSED
    assert {name: levels for name, levels in found["imagenet_c"].items() if name != "spatter"} == (
        published.IMAGENET_C
    )
    assert all(len(one.published) == 5 for one in EVERY)


@pytest.mark.parametrize(
    ("set", "name", "levels"),
    [
        ("arniqa", "jpeg", (57, 64, 76, 93, 96)),
        ("arniqa", "nonlincontrchange", (0.1, 0.2, 0.3, 0.4, 0.45)),
        ("depictqa", "noise_gaussian_RGB", (0.0025, 0.01, 0.0225, 0.04, 0.0625)),
        ("depictqa", "noise_poisson", (1 / 80, 1 / 60, 1 / 40, 1 / 25, 1 / 15)),
        ("depictqa", "brightness_darken_shfit_RGB", (-0.1, -0.15, -0.2, -0.27, -0.35)),
        ("imagenet_c", "speckle_noise", (0.0225, 0.04, 0.1225, 0.2025, 0.36)),
        ("imagenet_c", "glass_blur", (1, 2, 3, 4, 5)),
    ],
)
def test_published_numbers_become_the_catalogues_levels(set, name, levels):
    assert preset(set, name).levels == pytest.approx(levels)


def test_functions_by_severity_have_the_published_tuples():
    of = {f"{one.set} {one.name}": one.published for one in EVERY}
    assert of["depictqa blur_motion"] == blur_random.TRAILS["depictqa"]
    assert of["imagenet_c motion_blur"] == blur_random.TRAILS["imagenet_c"]
    assert of["depictqa blur_glass"] == blur_random.GLASS["depictqa"]
    assert of["imagenet_c glass_blur"] == blur_random.GLASS["imagenet_c"]
    assert of["imagenet_c defocus_blur"] == blur.DEFOCUS
    assert of["depictqa blur_gaussian_lensmask"] == blur.LENS_MASK
    assert of["imagenet_c saturate"] == color.SATURATE[1:]
    assert of["imagenet_c frost"] == weather._FROST[1:]
    assert of["imagenet_c fog"] == weather._FOG[1:]
    assert of["imagenet_c snow"] == tuple(row[:7] for row in weather._SNOW[1:])
    for name, steps in (("depictqa blur_zoom", "depictqa"), ("imagenet_c zoom_blur", "imagenet_c")):
        for arguments, factors in zip(of[name], blur.ZOOMS[steps], strict=True):
            np.testing.assert_array_equal(np.arange(*arguments), factors)
    sigmas = [(luma, luma * multiple) for luma, multiple in of["depictqa noise_gaussian_YCrCb"]]
    np.testing.assert_allclose(noise._YCRCB_LEVELS[1:], sigmas)


def test_only_arniqa_swaps_red_and_blue():
    swapped = {one.name: one.set for one in EVERY if one.options.get("swap_red_blue")}
    assert set(swapped) == {"colordiff", "colorsat2", "brighten", "highsharpen"}
    assert set(swapped.values()) == {"arniqa"}


def test_kadid_differs_from_arniqa_in_three_lists_and_three_types():
    theirs = {one.distortion.name: one.published for one in presets_of("arniqa").values()}
    ours = {one.distortion.name: one.published for one in presets_of("kadid10k").values()}
    assert set(ours) - set(theirs) == {"dither_quantization", "denoise"}
    assert set(theirs) - set(ours) == {"contrast_compression"}
    differing = {name for name in set(ours) & set(theirs) if ours[name] != theirs[name]}
    assert differing == {"jpeg2000", "mean_shift", "tone_contrast"}


def test_levels_of_published_units_do_what_severities_do():
    image = photograph(40, 60)
    for set, name, value in (
        ("arniqa", "jpeg", 24),
        ("depictqa", "noise_poisson", 40),
        ("arniqa", "meanshift", -0.08),
    ):
        one = preset(set, name)
        by_level = one.apply(image, level=value, generator=generators(1))
        assert torch.equal(by_level, one.apply(image, 3, generator=generators(1)))


def test_every_image_has_its_own_severity_or_level():
    images = photograph(40, 60).expand(3, -1, -1, -1)
    one = preset("arniqa", "gaublur")
    by_severity = one.apply(images, [5, 1, 3])
    assert torch.equal(by_severity, one.apply(images, level=torch.tensor([5.0, 0.1, 1.0])))
    for i, severity in enumerate((5, 1, 3)):
        torch.testing.assert_close(by_severity[i : i + 1], one.apply(images[:1], severity), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_sets_of_8_bit_images_give_8_bit_images():
    image = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(3))
    for one in EVERY:
        steps = one.apply(image, 3, generator=generators(1)) * 255
        whole = bool(((steps - steps.round()).abs() < 1e-4).all())
        assert whole or one.output == "float", one.name
    assert {one.output for one in presets_of("arniqa").values()} == {"float"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"severity": 6}, "depictqa noise_poisson: severity 6 is none of 1, 2, 3, 4, 5"),
        ({"severity": 0}, "severity 0"),
        ({"severity": [1, 7]}, "severity 7"),
        ({}, "give a severity .* or a level"),
        ({"severity": 1, "level": 2.0}, "one of the two"),
        ({"level": 0.0}, "photons at white 0 is nan"),
        (
            {"level": 0.5},
            r"photons at white 0.5 is 2 1 / photons at white of poisson_noise, outside \[0, 1\]",
        ),
        ({"level": float("nan")}, "is nan"),
    ],
)
def test_severities_and_levels_that_do_not_exist_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        preset("depictqa", "noise_poisson").apply(photograph(20, 20), generator=generators(1), **arguments)


def test_unknown_sets_and_types_are_refused_with_the_names_that_exist():
    with pytest.raises(
        UnknownName, match="no set of distortions is called 'tid2013'; there are: arniqa, depictqa"
    ):
        preset("tid2013", "gaublur")
    with pytest.raises(UnknownName, match="no distortion of arniqa is called 'blur'; did you mean 'gaublur'"):
        preset("arniqa", "blur")


def test_first_severities_that_are_the_identity_are_and_lincontrchange_is_not():
    image = photograph()
    for name in ("gaublur", "motionblur", "meanshift"):
        mildest = preset("arniqa", name).apply(image, 1, generator=generators(1))
        torch.testing.assert_close(mildest, image, rtol=0, atol=1e-6)
    assert torch.equal(preset("kadid10k", "18_mean_shift").apply(image, 3), image)
    assert 26 < psnr(preset("arniqa", "lincontrchange").apply(image, 1), image) < 31


def test_arniqas_second_saturation_truncates_at_its_first_level_too():
    image = photograph()
    changed = preset("arniqa", "colorsat2").apply(image, 1) - image
    assert 0.2 < float((changed.abs() > 1 / 512).float().mean()) < 0.8
    assert float(changed.abs().max()) == pytest.approx(1 / 255, abs=1e-5)
    assert torch.equal(preset("kadid10k", "08_saturation_lab").apply(image, 1), image)


NOT_MONOTONE = {
    # lists that run through both signs
    "arniqa": {"meanshift", "lincontrchange", "quantization"},
    "kadid10k": {"18_mean_shift", "22_quantization", "25_contrast_change"},
    # PSNR does not follow equalised histograms, sigmoids or Otsu's classes
    "depictqa": {"quantization_otsu", "quantization_hist", "contrast_strengthen_stretch"},
    "imagenet_c": {"glass_blur", "snow", "frost", "saturate"},
}


def loss(first, second):
    return float((first - second).double().square().mean())


@pytest.mark.slow
@every
def test_psnr_falls_with_the_published_severity_where_it_does_upstream(one):
    images = torch.cat([photograph(96, 128, top, left) for top, left in ((100, 150), (20, 330), (230, 60))])
    losses = [loss(one.apply(images, s, generator=generators(3)), images) for s in (1, 2, 3, 4, 5)]
    assert max(losses) > 1e-3
    if one.name not in NOT_MONOTONE[one.set]:
        least = 0.9 if one.distortion.stochastic else 0.99  # few patches or angles are drawn here
        assert all(more > least * less for less, more in itertools.pairwise(losses)), losses


def _photographs():
    return [skimage.data.chelsea(), skimage.data.astronaut()[:, :300]]


def _steps(name, severity, pixels, set="imagenet_c"):
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255
    return (preset(set, name).apply(image, severity)[0].permute(1, 2, 0).numpy() * 255).round().astype(int)


def _of_hsv(pixels, place, change):
    hsv = skimage.color.rgb2hsv(pixels / 255.0)
    hsv[..., place] = np.clip(change(hsv[..., place]), 0, 1)
    return (skimage.color.hsv2rgb(hsv).clip(0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "severity", "place", "change", "share"),
    [
        ("brightness", 1, 2, lambda v: v + 0.1, 0.02),
        ("brightness", 2, 2, lambda v: v + 0.2, 0.06),
        ("saturate", 2, 1, lambda s: 0.1 * s, 0.02),
        ("saturate", 3, 1, lambda s: 2 * s, 0.24),
        ("saturate", 5, 1, lambda s: 20 * s + 0.2, 0.02),
    ],
)
def test_what_imagenet_c_does_in_hsv_is_one_level_off_where_it_is_stated(
    name, severity, place, change, share
):
    for pixels in _photographs():
        apart = np.abs(_steps(name, severity, pixels) - _of_hsv(pixels, place, change))
        assert apart.max() <= 1
        assert (apart > 0).mean() <= share


def test_the_first_defocus_of_imagenet_c_is_theirs():
    far = np.arange(-8, 9)
    disk = (far[:, None] ** 2 + far**2 <= 9).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), (3, 3), 0.1)
    for pixels in _photographs():
        theirs = cv2.filter2D(pixels / 255.0, -1, kernel).clip(0, 1) * 255
        apart = np.abs(_steps("defocus_blur", 1, pixels) - theirs.astype(np.uint8))
        assert (apart > 0).mean() < 1e-4


@pytest.mark.parametrize(("severity", "classes"), [(1, 15), (2, 11), (5, 3)])
def test_classes_of_otsu_keep_whole_grey_levels_as_depictqa_computes_them(severity, classes):
    for pixels in _photographs():
        theirs = pixels.astype(np.float32)
        for channel in theirs.transpose(2, 0, 1):
            high, low = channel.max(), channel.min()
            counts, edges = np.histogram(channel, 30, (low, high))
            thresholds = ((edges[:-1] + edges[1:]) / 2)[multi_otsu(counts, classes)]
            channel[:] = np.digitize(channel, thresholds) * (high - low) / classes + low
        assert np.array_equal(
            _steps("quantization_otsu", severity, pixels, "depictqa"), theirs.astype(np.uint8)
        )


@pytest.mark.parametrize("seed", range(4))
def test_arniqas_colour_shift_has_the_slips_of_its_code(seed):
    """Sorting gives values and indices, of which its percentile takes the second; padding is crosswise."""
    image = torch.from_numpy(_photographs()[0].copy()).permute(2, 0, 1)[None].float() / 255
    found = preset("arniqa", "colorshift").apply(image, 5, generator=[torch.Generator().manual_seed(seed)])
    drawn = torch.rand(2, generator=torch.Generator().manual_seed(seed))
    down, right = (drawn / drawn.norm() * 12).round().int().tolist()
    mask = _edge_mask(image)
    high, low = mask.sort().indices, 1 - (1 - mask).sort().indices
    mask = torch.maximum(torch.minimum(mask, high), low)[0]
    padded = np.pad(image[0, 1].numpy(), ((right, right), (down, down)), mode="edge")
    rolled = np.roll(padded, (down, right), (0, 1))
    height, width = image.shape[-2:]
    shifted = torch.from_numpy(rolled[right : right + height, down : down + width].copy())
    expected = shifted * mask + image[0, 1] * (1 - mask)
    torch.testing.assert_close(found[0, 1], expected, atol=1e-6, rtol=0)
    assert torch.equal(found[:, ::2], image[:, ::2])
