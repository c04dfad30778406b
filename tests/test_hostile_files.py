"""A bounded, seeded fuzzer of every file that is read as data: one clear line, in little time and memory, always.

Each reader gets a file that it accepts, spoiled in the ways that were found to hurt: too deep, too large, of another
type, NaN, halves of characters, torn, with other bytes. It must raise nothing but an error of ours, and take neither
long nor much memory.
"""

import json
import random
import resource
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isptune.errors import IsptuneError
from isptune.parameter_set import read_set
from isptune.rating.sitting import go_on
from isptune.runs.log import RunLog
from isptune.runs.record import read_run
from isptune.runs.timing import read_clock
from isptune.runs.unfinished import read_outcomes
from isptune.scenes.camera_profile import read_camera_profile
from isptune.study.by_eye.run import read_log
from isptune.study.by_eye.settings import read_settings as read_eye
from isptune.study.plan.folder import read_study
from isptune.tuning.config import load_settings
from isptune.tuning.series import read_series_settings
from objectives.command import build as command_objective
from objectives.depictqa.network import read_network
from objectives.encoders.bundled_encoder import _read as read_bundled
from objectives.promptiqa.compact import read_layers
from objectives.scorenet.files import read_learned_for
from objectives.study_weights import build as study_weights
from objectives.task.boxes import read_annotations
from objectives.task.labels import Labels
from pipelines.external.command import build as command_pipeline

ROOT = Path(__file__).parents[1]
OLD_RUN = ROOT / "tests" / "runs" / "folder_of_version_0_1"
WEIGHTS = ROOT / "objectives" / "weights"

SEED, TIMES = 20261130, 6
LONGEST_S, MOST_KB = 2.0, 128 << 10
"""Of one file: Python is slow where a machine is busy, and a hang or a table of gigabytes is far beyond."""

DEEP = "[" * 20_000 + "]" * 20_000
TEXTS = [DEEP, '{"a":' * 5000 + "1" + "}" * 5000, "9" * 5000, "-" + "9" * 400, "NaN", "Infinity", "-Infinity", "1e999",
         '"\\ud800"', "null", "true", "[]", "{}", '""', "-1", "0.5", "2e308", '"' + "x" * 100_000 + '"', "[[]]",
         " " * 30_000 + "x",
         "1000000000", "4294967296", '{"\\udc00": 1}', "[1, [2, [3, {}]]]"]  # fmt: skip
TOML = [text for text in TEXTS if text not in ("NaN", "Infinity", "-Infinity", "null")] + [
    "nan",
    "inf",
    "1979-05-27",
]


def spoiled(data: bytes, rng: random.Random, texts: list[str]) -> bytes:
    """A file with one of its values in another kind, or with other bytes."""
    way = rng.randrange(4)
    if way == 0 and data:  # torn
        return data[: rng.randrange(len(data))]
    if way == 1 and data:  # some other bytes
        changed = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed)
    text = data.decode("utf-8", "replace")
    values = [i for i, sign in enumerate(text) if sign in ":=,[" and i + 1 < len(text)]
    if not values:
        return rng.choice(texts).encode("utf-8", "surrogatepass")
    start = rng.choice(values) + 1
    end = next((i for i in range(start + 1, len(text)) if text[i] in ",]}\n"), len(text))
    return (text[:start] + " " + rng.choice(texts) + text[end:]).encode("utf-8", "surrogatepass")


def survives(read: Callable[[], Any], what: str) -> None:
    """Read; an error of ours in one line is as good as a value."""
    said, began, held_kb = "", time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read()
    except IsptuneError as error:
        said = str(error)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held_kb
    assert "\n" not in said, what
    assert len(said) < 2000, (what, said[:300])
    assert time.monotonic() - began < LONGEST_S, what
    assert grown_kb < MOST_KB, what


RUN_FILES = [
    "config.json",
    "bench.json",
    "provenance.json",
    "recommended.json",
    "timing.json",
    "clock.json",
    "trials.jsonl",
]


