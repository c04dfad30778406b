"""A comparison says where each objective led, which differences count, and refuses what cannot be compared."""

import csv
import itertools
import json

import numpy as np
import pytest
import scipy.stats
from rich.console import Console

from isptune.errors import ConfigError, RunFolderError
from isptune.report.comparison import compare
from isptune.report.comparison_report import write_comparison
from isptune.report.console import print_comparison
from tests.report.folders import write_run


def _runs(root, repeats=6, **options):
    """ssim ends near pristine, niqe a little away, tv far off; the answers by objective."""
    biases = {"tv": 1.4, "ssim": 0.0, "niqe": 0.3}
    answers = {
        name: write_run(
            root / name, objectives=(name,), repeats=repeats, generations=2, bias=bias, **options
        )[1]
        for name, bias in biases.items()
    }
    return [root / name for name in biases], answers


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    folders, answers = _runs(tmp_path_factory.mktemp("runs"))
    return compare(folders), answers


@pytest.mark.slow
def test_rows_are_sorted_by_the_mean_distance_and_show_each_repeat(compared):
    comparison, answers = compared
    assert [row.objective for row in comparison.rows] == ["ssim", "niqe", "tv"]
    for row in comparison.rows:
        each = [part["l1_normalised"] for part in answers[row.objective]["repeats"]]
        assert [d.l1_normalised for d in row.distances] == each
        assert row.l1_normalised is not None
        assert row.l1_normalised.mean == pytest.approx(np.mean(each))


def test_the_best_repeat_is_the_best_by_its_own_objective(compared):
    comparison, answers = compared
    for row, better in zip(comparison.rows, (max, min, min), strict=True):
        parts = answers[row.objective]["repeats"]
        best = better(parts, key=lambda part: part["objectives"][row.objective]["mean"])
        assert row.best_repeat == best["repeat"]
        assert list(row.best.levels) == best["levels"]
        assert row.best.l1 == best["l1"]


def test_means_of_levels_are_of_their_magnitudes(compared):
    comparison, answers = compared
    for row in comparison.rows:
        levels = np.array([part["levels"] for part in answers[row.objective]["repeats"]])
        np.testing.assert_allclose([mean.mean for mean in row.level_means], np.abs(levels).mean(axis=0))


