"""One grammar names every plug-in with what it is given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isptune.errors import ConfigError
from isptune.registry import build
from isptune.scenes.images import write_image
from isptune.scenes.scene import load_scenes
from isptune.spec import Spec, parse, split_name, typed


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("ssim", Spec("ssim")),
        ("nevergrad:NGOpt", Spec("nevergrad", "NGOpt")),
        ("raw:a/shot.dng?crop=full&matrix=identity", Spec("raw", "a/shot.dng", {"crop": "full", "matrix": "identity"})),
        ("chart?scale=2", Spec("chart", None, {"scale": "2"})),
        ("chart:?scale=2", Spec("chart", None, {"scale": "2"})),
        ("mtf50?box=80x120+310+40", Spec("mtf50", None, {"box": "80x120+310+40"})),
        ("raw:c_re+ference a.dng", Spec("raw", "c_re+ference a.dng")),
        ("raw:what?.dng?crop=full", Spec("raw", "what?.dng", {"crop": "full"})),
        ("file:shot.bin?reference=is it?.png", Spec("file", "shot.bin", {"reference": "is it?.png"})),
        ("unprocessed:chart:?scale=2?iso=200", Spec("unprocessed", "chart:?scale=2", {"iso": "200"})),
        ("raw:50%25%3Fcrop=full%26.dng", Spec("raw", "50%?crop=full&.dng")),
        ("raw:100%.dng", Spec("raw", "100%.dng")),
        ("endpoint:http://127.0.0.1:8000/v1?model=a", Spec("endpoint", "http://127.0.0.1:8000/v1", {"model": "a"})),
        ("file:x?reference=", Spec("file", "x", {"reference": ""})),
    ],
)  # fmt: skip
def test_a_spec_is_parted_into_name_argument_and_options(text, spec):
    assert parse(text) == spec


_ANY = st.text(st.characters(codec="utf-8"), min_size=1)


@pytest.mark.slow
@given(
    st.sampled_from(["raw", "file"]),
    st.none() | _ANY,
    st.dictionaries(st.sampled_from(["a", "b_2", "C"]), _ANY),
)
def test_every_file_name_can_be_said(name, argument, options):
    spec = Spec(name, argument, options)
    assert parse(str(spec)) == spec


def test_bytes_that_are_no_utf8_are_a_files_name_too():
    assert parse("raw:%FF.dng").argument == b"\xff.dng".decode(errors="surrogateescape")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raw:a.dng?crop=full&matrix", "'matrix' is no KEY=VALUE"),
        ("raw:a.dng?crop=full&crop=9x9", "the option crop is given twice"),
    ],
)
def test_options_that_are_none_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse(text)


def test_a_name_ends_at_its_colon_or_at_its_options():
    assert split_name("judge:endpoint:URL?model=a") == ("judge", "endpoint:URL?model=a")
    assert split_name("synthetic?map=coupled") == ("synthetic", "?map=coupled")
    assert split_name("bundled:") == ("bundled", "")
    assert split_name("bundled") == ("bundled", None)


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("true", True), ("0.5", 0.5), ("[1, 2]", [1, 2]), (" a,b ", "a,b")]
)
def test_values_are_read_as_toml_or_are_text(text, value):
    assert typed(text) == value


def test_a_pipeline_takes_its_options_in_its_spec_or_apart():
    written = build("pipeline", "synthetic:coupled?map_seed=3&chain=gaussian_blur:5,jpeg:96")
    apart = build("pipeline", "synthetic:coupled", map_seed=3, chain="gaussian_blur:5,jpeg:96")
    assert written.optimum == apart.optimum
    assert build("pipeline", "synthetic?map_seed=3", map_seed=3).optimum  # said twice, but the same


def test_options_of_a_pipeline_that_contradict_each_other_or_are_unknown_are_refused():
    with pytest.raises(ConfigError, match="synthetic: the option map_seed is given twice: 3 and 4"):
        build("pipeline", "synthetic?map_seed=3", map_seed=4)
    with pytest.raises(ConfigError, match="has no option 'seed'; there are: map, map_seed, chain"):
        build("pipeline", "synthetic?seed=3")


@pytest.mark.parametrize("name", ["a+b.png", "re%2Bference.png", "is it?.png", "a&b=c?d=e.png", "50%.png"])
def test_a_scene_of_any_name_can_be_a_reference(name, tmp_path):
    (tmp_path / "shot.bin").write_bytes(b"raw")
    write_image(tmp_path / name, load_scenes(["cat"], crop="16x12")[0].image)
    spec = Spec("file", str(tmp_path / "shot.bin"), {"reference": str(tmp_path / name)})
    (scene,) = load_scenes([str(spec)])
    assert scene.reference is not None
    assert scene.reference.shape == (1, 3, 12, 16)
