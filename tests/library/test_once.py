"""Scoring, distorting and describing pictures from Python."""

import numpy as np
import pytest
import torch
from PIL import Image

import isptune
from isptune.errors import ConfigError, SceneError
from isptune.scenes.decoding.colour_space import DISPLAY_P3
from tests.icc_profiles import gamma_tag, matrix_profile


@pytest.fixture(scope="module")
def cat():
    return isptune.load_scenes(["cat"], crop="208x200")[0].image


def as_array(images):
    return images[0].permute(1, 2, 0).numpy()


def test_a_picture_has_the_same_score_in_every_form(cat, tmp_path):
    levels = (as_array(cat) * 255).round().astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "cat.png")
    tensor = torch.from_numpy(levels).permute(2, 0, 1) / 255
    forms = [tmp_path / "cat.png", str(tmp_path / "cat.png"), levels, Image.fromarray(levels), tensor]
    found = [isptune.score(form, "sharpness") for form in forms]
    assert all(isinstance(value, float) for value in found)
    assert found == pytest.approx([found[0]] * len(forms), rel=1e-5)


def test_several_pictures_and_objectives_are_scored(cat):
    spoilt = isptune.distort(cat, "gaussian_blur", 2.0)
    found = isptune.score([cat, spoilt], ["ssim", lambda image: image.mean()], reference=cat)
    assert found["ssim"][0] == pytest.approx(1)
    assert found["ssim"][1] < 0.95
    assert found["lambda"].shape == (2,)


def test_distortions_are_those_of_the_catalogue_and_the_seed_is_theirs(cat):
    spoilt = isptune.distort(cat, "10_jpeg", severity=4, set="kadid10k")
    assert spoilt.shape == (200, 208, 3)
    assert 0.001 < np.abs(spoilt - as_array(cat)).mean() < 0.2
    noisy = [isptune.distort(cat, "white_noise", 0.01, seed=seed) for seed in (3, 3, 4)]
    assert np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2])


@pytest.mark.slow
def test_a_description_names_what_is_wrong(cat):
    diagnosis = isptune.describe(isptune.distort(cat, "gaussian_blur", 4.0))
    assert "blur" in {finding.category for finding in diagnosis.findings}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda cat: isptune.distort(cat, "gaussian_blur"), ConfigError, "give level"),
        (lambda cat: isptune.distort(cat, "10_jpeg", set="kadid10k"), ConfigError, "one of the two"),
        (lambda cat: isptune.score(object(), "tv"), SceneError, "is no picture"),
        (lambda cat: isptune.score(cat[:, :1], "tv"), SceneError, r"\(1, 1, 200, 208\)"),
        (lambda cat: isptune.score("nowhere.png", "tv"), SceneError, "no such file"),
    ],
)
def test_what_does_not_fit_is_refused(cat, call, error, message):
    with pytest.raises(error, match=message):
        call(cat)


def test_what_was_done_to_a_file_is_logged(cat, tmp_path, caplog):
    exif = Image.Exif()
    exif[274] = 6
    pixels = (as_array(cat) * 255).round().astype(np.uint8)
    profile = matrix_profile(DISPLAY_P3, gamma_tag(2.2))
    Image.fromarray(pixels).save(tmp_path / "wide.png", icc_profile=profile, exif=exif)
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    with caplog.at_level("INFO"):
        isptune.score([tmp_path / "wide.png", tmp_path / "plain.png"], "tv")
    converted, turned = (record.getMessage() for record in caplog.records)
    assert "wide.png" in converted
    assert "colour" in converted
    assert turned == f"{tmp_path / 'wide.png'}: was stored lying and is turned upright"
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
