"""What `isptune init run` and `isptune init study` write."""

from pathlib import Path

from isptune.commands.config_file import schema_of_options
from isptune.runs.settings_schema import run_schema
from isptune.starters import Starter

FOLDER = Path(__file__).with_name("to_start_from")


def run() -> Starter:
    """Settings of any run."""
    text = (FOLDER / "run.toml").read_text()
    return Starter(
        "settings of any run", "run.toml", text, run_schema(), {}, ("isptune run --config {file}",)
    )


def study() -> Starter:
    """How people are asked."""
    from isptune.commands.study_new import new

    text = (FOLDER / "study.toml").read_text()
    schema = schema_of_options(new, "a study: isptune study new DIR --config FILE")
    steps = ("isptune study new studies/mine --config {file}", "isptune study serve studies/mine")
    return Starter("how people compare pictures", "study.toml", text, schema, {}, steps)
