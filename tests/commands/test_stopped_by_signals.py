"""Commands that are ended by SIGTERM or Ctrl-C at some moment and called again end with the same bytes."""

import os
import random
import signal
import time

import numpy as np
import pytest
from PIL import Image

from isptune.runs.files import TIMES, TIMING
from tests.toys import SHORT

pytestmark = pytest.mark.slow

SAY_WHEN = (".lock", TIMES, TIMING, "report.html", "answers.sqlite")
"""Files that tell how long something took."""

TINT = ["--pipeline", "tint", "--objective", "redness", "--resize", "24", *SHORT]
KINDS = {
    "run": ["run", *TINT, "--scene", "cat", "--repeats", "2"],
    "workers": [
        "run",
        "--pipeline",
        "synthetic",
        "--objective",
        "tv",
        "--resize",
        "24",
        *SHORT,
        "--workers",
        "2",
    ],
    "compare": ["compare", *TINT, "--objective", "greenness", "--scene", "cat"],
    "series": ["tune-series", *TINT, "--condition", "100=cat", "--condition", "400=coffee"],
    "score": ["score", "pictures", "--objective", "redness", "--objective", "greenness"],
}


def _bytes(out):
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): path.read_bytes() for path in files if path.name not in SAY_WHEN}


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(18)
    for k in range(30):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(
            tmp_path / "pictures" / f"{k:02d}.png"
        )


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("kind", KINDS)
def test_a_command_that_is_ended_at_some_moment_goes_on_to_the_same_bytes(isptune, tmp_path, kind):
    rng, sent = random.Random(f"{kind} 18"), []

    def send(number, frame):
        asked = rng.choice((signal.SIGINT, signal.SIGTERM))
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:  # it is ours: the command is at work
            sent.append(asked)
            os.kill(os.getpid(), asked)

    call = [*KINDS[kind], "--out"]
    isptune(*call, tmp_path / "first")  # what is imported once is not timed
    began = time.monotonic()
    status, _, error = isptune(*call, tmp_path / "whole")
    assert status == 0, error
    took_s, whole = time.monotonic() - began, _bytes(tmp_path / "whole")
    before = {signal.SIGALRM: signal.signal(signal.SIGALRM, send)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)  # of a job it is ignored
    try:
        for moment in range(1 if kind == "workers" else 3):  # whose processes take seconds to begin
            out = tmp_path / f"stopped{moment}"
            for _ in range(2):
                sent.clear()
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.02, 0.95) * took_s)
                status, _, error = isptune(*call, out)
                signal.setitimer(signal.ITIMER_REAL, 0)
                assert status == (128 + sent[0] if sent else 0), error
                assert "Traceback" not in error
            status, _, error = isptune(*call, out)
            assert status == 0, error
            assert _bytes(out) == whole
            assert not list(tmp_path.rglob("*.part"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
