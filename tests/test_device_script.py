"""The prepared check of an accelerator runs from its first line to its last where there is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "device.py"
OF_US = ("NameError", "TypeError", "AttributeError", "KeyError", "IndexError", "ImportError", "RuntimeError")


@pytest.mark.slow
def test_every_part_runs_on_a_cpu_and_finds_no_difference_from_it(tmp_path):
    if not SCRIPT.exists():
        pytest.skip("benchmarks/ is not part of what is installed")
    command = [sys.executable, SCRIPT, "--device", "cpu", "--quick", "--minutes", "2", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    parts = json.loads((tmp_path / "device.json").read_text())["parts"]
    assert {"distortions", "pipelines", "objectives", "judges", "chain", "lockstep", "raw"} <= set(parts)
    rows = [row for part in parts.values() for row in part]
    assert not [row for row in rows if row.get("error", "").startswith(OF_US)]
    assert all(row["largest"] == 0 for row in rows if "largest" in row)
    assert all(row["within"] for row in rows if "within" in row)
    assert sum("within" in row for row in rows) >= 15
    assert "## objectives" in (tmp_path / "device.md").read_text()
