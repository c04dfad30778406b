"""`isptune lookup`: sets between the conditions of a series."""

import math
import tomllib

import pytest

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.report.conditions import ConditionSeries
from isptune.report.fitted import fit_table
from isptune.report.lookup import look_up
from isptune.space import Choice, Integer, Real
from tests.toys import SHORT

PARAMS = (
    Real("noise.luma", 0.0, 1.0, 0.5),
    Real("noise.radius", 0.5, 8.0, 1.0, log=True),
    Integer("noise.scales", 1, 5, 3),
    Choice("demosaic", ("a", "b"), "a"),
)


def _series(**conditions):
    names = ("noise.luma", "noise.radius", "noise.scales", "demosaic", "fixed")
    sets = {
        name: ParameterSet(name, dict(zip(names, values, strict=True))) for name, values in conditions.items()
    }
    return ConditionSeries(PARAMS, (), sets, {}, {}, {})


LOW, HIGH = (0.2, 1.0, 1, "a", 7.0), (0.8, 4.0, 5, "b", 7.0)
SERIES = _series(iso3200=HIGH, iso800=LOW)


def test_between_two_conditions_values_move_evenly_over_the_stops():
    found = look_up(fit_table(SERIES), 1600)
    assert found.values == pytest.approx(
        {
            "noise.luma": 0.5,
            "noise.radius": 2.0,
            "noise.scales": 3,
            "demosaic": found.values["demosaic"],
            "fixed": 7.0,
        }
    )
    share = math.log(1250 / 800) / math.log(4)
    assert look_up(fit_table(SERIES), 1250).values["noise.luma"] == pytest.approx(0.2 + 0.6 * share)
    assert look_up(fit_table(SERIES), 1250).values["demosaic"] == "a"
    assert look_up(fit_table(SERIES), 2600).values["demosaic"] == "b"


def test_a_condition_that_was_tuned_is_itself():
    for number, name in (800, "iso800"), (3200, "iso3200"):
        found = look_up(fit_table(SERIES), number)
        assert found.values == SERIES.sets[name].values
        assert found.note == ""


def test_outside_it_is_the_end_and_that_is_said():
    found = look_up(fit_table(SERIES), 12800)
    assert found.values == SERIES.sets["iso3200"].values
    assert found.note == "12800 lies outside of what was tuned, iso800 to iso3200: this is the set of iso3200"


@pytest.mark.parametrize(
    ("series", "at", "message"),
    [
        (SERIES, 0, "0 is no condition: a number above 0"),
        (SERIES, math.nan, "nan is no condition"),
        (
            _series(day=LOW, night=HIGH),
            800,
            "'day' has no number above 0",
        ),
        (
            _series(a8=LOW, b8=HIGH),
            8,
            "two conditions of the series stand for 8",
        ),
    ],
)
def test_what_cannot_be_looked_up_is_one_line(series, at, message):
    with pytest.raises(ConfigError, match=message):
        look_up(fit_table(series), at)


@pytest.mark.slow
def test_a_series_is_looked_up_from_its_folder(tmp_path, toys, isptune):
    quick = [
        "--pipeline",
        "tint",
        "--objective",
        "redness",
        "--resize",
        "24",
        "--second-opinion",
        "none",
        *SHORT,
    ]
    conditions = ["--condition", "iso100=cat", "--condition", "iso400=rocket"]
    status, _, err = isptune("tune-series", *quick, *conditions, "--out", "s")
    assert status == 0, err
    files = [tmp_path / "s" / "sets" / f"iso{iso}.toml" for iso in (100, 400)]
    low, high = (tomllib.loads(file.read_text())["values"]["tint"]["red"] for file in files)
    status, out, err = isptune("lookup", "s", "--iso", "200")
    assert (status, err) == (0, "")
    assert tomllib.loads(out)["values"]["tint"]["red"] == pytest.approx((low + high) / 2)
    status, out, err = isptune("lookup", "s", "--iso", "50", "--format", "json", "--out", "low.json")
    assert status == 0
    assert "note: 50 lies outside of what was tuned" in err
    status, _, err = isptune("lookup", "s", "--iso", "50", "--out", "low.json")
    assert (status, "low.json: exists" in err) == (2, True)
    status, _, err = isptune("lookup", str(tmp_path), "--iso", "50")
    assert "is no series" in err
