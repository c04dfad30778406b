"""Scores of sets of pictures as distributions: figures by hand and by scipy, and the command that draws them."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from isptune.cli import cli
from isptune.facts import ObjectiveFacts
from isptune.report.distribution import Summary, apart, plotted
from isptune.scenes.images import write_image

LESS = ObjectiveFacts("minimize")


def test_two_sets_are_compared_by_distance_and_by_who_is_better():
    scores = {"a": [1.0, 2.0, 3.0], "b": [2.0, 4.0, 6.0, 8.0]}
    (found,) = apart(scores, LESS)
    # By hand: of 12 pairs a is less in 4 + 3.5 + 3 (a tie counts half).
    assert found.better == pytest.approx(10.5 / 12)
    # The area between both functions: 1/3 from 1 to 2, 5/12 to 3, 3/4 to 4, 1/2 to 6, 1/4 to 8.
    assert found.wasserstein == pytest.approx(1 / 3 + 5 / 12 + 3 / 4 + 1 + 1 / 2)
    assert found.largest == pytest.approx(0.75)
    (turned,) = apart(scores, ObjectiveFacts("maximize"))
    assert turned.better == pytest.approx(1 - found.better)
    (same,) = apart({"a": [1.0, 2.0], "b": [1.0, 2.0]}, LESS)
    assert (same.wasserstein, same.better, same.largest) == (0, 0.5, 0)


def test_a_summary_holds_its_quantiles_and_a_mean_within_its_interval():
    values = np.random.default_rng(0).normal(5, 1, 200).tolist()
    told = Summary.of(values)
    assert told.count == 200
    assert told.quantiles == pytest.approx(np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95)))
    assert told.mean.low < told.mean.mean < told.mean.high


def test_the_plot_is_the_same_bytes_for_the_same_scores():
    scores = {"tv": {"a": [1.0, 2.0], "$b": [3.0]}}
    assert plotted(scores, {"tv": LESS}) == plotted(scores, {"tv": LESS})


def test_score_draws_a_distribution_a_folder(tmp_path):
    for name, noise in (("clean", 0.0), ("noisy", 0.2)):
        (tmp_path / name).mkdir()
        for i in range(3):
            grey = torch.full((1, 3, 16, 16), 0.5) + noise * torch.rand(
                1, 3, 16, 16, generator=torch.Generator().manual_seed(i)
            )
            write_image(tmp_path / name / f"{i}.png", grey)
    folders = [str(tmp_path / name) for name in ("clean", "noisy")]
    plot = tmp_path / "tv.png"
    done = CliRunner().invoke(
        cli, ["score", *folders, "--objective", "tv", "--csv", "--distribution", str(plot)]
    )
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 7
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "better with 100 %" in done.stderr
    assert "clean: 3 pictures, mean 0" in done.stderr
