"""What `isptune init raw` writes: settings of a run on raw files."""

from pathlib import Path

from isptune.runs.settings_schema import run_schema
from isptune.starters import Starter

FILE = Path(__file__).parent / "to_start_from" / "raw.toml"


def starter() -> Starter:
    """Settings that work as they are, on a bundled photograph."""
    steps = ("isptune list raw", "isptune run --config {file}")
    return Starter("settings to tune the raw ISP", FILE.name, FILE.read_text(), run_schema(), {}, steps)
