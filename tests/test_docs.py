"""The documents say what the program does."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from isptune.cli import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _blocks(text):
    return re.findall(r"```sh\n(.*?)```", text, flags=re.S)


def _isptune_lines(text):
    lines = [line.partition("#")[0].strip() for block in _blocks(text) for line in block.splitlines()]
    return [line for line in lines if line.startswith("isptune ")]


@pytest.mark.parametrize("name", ["tune", "test"])
def test_the_two_commands_are_one_line_each(name):
    block = re.search(rf"<!-- command: {name} -->\n```sh\n(.*?)```", README, flags=re.S)
    assert block
    assert block.group(1).count("\n") == 1
    assert "--constraint constraints.txt" in block.group(1)


@pytest.mark.parametrize("line", _isptune_lines(README))
def test_every_command_of_the_tour_can_be_parsed(line):
    _, name, *arguments = shlex.split(line)
    command = cli.get_command(click.Context(cli), name)
    assert command, f"{name} is no command"
    command.make_context(name, arguments, resilient_parsing=False)


def test_constraints_pin_every_package_that_is_named():
    pinned = set(re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "constraints.txt").read_text(), flags=re.M))
    pinned = {name.lower().replace("_", "-") for name in pinned}
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    wanted += [line for line in PROJECT["optional-dependencies"]["dev"] if not line.startswith("isptune")]
    for requirement in wanted:
        assert re.split(r"[<>=\[!]", requirement)[0].lower() in pinned, requirement


def test_no_document_names_a_path_of_a_machine():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("objectives/weights/*.md")]:
        assert not re.search(r"/(home|root|work|tmp|usr)/", path.read_text()), path
