"""The page of a run shows what its folder holds, and nothing else gets in."""

import base64
import hashlib
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from isptune.errors import RunFolderError
from isptune.report import run_plots
from isptune.report.pictures import CROP_PX, PAGE_BYTES, Subject, before_after, compared
from isptune.report.places import largest_difference, places
from isptune.report.run_report import write_report
from isptune.runs.record import read_run
from tests.report.folders import write_run


@pytest.mark.slow
def test_the_headline_shows_the_scores_and_distances_of_recommended_json(finished):
    _, _, answer, page = finished
    score = answer["objectives"]["ssim"]
    assert f"{score['recommended']['mean']:.4f}"[:6] in page.text
    for key in ("l1", "l1_normalised"):
        for who in ("default", "recommended"):
            assert f"{answer[key][who]:.4g}" in page.text
    gain = score["recommended"]["mean"] - score["default"]["mean"]
    assert f"changed by +{gain:.3f}"[:16] in page.text
    assert "better" in page.text


def test_every_knob_stands_in_the_table_with_its_change_in_percent_of_its_range(finished):
    _, _, answer, page = finished
    strength = answer["params"]["denoise.strength"]
    assert f"denoise.strength = {strength:.4g}" in page.text
    assert f"{100 * (strength - 0.9):+.1f} %".replace("-", "−") in page.text
    assert "+50.0 %" in page.text  # tone.points: 4 to 12 in [2, 18]
    assert "+15.1 %" in page.text  # sharpen.radius: log10(2 / 1) / 2
    order = [page.text.rindex(f" {name} ") for name in ("denoise.strength", "tone.points", "sharpen.radius")]
    assert order == sorted(order)


@pytest.mark.slow
def test_failed_trials_are_counted_by_message(finished):
    _, generations, _, page = finished
    failed = sum(trial.error is not None for g in generations for trial in g.trials)
    assert f"{failed} of 96 trials failed" in page.text
    assert re.search(rf"{failed} 0 to 11 RenderError: too <hot>", page.text)


def test_the_page_is_whole_html_that_fetches_nothing_and_allows_its_own_script_alone(finished):
    *_, page = finished
    assert page.balanced
    assert page.named("script") == [{"type": "module"}, {"type": "application/json", "id": "curve-data"}]
    policy = next(
        meta["content"]
        for meta in page.named("meta")
        if "content" in meta and "default-src" in meta["content"]
    )
    for tag in ("script", "style"):
        text = re.search(rf"<{tag}[^>]*>(.*?)</{tag}>", page.source, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not any("style" in attributes for _, attributes in page.tags)
    assert not page.named("link")
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.named("img"))
    shown = re.sub(r"base64,[^\"]*|<script.*?</script>", "", page.source, flags=re.DOTALL)
    assert not re.search(r"https?:|//\w|url\(|@import", shown)
    assert "default-src 'none'" in page.source


def test_every_picture_in_the_page_can_be_decoded_and_the_plots_are_also_on_disk(finished):
    folder, *_, page = finished
    sources = [image["src"].partition("base64,")[2] for image in page.named("img")]
    for source in sources:
        Image.open(io.BytesIO(base64.b64decode(source))).load()
    for name in ("convergence", "levels", "params", "importance"):
        png = (folder / "plots" / f"{name}.png").read_bytes()
        assert base64.b64encode(png).decode() in sources
        assert "Software" not in Image.open(io.BytesIO(png)).info


def test_the_crops_are_cut_at_1_to_1_from_the_pictures_where_they_differ(finished):
    folder, *_, page = finished
    crop = next(image for image in page.named("img") if image["alt"] == "default of astronaut")
    assert (crop["width"], crop["height"]) == ("256", "256")
    cut = np.asarray(Image.open(io.BytesIO(base64.b64decode(crop["src"].partition("base64,")[2]))))
    left, top = map(int, re.search(r"at x = (\d+), y = (\d+)", page.text).groups())
    whole = np.asarray(Image.open(folder / "images" / "astronaut_default.png"))
    assert (cut == whole[top : top + CROP_PX, left : left + CROP_PX]).all()
    assert left <= 300
    assert left + CROP_PX >= 360  # the whole spot, x from 300 to 360
    assert top <= 200
    assert top + CROP_PX >= 260


