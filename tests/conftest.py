"""Shapes are checked at run time in all tests; toy plug-ins stand beside the real ones."""

import io
import os
import sys
from importlib.metadata import EntryPoint

# Threads that wait by spinning take the other tests' time, and each other's under `-n 2`: before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from jaxtyping import install_import_hook

from tests.typechecking import modules_with_arrays

install_import_hook(modules_with_arrays(), "tests.typechecking.typechecked")

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

matplotlib.use("Agg")

# Plots are composed but not rasterised, which is what takes the time of a short run: only tests marked `drawn` draw.
_BLANK = io.BytesIO()
Image.new("RGB", (3, 2)).save(_BLANK, format="PNG")
_draw = Figure.savefig
Figure.savefig = lambda figure, file, **options: file.write(_BLANK.getvalue())


@pytest.fixture(autouse=True)
def _fixed_threads():
    torch.set_num_threads(2)


@pytest.fixture(autouse=True)
def _drawing(request, monkeypatch):
    if request.node.get_closest_marker("drawn") is not None:
        monkeypatch.setattr(Figure, "savefig", _draw)


@pytest.fixture
def toys(monkeypatch):
    """Register the plug-ins of tests/toys.py by the same route as the real ones."""
    import isptune.registry
    import isptune.tuning.bench

    real = isptune.registry.installed
    extra = {
        "pipeline": {"tint": "tests.toys:tint", "moody": "tests.toys:moody"},
        "objective": {
            "redness": "tests.toys:redness",
            "greenness": "tests.toys:greenness",
            "red_of_all": "tests.toys:red_of_all",
            "paleness": "tests.toys:paleness",
            "picky": "tests.toys:picky",
            "judge": "isptune.tuning.win_rate:build",
        },
        "judge": {"redder": "tests.toys:redder"},
        "diagnosing_judge": {"critic": "tests.toys:critic"},
    }

    def installed(kind):
        known = {} if kind == "diagnosing_judge" else dict(real(kind))  # the real ones take seconds
        for name, value in extra.get(kind, {}).items():
            known[name] = EntryPoint(name, value, f"isptune.{kind}s")
        return known

    monkeypatch.setattr(isptune.registry, "installed", installed)
    monkeypatch.setattr(isptune.tuning.bench, "installed", installed)


@pytest.fixture
def isptune(monkeypatch, capsys, tmp_path, toys):
    """Run the command line in a folder of its own; returns exit status, standard output and error."""
    from isptune.cli import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["isptune", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return call
