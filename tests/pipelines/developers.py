"""What the tests of raw developers share: a noisy capture, values as a batch, and measures of a picture."""

import os
import shutil

import pytest
import torch

from isptune.scenes.scene import raw_scene
from tests.raw_captures import capture_of, photograph

SCENE = raw_scene("shot", capture_of(photograph(256, 256), noise=0.01))
"""RawTherapee 5.9 crashes where it denoises what is much smaller."""


def needs(program, package):
    """Skip where a program is not installed, and say so."""
    missing = shutil.which(program) is None
    return pytest.mark.skipif(missing, reason=f"{program} is not installed (apt-get install {package})")


def params_of(space, **values):
    """The defaults with changes, as a batch of one; names with two underscores for the dot."""
    complete = space.complete({name.replace("__", "."): value for name, value in values.items()})
    return {
        name: value if isinstance(value, str) else torch.tensor([float(value)], dtype=torch.float64)
        for name, value in complete.items()
    }


def brightness(image):
    return float(image.mean())


def contrast(image):
    return float(image.std())


def saturation(image):
    return float((image.amax(1) - image.amin(1)).mean())


def red(image):
    return float(image[:, 0].mean() - image[:, 1].mean())


def blue(image):
    return float(image[:, 2].mean() - image[:, 1].mean())


def shadows(image):
    """The level that a tenth of the pixels lies below."""
    return float(image.mean(1).quantile(0.1))


def highlights(image):
    """The level that a twentieth of the pixels lies above."""
    return float(image.mean(1).quantile(0.95))


def detail(image):
    """The mean step of brightness from one pixel to the next: noise and edges alike."""
    grey = image.mean(1)
    return float((grey[..., 1:] - grey[..., :-1]).abs().mean())


def color_detail(image):
    """The same of the difference between red and green."""
    difference = image[:, 0] - image[:, 1]
    return float((difference[..., 1:] - difference[..., :-1]).abs().mean())


def change(image, other):
    return float((image - other).abs().mean())


CALLS = """#!/usr/bin/env python3
import os, pathlib, signal, subprocess, sys, time
calls = pathlib.Path({folder!r}) / "calls"
number = calls.stat().st_size if calls.exists() else 0
if "-c" in sys.argv or "--core" in sys.argv:
    calls.open("a").write("x")
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 2:
        print("thinking", flush=True)
        time.sleep(60)
os.execv({program!r}, sys.argv)
"""
"""A program in front of another one: its second call is killed, its third hangs, the others are passed on."""


def put_in_front(program, folder, monkeypatch):
    """Let a troubled version of a program be found first. Its state is in the folder."""
    script = folder / program
    script.write_text(CALLS.format(folder=str(folder), program=shutil.which(program)))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
