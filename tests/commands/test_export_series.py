"""A series leaves in one command: a file an ISO, or one that holds them all in its lists."""

import json
import tomllib

import pytest

from isptune.errors import ConfigError
from isptune.parameter_set import read_set
from isptune.registry import build
from tests.pipelines.developers import needs
from tests.report.series_folders import write_series

TEMPLATE = """{"version": 2.0, "target": "pisp", "algorithms": [
  {"rpi.denoise": {"normal": {
      "sdn": {"deviation": 1.60, "strength": 0.5},
      "cdn": {"deviation": 200, "strength": 0.3} } } },
  {"rpi.sharpen": {"strength": 1.0, "limit": 0.5, "threshold": 0.25} } ] }
"""
LISTS = TEMPLATE.replace(
    '"strength": 1.0, "limit"', '"gain": [1.0, 4.0, 16.0, 64.0], "strength": [1.0, 1.0, 0.8, 0.5], "limit"'
)
# Lines over stops, which the fit keeps.
FOUND = {f"iso{iso}": {"raw_denoise.luma": 0.6 + 0.3 * i, "sharpen.amount": 0.8 - 0.2 * i}
         for i, iso in enumerate((100, 400, 1600))}  # fmt: skip


def _algorithms(path):
    return {k: v for one in json.loads(path.read_text())["algorithms"] for k, v in one.items()}


@pytest.fixture
def series(tmp_path):
    return write_series(tmp_path / "s", "raw", FOUND, tune=["raw_denoise.*", "sharpen.amount"])


@pytest.mark.slow
def test_toml_and_json_are_a_file_an_iso_of_the_fitted_sets(isptune, tmp_path, series):
    for name in ("toml", "json"):
        status, out, err = isptune("export", "s", "--format", name, "--out", name)
        assert (status, out, err.count("wrote")) == (0, "", 3)
        for iso in FOUND:
            chosen = read_set(tmp_path / name / f"{iso}.{name}")
            assert chosen.values["sharpen.amount"] == pytest.approx(FOUND[iso]["sharpen.amount"], abs=1e-6)
            assert chosen.start["sharpen.amount"] == 0.5  # of the series, not the neighbour's set
    status, _, err = isptune("export", "s", "--out", "toml")
    assert (status, err.count("\n")) == (2, 1)
    assert "iso100.toml: exists" in err
    assert isptune("export", "s", "--out", "toml", "--force")[0] == 0


def test_a_template_without_lists_becomes_a_file_an_iso_each_against_the_start(isptune, tmp_path, series):
    (tmp_path / "t.json").write_text(TEMPLATE)
    status, _, err = isptune(
        "export", "s", "--format", "libcamera", "--template", "t.json", "--out", "tuned", "--iso", "100,800"
    )
    assert status == 0, err
    low, between = (_algorithms(tmp_path / "tuned" / f"iso{iso}.json") for iso in (100, 800))
    start = 0.6
    assert low["rpi.denoise"]["normal"]["sdn"]["deviation"] == pytest.approx(1.6 * 0.6 / start)
    assert between["rpi.denoise"]["normal"]["sdn"]["deviation"] == pytest.approx(1.6 * 1.05 / start, rel=1e-4)
    assert between["rpi.sharpen"]["strength"] == pytest.approx(0.5 / 0.5, rel=1e-4)


@pytest.mark.slow
def test_lists_by_iso_in_a_template_hold_every_iso_and_one_file_is_enough(isptune, tmp_path):
    sharpen = {iso: {"sharpen.amount": values["sharpen.amount"]} for iso, values in FOUND.items()}
    write_series(tmp_path / "s", "raw", sharpen, tune=["sharpen.amount"])
    (tmp_path / "t.json").write_text(LISTS)
    status, _, err = isptune("export", "s", "--format", "libcamera", "--template", "t.json", "--out", "tuned")
    assert (status, err) == (
        0,
        "note: the template has no rpi.black_level, rpi.contrast, rpi.ccm\nwrote tuned/all.json\n",
    )
    (file,) = (tmp_path / "tuned").iterdir()
    # Gain 64 is ISO 6400, beyond what was tuned: as much as at the end.
    factors = [amount / 0.5 for amount in (0.8, 0.6, 0.4, 0.4)]
    expected = [old * factor for old, factor in zip((1.0, 1.0, 0.8, 0.5), factors, strict=True)]
    assert _algorithms(file)["rpi.sharpen"]["strength"] == pytest.approx(expected, rel=1e-4)
    assert _algorithms(file)["rpi.sharpen"]["gain"] == [1.0, 4.0, 16.0, 64.0]


