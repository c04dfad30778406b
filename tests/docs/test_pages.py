"""Every page of the documentation can be followed, in order, from an empty folder."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from isptune.cli import cli
from tests.docs.pages import Block, blocks, commands, isptune_words, read, without_numbers
from tests.docs.trust_table import figures_table, leads_table, sources

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: blocks(read(path)) for path in sorted((ROOT / "docs").glob("*.md"))}
TO_RUN = [name for name, found in PAGES.items() if any(b.title or not b.not_run for b in found)]


@pytest.mark.slow
@pytest.mark.parametrize("name", TO_RUN)
def test_a_page_can_be_followed_from_an_empty_folder(name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    printed = ""
    for block in PAGES[name]:
        if block.not_run:
            continue
        if block.title:
            (tmp_path / block.title).write_text(block.body, encoding="utf-8")
        elif block.language == "text":
            _compare(block, printed)
        elif block.language in ("sh", "python"):
            _run(block)
            out, err = capfd.readouterr()
            printed = out + err


def _run(block: Block) -> None:
    if block.language == "python":
        own = Path(f"block_{block.line}.py")
        own.write_text(block.body, encoding="utf-8")
        runpy.run_path(str(own), run_name="__main__")
        return
    for command in commands(block.body):
        whole = f"{command} {block.quick}".strip() if _searches(command) else command
        words = isptune_words(whole)
        if words is None:
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", whole], env={**os.environ, "PATH": path})
            assert done.returncode == 0, whole
        else:
            try:
                status = cli.main(words, prog_name="isptune", standalone_mode=False)
            except click.exceptions.Exit as leaving:
                status = leaving.exit_code
            assert status in (None, 0), f"{whole}: exit status {status}"


def _searches(command: str) -> bool:
    return command.startswith(("isptune run ", "isptune compare ", "isptune import ", "isptune tune-series "))


def _compare(block: Block, printed: str) -> None:
    had = without_numbers(printed)
    for line in block.body.splitlines():
        for part in line.split("..."):
            assert without_numbers(part) in had, f"line {block.line}: not printed any more: {line}\n{printed}"


@pytest.mark.parametrize("name", [*PAGES, "../README"])
def test_the_commands_of_a_page_can_be_parsed(name):
    for block in blocks(read(ROOT / "docs" / f"{name}.md")):
        for command in commands(block.body) if block.language == "sh" else ():
            first = shlex.split(re.split(r" (?:\|\|?|&&|>) ", command)[0])
            if first[0] != "isptune" or first[1] == "--help":
                continue
            sub, *arguments = first[1:]
            found = cli.get_command(click.Context(cli), sub)
            assert found, f"{name}.md, line {block.line}: {sub} is no command"
            found.make_context(sub, arguments, resilient_parsing=False)


def test_what_is_not_run_has_a_reason_of_some_words():
    for name, found in PAGES.items():
        for block in found:
            if block.not_run:
                assert len(block.not_run.split()) >= 3, f"{name}.md, line {block.line}"


def test_most_pages_are_executed():
    assert {"first_hour", "tune_a_raw_file", "your_own_isp", "your_own_metric", "read_a_report"} <= set(
        TO_RUN
    )


def test_blocks_are_read_with_what_is_said_of_them():
    page = (
        "a\n<!-- quick: --generations 2 -->\n```sh\nisptune run \\\n  --seed 1 # why\n```\n"
        "<!-- not run: no camera here -->\n```python\nx\n```\n"
        '- b\n  ```toml title="a.toml"\n  k = 1\n  ```\n'
    )
    first, second, third = blocks(page)
    assert (commands(first.body), first.quick) == (["isptune run    --seed 1"], "--generations 2")
    assert second.not_run == "no camera here"
    assert (third.title, third.body, third.line) == ("a.toml", "k = 1\n", 12)
    assert isptune_words("isptune run --tune 'a.*'") == ["run", "--tune", "a.*"]
    assert isptune_words("isptune score *.png") is None
    assert without_numbers("d_1  0.72 (0.5 to +3e-4)") == "d_1 0 (0 to 0)"


def test_what_to_trust_says_what_the_cards_of_objectives_say():
    page = read(ROOT / "docs" / "what_to_trust.md")
    for table in (leads_table(), figures_table(), "\n".join(sources())):
        assert table in page, f"docs/what_to_trust.md needs this table:\n{table}"
