"""References that the pipeline renders itself, and what objectives see where there is none."""

from dataclasses import replace

import pytest
import skimage.data
import torch

from isptune.errors import ConfigError, RenderError, SceneError
from isptune.facts import ObjectiveFacts, PipelineFacts
from isptune.registry import build
from isptune.runs.facts import read_bench
from isptune.runs.settings import RunSettings
from isptune.scenes.images import read_image, to_images, write_image
from isptune.scenes.raw_capture import RawCapture
from isptune.scenes.scene import RenderedReference, load_scenes, photograph, raw_scene
from isptune.space import Real, Space
from isptune.tuning.bench import AtHand, Bench
from isptune.tuning.masks import compared
from isptune.tuning.run import run
from isptune.tuning.workers import opened_bench
from tests.pipelines.resuming import check_cut_run_ends_with_the_same_bytes

SPECS = "pair:unprocessed:{0}/a.png?iso={1}&seed=1?clean=unprocessed:{0}/b.png%3Fiso=100%26seed=1"


@pytest.fixture
def photos(tmp_path):
    """A photograph, and the same moved by 3 px to the right and 1 up, with a thing that has moved."""
    photo = to_images(skimage.data.coffee(), "coffee")
    write_image(tmp_path / "a.png", photo[..., 40:232, 100:356])
    moved = photo[..., 41:233, 97:353].clone()
    moved[..., 100:130, 160:190] = moved[..., 30:60, 40:70]
    write_image(tmp_path / "b.png", moved)
    return tmp_path


def settings(photos, iso=6400, **changes):
    chosen = {
        "pipeline": "raw",
        "objectives": ("psnr",),
        "scenes": (SPECS.format(photos, iso),),
        "tune": ("raw_denoise.luma", "raw_denoise.chroma", "sharpen.amount"),
        "optimizer": "cma",
        "population": 8,
        "generations": 3,
        "second_opinions": ("none",),
    }
    return RunSettings(**{**chosen, **changes})


def capture():
    return RawCapture(torch.full((1, 1, 32, 32), 500.0), (64.0,) * 4, 1023.0, (2.0, 1.0, 1.5))


class Echo:
    """Gives the mosaic's number as grey; a gain is its only knob."""

    space = Space((Real("light.gain", 0.5, 2.0, 1.0),))
    facts = PipelineFacts(max_batch=8, uses_seed=False)

    def __init__(self, error=None):
        self.error = error

    def render(self, scene, params, seed):
        if self.error:
            raise self.error
        grey = (scene.raw.mosaic / 1023).expand(1, 3, -1, -1)
        return grey * params["light.gain"].float().view(-1, 1, 1, 1)


def echo_bench(pipeline, masked=None, set_file=None, **changes):
    noisy, clean = capture(), replace(capture(), mosaic=torch.full((1, 1, 32, 32), 250.0))
    rendered = RenderedReference(raw_scene("x_clean", clean), set_file=set_file)
    scene = replace(raw_scene("x", noisy), rendered=rendered, masked=masked)
    chosen = RunSettings(pipeline="echo", objectives=("psnr",), scenes=("x",), **changes)
    return Bench(chosen, at_hand=AtHand(pipeline, scenes={"x": scene}))


def test_the_reference_is_the_pipelines_picture_of_the_clean_capture_at_the_start():
    bench = echo_bench(Echo(), start={"light.gain": 1.5})
    torch.testing.assert_close(bench.scenes[0].reference, torch.full((1, 3, 32, 32), 250 / 1023 * 1.5))


def test_or_at_a_set_of_which_the_rest_is_the_start(tmp_path):
    (tmp_path / "set.toml").write_text('[values]\n"light.gain" = 0.5\n')
    bench = echo_bench(Echo(), set_file=str(tmp_path / "set.toml"))
    torch.testing.assert_close(bench.scenes[0].reference, torch.full((1, 3, 32, 32), 250 / 1023 * 0.5))
    (tmp_path / "other.toml").write_text('[values]\n"light.gamma" = 0.5\n')
    with pytest.raises(ConfigError, match=r"light\.gamma"):
        echo_bench(Echo(), set_file=str(tmp_path / "other.toml"))


def test_a_clean_capture_that_cannot_be_rendered_is_refused_in_one_line_before_any_work():
    with pytest.raises(
        SceneError, match="x: its clean shot cannot be rendered, which is its reference: no board"
    ):
        echo_bench(Echo(RenderError("no\nboard")))


