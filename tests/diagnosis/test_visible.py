"""Pictures that no eye tells apart are not called better, however sure a judge is."""

import io

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from isptune.diagnosis import visible
from isptune.diagnosis.visible import drawn_to_chance, largest_difference, probability_of_seeing
from isptune.scenes.color import lab_to_rgb


def _seen(first, second):
    found = probability_of_seeing(first, second)
    assert found is not None
    return found


def _grey(lightness, rows=40, columns=50):
    lab = torch.zeros(1, 3, rows, columns)
    lab[:, 0] = lightness
    return lab_to_rgb(lab)


def _photograph():
    return torch.from_numpy(skimage.data.coffee()[:300, :400].copy()).permute(2, 0, 1)[None].float() / 255


def _as_jpeg(image, quality):
    pixels = (image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(file := io.BytesIO(), "JPEG", quality=quality, subsampling=0)
    return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)[None].float() / 255


def test_the_difference_of_even_pictures_is_that_of_their_colours():
    # Sharma et al. 2005: of greys, dL / S_L with S_L = 1 + 0.015 (L - 50)^2 / sqrt(20 + (L - 50)^2) of the mean L
    first, second = (
        116 * ((((lightness + 16) / 116) ** 3 + 0.01) / 1.01) ** (1 / 3) - 16 for lightness in (60, 61)
    )
    off = ((first + second) / 2 - 50) ** 2
    want = (second - first) / (1 + 0.015 * off / (20 + off) ** 0.5)
    assert largest_difference(_grey(60), _grey(61)) == pytest.approx(want, abs=0.002)
    assert largest_difference(_grey(60), _grey(60)) == 0
    assert largest_difference(_grey(60), _grey(60, rows=41)) is None


def test_half_of_all_see_a_difference_of_two_and_a_small_spot_is_seen(monkeypatch):
    monkeypatch.setattr(visible, "largest_difference", lambda first, second: 2.0)
    assert _seen(_grey(50), _grey(50)) == 0.5
    monkeypatch.undo()
    spot = _grey(50, 300, 50)
    spot[:, :, 270:278, 20:28] += 0.1
    assert _seen(_grey(50, 300, 50), spot) > 0.99
    assert largest_difference(spot, _grey(50, 300, 50)) == largest_difference(_grey(50, 300, 50), spot)


def test_what_an_eye_cannot_see_of_a_photograph_is_not_seen_and_what_it_can_is():
    photograph = _photograph()
    finest, coarse = (_seen(photograph, _as_jpeg(photograph, quality)) for quality in (99, 20))
    assert (finest < 0.05, coarse > 0.99) == (True, True)
    field = torch.randn(photograph.shape, generator=torch.Generator().manual_seed(0))
    assert _seen(photograph, (photograph + field / 255).clamp(0, 1)) < 0.1
    assert _seen(photograph, (photograph + 20 * field / 255).clamp(0, 1)) > 0.99
    assert _seen(photograph, photograph.roll(3, -1)) > 0.99


def test_the_law_goes_from_chance_to_the_judge_and_turned_around_is_exactly_one_minus_itself():
    assert [drawn_to_chance(p, 0.0) for p in (0.0, 0.3, 1.0)] == [0.5] * 3
    assert [drawn_to_chance(p, 1.0) for p in (0.0, 0.25, 1.0)] == [0.0, 0.25, 1.0]
    rng = np.random.default_rng(18)
    for p, seen in rng.uniform(size=(200, 2)):
        larger = max(p, 1 - p)
        assert drawn_to_chance(1 - larger, seen) == 1 - drawn_to_chance(larger, seen)
