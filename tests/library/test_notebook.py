"""In a notebook: progress on one line that changes, a result that shows itself, a mistake in one line."""

import re

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ISP = """
import isptune

def isp(scene, params):
    return (scene.image * params["gain"]).clamp(0, 1)

def metric(image):
    return -abs(image.mean() - 0.4)

knobs = [isptune.Real("gain", 0.5, 2.0, 1.5)]
quick = dict(scenes="cat", resize=48, population=6, generations=3, confirm=2, second_opinions=["none"])
"""


def executed(tmp_path, *cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.slow
def test_a_run_in_a_notebook_shows_its_progress_and_its_result(tmp_path):
    _, told, shown = executed(
        tmp_path, ISP, "result = isptune.tune(isp, knobs, objective=metric, **quick)", "result"
    )
    texts = [out.data["text/plain"] for out in told if out.output_type == "display_data"]
    assert [text for text in texts if "trials" in text] == [texts[-1]]  # one line, which changed
    assert "18/18 trials" in texts[-1]
    page = shown[0].data["text/html"]
    assert page.count("data:image/png;base64,") >= 2
    assert "python:metric" in shown[0].data["text/plain"]
    assert list(tmp_path.iterdir()) == []  # no folder was asked for


@pytest.mark.slow
def test_a_mistake_in_a_notebook_ends_with_our_sentence(tmp_path):
    with pytest.raises(CellExecutionError) as told:
        executed(tmp_path, ISP, "isptune.tune(isp, objective=metric, **quick)")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(told.value)).strip()
    assert plain.splitlines()[-1].startswith("ConfigError: params are missing")
    assert plain.count("isptune/library/") == 1  # no way through the rooms
