"""The vector of lightweight metrics against the objectives that it is made of."""

import math

import pytest
import torch

from isptune.errors import ConfigError, UnknownName
from isptune.registry import build
from isptune.scenes.scene import bundled
from objectives.no_reference.lightweight_metrics import DEFAULT, KNOWN, LightweightMetrics, Standardisation

SQUASHED = {
    "tv": lambda x: math.log1p(x / 0.05),
    "sharpness": lambda x: math.log1p(x / 100),
    "colourfulness": lambda x: math.log1p(x / 20),
    "noise": math.log1p,
    "niqe": math.log1p,
}


@pytest.fixture(scope="module")
def scene():
    return bundled("coffee")[0]


@pytest.fixture(scope="module")
def images(scene):
    image = scene.image[:, :, 100:300, 150:350]
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat(
        [image, (image + 0.05 * noise).clamp(0, 1), torch.zeros_like(image), torch.ones_like(image)]
    )


@pytest.mark.parametrize("name", KNOWN)
def test_each_column_is_its_objective_squashed(name, images, scene):
    scores = build("objective", name).score(images, scene).tolist()
    squash = SQUASHED.get(name, lambda x: x)
    column = LightweightMetrics([name]).measure(images)[:, 0]
    assert column.isfinite().all()
    torch.testing.assert_close(
        column, torch.tensor([squash(score) for score in scores]), atol=1e-5, rtol=1e-5
    )


def test_columns_stand_in_the_order_of_the_names(images):
    both = LightweightMetrics(["entropy", "tv"]).measure(images)
    assert torch.equal(both[:, 1], LightweightMetrics(["tv"]).measure(images)[:, 0])
    assert LightweightMetrics(()).measure(images).shape == (4, 0)


def test_fitted_metrics_carry_their_files():
    assert LightweightMetrics(DEFAULT).weights == {}
    assert len(LightweightMetrics(["niqe", "brisque"]).weights) == 2


def test_a_metric_that_a_picture_is_too_small_for_counts_as_average(images):
    small = images[:, :, :12, :12]
    values = LightweightMetrics(["blockiness", "niqe", "tv"]).measure(small)
    assert values.isnan()[:, :2].all()
    assert not values[:, 2].isnan().any()
    standard = Standardisation((1.0, 2.0, 3.0), (1.0, 1.0, 1.0)).apply(values)
    assert (standard[:, :2] == 0).all()


def test_standardised_values_have_mean_zero_and_deviation_one_and_end_at_four():
    generator = torch.Generator().manual_seed(0)
    values = 3 + 2 * torch.randn(1000, 2, generator=generator)
    values[::2, 1] = torch.nan
    standardisation = Standardisation.of(values)
    standard = standardisation.apply(values[1::2])
    assert standardisation.mean[1] == pytest.approx(float(values[1::2, 1].double().mean()))
    assert float(standard[:, 1].mean()) == pytest.approx(0, abs=1e-2)  # four deviations are cut off
    assert float(standard[:, 1].std()) == pytest.approx(1, abs=1e-2)
    assert standardisation.apply(torch.tensor([[1e9, -1e9]])).tolist() == [[4, -4]]


def test_a_column_without_any_value_or_spread_is_harmless():
    standardisation = Standardisation.of(torch.tensor([[torch.nan, 2.0], [torch.nan, 2.0]]))
    assert standardisation.apply(torch.tensor([[1.0, 2.0]])).isfinite().all()


def test_names_that_are_unknown_or_doubled_are_refused():
    with pytest.raises(UnknownName, match="blockiness"):
        LightweightMetrics(["sharpnes"])
    with pytest.raises(ConfigError, match="twice"):
        LightweightMetrics(["tv", "tv"])
