"""What holds for every function of the catalogue, whatever it does."""

import functools
import re

import pytest
import skimage.data
import torch

from isptune.distortions import CATALOGUE, SETS, Distortion, get
from isptune.errors import ConfigError, UnknownName

GROUPS = {
    "blur", "noise", "compression", "brightness", "contrast", "color", "sharpness", "spatial", "quantization",
    "weather",
}  # fmt: skip
CODECS = {"jpeg", "jpeg2000", "jpeg2000_psnr"}

every = pytest.mark.parametrize("name", CATALOGUE)


@functools.cache
def _pictures():
    bundled = (skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket())
    crops = [torch.from_numpy(picture[120:200, 170:250].copy()) for picture in bundled]
    return torch.stack(crops).permute(0, 3, 1, 2).float() / 255


def photographs(height=48, width=64):
    return _pictures()[..., :height, :width].clone(memory_format=torch.contiguous_format)


def spread(one: Distortion) -> list[float]:
    """Four levels: the identity, a published one or a third of the way, in between, and the end of the range."""
    published = sorted({level for set in SETS.values() for p in set.values() if p.distortion is one
                        for level in p.levels})  # fmt: skip
    low = published[len(published) // 2] if published else one.identity + (one.high - one.identity) / 3
    far = one.low if one.high == one.identity else one.high
    return [one.identity, low, (low + far) / 2, far]


def streams(count):
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def test_the_catalogue_has_sixty_functions_with_facts_about_each():
    assert len(CATALOGUE) == 60
    for name, one in CATALOGUE.items():
        assert get(name) is one
        assert one.name == name
        assert one.group in GROUPS
        assert one.unit
        assert re.search(r"doi:10\.|arXiv:\d|ITU-T|ISO/IEC|Haeberli|Pillow", one.source), one.source
        assert one.summary
        assert one.low <= one.identity <= one.high
        assert one.low < one.high
        assert one.signed == (one.low < one.identity < one.high), name


def test_an_unknown_distortion_is_refused_with_the_names_that_exist():
    with pytest.raises(UnknownName, match="no distortion is called 'blurr'; there are: .*gaussian_blur"):
        get("blurr")


@pytest.mark.slow
@every
def test_an_image_does_not_depend_on_the_others_of_its_batch(name):
    one, images = get(name), photographs()
    levels = torch.tensor(spread(one))
    together = one(images, levels, generator=streams(4))
    alone = [one(images[i : i + 1], levels[i], generator=[streams(4)[i]]) for i in range(4)]
    tolerance = 0 if name in CODECS else 1e-6
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", [name for name, one in CATALOGUE.items() if one.stochastic])
def test_a_shared_field_is_the_same_for_every_image_and_level(name):
    one, images = get(name), photographs()
    levels = torch.tensor(spread(one))
    together = one(images, levels, generator=streams(1)[0], shared=True)
    alone = [one(images[i : i + 1], levels[i], generator=streams(1)[0], shared=True) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-6)
    same = one(images[:1].expand(3, -1, -1, -1), levels[1], generator=streams(1)[0], shared=True)
    torch.testing.assert_close(same, same[:1].expand(3, -1, -1, -1), rtol=0, atol=1e-6)


@every
def test_the_same_seed_repeats_and_another_seed_differs(name):
    one, images = get(name), photographs()[:1]
    level = spread(one)[2]
    first, again, other = (
        one(images, level, generator=torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert torch.equal(first, other) != one.stochastic


@every
def test_the_identity_leaves_images_as_they_are_bit_by_bit(name):
    one, images = get(name), photographs()
    images[0] = torch.rand(3, 48, 64, generator=streams(1)[0])  # not on the grid of 255ths
    result = one(images, one.identity, generator=streams(4))
    assert torch.equal(result, images)
    assert result.data_ptr() != images.data_ptr()


@every
def test_results_are_new_finite_and_within_the_range(name):
    one, images = get(name), photographs()
    kept = images.clone()
    for level in (one.low, *spread(one)[1:]):
        result = one(images, level, generator=streams(4))
        assert torch.equal(images, kept), "the input was written to"
        assert result.shape == images.shape
        assert result.dtype == torch.float32
        assert bool(((result >= 0) & (result <= 1)).all())


@every
def test_levels_out_of_range_or_nan_are_refused(name):
    one, images = get(name), photographs()[:2]
    for wrong in (
        one.high + 0.01 * (one.high - one.low),
        one.low - 0.01 * (one.high - one.low),
        float("nan"),
    ):
        with pytest.raises(ConfigError, match=f"^{name}: level .* is outside"):
            one(images, torch.tensor([one.identity, wrong]), generator=streams(2))


def test_a_stochastic_function_needs_a_generator():
    with pytest.raises(ConfigError, match="white_noise draws random numbers: it needs a generator"):
        get("white_noise")(photographs(), 0.01)


@pytest.mark.parametrize("levels", [[0.01, 0.02], [[0.01]] * 4])
def test_levels_must_be_one_or_one_an_image(levels):
    with pytest.raises(ConfigError, match="white_noise: levels of shape .* for 4 images"):
        get("white_noise")(photographs(), torch.tensor(levels), generator=streams(4))


def test_generators_must_be_one_an_image_or_one_that_is_shared():
    with pytest.raises(ConfigError, match="3 generators for a batch of 4"):
        get("white_noise")(photographs(), 0.01, generator=streams(3))
    with pytest.raises(ConfigError, match="4 generators cannot be shared by all images"):
        get("white_noise")(photographs(), 0.01, generator=streams(4), shared=True)


@pytest.mark.slow
@every
def test_odd_and_tiny_images_work(name):
    one = get(name)
    for size in ((33, 17), (16, 16), (5, 70)):
        images = photographs(*size)[:2]
        for level in spread(one)[1:]:
            result = one(images, level, generator=streams(2))
            assert result.shape == images.shape, size
            assert bool(result.isfinite().all()), (size, level)


@pytest.mark.slow
@every
def test_flat_images_work(name):
    one = get(name)
    flat = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 3, 20, 24)
    for level in spread(one)[1:]:
        result = one(flat, level, generator=streams(3))
        assert bool(((result >= 0) & (result <= 1)).all())


STEPPED = {
    # whole patches, colours, classes, pixels or codec qualities; ends of a published kernel or index
    "jpeg", "jpeg2000", "patch_shift", "color_block", "color_shift", "pixelate", "pixelate_box", "quantization",
    "dither_quantization", "otsu_quantization", "median_quantization", "histogram_quantization", "glass_blur",
    "pixel_swap", "spatter",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name not in STEPPED])
def test_levels_are_continuous_where_the_definition_allows(name):
    one, images = get(name), photographs()
    level = spread(one)[1] * 1.07 + 0.011 * (
        one.high - one.low
    )  # off the published ones and off whole numbers
    near = level + 1e-4 * (one.high - one.low)
    change = one(images, level, generator=streams(4)) - one(images, near, generator=streams(4))
    assert float(change.abs().mean()) < 2e-3
    if name not in CODECS:
        assert float(change.abs().mean()) > 0, "the level is rounded"