def test_objectives_with_a_reference_see_it_itself_where_it_says_nothing():
    masked = torch.zeros(1, 1, 32, 32, dtype=torch.bool)
    masked[..., :8, :] = True
    scene = replace(photograph("p", torch.zeros(1, 3, 32, 32)), masked=masked)
    images = torch.ones(2, 3, 32, 32)
    seen = compared(ObjectiveFacts("maximize", uses_reference=True), images, scene)
    assert (seen[..., :8, :] == 0).all()
    assert (seen[..., 8:, :] == 1).all()
    assert compared(ObjectiveFacts("maximize"), images, scene) is images
    # In a run: half of the picture wrong is 3 dB worse than a quarter, whatever the metric does.
    whole, part = (echo_bench(Echo(), mask) for mask in (None, masked))
    scores = [b.evaluator.evaluate([{"light.gain": 1.0}], 0)[0].scores["psnr"] for b in (whole, part)]
    assert scores[1] - scores[0] == pytest.approx(10 * torch.log10(torch.tensor(4 / 3)).item(), abs=1e-3)


def test_what_is_masked_has_no_say_in_a_fit():
    truth = to_images(skimage.data.astronaut()[:64, :64], "a")
    masked = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    masked[..., :32] = True
    scene = replace(photograph("p", truth), masked=masked)
    darker = compared(ObjectiveFacts("maximize", uses_reference=True), truth * 0.6, scene)
    assert float(build("objective", "psnr?fit=gain").score(darker, scene)) > 60


@pytest.mark.slow
def test_a_search_by_a_pair_ends_near_what_a_search_by_the_truth_finds(photos, tmp_path):
    """The pair's own photograph, at the same noise, is the truth that the pair does not know."""
    truth = f"unprocessed:{photos}/a.png?iso=6400&seed=1"
    (known,) = load_scenes([truth])
    by_pair = run(Bench(settings(photos, generations=10)), tmp_path / "pair")
    by_truth = run(Bench(settings(photos, generations=10, scenes=(truth,))), tmp_path / "truth")
    from isptune.runs.answer import read_answer
    from isptune.tuning.evaluate import Evaluator

    judge = Evaluator(build("pipeline", "raw"), {"psnr": build("objective", "psnr")}, [known])
    answers = [read_answer(folder) for folder in (by_pair, by_truth)]
    found = judge.evaluate([answers[0].default, *(answer.params for answer in answers)], 0)
    start, pair, best = (trial.scores["psnr"] for trial in found)
    assert best > start + 1
    assert pair > best - 0.3
    record = read_bench(by_pair).scenes[0]
    assert record.has_reference
    assert "masked" in record.note
    (scene,) = Bench(settings(photos)).scenes
    kept = read_image(by_pair / "images" / f"{scene.name}_reference.png")
    torch.testing.assert_close(kept, scene.reference, atol=0.5 / 255 + 1e-6, rtol=0)
    assert any("something moved" in text for text in answers[0].warnings)


@pytest.mark.slow
def test_a_run_by_a_pair_goes_on_and_works_elsewhere_with_the_same_bytes(photos, tmp_path):
    whole = run(Bench(settings(photos)), tmp_path / "whole")
    check_cut_run_ends_with_the_same_bytes(settings(photos), whole, tmp_path / "cut")
    with opened_bench(settings(photos), "1") as bench:
        elsewhere = run(bench, tmp_path / "elsewhere")
    for name in ("trials.jsonl", "recommended.json", "images/a_iso6400_reference.png"):
        assert (elsewhere / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("half_size", [False, True])
def test_another_isp_gets_files_of_both_shots(photos, half_size):
    bench = Bench(
        settings(
            photos, pipeline="libraw", pipeline_options={"half_size": half_size}, tune=("denoise.wavelet",)
        )
    )
    (scene,) = bench.scenes
    assert scene.masked.shape[-2:] == scene.reference.shape[-2:]
    low, high = bench.evaluator.evaluate(
        [bench.space.complete({"denoise.wavelet": w}) for w in (0.0, 300.0)], 0
    )
    assert low.error is None
    assert high.scores["psnr"] > low.scores["psnr"] + 0.5


def test_an_objective_that_has_nothing_to_compare_with_is_refused_before_anything_is_rendered(
    tmp_path, isptune
):
    (tmp_path / "shot.bin").write_bytes(b"1")
    (tmp_path / "isp.toml").write_text(
        'command = ["false", "{params}", "{out}"]\n[[param]]\nname = "a"\nrange = [0, 1]\ndefault = 0\n'
    )
    asked = ["--pipeline", "command:isp.toml", "--scene", "file:shot.bin", "--out", "r"]
    for objective in ("ssim", "weighted:0.7*psnr+0.3*niqe"):
        status, _, err = isptune("run", *asked, "--objective", objective)
        assert status != 0
        assert f"{objective} compares with a reference, and the scene 'shot' has none" in err
    status, _, err = isptune("run", *asked, "--objective", "tv", "--constraint", "ssim>=0.5")
    assert "ssim compares with a reference" in err
    assert not (tmp_path / "r").exists()
