"""Curves of knobs over ISO: how smooth they are, which way they go, and that luck is smoothed away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from isptune.errors import ConfigError
from isptune.space import Choice, Real
from isptune.tuning.condition_numbers import numbers_of
from isptune.tuning.knob_curve import Smoothness, _smoothed, fit_curve
from isptune.tuning.monotone import parse_monotone

STOPS = np.log2([100, 200, 400, 800, 1600, 3200, 6400])
PARAMS = (
    Real("denoise.luma", 0, 1, 0.5),
    Real("denoise.chroma", 0, 1, 0.5),
    Real("sharpen.amount", 0, 1, 0.5),
    Choice("denoise.method", ("a", "b"), "a"),
)


@pytest.mark.parametrize("values", [np.full(7, 0.4), np.linspace(0.2, 0.8, 7)])
def test_what_is_a_constant_or_a_line_over_stops_stays_as_it_is(values):
    np.testing.assert_allclose(fit_curve(STOPS, values).values, values, atol=1e-6)


@pytest.mark.slow
def test_luck_about_a_constant_is_averaged_and_a_clear_course_is_kept():
    luck = 0.1 * np.random.default_rng(0).standard_normal((40, 7))
    errors = [np.sqrt(np.mean((fit_curve(STOPS, 0.5 + row).values - 0.5) ** 2)) for row in luck]
    assert np.mean(errors) < 0.6 * np.sqrt(np.mean(luck**2))
    course = 1 / (1 + np.exp(-(STOPS - STOPS[3])))
    assert np.abs(fit_curve(STOPS, course).values - course).max() < 0.02


def test_smoothness_is_what_predicts_the_isos_that_are_left_out():
    line = fit_curve(STOPS, np.linspace(0.2, 0.8, 7) + 0.01 * np.array([1, -1, 1, -1, 1, -1, 1]))
    assert line.smoothness is not None
    assert line.smoothness.derivative == 2
    bend = fit_curve(STOPS, 0.5 + 0.4 * np.sin(1.2 * np.arange(7)))
    assert bend.smoothness is not None
    assert bend.smoothness.weight < 0.1 <= line.smoothness.weight


def test_without_roughness_a_direction_is_isotonic_regression():
    values = np.random.default_rng(1).random(9)
    for sign in (1, -1):
        own = _smoothed(np.arange(9.0), values, np.ones(9), sign, Smoothness(1, 0.0))
        np.testing.assert_allclose(own, isotonic_regression(values, increasing=sign > 0).x, atol=1e-9)


@pytest.mark.slow
@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.sampled_from([1, -1]))
@settings(max_examples=25, deadline=None)
def test_a_direction_holds_between_the_isos_too_and_no_curve_leaves_the_range(values, sign):
    curve = fit_curve(STOPS[: len(values)], values, sign)
    along = np.array([curve.at(place) for place in np.linspace(STOPS[0] - 1, STOPS[-1] + 1, 60)])
    assert (sign * np.diff(along) >= -1e-9).all()
    assert along.min() >= 0
    assert along.max() <= 1


def test_two_isos_stay_as_they_were_unless_they_break_the_direction():
    np.testing.assert_array_equal(fit_curve([6.0, 8.0], [0.8, 0.3]).values, [0.8, 0.3])
    np.testing.assert_array_equal(fit_curve([6.0, 8.0], [0.8, 0.3], -1).values, [0.8, 0.3])
    np.testing.assert_allclose(fit_curve([6.0, 8.0], [0.8, 0.3], 1).values, [0.55, 0.55])


def test_directions_are_of_the_numbers_that_match():
    said = parse_monotone(("denoise.*=up, sharpen.amount=down",), PARAMS)
    assert said == {"denoise.luma": 1, "denoise.chroma": 1, "sharpen.amount": -1}
    assert parse_monotone((), PARAMS) == {}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("denoise.luma", "'denoise.luma' is neither PATTERN=up nor PATTERN=down"),
        ("denoise.luma=rising", "is neither PATTERN=up nor"),
        (
            "noise.*=up",
            r"'noise.\*=up' matches no number that is tuned; there are: denoise.luma, denoise.chroma",
        ),
        ("denoise.method=up", "matches no number that is tuned"),
        ("denoise.*=up,*.luma=down", "says both up and down of denoise.luma"),
    ],
)
def test_a_direction_that_cannot_be_kept_is_one_line(said, message):
    with pytest.raises(ConfigError, match=message) as refusal:
        parse_monotone((said,), PARAMS)
    assert "\n" not in str(refusal.value)


def test_numbers_are_found_in_names_and_sorted():
    names = ["f2.8, ISO 3 200", "iso100", "12800 tungsten", "iso-1,600 30 mm", "day iso_400"]
    assert list(numbers_of(names).values()) == [100, 400, 1600, 3200, 12800]