@pytest.mark.parametrize("name", RUN_FILES)
def test_files_of_a_run(tmp_path, name):
    rng = random.Random(f"{SEED} {name}")
    for path in OLD_RUN.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    whole = (OLD_RUN / name).read_bytes()
    for number in range(TIMES):
        (tmp_path / name).write_bytes(spoiled(whole, rng, TEXTS))
        survives(lambda: read_run(tmp_path), f"{name} {number}")
        survives(lambda: RunLog(tmp_path).generations(), f"{name} {number}")
        survives(lambda: read_clock(tmp_path), f"{name} {number}")
        survives(lambda: read_set(tmp_path), f"{name} {number}")


ISP = """
command = ["{python}", "isp.py", "{scene}", "{params}", "{out}"]
timeout_s = 60
size = [48, 32]
[[param]]
name = "denoise.strength"
range = [0.01, 10.0]
log = true
default = 1.0
[[param]]
name = "mode"
type = "choice"
options = ["off", "on"]
default = "on"
[[param]]
name = "taps"
type = "integer"
range = [1, 9]
default = 3
"""
METRIC = (
    'command = ["{python}", "m.py", "{images}"]\ndirection = "maximize"\nrange = [0, 1]\nmax_images = 4\n'
)
SET = 'pipeline = "raw"\n[values]\ndenoise.strength = 0.31\n[start]\ndenoise.strength = 1\n[scores.a]\ndefault = 1\n'
SETTINGS = 'pipeline = "raw"\nobjectives = ["ssim"]\npopulation = 30\nstay_near = 0.5\n[start]\n"a.b" = 1\n'
PLAN = 'title = "Which?"\nschedule = "random"\npairs_per_image = 9\nask_name = false\n'
STIMULI = 'scene,condition,file,params,score\ncat,a,,"{""k"": 1}",0.5\ncat,b,,{},1\n'
PROFILE = (
    "[[noise]]\niso = 100.0\nshot = 0.001\nread = 0.0\nrow = 0.0\ncolumn = 0.0\nhot = 0.0\ngreens = 0.0\n"
)
EYE = '{"pipeline": "synthetic", "scene": "cat", "votes": 300, "tune": [], "seed": 0}'
SITTING = '{"source": {"images": "x"}, "pictures": [{"size": [4, 3]}]}'
SERIES = '{"format": 1, "conditions": {"a": ["cat"]}, "smoothness": 0.1, "settings": {"population": 4}}'


def _nothing(folder: Path) -> None:
    pass


def _study(folder: Path) -> None:
    (folder / "study.toml").write_text(PLAN)
    (folder / "stimuli.csv").write_text(STIMULI)


def _sitting(folder: Path) -> None:
    pictures = folder / "m_pictures"
    pictures.mkdir()
    (pictures / "01.png").touch()
    (pictures / "sitting.json").write_text(SITTING)