def test_what_stands_in_no_list_still_makes_a_file_an_iso(isptune, tmp_path, series):
    (tmp_path / "t.json").write_text(LISTS)
    status, _, err = isptune("export", "s", "--format", "libcamera", "--template", "t.json", "--out", "tuned")
    assert (status, err.count("wrote")) == (0, 3)
    strengths = [_algorithms(tmp_path / "tuned" / f"{iso}.json")["rpi.sharpen"]["strength"] for iso in FOUND]
    assert strengths[0] == strengths[1] == strengths[2]


def test_a_list_in_a_template_that_nothing_says_the_isos_of_is_refused(isptune, tmp_path, series):
    (tmp_path / "t.json").write_text(LISTS.replace('"gain": [1.0, 4.0, 16.0, 64.0], ', ""))
    status, _, err = isptune("export", "s", "--format", "libcamera", "--template", "t.json", "--out", "tuned")
    assert (status, err.count("\n")) == (2, 1)
    assert "rpi.sharpen strength is a list of 4, and no list of as many beside it says for which ISO" in err
    assert not (tmp_path / "tuned").exists()


def test_a_set_alone_changes_a_whole_list_by_iso(isptune, tmp_path):
    (tmp_path / "t.json").write_text(LISTS)
    (tmp_path / "mine.toml").write_text('pipeline = "raw"\n[values]\nsharpen.amount = 0.6\n')
    status, _, _ = isptune(
        "export", "mine.toml", "--format", "libcamera", "--template", "t.json", "--out", "o.json"
    )
    assert status == 0
    assert _algorithms(tmp_path / "o.json")["rpi.sharpen"]["strength"] == pytest.approx([1.2, 1.2, 0.96, 0.6])


DESCRIPTION = """
command = ["{python}", "isp.py", "{scene}", "{iq.json}", "{out}"]

[[param]]
name = "denoise"
range = [0.1, 8.0]
write = {file = "iq.json", at = "denoise.strength", nodes = "denoise.iso", how = "factor"}

[[param]]
name = "sharpen"
range = [0.0, 4.0]
write = {file = "iq.json", at = "sharpen"}
"""
IQ = '{"denoise": {"iso": [50, 100, 200, 400, 800, 1600], "strength": [1, 1.0, 1.5, 2.0, 2.5, 3.00]}, "sharpen": 1.0}\n'