def test_the_place_of_the_largest_difference_is_what_trying_every_place_finds():
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (37, 41, 3)).astype(np.uint8) for _ in range(2))
    difference = np.abs(first.astype(int) - second.astype(int)).sum(axis=2)

    def total(top, left):
        return sum(
            difference[
                top + (16 - n) // 2 : top + (16 + n) // 2, left + (16 - n) // 2 : left + (16 + n) // 2
            ].sum()
            for n in (16, 8, 4)
        )

    best = max(((top, left) for top in range(22) for left in range(26)), key=lambda place: total(*place))
    assert largest_difference(first, second, 16) == (best[1], best[0], 16, 16)


def test_a_picture_smaller_than_the_crop_is_shown_whole():
    black, white = np.zeros((20, 30, 3), np.uint8), np.full((20, 30, 3), 255, np.uint8)
    assert largest_difference(black, white, 256) == (0, 0, 30, 20)


@pytest.mark.slow
@pytest.mark.drawn
def test_the_same_folder_gives_the_same_bytes(tmp_path):
    write_run(tmp_path / "run", generations=2, choice=True, levels=False)
    first = write_report(tmp_path / "run").read_bytes()
    plots = {path.name: path.read_bytes() for path in (tmp_path / "run" / "plots").iterdir()}
    assert write_report(tmp_path / "run").read_bytes() == first
    assert {path.name: path.read_bytes() for path in (tmp_path / "run" / "plots").iterdir()} == plots


@pytest.mark.slow
@pytest.mark.drawn
def test_a_matplotlibrc_of_the_user_does_not_change_a_plot(tmp_path):
    import matplotlib

    write_run(tmp_path / "run", generations=3)
    record = read_run(tmp_path / "run")
    first = run_plots.convergence(record)
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 20, "lines.linewidth": 9}):
        assert run_plots.convergence(record) == first


@pytest.mark.slow
@pytest.mark.drawn
def test_names_and_messages_from_outside_are_shown_as_text(tmp_path, read_page):
    scene = "<script>alert(1)</script>"
    write_run(
        tmp_path / "run",
        generations=2,
        scenes=(scene, "$x_{"),
        failing=lambda generation, number: "<img src=x onerror=alert(2)>" if number == 0 else None,
        warnings=["<b>bold</b> & $\\frac{"],
        config={"pipeline": '"><svg onload=alert(3)>'},
    )
    page = read_page(write_report(tmp_path / "run"))
    assert page.balanced
    assert [tag.get("type") for tag in page.named("script")] == ["module", "application/json"]
    assert page.source.count("<script") == 2
    assert scene in page.text
    assert "<img src=x onerror=alert(2)>" in page.text
    assert "<b>bold</b> & $\\frac{" in page.text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert f"recommended of {scene}" in [image["alt"] for image in page.named("img")]


def test_an_unfinished_run_says_so_and_shows_the_best_seen(tmp_path, read_page):
    generations, _ = write_run(tmp_path / "run", generations=5, finished=False)
    page = read_page(write_report(tmp_path / "run"))
    best = max((t for g in generations for t in g.trials), key=lambda trial: trial.scores["ssim"])
    assert "Unfinished" in page.text
    assert f"{best.scores['ssim']:.4g}" in page.text
    assert f"denoise.strength = {best.params['denoise.strength']:.4g}" in page.text
    assert "Second opinions" not in page.text


def test_a_run_without_any_generation_has_a_report(tmp_path, read_page):
    write_run(tmp_path / "run", generations=0, finished=False)
    page = read_page(write_report(tmp_path / "run"))
    assert page.balanced
    assert "0 of 1 generations" in page.text
    assert "no trial has succeeded yet" in page.text


@pytest.mark.slow
@pytest.mark.drawn
def test_a_generation_in_which_all_failed_leaves_a_gap_and_no_warning(tmp_path, read_page):
    write_run(
        tmp_path / "run",
        generations=4,
        failing=lambda generation, number: "out of ink" if generation == 0 else None,
    )
    page = read_page(write_report(tmp_path / "run"))
    assert "8 of 32 trials failed" in page.text


def test_a_run_of_which_every_trial_failed_has_a_report(tmp_path, read_page):
    write_run(
        tmp_path / "all", generations=2, finished=False, failing=lambda generation, number: "out of ink"
    )
    page = read_page(write_report(tmp_path / "all"))
    assert "16 of 16 trials failed" in page.text
    assert "no trial has succeeded yet" in page.text


@pytest.mark.slow
def test_several_objectives_show_the_front_and_a_headline_each(tmp_path, read_page):
    _, answer = write_run(tmp_path / "run", objectives=("ssim", "tv"), generations=4)
    page = read_page(write_report(tmp_path / "run"))
    assert (tmp_path / "run" / "plots" / "front.png").exists()
    assert "ssim, higher is better" in page.text
    assert "tv, lower is better" in page.text
    assert f"The first 12 of {len(answer['front'])} candidates" in page.text
    assert f"{answer['front'][3]['scores']['tv']:.4g}" in page.text