READERS: dict[str, tuple[str, list[str], Callable[[Path], Any], Callable[[Path], None]]] = {
    "isp.toml": (ISP, TOML, lambda f: command_pipeline(str(f / "isp.toml")), _nothing),
    "metric.toml": (METRIC, TOML, lambda f: command_objective(str(f / "metric.toml")), _nothing),
    "set.toml": (SET, TOML, lambda f: read_set(f / "set.toml"), _nothing),
    "set.json": (
        '{"pipeline": "raw", "values": {"a.b": 1, "c": {"d": "on"}}, "start": {"a.b": 0.5}}', TEXTS,
        lambda f: read_set(f / "set.json"), _nothing,
    ),
    "run.toml": (SETTINGS, TOML, lambda f: load_settings(f / "run.toml", {}), _nothing),
    "study.toml": (PLAN, TOML, read_study, _study),
    "stimuli.csv": (STIMULI, TEXTS, read_study, _study),
    "weights.json": ('{"objective": "weighted:0.5*ssim+1*psnr"}', TEXTS, lambda f: study_weights(str(f)), _nothing),
    "profile.toml": (PROFILE, TOML, lambda f: read_camera_profile(f / "profile.toml"), _nothing),
    "eye.json": (EYE, TEXTS, read_eye, _nothing),
    "search.jsonl": (
        '{"generation": 0, "answers": ["first", "none"]}\n' * 3, TEXTS, lambda f: read_log(f / "search.jsonl"),
        _nothing,
    ),
    "series_settings.json": (SERIES, TEXTS, read_series_settings, _nothing),
    "unfinished.jsonl": (
        '\n{"format": 1, "part": "ab", "results": [{"ssim": 1.0}, "no"], "render_s": 1.0, "score_s": 0.1}\n', TEXTS,
        lambda f: read_outcomes(f / "unfinished.jsonl"), _nothing,
    ),
    "coco.json": (
        '{"images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}], "annotations": [{"image_id": 1, '
        '"category_id": 3, "bbox": [1, 2.5, 30, 20], "iscrowd": 0}], "categories": [{"id": 3, "name": "car"}]}', TEXTS,
        lambda f: read_annotations(f / "coco.json"), _nothing,
    ),
    "yolo/a.txt": ("0 0.5 0.5 0.25 0.25\n2 0.1 0.1 0.2 0.1 0.2 0.3\n", [*TEXTS, "9" * 30 + " 0 0 1 1", "1 inf 0 1 1"],
                   lambda f: read_annotations(f / "yolo"), lambda f: (f / "yolo").mkdir()),
    "labels.csv": ("file,label,source\na.jpg,3,x\nb/c.png,7,y\n", TEXTS, lambda f: Labels(f / "labels.csv", 10),
                   _nothing),
    "m_pictures/sitting.json": (SITTING, TEXTS, lambda f: go_on(f / "m.csv"), _sitting),
    "m_pictures/ratings.json": ('{"1": 3.5}', TEXTS, lambda f: go_on(f / "m.csv"), _sitting),
    "a.pp3": ("[Version]\nAppVersion=5.9\nVersion=349\n[Exposure]\nCompensation=0.5\nCurve=0;1;2;\n", TEXTS,
              lambda f: read_set(f / "a.pp3"), _nothing),
    "a.xmp": ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
              '<rdf:Description xmlns:darktable="http://darktable.sf.net/" darktable:xmp_version="5"/>'
              "</rdf:RDF></x:xmpmeta>", [*TEXTS, "<a>" * 100_000, "&x;", "<!DOCTYPE x [<!ENTITY a 'b'>]>"],
              lambda f: read_set(f / "a.xmp"), _nothing),
    "args.py": ("import rawpy\n\nargs = {'postprocess': {'use_camera_wb': True, 'bright': 1.0}}\n",
                [*TEXTS, "(" * 5000, "-" * 50_000 + "1", "1+" * 20_000 + "1", "a." * 20_000 + "a", "{**x}"],
                lambda f: read_set(f / "args.py"), _nothing),
    "imx.json": ('{"version": 2.0, "target": "bcm2835", "algorithms": [{"rpi.black_level": {"black_level": 4096}},'
                 ' {"rpi.ccm": {"ccms": [{"ct": 2850, "ccm": [1, 0, 0, 0, 1, 0, 0, 0, 1]}]}}]}', TEXTS,
                 lambda f: read_set(f / "imx.json"), _nothing),
    "imx.yaml": ("%YAML 1.1\n---\nversion: 1\nalgorithms:\n  - BlackLevel:\n  - Ccm:\n      ccms:\n        - ct: 2850\n"
                 "          ccm: [1, 0, 0, 0, 1, 0, 0, 0, 1]\n...\n", [*TEXTS, "- " * 20_000, "&a [*a, *a]"],
                 lambda f: read_set(f / "imx.yaml"), _nothing),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_files_that_are_read_as_data(tmp_path, name):
    whole, texts, read, prepare = READERS[name]
    rng = random.Random(f"{SEED} {name}")
    prepare(tmp_path)
    (tmp_path / name).write_text(whole)
    read(tmp_path)  # as it is it can be read
    for number in range(2 * TIMES):
        (tmp_path / name).write_bytes(spoiled(whole.encode(), rng, texts))
        survives(lambda: read(tmp_path), f"{name} {number}")
    for text in texts:  # and each of them alone
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        survives(lambda: read(tmp_path), f"{name} {text[:30]}")


