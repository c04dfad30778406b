"""Profiles of RawTherapee: the user's own is the base, and only the lines of changed knobs differ."""

import difflib
from pathlib import Path

import pytest

from isptune.parameter_set import read_set
from isptune.space import Choice
from pipelines.rawtherapee.for_the_program import films_folder, for_the_program
from pipelines.rawtherapee.keyfile import KeyFile
from pipelines.rawtherapee.knobs import KNOBS, RELIED_ON
from pipelines.rawtherapee.pp3 import profile_of
from tests.pipelines.developers import needs

INSTALLED = sorted(Path("/usr/share/rawtherapee/profiles").rglob("*.pp3"))

FULL = """# of a newer version
[Version]
AppVersion=5.12
Version=353

[Exposure]
Auto=false
Clip=0.02
Compensation = 4.25
Brightness=0
Curve=1;0;0;0.5;0.6;1;1;

[Sharpening]
Enabled=true
Amount=150
Threshold=20;80;2000;1200;
HalocontrolEnabled=true
HalocontrolAmount=85

[White Balance]
Setting=Custom
Temperature=4321

[Channel Mixer]
Enabled=true
Red=900;50;-50;
Green=0;1000;0;
Blue=10;-10;800;

[Brand New Tool]
Enabled=true
Strength=7

[RAW Bayer]
Border=4
Method=amazebilinear
"""
SYNTHETIC = {
    "full": FULL.encode(),
    "crlf": FULL.replace("\n", "\r\n").encode(),
    "mark": b"\xef\xbb\xbf" + FULL.encode(),
    "partial": b"[Exposure]\nCompensation=0.7",
    "no_end": FULL.rstrip("\n").encode(),
    "latin": FULL.encode() + b"\n[Exif]\nArtist=Ren\xe9\n",
    "old": b"[Version]\nAppVersion=4.0\nVersion=310\n[Channel Mixer]\nRed=120;-20;0;\nGreen=0;100;0;\nBlue=0;0;100;\n"
    b"[RAW]\nHotDeadPixels=true\nCcSteps=2\nMethod=eahd\n",
    "spaced": b"; no comment of GLib's\n\n[Vibrance]\n\nEnabled = true\nPastels\t= 12\n\n\n[Dehaze]\n",
    "twice": b"[Exposure]\nBlack=1\nBlack=2\n[HLRecovery]\nEnabled=true\nMethod=Coloropp\n[Exposure]\nBlack=3\n",
}


def _files():
    marks = [pytest.param(path.read_bytes(), id=path.stem) for path in INSTALLED]
    if not marks:
        marks = [pytest.param(b"", id="installed", marks=needs("rawtherapee-cli", "rawtherapee"))]
    return [*marks, *(pytest.param(data, id=name) for name, data in SYNTHETIC.items())]


def _other(param):
    if isinstance(param, Choice):
        return next(option for option in param.options if option != param.default)
    return param.high if param.default != param.high else param.low


def _touched(old, new):
    """Lines that are there before or afterwards only, headings left out; a last line may get its end."""
    lines = [
        (data if data.endswith(b"\n") else data + b"\n").decode("latin").splitlines(True)
        for data in (old, new)
    ]
    differing = [line[1:].strip() for line in difflib.ndiff(*lines) if line[0] in "+-"]
    return [line for line in differing if line and not line.startswith("[")]


@pytest.mark.parametrize("data", _files())
def test_a_profile_comes_back_byte_for_byte_and_a_changed_knob_changes_its_lines_only(data):
    profile = profile_of(data, "own.pp3")
    assert profile.with_values(profile.values).file.to_bytes() == data
    for param in profile.space:
        changed = profile.with_values({param.name: _other(param)})
        knob = next(knob for knob in KNOBS if knob.param.name == param.name)
        own = {key for section, key in RELIED_ON if section == knob.section} | {
            "Enabled",
            "HalocontrolEnabled",
        }
        own |= {other.key for other in KNOBS if other.section == knob.section and other.enables}
        own |= {knob.key, "DeadPixelFilter", "HotDeadPixels"}
        touched = _touched(data, changed.file.to_bytes())
        assert {line.partition("=")[0].strip() for line in touched} <= own, (param.name, touched)
        if profile.on(knob.section) and param.name not in (
            "sharpen.halo_control",
            "raw.hot_pixels",
            "highlights.recovery",
        ):
            assert len(touched) <= 2, touched  # one line: as it was, and as it is
        # Everything else is read as it was, and this knob as it was set.
        back = {**profile.values, param.name: _other(param)}
        assert changed.values == pytest.approx(back, abs=6e-3 if param.name.startswith("white") else 1e-9)


