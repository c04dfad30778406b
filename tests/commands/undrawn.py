"""Plots are composed but not rasterised, which is what takes the time of a short run."""

import io

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    from isptune.report import run_plots

    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, format="PNG")
    monkeypatch.setattr(run_plots, "to_png", lambda figure: buffer.getvalue())