def test_repeats_stand_in_a_table_with_the_chosen_one_marked(tmp_path, read_page):
    _, answer = write_run(tmp_path / "run", repeats=3, generations=3)
    page = read_page(write_report(tmp_path / "run"))
    assert f"from repeat {answer['repeat'] + 1} of 3" in page.text
    for part in answer["repeats"]:
        assert f"{part['l1_normalised']:.4g}" in page.text
    assert [attributes.get("class") for attributes in page.named("tr")].count("chosen") == 1


@pytest.mark.slow
def test_second_opinions_that_mostly_disagree_are_a_warning(tmp_path, read_page):
    opinions = [
        {"objective": "gmsd", "direction": "minimize", "default": 0.1, "recommended": 0.3, "says": "worse"},
        {"objective": "vif", "direction": "maximize", "default": 0.9, "recommended": 0.2, "says": "worse"},
        {"objective": "niqe", "direction": "minimize", "default": 9.0, "recommended": 3.0, "says": "better"},
        {"objective": "qalign", "direction": "maximize", "default": None, "recommended": None, "says": None,
         "error": "no weights"},
    ]  # fmt: skip
    write_run(tmp_path / "run", generations=2, opinions=opinions)
    page = read_page(write_report(tmp_path / "run"))
    assert "2 of 4 objectives that took no part call the recommended set worse" in page.text
    assert "gmsd, vif" in page.text
    assert "could not score: no weights" in page.text
    write_run(tmp_path / "fine", generations=2, opinions=opinions[1:])
    assert "call the recommended set worse" not in read_page(write_report(tmp_path / "fine")).text


@pytest.mark.slow
def test_a_knob_on_its_bound_is_a_warning(tmp_path, read_page):
    _, answer = write_run(tmp_path / "run", generations=2)
    answer["params"]["tone.points"] = 18
    (tmp_path / "run" / "recommended.json").write_text(json.dumps(answer))
    page = read_page(write_report(tmp_path / "run"))
    assert "On a bound of its range: tone.points" in page.text


def test_unknown_levels_and_a_failed_default_leave_dashes_not_errors(tmp_path, read_page):
    _, answer = write_run(tmp_path / "run", generations=2, levels=False)
    del answer["objectives"]["ssim"]["default"]
    (tmp_path / "run" / "recommended.json").write_text(json.dumps(answer))
    page = read_page(write_report(tmp_path / "run"))
    assert "Distortion levels" not in page.text
    assert "distance from pristine" not in page.text
    assert "unknown" in page.text