PLACES = {
    "iq.xml": (
        "<isp><a><gain>1.5</gain></a><b gain='2'/></isp>",
        "/isp/a/gain",
        ["<a>" * 50_000, "&x;", "<![CDATA[", "<a b='"],
    ),
    "iq.json": ('{"a": {"gain": 1.5}, "b": [1, 2]}', "a.gain", []),
    "iq.yaml": ("a:\n  gain: 1.5\nb: [1, 2]\n", "a.gain", ["- " * 20_000, "? " * 9000]),
    "iq.ini": (
        "[a]\ngain = 1.5\n",
        "a.gain",
        ["[" * 30_000, "a=" + " " * 30_000 + "x", "a" + " " * 30_000, "[a" + " " * 30_000],
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_text_files_of_cameras(tmp_path, name):
    whole, at, more = PLACES[name]
    description = ISP.replace("{params}", f"{{{name}}}").replace(
        "default = 1.0", f'write = {{file = "{name}", at = "{at}"}}'
    )
    (tmp_path / "isp.toml").write_text(description)
    (tmp_path / name).write_text(whole)
    command_pipeline(str(tmp_path / "isp.toml"))
    rng = random.Random(f"{SEED} {name}")
    for number in range(2 * TIMES):
        (tmp_path / name).write_bytes(spoiled(whole.encode(), rng, [*TEXTS, *more]))
        survives(lambda: command_pipeline(str(tmp_path / "isp.toml")), f"{name} {number}")
    for text in [*TEXTS, *more]:
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        survives(lambda: command_pipeline(str(tmp_path / "isp.toml")), f"{name} {text[:30]}")


NETWORKS = {
    "depictqa.safetensors": read_network,
    "promptiqa.safetensors": read_layers,
    "scorenet_clip.safetensors": read_learned_for,
    "bundled_encoder.safetensors": read_bundled,
}


def _with_metadata(header: dict[str, Any], body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_metadata_of_weights_are_bounded_before_anything_is_allocated(tmp_path, name):
    """The tensors are left out: sizes are refused, or found not to fit, and nothing of that size is made."""
    data = (WEIGHTS / name).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    rng = random.Random(f"{SEED} {name}")
    entries = [key for key in metadata if metadata[key][:1] in "{[" or metadata[key][:1].isdigit()]
    read = NETWORKS[name]
    path = tmp_path / name
    for number in range(3 * TIMES):
        key = rng.choice(entries)
        changed = dict(metadata)
        text = spoiled(metadata[key].encode(), rng, TEXTS).decode("utf-8", "replace")
        changed[key] = text
        path.write_bytes(_with_metadata({"__metadata__": changed}, b""))
        survives(lambda: read(path), f"{name} {number}: {key} = {text[:80]}")
    for wrong in (-1, 0.5, "64", None, 10**9, 10**6, [], True, 1e300):
        for key in entries:
            held = json.loads(metadata[key])
            for place in (
                held if isinstance(held, dict) else range(len(held) if isinstance(held, list) else 0)
            ):
                if isinstance(held, list) and place > 1:
                    break
                other = held.copy()
                other[place] = wrong
                path.write_bytes(_with_metadata({"__metadata__": {**metadata, key: json.dumps(other)}}, b""))
                survives(lambda: read(path), f"{name}: {key}.{place} = {wrong}")


PARSERS = (
    "json.load",
    "tomllib",
    "ElementTree.parse",
    "ElementTree.fromstring",
    "minidom",
    "msgspec.json",
    "yaml.",
    "expat.",
)
MAY_PARSE = {
    "isptune/system/records.py",  # the reader of JSON and TOML
    "isptune/system/schema.py",  # says what records hold, and reads nothing
    "pipelines/darktable/sidecar.py",  # of XML, with bounds of its own: what it looks for has no depth
    "pipelines/external/to_start_from/board.py",  # users' own programs, to start from
    "pipelines/external/to_start_from/isp.py",
    "pipelines/libraw/child.py",  # runs by itself, and reads what its parent wrote
}


def test_nothing_reads_json_or_toml_or_xml_past_the_one_reader_of_each():
    for room in ("isptune", "objectives", "pipelines"):
        for file in (ROOT / room).rglob("*.py"):
            name = str(file.relative_to(ROOT))
            found = [word for word in PARSERS if word in file.read_text()]
            assert not found or name in MAY_PARSE, f"{name}: {found}"
