"""What the compact PromptIQA is trained on: rows of rated pictures and pictures to score, from a made-up table."""

import argparse

import numpy as np
import pytest
import torch

from objectives.promptiqa.compact import read_layers
from objectives.training.promptiqa.pictures import (
    LABELS,
    UNSEEN,
    Pictures,
    read_pictures,
    without_unseen,
    write_pictures,
)
from objectives.training.promptiqa.pictures import _all_types as all_types
from objectives.training.promptiqa.requirements import KINDS, Augmentation, Requirements
from objectives.training.promptiqa.training import Training, correlation, left_out_once


@pytest.fixture(scope="module")
def table():
    """Forty cuts of ten photographs with sixteen versions each, then sixty rated photographs."""
    generator = torch.Generator().manual_seed(0)
    spoilt, rated = 640, 60
    count = spoilt + rated
    labels = torch.rand(count, len(LABELS), generator=generator)
    labels[:spoilt, LABELS.index("opinion")] = torch.nan
    for name in LABELS:
        if not name.startswith("taste") and name != "opinion":
            labels[spoilt:, LABELS.index(name)] = torch.nan
    cut = torch.cat([torch.arange(40).repeat_interleave(16), 40 + torch.arange(rated)])
    kind = torch.where(torch.arange(count) % 4 == 0, torch.arange(count) % 3, -1)
    kind[spoilt:] = -1
    subset = torch.zeros(count, dtype=torch.long)
    subset[spoilt:] = 1 + torch.arange(rated) % 3
    features = torch.randn(count, 200, generator=generator)
    return Pictures(features, labels, cut, torch.where(subset > 0, 10 + cut, cut % 10), kind, subset)


@pytest.mark.parametrize(("prompts", "targets"), [(3, 16), (10, 8), (20, 4), (11, 0)])
def test_rows_have_what_was_asked_for_and_no_picture_twice(table, prompts, targets):
    drawing = Requirements(table, table.features, ("ss01", "ss02", "ss03"), Augmentation())
    rows = drawing.draw(np.random.default_rng(0), 40, prompts, targets)
    assert rows.prompts.shape == rows.rated.shape == (40, prompts)
    assert rows.targets.shape == rows.wanted.shape == (40, targets)
    for row in torch.cat([rows.prompts, rows.targets], 1):
        assert row.unique().numel() == prompts + targets
    assert rows.rated.isfinite().all()
    assert rows.wanted.isfinite().all()
    assert set(rows.kinds) <= set(KINDS)


def test_opinions_of_a_subset_that_is_kept_out_are_never_asked(table):
    only = Requirements(table, table.features, ("ss02",), Augmentation(), {"opinion": 1.0})
    rows = only.draw(np.random.default_rng(1), 20, 5, 5)
    assert set(table.subset[rows.prompts].flatten().tolist()) == {2}
    none = Requirements(table, table.features, (), Augmentation())
    assert "opinion" not in none.draw(np.random.default_rng(2), 60, 5, 5).kinds


def test_flipping_turns_prompt_and_targets_around_alike(table):
    """The same draws with and without flipping: every row is equal or mirrored about a half."""
    rows = [
        Requirements(table, table.features, ("ss01",), Augmentation(0.0, flipping, 0.0)).draw(
            np.random.default_rng(3), 1, 6, 6
        )
        for flipping in (0.0, 1.0)
    ]
    assert torch.equal(rows[0].prompts, rows[1].prompts)
    torch.testing.assert_close(rows[1].rated, 1 - rows[0].rated)
    torch.testing.assert_close(rows[1].wanted, 1 - rows[0].wanted)


def test_each_picture_is_left_out_once(table):
    drawing = Requirements(table, table.features, ("ss01",), Augmentation())
    rows = drawing.draw(np.random.default_rng(4), 3, 6, 0)
    left = left_out_once(rows)
    assert left.prompts.shape == (18, 5)
    for number in range(18):
        everyone = rows.prompts[number // 6]
        assert left.targets[number, 0] == everyone[number % 6]
        assert sorted([*left.prompts[number].tolist(), int(left.targets[number, 0])]) == sorted(
            everyone.tolist()
        )
        place = {
            int(picture): float(score)
            for picture, score in zip(everyone, rows.rated[number // 6], strict=True)
        }
        assert left.rated[number].tolist() == [place[int(picture)] for picture in left.prompts[number]]
        assert float(left.wanted[number, 0]) == place[int(left.targets[number, 0])]


def test_types_for_experiments_are_taken_out_under_their_other_names(table):
    names = list(all_types())
    blurs = [number for number, name in enumerate(names) if "zoom" in name[1]]
    assert blurs
    assert "zoom_blur" in UNSEEN
    kind = table.type.clone()
    kind[:5] = blurs[0]
    kept = without_unseen(
        Pictures(table.features, table.labels, table.cut, table.photograph, kind, table.subset)
    )
    assert len(kept) == len(table) - 5


def test_correlations_are_numpys():
    a, b = torch.randn(3, 20), torch.randn(3, 20)
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(correlation(a, b).numpy(), expected, atol=1e-5)
    assert correlation(torch.ones(1, 4), torch.rand(1, 4)).abs().max() < 1e-3


@pytest.mark.slow
def test_a_training_of_a_few_steps_writes_a_network_that_can_be_read(table, tmp_path, capsys):
    write_pictures(tmp_path / "table.safetensors", table)
    assert len(read_pictures([tmp_path / "table.safetensors"] * 2)) == 2 * len(table)
    for variant in ("full", "without-prompts"):
        options = argparse.Namespace(
            tables=[tmp_path / "table.safetensors"], out=tmp_path / f"{variant}.safetensors", variant=variant,
            keep_out=[], steps=4, stop=2, rate=1e-3, every=2, seed=0, fixed_share=0.3,
        )  # fmt: skip
        Training(options).run()
        network, _ = read_layers(options.out)
        assert network.size.prompted == (variant == "full")
        assert network.size.fixed_share == 0.3
        assert '"step": 2' in options.out.with_suffix(".json").read_text()
    assert '"loss"' in capsys.readouterr().out