@pytest.mark.slow
def test_lists_by_iso_of_somebody_elses_isp_are_filled_from_the_table(isptune, tmp_path):
    (tmp_path / "isp.toml").write_text(DESCRIPTION)
    (tmp_path / "iq.json").write_text(IQ)
    found = {f"iso{iso}": {"denoise": 1.0 + 0.5 * i} for i, iso in enumerate((100, 400, 1600))}
    write_series(tmp_path / "s", f"command:{tmp_path}/isp.toml", found, tune=["denoise"])
    status, _, err = isptune("export", "s", "--format", "file", "--template", "iq.json", "--out", "tuned")
    assert (status, err) == (0, "wrote tuned/all.json\n")
    table = json.loads((tmp_path / "tuned" / "all.json").read_text())
    factors = [1.0, 1.0, 1.25, 1.5, 1.75, 2.0]
    expected = [old * f for old, f in zip((1, 1.0, 1.5, 2.0, 2.5, 3.0), factors, strict=True)]
    assert table["denoise"]["strength"] == pytest.approx(expected, rel=1e-4)
    assert table["denoise"]["iso"] == [50, 100, 200, 400, 800, 1600]
    assert table["sharpen"] == 1.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (', how = "factor"', "", "nodes without a node is the whole list"),
        ('"denoise.iso"', "[100, 200]", "has 6 values, and nodes has 2 nodes"),
    ],
)
def test_a_list_by_iso_that_cannot_be_filled_is_refused_before_a_run(tmp_path, old, new, message):
    (tmp_path / "isp.toml").write_text(DESCRIPTION.replace(old, new))
    (tmp_path / "iq.json").write_text(IQ)
    with pytest.raises(ConfigError, match=message):
        build("pipeline", f"command:{tmp_path}/isp.toml")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pipeline", "knob", "ending", "programs"),
    [
        pytest.param(
            "rawtherapee", "Sharpening.Amount", "pp3", None, marks=needs("rawtherapee-cli", "rawtherapee")
        ),
        pytest.param("darktable", "sharpen.amount", "xmp", None, marks=needs("darktable-cli", "darktable")),
        ("libraw", "exp_shift", "py", "rawpy"),
    ],
)
def test_developers_get_a_file_an_iso(isptune, tmp_path, pipeline, knob, ending, programs):
    names = build("pipeline", pipeline).space.numeric
    param = next((p for p in names if p.name == knob), names[0])
    found = {f"iso{iso}": {param.name: param.low + (param.high - param.low) * share}
             for iso, share in ((100, 0.2), (800, 0.35), (6400, 0.5))}  # fmt: skip
    if not isinstance(param.default, float):
        found = {iso: {name: round(value) for name, value in one.items()} for iso, one in found.items()}
    write_series(tmp_path / "s", pipeline, found, tune=[param.name])
    status, _, err = isptune("export", "s", "--format", programs or ending, "--out", "files")
    assert status == 0, err
    files = sorted(path.name for path in (tmp_path / "files").iterdir())
    assert files == [f"iso{iso}.{ending}" for iso in (100, 6400, 800)]
    read = [read_set(tmp_path / "files" / f"{iso}.{ending}").values[param.name] for iso in found]
    assert read == pytest.approx([one[param.name] for one in found.values()], rel=0.02, abs=1)


def test_conditions_without_numbers_leave_as_they_were_tuned(isptune, tmp_path):
    write_series(tmp_path / "s", "raw", {"day": {"sharpen.amount": 0.5}, "night": {"sharpen.amount": 0.1}})
    assert isptune("export", "s", "--out", "o")[0] == 0
    assert tomllib.loads((tmp_path / "o" / "night.toml").read_text())["values"]["sharpen"]["amount"] == 0.1
    status, _, err = isptune("export", "s", "--iso", "400", "--out", "p")
    assert (status, "'day' has no number above 0" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["s"], "is a series, which becomes several files: give --out FOLDER"),
        (["s", "--out", "file"], "file: is a file; --out of a series is a folder"),
        (
            ["s", "--out", "o", "--format", "pp3"],
            "cannot be written as 'pp3', only as: toml, json, libcamera",
        ),
        (["s", "--out", "o", "--iso", "0"], "--iso '0' is no number above 0"),
        (["s", "--out", "o", "--format", "libcamera"], "needs --template FILE"),
        (
            ["s", "--out", "o", "--format", "libcamera", "--template", "none.json"],
            "none.json: no such file",
        ),
        (["s", "--out", "o", "--template", "file"], "--template is not used by the format toml"),
        (
            ["s/iso400", "--format", "libcamera", "--template", "file"],
            "is a run of a series, which started from",
        ),
        (["file", "--iso", "400"], "file: is no series"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_writes_nothing(
    isptune, tmp_path, series, arguments, message
):
    (tmp_path / "file").write_text("{}")
    status, _, err = isptune("export", *arguments)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_a_monotone_knob_is_monotone_in_what_is_exported(isptune, tmp_path):
    found = {f"iso{iso}": {"sharpen.amount": value} for iso, value in ((100, 0.3), (400, 0.5), (1600, 0.2))}
    write_series(tmp_path / "s", "raw", found, tune=["sharpen.amount"], monotone=["sharpen.*=down"])
    assert isptune("export", "s", "--out", "o")[0] == isptune("export", "s", "--out", "t", "--tuned")[0] == 0
    values = {folder: [read_set(tmp_path / folder / f"{iso}.toml").values["sharpen.amount"] for iso in found]
              for folder in ("o", "t")}  # fmt: skip
    assert values["o"] == sorted(values["o"], reverse=True)
    assert values["t"] == [0.3, 0.5, 0.2]
