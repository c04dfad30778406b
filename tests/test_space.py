import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isptune.errors import SpaceError
from isptune.space import Choice, Integer, Real, Space

SPACE = Space(
    (
        Real("denoise.strength", 0.0, 2.0, 0.5),
        Real("gain.red", 0.25, 4.0, 1.0, log=True),
        Integer("denoise.radius", 1, 9, 3),
        Choice("demosaic.method", ("bilinear", "malvar"), "malvar"),
    )
)


def test_default_holds_every_parameter():
    assert SPACE.default == {
        "denoise.strength": 0.5,
        "gain.red": 1.0,
        "denoise.radius": 3,
        "demosaic.method": "malvar",
    }


def test_select_fixes_what_does_not_match():
    tuned = SPACE.select(["denoise.*"])
    assert tuned.names == ["denoise.strength", "denoise.radius"]
    assert tuned.complete({"denoise.radius": 5}) == {**SPACE.default, "denoise.radius": 5}


def test_select_keeps_start_values_of_fixed_parameters():
    tuned = SPACE.starting_at({"gain.red": 2.0}).select(["denoise.*"])
    assert tuned.complete({})["gain.red"] == 2.0


def test_a_pattern_that_matches_nothing_is_refused_with_the_names():
    with pytest.raises(SpaceError, match=r"'sharpen\.\*' matches no parameter; there are: denoise.strength"):
        SPACE.select(["sharpen.*"])


def test_logarithmic_parameters_are_even_in_their_logarithm():
    assert SPACE.to_unit(SPACE.default)[1] == pytest.approx(0.5)
    assert SPACE.from_unit([0, 0.25, 0])["gain.red"] == pytest.approx(0.5)


@pytest.mark.slow
@given(st.lists(st.floats(-1, 2), min_size=3, max_size=3))
def test_points_of_the_cube_become_valid_candidates_and_come_back(point):
    candidate = SPACE.from_unit(point)
    SPACE.check(candidate, partial=True)
    again = SPACE.from_unit(SPACE.to_unit(candidate))
    assert again["denoise.radius"] == candidate["denoise.radius"]
    assert math.isclose(again["gain.red"], candidate["gain.red"], rel_tol=1e-12)
    assert math.isclose(again["denoise.strength"], candidate["denoise.strength"], abs_tol=1e-12)


def test_numpy_numbers_are_accepted_and_become_plain_ones():
    checked = SPACE.check({"denoise.radius": np.int64(4), "gain.red": np.float64(2)}, partial=True)
    assert type(checked["denoise.radius"]) is int
    assert type(checked["gain.red"]) is float


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        ({"denoise.strength": 2.5}, r"denoise.strength = 2.5 is outside \[0, 2\]"),
        ({"denoise.strength": float("nan")}, "outside"),
        ({"denoise.strength": "much"}, "is not a number"),
        ({"denoise.radius": 2.5}, "is not a whole number"),
        ({"demosaic.method": "vng"}, "none of bilinear, malvar"),
        ({"sharpen": 1}, "no parameter is called 'sharpen'; there are: denoise.strength"),
    ],
)
def test_wrong_values_are_refused_in_words(candidate, message):
    with pytest.raises(SpaceError, match=message):
        SPACE.check(candidate, partial=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Real("a", 1.0, 1.0, 1.0),
        lambda: Real("a", 0.0, 1.0, 2.0),
        lambda: Real("a", 0.0, 1.0, 0.5, log=True),
        lambda: Real("a", 0.0, math.inf, 0.5),
        lambda: Integer("a", 0, 3, 4),
        lambda: Choice("a", (), "x"),
        lambda: Choice("a", ("x", "x"), "x"),
        lambda: Choice("a", ("x", "y"), "z"),
        lambda: Space((Real("a", 0.0, 1.0, 0.5), Real("a", 0.0, 1.0, 0.5))),
    ],
)
def test_a_wrong_declaration_is_refused(make):
    with pytest.raises(SpaceError):
        make()
