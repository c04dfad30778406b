"""The ablation on tables drawn at random: what it compares, and what it writes."""

import csv

import numpy as np
import pytest
from scipy.stats import spearmanr

from experiments.scorenet import ablation
from isptune.errors import ConfigError
from objectives.encoders import build as encoders
from objectives.scorenet.prompts import HEADS
from objectives.training.scorenet.feature_table import joined, write_table
from objectives.training.scorenet.training import Recipe
from tests.objectives.fake_encoder import FakeEncoder
from tests.objectives.training.scorenet.feature_tables import table


def test_variants_are_distinct_and_only_use_metrics_that_the_table_has():
    found = ablation.variants(("tv", "noise", "niqe"))
    names = [variant.name for variant in found]
    assert len(set(names)) == len(names)
    assert {
        "plain",
        "cocoop",
        "sum",
        "product",
        "without MCG, sum",
        "without ICG, sum",
        "sum, also niqe",
    } <= set(names)
    for variant in found[2:]:
        assert set(variant.metrics) <= {"tv", "noise", "niqe"}
        assert bool(variant.metrics) == variant.design.use_metrics


@pytest.mark.slow
def test_the_table_says_what_metrics_are_worth(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(encoders._KINDS, "fake", lambda argument: FakeEncoder())
    write_table(tmp_path / "train.safetensors", table(120))
    write_table(tmp_path / "more.safetensors", table(40, 1, versions=4))
    write_table(tmp_path / "validation.safetensors", table(60, 2, versions=3))
    options = [
        "--train",
        "train",
        "more",
        "--validation",
        "validation",
        "--out",
        "out",
        "--seeds",
        "2",
        "--epochs",
        "6",
    ]
    options = [
        str(tmp_path / (word if word == "out" else f"{word}.safetensors"))
        if word in ("train", "more", "validation", "out")
        else word
        for word in options
    ]
    only = ("--only", "plain", "cocoop", "sum", "without MCG, sum")
    ablation.main([*options, "--learning-rates", "1e-6", "0.02", *only])
    with (tmp_path / "out" / "ablation.csv").open() as file:
        rows = {row["variant"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"plain", "cocoop", "sum", "without MCG, sum"}
    assert float(rows["sum"]["over_plain_low"]) > 0
    assert float(rows["sum"]["over_cocoop_low"]) > 0
    assert float(rows["sum"]["srocc"]) > float(rows["without MCG, sum"]["srocc"])
    assert float(rows["sum"]["pairs_in_order"]) > 0.75
    assert rows["plain"]["over_plain"] == ""
    assert rows["plain"]["seeds"] == "1"
    written = (tmp_path / "out" / "ablation.md").read_text()
    assert "| without MCG, sum |" in written
    assert written in capsys.readouterr().out


@pytest.mark.slow
def test_figures_are_those_of_the_predictions():
    validation = table(50, 3, versions=2)
    drawn = np.random.default_rng(0)
    opinions = validation.scores.numpy()
    predictions = {
        "plain": drawn.normal(size=(1, 50)),
        "cocoop": opinions + 20 * drawn.normal(size=(2, 50)),
        "sum": opinions + 5 * drawn.normal(size=(2, 50)),
    }
    rows = {row.name: row for row in ablation.compare(predictions, validation)}
    ranks = {
        name: np.mean([spearmanr(run, opinions).statistic for run in runs])
        for name, runs in predictions.items()
    }
    for name, row in rows.items():
        assert row.srocc.value == pytest.approx(ranks[name])
        assert row.srocc.low < row.srocc.value < row.srocc.high
    assert rows["sum"].over_cocoop.value == pytest.approx(ranks["sum"] - ranks["cocoop"])
    assert rows["cocoop"].over_cocoop is None
    pairs = [(i, i + 1) if opinions[i] > opinions[i + 1] else (i + 1, i) for i in range(0, 50, 2)]
    in_order = np.mean([[run[a] > run[b] for a, b in pairs] for run in predictions["sum"]])
    assert rows["sum"].in_order == pytest.approx(in_order)


def test_the_stopping_part_divides_neither_looks_nor_groups():
    both = joined([table(60, 1, versions=3), table(60, 2)])
    thumbnails = both.thumbnails.clone()
    thumbnails[1::4] = thumbnails[0::4]
    import dataclasses

    both = dataclasses.replace(both, thumbnails=thumbnails)
    stopping = ablation.stopping_rows(both, seed=0)
    assert 9 <= stopping.sum() <= 18
    groups = both.groups.numpy()
    assert not set(groups[stopping & (groups >= 0)]) & set(groups[~stopping])
    assert (stopping[1::4] == stopping[0::4]).all()


def test_tables_of_another_encoder_are_refused():
    with pytest.raises(ConfigError, match="whose weights are not those"):
        ablation.ablate([ablation.PLAIN], FakeEncoder(1), HEADS["align"], table(30), table(30, 1), [Recipe()])


def test_a_validation_table_without_scores_is_refused():
    with pytest.raises(ConfigError, match="no scores of people"):
        ablation.compare({"plain": np.zeros((1, 30))}, table(30, scored=False, versions=3))
