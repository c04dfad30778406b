"""What `isptune init metric` writes: a program that scores, and the file that says how it is called."""

from pathlib import Path

from isptune.starters import Starter
from isptune.system.schema import schema_of
from objectives.command_settings import Settings

FOLDER = Path(__file__).with_name("to_start_from")


def metric() -> Starter:
    """A program that scores pictures."""
    schema = schema_of(Settings, "a program that scores: isptune run --objective command:FILE")
    return Starter(
        "any program as an objective",
        "metric.toml",
        (FOLDER / "metric.toml").read_text(),
        schema,
        {"metric.py": (FOLDER / "metric.py").read_text()},
        ("isptune score PICTURE --objective command:{file}", "isptune run --objective command:{file}"),
    )
