"""Two distances from pristine that do not say the same."""

import numpy as np

from isptune.report import series
from isptune.report.distance_words import distances_disagree
from isptune.runs.answer import Distance
from isptune.runs.record import read_run
from tests.report.folders import write_run


def distance(l1, normalised):
    return Distance(levels=(l1,), l1=l1, l1_normalised=normalised)


def test_it_is_said_where_one_distance_falls_and_the_other_rises():
    assert "go by l1 normalised" in distances_disagree(distance(9.0, 0.2), distance(5.0, 0.3))
    assert distances_disagree(distance(9.0, 0.3), distance(5.0, 0.2)) == ""
    assert distances_disagree(distance(9.0, 0.3), distance(9.0, 0.3)) == ""
    assert distances_disagree(Distance(), Distance()) == ""


def test_plots_count_generations_from_1_as_the_console_does(tmp_path):
    write_run(tmp_path / "r", generations=3)
    assert np.array_equal(series.indices(read_run(tmp_path / "r")), [1, 2, 3])
