"""Making a data set: what is in its folder, that a stop costs nothing, and that nothing of a user's is lost."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from isptune.distortions.depictqa_recipes import (
    ANSWERS,
    answer_of,
    categories_of,
    noticed_without_reference,
    parse_recipe,
    spoil,
)
from isptune.errors import ConfigError, DatasetError, DiskError, SceneError
from isptune.scenes.images import read_image, write_image
from isptune.system.claim import claimed
from objectives.training.dataset import making, samples
from objectives.training.dataset.making import make
from objectives.training.dataset.plan import PLAN, find_photographs, part_of, read_plan
from tests.objectives.training.dataset.folders import photographs, plan_of, tree


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    photos = photographs(folder / "photos")
    plan = plan_of(photos, size=24)
    assert make(plan, photos, folder / "set")
    return plan, photos, folder / "set"


def records(folder, part=None, name=None):
    files = sorted(folder.glob(f"{part or '*'}_{name or '*'}_*brief.json"))
    return [record for file in files for record in json.loads(file.read_text())]


def recipe_of(record):
    if "distortion_name" in record:
        names, severities = [record["distortion_name"]], [record["severity"]]
        return parse_recipe([] if names == [None] else [(names[0], severities[0])])
    return parse_recipe(list(zip(record["distortion_names"], record["severities"], strict=True)))


@pytest.mark.slow
def test_the_folder_has_every_list_and_nothing_unfinished(made):
    _, _, folder = made
    lists = [f"{a}_{b}_{c}" for a in ("refA", "A") for b in ("sd", "md") for c in ("brief",)]
    lists += ["refAB_brief", "AB_brief"]
    expected = {f"{part}_{name}.json" for part in ("train", "validation") for name in lists}
    expected |= {
        "dataset.json",
        "references",
        "pictures",
        "statistics.json",
        "statistics.html",
        "statistics.png",
    }
    assert {path.name for path in folder.iterdir()} - {".lock"} == expected
    assert len(records(folder, name="refA")) == len(records(folder, name="refAB")) == 24
    assert not list(folder.rglob("*.part"))


def test_every_record_names_pictures_that_exist_and_its_task(made):
    _, _, folder = made
    types = {"refA": "quality_single_A", "A": "quality_single_A_noref", "refAB": "quality_compare",
             "AB": "quality_compare_noref"}  # fmt: skip
    for name, task_type in types.items():
        for record in records(folder, name=name):
            assert record["task_type"] == task_type
            assert (record["image_ref"] is not None) == name.startswith("ref")
            assert (record["image_B"] is not None) == name.endswith("AB")
            for key in ("image_ref", "image_A", "image_B"):
                assert record[key] is None or (folder / record[key]).is_file()


def test_training_records_converse_and_validation_records_ask_for_short_answers(made):
    _, _, folder = made
    for record in records(folder, part="train"):
        assert [turn["from"] for turn in record["conversations"]] == ["human", "gpt"]
        assert "query" not in record
    short = set(ANSWERS.values()) | {"none", "image a", "image b"}
    for record in records(folder, part="validation"):
        assert "conversations" not in record
        assert set(record["answer"].lower().split(" and ")) <= short
        assert "short phrase" in record["query"]


def test_no_photograph_is_in_both_parts(made):
    plan, _, folder = made
    assert {one.part for one in plan.photographs} == {"train", "validation"}
    used = {
        part: {record["image_ref"] for record in records(folder, part, "refA*")}
        for part in ("train", "validation")
    }
    assert used["train"]
    assert used["validation"]
    assert not used["train"] & used["validation"]


def test_without_a_reference_exactly_the_subtle_slight_samples_are_missing(made):
    _, _, folder = made
    for with_it, without in (("refA_sd", "A_sd"), ("refA_md", "A_md")):
        expected = [r["id"] for r in records(folder, name=with_it) if noticed_without_reference(recipe_of(r))]
        assert [record["id"] for record in records(folder, name=without)] == expected
    pairs = records(folder, name="refAB")
    shown = [
        r["id"]
        for r in pairs
        if all(noticed_without_reference(recipe_of(r[f"distortions_{x}"])) for x in "AB")
    ]
    assert [record["id"] for record in records(folder, name="AB")] == shown
    assert 0 < len(shown) < len(pairs)


def test_answers_name_what_the_picture_has(made):
    _, _, folder = made
    for record in records(folder, name="refA"):
        recipe = recipe_of(record)
        said = record["answer"] if "answer" in record else record["conversations"][1]["value"]
        assert "and" not in said or len(recipe.steps) == 2
        if "answer" in record:
            assert said == answer_of(recipe)
        assert all(ANSWERS[category] in said.lower() for category in categories_of(recipe))


def test_a_picture_is_what_its_record_says_was_done(made):
    _, _, folder = made
    exact = ("brightness_", "saturate_", "contrast_", "oversharpen", "pixelate", "blur_gaussian", "blur_lens")
    checked = 0
    for record in records(folder, name="refA_sd"):
        if record["distortion_name"] is None or record["distortion_name"].startswith(exact):
            reference = read_image(folder / record["image_ref"])
            expected = spoil(reference, recipe_of(record), 0)
            assert torch.equal(read_image(folder / record["image_A"]), (expected * 255).round() / 255)
            checked += 1
    assert checked > 4


@pytest.mark.slow
def test_the_same_command_makes_the_same_bytes_and_another_seed_other_ones(made, whole, tmp_path):
    plan, photos, folder = made
    assert not make(plan, photos, folder)
    _, _, small = whole
    for name, seed in (("same", 0), ("other", 1)):
        make(plan_of(photos, size=4, seed=seed), photos, tmp_path / name)
    assert tree(tmp_path / "same") == tree(small)
    assert tree(tmp_path / "other") != tree(small)
    # a sample depends on its number alone: a larger set begins with the smaller one
    pictures = tree(folder / "pictures")
    assert all(pictures[name] == digest for name, digest in tree(small / "pictures").items())


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory):
    _, photos, _ = made
    plan, folder = plan_of(photos, size=4), tmp_path_factory.mktemp("whole") / "set"
    make(plan, photos, folder)
    return plan, photos, folder


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [0, 6, 12, 20])
def test_a_stop_at_any_picture_or_file_costs_nothing(whole, tmp_path, monkeypatch, stop_at):
    plan, photos, folder = whole
    written = 0

    def counting(write):
        def stopping(path, content):
            nonlocal written
            if written == stop_at:
                raise KeyboardInterrupt
            written += 1
            write(path, content)

        return stopping

    with monkeypatch.context() as patched:
        patched.setattr(samples, "write_image", counting(samples.write_image))
        patched.setattr(making, "write_bytes", counting(making.write_bytes))
        with pytest.raises(KeyboardInterrupt):
            make(plan, photos, tmp_path / "cut")
    assert not (tmp_path / "cut" / "statistics.json").exists()
    assert make(plan, photos, tmp_path / "cut")
    assert tree(tmp_path / "cut") == tree(folder)


@pytest.mark.slow
def test_processes_that_are_killed_go_on_to_the_same_bytes(made, tmp_path):
    _, photos, _ = made
    arguments = ["--photos", photos, "--size", 20, "--side", 64, "--validation", 0.4, "--raters", "ssim"]
    command = ["dataset", "make", tmp_path / "cut", *arguments, "--workers", 2]
    program = "import sys; from isptune.cli import main; sys.argv = ['isptune', *sys.argv[1:]]; main()"
    call = [sys.executable, "-c", program, *map(str, command)]
    maker = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 500
    while not list((tmp_path / "cut").glob("unfinished/*.json")) and time.monotonic() < limit:
        time.sleep(0.01)
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    assert list((tmp_path / "cut").glob("unfinished/*.json"))
    plan = plan_of(photos, size=20)
    deadline = time.monotonic() + 60  # its processes see within a second that it is gone
    while time.monotonic() < deadline:
        before = sorted(
            (tmp_path / "cut").rglob("*")
        )  # names alone: what one of them just moves away cannot be read
        time.sleep(1.5)
        if sorted((tmp_path / "cut").rglob("*")) == before:
            break
    left = (
        next((tmp_path / "cut").glob("pictures/*/*")) / ".0000000_B.png.b1b87aa5.part"
    )  # as one cut in a picture
    left.write_bytes(b"half")
    assert make(plan, photos, tmp_path / "cut")
    make(plan, photos, tmp_path / "whole")
    assert tree(tmp_path / "cut") == tree(tmp_path / "whole")


def test_parts_go_by_the_name_of_the_photograph_alone():
    names = [f"photo{number}" for number in range(2000)]
    validation = {name for name in names if part_of(f"a/{name}.png", 0.2) == "validation"}
    assert abs(len(validation) / 2000 - 0.2) < 4 * (0.2 * 0.8 / 2000) ** 0.5
    assert {name for name in names if part_of(f"b/c/{name}.JPG", 0.2) == "validation"} == validation
    assert validation < {name for name in names if part_of(name, 0.5) == "validation"}
    assert part_of("x", 0.0) == "train"
    assert part_of("x", 1.0) == "validation"


def test_photographs_are_shrunk_and_never_enlarged(made, tmp_path):
    _, _, folder = made
    sizes = {tuple(read_image(path).shape[-2:]) for path in (folder / "references").iterdir()}
    assert sizes == {(64, 85)}
    photos = photographs(tmp_path / "photos", names=("small",), height=66, width=80)
    make(plan_of(photos, size=1, side=128, tasks=("identification",)), photos, tmp_path / "set")
    (reference,) = (tmp_path / "set" / "references").iterdir()
    assert torch.equal(read_image(reference), read_image(photos / "small.png"))


def test_a_folder_with_other_settings_or_photographs_is_refused_and_left_alone(made, tmp_path):
    _, photos, folder = made
    before = tree(folder)
    with pytest.raises(DatasetError, match=r"other settings: size 24 there, 25 now; seed 0 there, 4 now"):
        make(plan_of(photos, size=25, seed=4), photos, folder)
    others = photographs(tmp_path / "others")
    write_image(others / "apple.png", torch.rand(1, 3, 70, 70))
    with pytest.raises(DatasetError, match=r"other photographs: apple\.png has changed; give another folder"):
        make(plan_of(others, size=24), others, folder)
    (others / "apple.png").unlink()
    write_image(others / "zebra.png", torch.rand(1, 3, 70, 70))
    with pytest.raises(DatasetError, match=r"apple\.png is gone, and 1 more differ"):
        make(plan_of(others, size=24), others, folder)
    assert tree(folder) == before


def test_a_folder_that_holds_something_else_stays_as_it_is(made, tmp_path):
    plan, photos, _ = made
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(
        DatasetError, match=r"holds letter\.txt and no data set; give a new or an empty folder"
    ):
        make(plan, photos, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    with pytest.raises(ConfigError, match="lie one in the other"):
        make(plan, photos, photos / "set")
    assert not (photos / "set").exists()


@pytest.mark.slow
def test_a_full_disk_is_told_with_how_to_go_on(made, tmp_path, monkeypatch):
    _, photos, _ = made
    plan = plan_of(photos, size=4)

    def full(path, image):
        raise DiskError(f"{path}: cannot be written: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(samples, "write_image", full)
        with pytest.raises(
            DatasetError, match="No space left on device; what was made is kept: make room, then give"
        ):
            make(plan, photos, tmp_path / "set")
    assert make(plan, photos, tmp_path / "set")


def test_a_second_process_is_kept_out(made, tmp_path):
    _, photos, _ = made
    plan = plan_of(photos, size=2)
    with (
        claimed(tmp_path / "set", DatasetError),
        pytest.raises(DatasetError, match="another process is at work in it"),
    ):
        make(plan, photos, tmp_path / "set")


def test_a_pair_on_which_nothing_agrees_is_an_error_and_no_endless_search(tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    write_image(photos / "flat.png", torch.zeros(1, 3, 64, 64))
    monkeypatch.setattr(samples, "MOST_DRAWS", 3)
    monkeypatch.setattr(samples, "opinions", lambda *_: [0])
    with pytest.raises(
        DatasetError, match="rating sample 0: of 3 pairs there is none on which severities and ssim agree"
    ):
        make(plan_of(photos, size=1, tasks=("rating",)), photos, tmp_path / "set")


def test_a_photograph_that_is_too_small_is_named(tmp_path):
    photos = photographs(tmp_path / "photos", names=("tiny",), height=40, width=90)
    with pytest.raises(SceneError, match=r"tiny\.png: 90x40 is smaller than 64 pixels a side; take it out"):
        make(plan_of(photos, size=1, tasks=("identification",)), photos, tmp_path / "set")


def test_a_damaged_plan_is_no_data_set(tmp_path):
    (tmp_path / PLAN).write_text("{")
    with pytest.raises(DatasetError, match=r"dataset\.json: is not JSON that can be read"):
        read_plan(tmp_path)
    with pytest.raises(ConfigError, match="holds no photographs"):
        find_photographs(tmp_path, 0.2)


def test_half_of_the_samples_of_a_task_are_single_and_all_photographs_are_used(made):
    plan, _, _ = made
    used = np.bincount([samples.photograph_of(plan, "rating", number) for number in range(400)], minlength=4)
    assert (used > 400 / 4 - 4 * (400 * 0.25 * 0.75) ** 0.5).all()
