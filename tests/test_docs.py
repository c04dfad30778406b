"""The documents say what the program does."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
import yaml

from isptune import __version__
from isptune.scenes.scene import RAW_OPTIONS
from isptune.spec import parse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RAW_PAGE = (ROOT / "docs" / "raw.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", ["tune", "test"])
def test_the_two_commands_are_one_line_each(name):
    block = re.search(rf"<!-- command: {name} -->\n```sh\n(.*?)```", README, flags=re.S)
    assert block
    assert block.group(1).count("\n") == 1
    assert "--constraint constraints.txt" in block.group(1)


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    (block,) = re.findall(r"<!-- python -->\n```python\n(.*?)```", README, flags=re.S)
    (tmp_path / "ten_lines.py").write_text(block)
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path("ten_lines.py")
    assert found["result"].recommended["gain"] == pytest.approx(1, abs=0.1)
    assert found["result"].recommended["sigma"] < 0.6
    assert "gain" in capsys.readouterr().out


def test_the_raw_page_names_every_key_and_its_specs_are_made_of_known_keys():
    for key in RAW_OPTIONS:
        assert f"`{key}`" in RAW_PAGE, key
    for spec in re.findall(r"'raw:[^']*'", RAW_PAGE):
        assert set(parse(spec.strip("'")).options) <= set(RAW_OPTIONS), spec


def test_constraints_pin_every_package_that_is_named():
    pinned = set(re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "constraints.txt").read_text(), flags=re.M))
    pinned = {name.lower().replace("_", "-") for name in pinned}
    extras = PROJECT["optional-dependencies"]
    named = [one for extra in ("test", "docs", "dev", "lite", "onnx") for one in extras[extra]]
    wanted = [*PROJECT["dependencies"], *(line for line in named if not line.startswith("isptune"))]
    for requirement in wanted:
        assert re.split(r"[<>=\[!]", requirement)[0].lower() in pinned, requirement


def test_no_document_names_a_path_of_a_machine():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("objectives/weights/*.md")]:
        assert not re.search(r"/(home|root|work|tmp|usr)/", path.read_text()), path


def _citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_citation_has_what_its_format_asks_for():
    """Required keys of https://citation-file-format.github.io, schema 1.2.0."""
    cited = _citation()
    assert cited["cff-version"] == "1.2.0"
    assert isinstance(cited["message"], str)
    assert (cited["title"], cited["license"]) == (PROJECT["name"], PROJECT["license"])
    assert cited["authors"] == PROJECT["authors"]
    for reference in cited["references"]:
        assert {"type", "title", "authors", "year"} <= reference.keys()
        assert all(set(person) == {"family-names", "given-names"} for person in reference["authors"])


def test_the_citation_names_the_five_papers_with_an_address():
    references = _citation()["references"]
    assert [reference["title"].split(":")[0][:24] for reference in references] == [
        "ScoreNet",
        "PromptIQA",
        "Enhancing Descriptive Im",
        "A Causal Framework for A",
        "ARNIQA",
    ]
    for reference in references:
        arxiv = [row["value"] for row in reference.get("identifiers", [])]
        assert all(re.fullmatch(r"arXiv:\d{4}\.\d{5}", value) for value in arxiv)
        assert arxiv or reference["url"].startswith("https://")


def test_the_changelog_ends_with_the_release_that_is_cited():
    heads = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    assert heads[0] == ("Unreleased", "")
    cited = _citation()
    assert heads[1] == (cited["version"], cited["date-released"])
    assert __version__ == cited["version"] or ".dev" in __version__