def test_the_rest_of_the_users_picture_stays_what_it_was():
    profile = profile_of(SYNTHETIC["full"], "own.pp3")
    assert profile.values["exposure.compensation"] == 4.25
    assert next(p for p in profile.space if p.name == "exposure.compensation").high == 4.25
    assert profile.values["demosaic.method"] == "amazebilinear"
    assert profile.values["white_balance.red"] == 0.9
    assert profile.passed_through == ["White Balance", "Brand New Tool"]
    changed = profile.with_values(
        {"exposure.compensation": -1.5, "white_balance.blue": 1.0, "sharpen.halo_control": 0}
    )
    lines = [
        line for line in difflib.ndiff(FULL.splitlines(), changed.file.text.splitlines()) if line[0] in "+-"
    ]
    assert lines == [
        "- Compensation = 4.25", "+ Compensation = -1.5",
        "- HalocontrolEnabled=true", "+ HalocontrolEnabled=false",
        "- Blue=10;-10;800;", "+ Blue=12;-12;1000;",
    ]  # fmt: skip


def test_keys_of_the_oldest_versions_are_read_and_changed_where_they_stand():
    profile = profile_of(SYNTHETIC["old"], "own.pp3")
    assert [profile.values[name] for name in ("raw.hot_pixels", "demosaic.false_color_steps", "demosaic.method")] == [
        "on", 2, "eahd",
    ]  # fmt: skip
    assert (profile.values["white_balance.red"], profile.on("Channel Mixer")) == (1.2, True)
    changed = profile.with_values(
        {"demosaic.method": "lmmse", "raw.hot_pixels": "off", "white_balance.red": 0.6}
    )
    assert changed.file.text == (
        SYNTHETIC["old"].decode().replace("eahd", "lmmse").replace("HotDeadPixels=true", "HotDeadPixels=false")
        .replace("Red=120;-20;0;", "Red=60;-10;0;")
    )  # fmt: skip


def test_a_tool_that_is_off_brings_along_what_it_relies_on_and_no_forgotten_values():
    text = "[Vibrance]\nEnabled=false\nPastels=50\nSaturated=-30\n[Resize]\nEnabled=true\n"
    profile = profile_of(text.encode(), "own.pp3")
    assert (profile.values["color.vibrance_pastels"], profile.values["sharpen.amount"]) == (0, 0)
    changed = profile.with_values({"color.vibrance_pastels": 10, "sharpen.amount": 200}).file.text
    assert changed == (
        "[Vibrance]\nEnabled=true\nPastels=10\nSaturated=0\n[Resize]\nEnabled=true\n"
        "\n[Sharpening]\nEnabled=true\nMethod=usm\nAmount=200\n"
    )


