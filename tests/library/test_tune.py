"""Tuning from Python: functions and specs, what comes out, resuming, mistakes in one line."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

import isptune
from isptune.errors import AllFailed, ConfigError, RunFolderError

QUICK = {"population": 6, "generations": 3, "confirm": 2, "second_opinions": ["none"], "device": "cpu"}
GAIN = isptune.Real("gain", 0.5, 2.0, 1.0)
KNOBS = [GAIN, isptune.Integer("window", 1, 5, 3), isptune.Choice("order", ("rgb", "bgr"), "rgb")]


def brighten(scene, params):
    image = (scene.image[0] * params["gain"]).permute(1, 2, 0).numpy()
    size = params["window"]
    assert type(size) is int
    image = cv2.blur(image, (size, size))
    return image[:, :, ::-1] if params["order"] == "bgr" else image


def redness(image):
    return float(image[:, :, 0].mean() - image[:, :, 2].mean())


def tuned(**changes):
    given = {"objective": redness, "scenes": "cat", "resize": 32, "progress": False, **QUICK, **changes}
    return isptune.tune(brighten, KNOBS, **given)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return tuned(out=tmp_path_factory.mktemp("tuned") / "r")


@pytest.mark.slow
def test_an_isp_and_a_metric_of_a_few_lines_are_tuned(result):
    assert set(result.recommended) == {"gain", "window", "order"}
    assert result.default == {"gain": 1.0, "window": 3, "order": "rgb"}
    pair = result.scores["python:redness"]
    assert pair.recommended.mean > pair.default.mean
    pictures = result.images()
    assert set(pictures) == {"default", "recommended", "reference"}
    assert pictures["recommended"].shape == pictures["default"].shape
    assert result.report().is_file()


@pytest.mark.parametrize("pandas_is_there", [True, False])
def test_trials_are_a_table_with_or_without_pandas(result, pandas_is_there, monkeypatch):
    if pandas_is_there:
        pytest.importorskip("pandas")
    else:
        monkeypatch.setitem(sys.modules, "pandas", None)
    trials = isptune.load_run(result.folder).trials
    assert len(trials) == 18
    columns = set(trials.columns if pandas_is_there else trials[0])
    assert {"generation", "repeat", "gain", "window", "order", "python:redness", "error"} <= columns


@pytest.mark.slow
def test_a_temporary_folder_goes_with_the_result():
    kept = tuned()
    folder = kept.folder
    assert folder.is_dir()
    del kept
    assert not folder.exists()


@pytest.mark.slow
def test_a_finished_run_is_given_back_and_can_be_loaded(result):
    assert tuned(out=result.folder).recommended == result.recommended
    assert isptune.load_run(result.folder).recommended == result.recommended


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on_to_the_same_bytes(result, tmp_path):
    calls = 0

    def cut_off(image):
        nonlocal calls
        calls += 1
        if calls > 10:
            raise KeyboardInterrupt
        return redness(image)

    cut_off.__name__ = "redness"  # the same settings, but other source, which is refused below
    cut = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        tuned(objective=cut_off, out=cut)
    with pytest.raises(RunFolderError, match="began with other files"):
        tuned(out=cut)
    began = json.loads((cut / "provenance.json").read_text())
    began["weights"] = json.loads((result.folder / "provenance.json").read_text())["weights"]
    (cut / "provenance.json").write_text(json.dumps(began))
    tuned(out=cut)
    for name in ("trials.jsonl", "recommended.json"):
        assert (cut / name).read_bytes() == (result.folder / name).read_bytes()


@pytest.mark.slow
def test_functions_on_batches_get_the_whole_population():
    sizes = []

    def isp(scene, params, seed):
        sizes.append(len(params["gain"]))
        noise = 0.01 * torch.randn(scene.image.shape, generator=torch.Generator().manual_seed(seed))
        return (scene.image * params["gain"].float()[:, None, None, None] + noise).clamp(0, 1)

    def paleness(images, reference):
        return images.mean((1, 2, 3)) - reference.mean()

    found = isptune.tune(
        isp, [GAIN], objective=paleness, scenes="cat", resize=32, batched=True, progress=False, **QUICK
    )
    assert 6 in sizes
    assert found.recommended["gain"] > 1


@pytest.mark.slow
def test_less_is_better_where_the_decorator_says_so():
    darkness = isptune.objective(direction="minimize")(lambda image: image.mean())
    assert tuned(objective=darkness).recommended["gain"] < 1


@pytest.mark.slow
def test_several_objectives_give_a_front():
    found = tuned(objective=[redness, "sharpness"])
    assert found.front
    assert set(found.front[0]["scores"]) == {"python:redness", "sharpness"}


@pytest.mark.slow
def test_specs_and_arrays_work_as_on_the_command_line():
    picture = np.full((40, 60, 3), 128, np.uint8)
    picture[10:20, 10:30] = 220
    found = isptune.tune(
        "synthetic", objective="ssim", scenes=picture, tune=["isp.x1"], progress=False, **QUICK
    )
    assert set(found.recommended) == {f"isp.x{i}" for i in range(1, 6)}


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda image: "good", r"lambda: .*where a number was expected"),
        (lambda image: 1 / 0, r"lambda: ZeroDivisionError: .*test_tune.py, line \d+"),
    ],
)
def test_a_mistake_in_a_function_is_told_in_one_line(objective, message):
    with pytest.raises(AllFailed, match=message) as told:
        tuned(objective=objective)
    assert "\n" not in str(told.value)


@pytest.mark.slow
def test_one_bad_candidate_costs_one_trial():
    def picky(image):
        if image.mean() > 0.6:
            raise ValueError("too light for me")
        return image.mean()

    errors = [trial.error for trial in tuned(objective=picky, generations=4).record.trials() if trial.error]
    assert errors
    assert all("too light for me" in error for error in errors)


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((lambda scene: scene.image, [GAIN]), {}, r"takes \(scene\); it must take \(scene, params\)"),
        ((brighten,), {}, "params are missing"),
        (("raw", [GAIN]), {}, "params are for a function"),
        ((3, [GAIN]), {}, "no function, no pipeline and no spec"),
        ((brighten, KNOBS), {"objective": lambda image, mask: 1}, r"takes \(image, mask\)"),
        ((brighten, KNOBS), {"objective": 7}, "no function, no objective and no spec"),
        ((brighten, KNOBS), {"objective": redness, "populatoin": 8}, "did you mean 'population'"),
        ((brighten, KNOBS), {"objective": redness, "workers": 2}, "cannot be sent to workers"),
        ((brighten, KNOBS), {"objective": redness, "scenes": 5}, "is no picture"),
        ((brighten, KNOBS), {"objective": "nothing"}, "no objective is called 'nothing'"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_done(arguments, keywords, message):
    with pytest.raises(ConfigError, match=message):
        isptune.tune(*arguments, **{"progress": False, "scenes": "cat", **keywords})


def test_a_result_shows_itself(result):
    assert "python:redness" in repr(result)
    page = result._repr_html_()
    assert page.count("data:image/png;base64,") >= 2
    assert "gain" in page


@pytest.mark.slow
def test_objectives_are_compared():
    found = isptune.compare(
        "synthetic", objectives=["ssim", "tv"], scenes="cat", resize=48, repeats=2, progress=False, **QUICK
    )
    assert len(found.rows) == 2
    assert found.report().is_file()
    assert "ssim" in repr(found)
    with pytest.raises(ConfigError, match="two objectives or more"):
        isptune.compare(objectives=["ssim"])


@pytest.mark.slow
def test_progress_is_told_in_a_terminal_and_not_where_it_is_not_wanted(capfd):
    tuned(progress=True)
    assert "18/18 trials" in capfd.readouterr().out
    tuned()
    assert capfd.readouterr() == ("", "")


def test_importing_isptune_costs_nothing():
    program = (
        "import sys, isptune; print('tune' in dir(isptune), "
        "[m for m in sys.modules if m.partition('.')[0] in ('torch', 'numpy', 'click', 'rich')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


@pytest.mark.parametrize("name", isptune.__all__)
def test_every_exported_name_is_there_and_documented(name):
    exported = getattr(isptune, name)
    assert isinstance(exported, str) or exported.__doc__


def test_a_name_that_is_not_exported_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'tone'"):
        _ = isptune.tone