@pytest.mark.parametrize("name", ["config.json", "bench.json"])
def test_a_folder_that_is_no_run_is_refused_with_the_missing_file(tmp_path, name):
    write_run(tmp_path / "run", generations=1, finished=False)
    (tmp_path / "run" / name).unlink()
    with pytest.raises(RunFolderError, match=f"holds no {name}"):
        write_report(tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bench.json", '{"space": 3}'),
        ("recommended.json", "{}"),
        ("recommended.json", "[]"),
        ("bench.json", "{"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, text):
    write_run(tmp_path / "run", generations=1)
    (tmp_path / "run" / name).write_text(text)
    with pytest.raises(RunFolderError, match=name):
        write_report(tmp_path / "run")


def test_an_answer_that_does_not_fit_the_bench_is_refused(tmp_path):
    _, answer = write_run(tmp_path / "run", generations=1)
    for wrong in (
        {"params": {}},
        {"params": answer["params"] | {"tone.points": 99}},
        {"levels": {"recommended": [1.0], "default": [1.0]}},
    ):
        (tmp_path / "run" / "recommended.json").write_text(json.dumps(answer | wrong))
        with pytest.raises(RunFolderError, match=r"recommended\.json: is damaged"):
            write_report(tmp_path / "run")


def test_a_damaged_picture_is_named(tmp_path):
    write_run(tmp_path / "run", generations=1)
    (tmp_path / "run" / "images" / "astronaut_default.png").write_bytes(b"no picture")
    with pytest.raises(RunFolderError, match=r"astronaut_default\.png"):
        write_report(tmp_path / "run")


def test_places_are_what_they_are_called_and_share_little():
    rng = np.random.default_rng(3)
    after = np.full((640, 1200, 3), 128, np.uint8)
    after[:256, :256] = rng.integers(0, 256, (256, 256, 3))  # detail
    after[384:, :256] = 12  # dark
    after[384:, 544:800] = np.array((215, 160, 130)) + rng.integers(-9, 9, (256, 256, 1))  # skin
    after[:, 300:540] += rng.integers(0, 9, (640, 240, 3)).astype(np.uint8)
    before = after.copy()
    before[20:120, 600:700] += 40
    found = {place.why: place.box for place in places(before, after, 256)}
    assert list(found) == ["changed most", "detail", "flat", "dark", "skin-like"]
    assert found["detail"] == (0, 0, 256, 256)
    assert found["dark"] == (0, 384, 256, 256)
    assert found["skin-like"] == (544, 384, 256, 256)
    left, top, *_ = found["changed most"]
    assert left <= 600 < 700 <= left + 256
    assert top <= 20 < 120 <= top + 256
    boxes = list(found.values())
    for k, one in enumerate(boxes):
        for other in boxes[k + 1 :]:
            across, down = (256 - abs(one[axis] - other[axis]) for axis in (0, 1))
            assert max(across, 0) * max(down, 0) <= 256 * 256 / 3


def test_a_picture_without_shadows_or_skin_has_no_such_place():
    flat = np.full((600, 600, 3), 200, np.uint8)
    assert {place.why for place in places(flat, flat, 256)} <= {"changed most", "detail", "flat"}
    odd = np.full((301, 1000, 3), 10, np.uint8)
    for place in places(odd, odd, 256):
        left, top, width, height = place.box
        assert 0 <= left <= 1000 - width
        assert 0 <= top <= 301 - height


def test_of_many_scenes_fewer_places_are_shown_so_that_the_page_stays_small(tmp_path):
    rng = np.random.default_rng(0)
    scenes = [f"s{k}" for k in range(12)]
    (tmp_path / "images").mkdir()
    noise = rng.integers(0, 256, (700, 900, 3)).astype(np.uint8)
    for scene in scenes:
        for kind in ("default", "recommended", "reference"):
            Image.fromarray(noise).save(tmp_path / "images" / f"{scene}_{kind}.png", compress_level=0)
    found, left_out = before_after(tmp_path, scenes)
    assert (len(found), left_out) == (8, 4)
    assert sum(len(png) for scene in found for cut in scene.cuts for png in cut.crops.values()) < PAGE_BYTES
    assert all(len(scene.cuts) == 1 for scene in found)  # three of noise take all of a scene's share
    alone, _ = before_after(tmp_path, scenes[:1])
    assert len(alone[0].cuts) > 1


@pytest.mark.parametrize(("kinds", "scenes_shown", "kinds_shown"), [(9, 3, 9), (45, 1, 31)])
def test_many_pictures_of_each_scene_leave_out_scenes_then_pictures_and_say_so(
    tmp_path, kinds, scenes_shown, kinds_shown
):
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "one.png", compress_level=0)
    files = {f"objective {k}": tmp_path / "one.png" for k in range(kinds)}
    found, left_out = compared([Subject(f"s{k}", files) for k in range(5)])
    assert sum(cut.bytes for scene in found for cut in scene.cuts) <= PAGE_BYTES
    assert (len(found), left_out) == (scenes_shown, 5 - scenes_shown)
    assert list(found[0].crops) == list(files)[:kinds_shown]
    assert found[0].left_out == tuple(files)[kinds_shown:]


def test_members_of_the_front_and_chosen_trials_are_among_the_pictures_with_their_scores(tmp_path, read_page):
    generations, answer = write_run(tmp_path / "run", objectives=("ssim", "tv"), generations=2)
    images = tmp_path / "run" / "images"
    for label in ("front-2", "trial-5", "front-12"):
        (images / f"astronaut_{label}.png").write_bytes((images / "astronaut_reference.png").read_bytes())
    page = read_page(write_report(tmp_path / "run"))
    shown = dict.fromkeys(image["data-kind"] for image in page.named("img") if "data-kind" in image)
    scores = answer["front"][1]["scores"]
    trial = generations[0].trials[5].scores
    assert list(shown) == [
        "default",
        "recommended",
        "reference",
        f"front 2: ssim {scores['ssim']:.4g}, tv {scores['tv']:.4g}",
        f"front 12: ssim {answer['front'][11]['scores']['ssim']:.4g}, tv {answer['front'][11]['scores']['tv']:.4g}",
        f"trial 5: ssim {trial['ssim']:.4g}, tv {trial['tv']:.4g}",
    ]