@pytest.mark.parametrize(
    ("text", "knobs"),
    [
        ("[Sharpening]\nEnabled=true\nMethod=rld\n", {"sharpen.amount", "sharpen.radius", "sharpen.halo_control"}),
        ("[Exposure]\nAuto=true\n", {"exposure.compensation", "exposure.black", "tone.brightness", "tone.contrast",
                                     "exposure.highlight_compression", "exposure.highlight_threshold",
                                     "exposure.shadow_compression"}),
        ("[Exposure]\nHistogramMatching=true\n", {"exposure.black"}),
        ("[Directional Pyramid Denoising]\nEnabled=true\nCMethod=AUT\nLMethod=CUR\n",
         {"denoise.chroma", "denoise.luma"}),
        ("[Exposure]\nBlack=much\n", {"exposure.black"}),
        ("[Exposure]\nBlack=nan\n", {"exposure.black"}),
        ("[Channel Mixer]\nEnabled=true\nRed=0;9;0;\nGreen=0;1;0;\nBlue=;;;\n",
         {"white_balance.red", "white_balance.blue"}),
        ("[Sharpening]\nEnabled=false\nMethod=rld\n", set()),
    ],
)  # fmt: skip
def test_a_knob_that_has_no_say_in_a_profile_is_named_and_not_tuned(tmp_path, text, knobs):
    (tmp_path / "own.pp3").write_text(text)
    found = read_set(tmp_path / "own.pp3")
    assert set(profile_of(text.encode(), "own").locked) == knobs
    assert not knobs & set(found.values)
    assert all(knob in found.note for knob in knobs)


def test_the_program_is_not_given_what_it_refuses_and_finds_files_that_stand_beside_the_profile(tmp_path):
    (tmp_path / "own.icc").write_text("x")
    text = "\ufeff; mine\n# kept\n[Exposure]\r\nBlack=1\n nonsense\n\n[Color Management]\nInputProfile=file:own.icc\n"
    told = for_the_program(KeyFile(text), tmp_path, None).text
    assert told == f"[Exposure]\r\nBlack=1\n\n[Color Management]\nInputProfile=file:{tmp_path / 'own.icc'}\n"
    assert for_the_program(KeyFile("[Exposure]\nBlack=1\n"), None, None).text == "[Exposure]\nBlack=1\n"


def test_an_import_takes_the_profile_along_and_says_what_it_passes_on(isptune, tmp_path):
    (tmp_path / "own.pp3").write_bytes(SYNTHETIC["full"])
    status, out, err = isptune("export", "own.pp3", "--format", "toml", "--out", "own.toml")
    assert (status, out) == (0, "")
    assert "note: passed on to RawTherapee as they are: White Balance, Brand New Tool" in err
    found = read_set(tmp_path / "own.toml")
    assert dict(found.pipeline_options) == {"profile": str((tmp_path / "own.pp3").resolve())}


@needs("rawtherapee-cli", "rawtherapee")
def test_a_set_goes_into_a_template_and_leaves_what_nobody_tuned(isptune, tmp_path):
    (tmp_path / "own.pp3").write_bytes(SYNTHETIC["full"])
    (tmp_path / "set.toml").write_text(
        'pipeline = "rawtherapee"\n[values]\nsharpen.amount = 320\ntone.contrast = 0\n'
    )
    status, _, err = isptune(
        "export", "set.toml", "--format", "pp3", "--template", "own.pp3", "--out", "new.pp3"
    )
    assert status == 0, err
    assert "not tuned, so as the template has them: demosaic.method, white_balance.red" in err
    assert (tmp_path / "new.pp3").read_text() == FULL.replace("Amount=150", "Amount=320")
    status, _, err = isptune("export", "own.pp3", "--format", "pp3", "--out", "same.pp3")
    assert (tmp_path / "same.pp3").read_bytes() == SYNTHETIC["full"]


def test_a_film_look_is_found_in_the_users_own_folder_of_them_and_named_where_it_is_not_there(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("RT_SETTINGS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "film.pp3").write_text("[Film Simulation]\nEnabled=true\nClutFilename=Fuji/Astia.png\n")
    assert "on with Fuji/Astia.png, which is not there" in read_set(tmp_path / "film.pp3").note
    (tmp_path / "RawTherapee5").mkdir()
    (tmp_path / "RawTherapee5" / "options").write_text(f"[Clut Directory]\nClutsDirectory={tmp_path}\n")
    (tmp_path / "Fuji").mkdir()
    (tmp_path / "Fuji" / "Astia.png").touch()
    assert "not there" not in read_set(tmp_path / "film.pp3").note
    told = for_the_program(KeyFile.of((tmp_path / "film.pp3").read_bytes()), tmp_path, films_folder())
    assert told.keys["Film Simulation", "ClutFilename"] == str(tmp_path / "Fuji" / "Astia.png")