def test_differences_are_paired_over_repeats(compared):
    comparison, answers = compared
    ended = {
        name: np.array([p["l1_normalised"] for p in answer["repeats"]]) for name, answer in answers.items()
    }
    p_values = []
    for part in comparison.differences:
        paired = ended[part.first] - ended[part.second]
        interval = scipy.stats.bootstrap(
            (paired,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(0)
        ).confidence_interval
        assert part.mean.mean == pytest.approx(paired.mean())
        assert part.mean.low == pytest.approx(interval.low, rel=0.03)
        assert part.mean.high == pytest.approx(interval.high, rel=0.03)
        p_values.append(scipy.stats.permutation_test((paired,), np.mean, permutation_type="samples").pvalue)
    assert [part.p for part in comparison.differences] == pytest.approx(p_values)
    assert [(part.first, part.second) for part in comparison.differences] == list(
        itertools.combinations(["ssim", "niqe", "tv"], 2)
    )


def test_six_repeats_are_too_few_for_three_pairs_and_it_says_so(compared):
    comparison, _ = compared
    assert not any(part.real for part in comparison.differences)
    assert comparison.notes == (
        "6 repeats cannot show any of 3 differences to be larger than chance, however clear; 7 or more can.",
    )


@pytest.mark.slow
def test_seven_repeats_are_enough_for_clear_differences(tmp_path):
    folders, _ = _runs(tmp_path, repeats=7)
    comparison = compare(folders)
    assert all(part.real and part.p_holm < 0.05 for part in comparison.differences)
    assert comparison.notes == ()


def test_the_tables_on_disk_hold_the_same_numbers(compared, tmp_path, read_page):
    comparison, _ = compared
    page = read_page(write_comparison(tmp_path / "out", comparison))
    rows = list(csv.DictReader((tmp_path / "out" / "comparison.csv").read_text().splitlines()))
    stored = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert page.balanced
    for row, line, item in zip(comparison.rows, rows, stored["rows"], strict=True):
        mean = row.l1_normalised
        assert mean is not None
        assert float(line["mean_l1_normalised"]) == item["l1_normalised"]["mean"] == mean.mean
        assert float(line["mean_l1_normalised_low"]) == mean.low
        assert [float(line["d_1"]), float(line["d_2"])] == list(row.best.levels)
        assert f"{row.best.l1_normalised:.4g}" in page.text
    assert "may be chance" in page.text
    assert comparison.notes[0] in page.text


@pytest.mark.slow
@pytest.mark.drawn
def test_the_page_is_self_contained_and_the_same_every_time(compared, tmp_path, read_page):
    comparison, _ = compared
    path = write_comparison(tmp_path / "out", comparison)
    first, page = path.read_bytes(), read_page(path)
    assert {plot.name for plot in (tmp_path / "out" / "plots").iterdir()} == {"distances.png", "levels.png"}
    assert page.named("img")
    assert all(image["src"].startswith("data:") for image in page.named("img"))
    assert write_comparison(tmp_path / "out", comparison).read_bytes() == first


def test_the_page_shows_where_each_objective_led_side_by_side(tmp_path, read_page):
    folders, _ = _runs(tmp_path, repeats=1)
    comparison = compare(folders)
    page = read_page(write_comparison(tmp_path / "out", comparison, folders))
    shown = dict.fromkeys(image["data-kind"] for image in page.named("img") if "data-kind" in image)
    assert list(shown) == [*(f"led by {row.objective}" for row in comparison.rows), "default", "reference"]
    assert page.named("script")


def test_one_repeat_has_no_interval_and_no_differences(tmp_path, read_page):
    folders, _ = _runs(tmp_path, repeats=1)
    comparison = compare(folders)
    assert comparison.differences == ()
    assert comparison.notes[0].startswith("One repeat: no intervals")
    page = read_page(write_comparison(tmp_path / "out", comparison))
    assert "one repeat: no interval" in page.text
    line = next(csv.DictReader((tmp_path / "out" / "comparison.csv").read_text().splitlines()))
    assert line["mean_l1_low"] == ""


@pytest.mark.slow
def test_without_known_levels_only_scores_and_second_opinions_are_compared(tmp_path, read_page):
    folders, _ = _runs(tmp_path, levels=False)
    comparison = compare(folders)
    assert [row.objective for row in comparison.rows] == ["tv", "ssim", "niqe"]
    assert comparison.differences == ()
    assert "does not know how far" in comparison.notes[0]
    page = read_page(write_comparison(tmp_path / "out", comparison))
    assert "does not know how far" in page.text
    assert "gmsd" in page.text


@pytest.mark.parametrize(
    ("key", "value"),
    [("pipeline", "raw"), ("scenes", ["cat"]), ("generations", 99), ("population", 5), ("seed", 7), ("optimizer", "es"),
     ("pipeline_options", {"map": "identity"})],
)  # fmt: skip
def test_runs_that_differ_in_a_setting_are_refused_and_it_is_named(tmp_path, key, value):
    write_run(tmp_path / "a", generations=1)
    write_run(tmp_path / "b", objectives=("tv",), generations=1, config={key: value})
    with pytest.raises(ConfigError, match=f": {key} is "):
        compare([tmp_path / "a", tmp_path / "b"])


def test_runs_on_other_pixels_or_of_the_same_objective_are_refused(tmp_path):
    for name, objective in (("a", "ssim"), ("b", "tv"), ("c", "ssim")):
        write_run(tmp_path / name, objectives=(objective,), generations=1)
    (tmp_path / "b" / "provenance.json").write_text('{"scenes": {"astronaut": "ffff"}}')
    with pytest.raises(ConfigError, match="the pixels of the scenes differ"):
        compare([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(ConfigError, match="ssim was optimised by two"):
        compare([tmp_path / "a", tmp_path / "c"])
    with pytest.raises(ConfigError, match="needs two runs or more, not 1"):
        compare([tmp_path / "a"])


def test_an_unfinished_run_is_refused(tmp_path):
    write_run(tmp_path / "a", generations=1)
    write_run(tmp_path / "b", objectives=("tv",), generations=1, finished=False)
    with pytest.raises(RunFolderError, match="not finished"):
        compare([tmp_path / "a", tmp_path / "b"])


def test_the_console_shows_plain_aligned_text_when_it_is_no_terminal(compared, capsys):
    comparison, _ = compared
    print_comparison(comparison, Console(width=40))
    text = capsys.readouterr().out
    assert "\x1b" not in text
    head, ssim = (
        next(line for line in text.splitlines() if line.startswith(f"  {word}"))
        for word in ("objective", "ssim")
    )
    assert head.index("l1 normalised") == ssim.index(f"{comparison.rows[0].best.l1_normalised:.4g}")
    assert "note: 6 repeats cannot show" in text
