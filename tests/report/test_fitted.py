"""The fitted table of a series: each knob on one curve, and what is said of it."""

import pytest

from isptune.parameter_set import ParameterSet
from isptune.report.conditions import ConditionSeries
from isptune.report.fitted import Fit, as_tuned, fit_table, left_out_sets
from isptune.report.series_report import fit_in_words, to_record, to_table
from isptune.runs.answer import Interval, ScorePair
from isptune.runs.facts import ObjectiveRecord
from isptune.space import Choice, Integer, Real

PARAMS = (
    Real("luma", 0.0, 1.0, 0.5),
    Real("radius", 0.5, 8.0, 1.0, log=True),
    Integer("scales", 1, 9, 3),
    Choice("method", ("a", "b"), "a"),
)
ISOS = (100, 400, 1600, 6400, 25600)


def series(luma, radius, scales, method):
    rows = zip(luma, radius, scales, method, strict=True)
    sets = {
        f"iso{iso}": ParameterSet(f"iso{iso}", dict(zip(("luma", "radius", "scales", "method"), row, strict=True)))
        for iso, row in zip(ISOS, rows, strict=True)
    }  # fmt: skip
    return ConditionSeries(PARAMS, (ObjectiveRecord("psnr", "maximize"),), sets, {}, {}, {})


SERIES = series((0.1, 0.3, 0.25, 0.7, 0.9), (1, 2, 4, 8, 8), (1, 2, 2, 4, 5), "abaab")


def test_a_direction_is_kept_whole_numbers_are_whole_and_a_lone_choice_gives_way():
    table = fit_table(SERIES, {"luma": 1})
    luma = [values["luma"] for values in table.sets.values()]
    assert luma == sorted(luma)
    assert all(isinstance(values["scales"], int) for values in table.sets.values())
    assert [values["method"] for values in table.sets.values()] == list("aaaab")
    along = [table.at(100 * 2 ** (step / 4))["luma"] for step in range(33)]
    assert along == sorted(along)


def test_a_lookup_lies_on_the_curves_and_choices_are_those_of_the_nearest():
    table = fit_table(SERIES)
    assert table.at(400) == table.sets["iso400"]
    assert table.at(50) == table.sets["iso100"]
    between = table.at(800)
    low, high = (table.sets[f"iso{iso}"]["radius"] for iso in (400, 1600))
    assert low < between["radius"] < high
    assert table.at(12000)["method"] == "a"
    assert table.at(13500)["method"] == "b"


def test_as_tuned_nothing_is_smoothed():
    table = as_tuned(SERIES)
    assert all(values == SERIES.sets[name].values for name, values in table.sets.items())
    assert not table.changes
    assert 0.1 < table.at(200)["luma"] < 0.3


def test_a_set_that_is_left_out_is_what_the_others_give():
    straight = series((0.1, 0.3, 0.5, 0.7, 0.9), (1, 1, 1, 1, 1), (1, 3, 5, 7, 9), "aaaaa")
    assert not fit_table(straight).changes
    left_out = left_out_sets(fit_table(straight))
    assert list(left_out) == ["iso400", "iso1600", "iso6400"]
    assert left_out["iso1600"]["luma"] == pytest.approx(0.5)
    assert left_out["iso1600"]["scales"] == 5


def test_table_and_record_hold_the_fit_beside_what_was_tuned():
    table = fit_table(SERIES, {"luma": -1})
    pair = ScorePair(Interval.of([30.0]), Interval.of([30.5]), Interval.of([-0.5]))
    same = ScorePair(Interval.of([30.0]), Interval.of([30.0]), Interval.of([0.0]))
    fit = Fit(table, {"iso400": {"psnr": pair}, "iso100": {"psnr": same}}, {"iso400": {"psnr": pair}}, {})
    lines = fit_in_words(SERIES, fit)
    assert lines[0] == "the fitted table costs 0.25 by psnr on average; iso400 loses 0.5"
    assert lines[1] == (
        "looking an ISO up between the others, in place of tuning it, costs 0.5 by psnr on average; iso400 loses 0.5"
    )
    assert "[fitted]\nluma = [" in to_table(SERIES, fit)
    series_with_scores = ConditionSeries(PARAMS, (), SERIES.sets, {}, {}, dict.fromkeys(SERIES.sets, 0.0))
    record = to_record(series_with_scores, fit)
    assert record.monotone == {"luma": "down"}
    assert record.fitted["luma"] == tuple(values["luma"] for values in table.sets.values())
