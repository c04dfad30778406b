import numpy as np
import pytest

from isptune.diagnosis.finding import CATEGORIES, SEVERITIES, Diagnosis, Finding
from isptune.diagnosis.in_words import DEGREES, PREDICATES, in_words, worst_place


def test_every_category_and_severity_has_its_words():
    assert tuple(PREDICATES) == CATEGORIES
    assert tuple(DEGREES) == SEVERITIES
    assert len({*PREDICATES.values()}) == len(CATEGORIES)


def test_a_judge_that_says_no_severity_gets_no_degree():
    diagnosis = Diagnosis((Finding("contrast_weaken", None, 0.654),), 0.6, "a test")
    assert in_words(diagnosis) == "The picture has too little contrast (65 % sure)."


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [(0, 0, "at the top left"), (2, 5, "at the right"), (5, 3, "at the bottom"), (3, 3, "in the middle")],
)
def test_the_worst_place_is_named_by_thirds(row, column, place):
    heat_map = np.full((6, 6), 0.1)
    heat_map[row, column] = 0.8
    assert worst_place(heat_map) == place


def test_no_place_is_named_where_none_stands_out():
    corners = np.full((6, 6), 0.1)
    corners[0, 0] = corners[5, 5] = 0.9
    assert worst_place(corners) is None
    assert worst_place(np.full((6, 6), 0.7)) is None
    assert worst_place(np.array([[0.9]])) is None


def test_a_tone_is_wrong_everywhere_so_no_place_is_named():
    corner = np.zeros((4, 4))
    corner[0, 0] = 1
    assert "top" not in in_words(Diagnosis((Finding("darken", 3, 0.9),), 0.9, "a test", corner))
