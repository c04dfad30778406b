"""Folders of runs: those of version 0.1 still open, and docs/run_folder.md names every field of every record."""

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from isptune.runs.answer import Answer, read_answer, write_answer
from isptune.runs.facts import BenchRecord, read_bench, write_bench
from isptune.runs.log import Generation, RunLog
from isptune.runs.provenance import Provenance, read_provenance, write_provenance
from isptune.runs.record import read_run
from isptune.runs.settings import RunSettings, read_settings, write_settings
from isptune.runs.timing import Clock, Timing, read_clock, read_timing, write_clock
from isptune.runs.unfinished import Outcome, append_outcome, read_outcomes

OLD = Path(__file__).parent / "folder_of_version_0_1"
PAGE = Path(__file__).parents[2] / "docs" / "run_folder.md"


@pytest.fixture
def old(tmp_path):
    return shutil.copytree(OLD, tmp_path / "old")


def test_a_folder_of_version_0_1_is_read():
    record = read_run(OLD)
    assert record.config.second_opinions == ("psnr", "niqe")
    assert [len(generation.trials) for generation in record.generations] == [8, 8]
    assert len(record.levels) == len(record.params) == 5
    assert record.answer is not None
    assert record.answer.repeats[0].from_ in ("optimizer", "best trials")
    assert record.answer.objectives["ssim"].gain is not None
    assert set(record.answer.scenes) == {"cat", "coffee"}
    assert record.answer.diagnoses[0].default.words.startswith(("The picture", "Nothing"))
    assert record.timing is not None
    assert record.timing.trials == 16
    assert read_clock(OLD).searched_s > 0


def test_what_was_written_by_version_0_1_is_written_again_but_for_its_format(tmp_path):
    write_settings(tmp_path, read_settings(OLD))
    write_bench(tmp_path, read_bench(OLD))
    write_provenance(tmp_path, read_provenance(OLD))
    write_answer(tmp_path, read_answer(OLD))
    write_clock(tmp_path, read_clock(OLD))
    with RunLog(tmp_path).open() as writer:
        for generation in RunLog(OLD).generations():
            writer.append(generation)
    for file in tmp_path.iterdir():
        before = (OLD / file.name).read_text()
        expected = before.replace("{\n", '{\n  "format": 1,\n', 1)
        if file.suffix == ".jsonl":
            expected = re.sub(r"(?m)^\{", '{"format":1,', before)
        assert file.read_text() == expected, file.name
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.slow
def test_show_report_export_and_diff_work_on_a_folder_of_version_0_1(isptune, old):
    for command, said in (
        (["show", str(old)], "finished: 2 of 2 generations, 16 trials in 2 repeats"),
        (["report", str(old)], "report.html"),
        (["export", str(old)], "[values]"),
        (["diff", str(old)], "isp.x1"),
    ):
        status, out, err = isptune(*command)
        assert (status, err) == (0, ""), command
        assert said in out.replace("\n", " ") or said in out
    assert (old / "report.html").is_file()


def test_a_folder_of_a_newer_format_is_refused_in_one_line(isptune, old):
    for name in ("config.json", "bench.json", "recommended.json", "provenance.json", "timing.json"):
        text = (OLD / name).read_text()
        (old / name).write_text(text.replace("{", '{"format": 2,', 1))
        status, _, err = isptune("show", str(old))
        assert status == 1
        assert f"{name}: has format 2, and this version of isptune reads up to 1: a newer one wrote it" in err
        assert err.count("\n") == 1
        (old / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "old_text", "new_text", "said"),
    [
        ("bench.json", '"low": 0.0', '"low": "x"', "space[0].low = 'x' must be a number or nothing"),
        ("bench.json", '"maximize"', '"up"', "objectives[0].direction = 'up' is none of minimize, maximize"),
        ("recommended.json", '"n": 2', '"n": 2.5', "n = 2.5 must be a whole number"),
        (
            "recommended.json",
            '"says": "better"',
            '"says": "nice"',
            "says = 'nice' is none of better, worse, same",
        ),
        ("config.json", '"confirm": 2', '"confirm": 0', "confirm = 0 must be at least 1"),
        ("config.json", '"confirm"', '"confrim"', "unknown key 'confrim'; did you mean 'confirm'?"),
        ("provenance.json", '"threads": 2', '"threads": NaN', "is not JSON that can be read"),
        ("timing.json", '"trials": 16', '"trials": ' + "9" * 5000, "a number has too many digits"),
    ],
)
def test_a_value_that_is_wrong_is_named_with_its_place(old, name, old_text, new_text, said):
    text = (old / name).read_text()
    assert old_text in text
    (old / name).write_text(text.replace(old_text, new_text, 1))
    with pytest.raises(Exception, match=re.escape(name)) as refused:
        read_run(old)
    assert type(refused.value).__name__ == "RunFolderError"
    assert said in str(refused.value)


def test_outcomes_come_back_and_torn_or_newer_lines_are_work_done_again(tmp_path):
    path = tmp_path / "unfinished.jsonl"
    outcomes = {name: Outcome(({"ssim": 0.5}, "failed"), 0.25, 1.0) for name in ("a", "b")}
    for part, outcome in outcomes.items():
        append_outcome(path, part, outcome)
    line = json.dumps({"format": 2, "part": "c", "results": [], "render_s": 1.0, "score_s": 1.0})
    with path.open("a") as file:
        file.write(f'{line}\n{{"part": "d", "resu')
    assert read_outcomes(path) == outcomes


def _records(kind):
    """A record and all that stand in it."""
    found = [kind]
    todo = list(get_type_hints(kind).values())
    while todo:
        part = todo.pop()
        if dataclasses.is_dataclass(part) and part not in found:
            found.append(part)
            todo += get_type_hints(part).values()
        todo += get_args(part)
    return found


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("config.json", RunSettings),
        ("bench.json", BenchRecord),
        ("provenance.json", Provenance),
        ("trials.jsonl", Generation),
        ("unfinished.jsonl", Outcome),
        ("recommended.json", Answer),
        ("clock.json", Clock),
        ("timing.json", Timing),
    ],
)
def test_every_field_of_a_record_stands_on_the_page(file, kind):
    page = PAGE.read_text()
    assert f"| `{file}` |" in page
    section = page.split(f"\n## {file}\n")[1].split("\n## ")[0]
    words = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", section))))
    fields = {part.name.rstrip("_") for record in _records(kind) for part in dataclasses.fields(record)}
    assert fields <= words, f"{file}: not on the page: {sorted(fields - words)}"


def test_timing_is_only_there_after_a_session(tmp_path):
    assert read_timing(tmp_path) is None
