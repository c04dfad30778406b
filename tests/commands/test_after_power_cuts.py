"""Files of scores, series and comparisons are finished from what a power cut leaves, and end with the same bytes."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from tests.commands.test_stopped_by_signals import KINDS, bytes_of
from tests.forgetful_disk import ForgetfulDisk, found_after

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

MOST = 6
"""States of each kind that are gone on from; the run's own test tries all."""


@pytest.mark.parametrize("kind", ["score", "series", "compare"])
def test_a_command_finishes_what_a_power_cut_leaves(isptune, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # the real disk is not cut
    monkeypatch.setattr("isptune.commands.score_table.SYNC_EVERY_S", 0.0)
    (tmp_path / "pictures").mkdir()
    for k in range(4):
        pixels = np.random.default_rng(k).integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{k}.png")
    (root := tmp_path / "disk").mkdir()
    with ForgetfulDisk(root).followed() as disk:
        status, _, error = isptune(*KINDS[kind], "--out", root / "out")
    assert status == 0, error
    whole, states = bytes_of(root / "out"), list(disk.states.values())
    assert len(states) > 1
    for number in sorted({*np.linspace(0, len(states) - 1, MOST).round().astype(int)}):
        out = found_after(states[number], tmp_path / str(number)) / "out"
        status, _, error = isptune(*KINDS[kind], "--out", out)
        assert status == 0, (sorted(states[number]), error)
        assert bytes_of(out) == whole, sorted(states[number])
