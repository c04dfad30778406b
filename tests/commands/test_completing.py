"""What the Tab key offers for values."""

import subprocess
from pathlib import Path

from click.shell_completion import ShellComplete

from isptune.cli import cli
from tests.report.folders import write_run


def offered(words, typed):
    found = ShellComplete(cli, {}, "isptune", "_ISPTUNE_COMPLETE").get_completions(words.split(), typed)
    return [item.value for item in found if item.type == "plain"], any(item.type == "file" for item in found)


def test_names_of_plug_ins_are_offered(toys):
    assert "niqe" in offered("run --objective", "n")[0]
    assert offered("run --pipeline", "rawt")[0] == ["rawtherapee"]
    names, files = offered("run --scene", "ca")
    assert (names, files) == (["cat"], False)
    assert offered("run --scene", "shots/a") == ([], True)
    assert offered("list", "rawt")[0] == ["rawtherapee"]
    assert offered("list objectives", "nois")[0] == ["noise"]


def test_knobs_of_the_pipeline_that_stands_before_are_offered_behind_a_comma_too():
    names, _ = offered("run --pipeline raw --tune", "jpeg.*,sharpen.a")
    assert names == ["jpeg.*,sharpen.amount"]
    assert "isp.x1=" in offered("run --start", "isp")[0]
    file = Path(__file__).parents[2] / "experiments" / "black_box" / "small_isp.toml"
    assert offered(f"run --pipeline command:{file} --tune", "denoise.w")[0] == ["denoise.window"]
    assert offered("run --pipeline command:gone.toml --tune", "d")[0] == []


def test_options_of_the_pipeline_are_offered():
    assert offered("run --pipeline synthetic -P", "map")[0] == ["map=", "map_seed="]


def test_run_folders_are_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs" / "mine", generations=1)
    write_run(tmp_path / "runs" / "compare" / "both" / "ssim", generations=1)
    (tmp_path / "runs" / "notes").mkdir()
    assert offered("show", "")[0] == ["runs/compare/both/ssim", "runs/mine"]
    assert offered("diff", "runs/m")[0] == ["runs/mine"]


def test_bash_completes_what_stands_behind_a_colon_or_a_sign(isptune, tmp_path):
    (tmp_path / "script").write_text(isptune("completion", "bash")[1])
    answer = tmp_path / "isptune"
    answer.write_text('#!/bin/sh\necho "$COMP_WORDS|$COMP_CWORD" > asked\necho plain,synthetic:coupled\n')
    answer.chmod(0o755)
    line = "isptune run --pipeline synthetic:co"
    program = (
        "compopt() { :; }; complete() { :; }; . ./script; "
        f"COMP_LINE='{line}' COMP_POINT={len(line)} _isptune_completion ./isptune; echo \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "coupled\n"
    assert (tmp_path / "asked").read_text() == "isptune\nrun\n--pipeline\nsynthetic:co|3\n"
