"""Captures split into two of independent noise, and the objective that tunes by them."""

from dataclasses import replace

import pytest
import torch

from isptune.errors import ConfigError, SceneError, ScoreError
from isptune.facts import PipelineFacts
from isptune.registry import build
from isptune.runs.answer import read_answer
from isptune.runs.settings import RunSettings
from isptune.scenes.noise_halves import SHARE, halves_of, split
from isptune.scenes.raw_capture import NoiseModel
from isptune.scenes.scene import load_scenes, photograph, raw_scene
from isptune.space import Real, Space
from isptune.testing import check_objective
from isptune.tuning.batches import to_params
from isptune.tuning.bench import AtHand, Bench
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.halves import with_halves
from isptune.tuning.run import run
from pipelines.raw.raw import PLAIN
from pipelines.raw.unprocessing import random_camera, unprocess
from tests.raw_captures import capture_of
from tests.raw_captures import photograph as picture

SIGMA = 0.03
"""Of white noise in shares of the range."""

SETTINGS = RunSettings(
    pipeline="raw",
    objectives=("camera",),
    scenes=("shot",),
    tune=("raw_denoise.*", "denoise.luma", "denoise.chroma", "sharpen.amount"),
    optimizer="cma",
    population=8,
    generations=6,
    second_opinions=("none",),
    device="cpu",
)


def white_noise(**more):
    """A capture with noise of SIGMA and one without."""
    model = NoiseModel(1e-9, SIGMA**2)
    image = 0.25 + 0.5 * picture(256, 256)
    noisy, clean = (capture_of(image, noise=sigma, **more) for sigma in (SIGMA, 0.0))
    return replace(noisy, noise=model), clean


def shares(capture, clean):
    """Samples of a half less those of the clean capture, in shares of the range."""
    black = torch.tensor(capture.black).view(2, 2).repeat(*(side // 2 for side in clean.mosaic.shape[-2:]))
    was = (clean.mosaic - clean.black[0]) / (clean.white - clean.black[0])
    return ((capture.mosaic - black) / (capture.white - black) - was).flatten().double()


def test_the_noise_of_both_halves_is_independent_and_of_the_variances_that_are_said():
    """65,536 samples: the correlation of independent ones is within 0.012 by three standard errors."""
    noisy, clean = white_noise()
    first, second = (shares(half, clean) for half in halves_of(noisy, seed=1))
    assert first.var().sqrt() == pytest.approx(SIGMA * (1 + SHARE) ** 0.5, rel=0.02)
    assert second.var().sqrt() == pytest.approx(SIGMA * (1 + 1 / SHARE) ** 0.5, rel=0.02)
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.012


def test_the_light_of_both_is_that_of_the_capture_even_where_noise_reaches_below_black():
    noisy, clean = white_noise(black=(0.0,) * 4, white=1023.0)
    for half in halves_of(noisy, seed=1):
        assert shares(half, clean).mean() == pytest.approx(0.0, abs=0.001)
        assert half.mosaic.min() >= 0
        assert half.noise.read > noisy.noise.read


def test_samples_that_clip_stay_as_they_are():
    noisy, _ = white_noise()
    mosaic = noisy.mosaic.clone()
    mosaic[..., :64, :64] = noisy.white
    first, second = halves_of(replace(noisy, mosaic=mosaic), seed=1)
    assert (first.mosaic[..., :64, :64] == first.white).all()
    assert (second.mosaic[..., :64, :64] == second.white).all()


def test_one_seed_is_one_pair_and_a_split_scene_keeps_its_hash():
    noisy, _ = white_noise()
    assert torch.equal(halves_of(noisy, 1)[0].mosaic, halves_of(noisy, 1)[0].mosaic)
    assert not torch.equal(halves_of(noisy, 1)[0].mosaic, halves_of(noisy, 2)[0].mosaic)
    scene = raw_scene("shot", noisy, whole=(256, 256), path="shot.dng")
    halved = split(scene)
    assert halved.sha256 == scene.sha256
    assert split(halved) is halved
    assert not torch.equal(halved.raw.mosaic, noisy.mosaic)
    assert "whole" not in halved.metadata, "programs would get the user's own file in place of the half"
    with pytest.raises(SceneError, match="has no raw capture"):
        split(photograph("photo", picture()))


def test_noise_that_nobody_knows_is_measured():
    noisy, clean = white_noise()
    first, _ = halves_of(replace(noisy, noise=None), seed=1)
    assert shares(first, clean).var().sqrt() == pytest.approx(SIGMA * (1 + SHARE) ** 0.5, rel=0.1)


@pytest.mark.parametrize(
    "changes", [{}, {"sharpen.amount": 2.0}, {"raw_denoise.luma": 1.0, "denoise.luma": 0.05}]
)
def test_the_score_is_the_error_to_a_shot_without_noise(changes):
    """Over 65,536 pixels; the half is rendered, so that the truth is the plain picture of the clean capture.

    What the score cannot see is how noise bends on its way through the tone curve and a demosaicing that chooses
    directions: up to a tenth here.
    """
    noisy, clean = white_noise()
    pipeline, objective = build("pipeline", "raw"), build("objective", "camera")
    where = torch.device("cpu")
    [scene] = with_halves(
        [raw_scene("shot", noisy)], {"camera": objective}, pipeline, pipeline.space, 0, where
    )

    def render(of, values):
        return pipeline.render(of, to_params(({**pipeline.space.default, **values},), where), 0)

    truth = render(raw_scene("clean", clean), PLAIN)
    picture_of_half = render(scene, {**PLAIN, **changes})
    power = (render(scene, PLAIN) - truth).square().mean()
    expected = (picture_of_half - truth).square().mean() / power
    assert objective.score(picture_of_half, scene) == pytest.approx(float(expected), rel=0.12, abs=0.05)


@pytest.mark.slow
def test_a_raw_file_alone_leads_to_less_error_than_the_defaults(tmp_path):
    noisy = unprocess(picture(192, 192), random_camera(0, 6400), 3)
    scene = raw_scene("shot", noisy)
    bench = Bench(SETTINGS, at_hand=AtHand(scenes={"shot": scene}))
    run(bench, tmp_path / "run")
    chosen = read_answer(tmp_path / "run").params
    truth = replace(scene, reference=picture(192, 192))
    evaluator = Evaluator(bench.pipeline, {"psnr": build("objective", "psnr")}, [truth])
    start, tuned = evaluator.evaluate([bench.pipeline.space.default, chosen], 0)
    assert tuned.scores["psnr"] > start.scores["psnr"] + 1.0


def test_photographs_and_pipelines_that_do_not_say_what_is_plain_are_refused():
    with pytest.raises(SceneError, match="photo: is no raw capture, and camera judges"):
        Bench(SETTINGS, at_hand=AtHand(scenes={"shot": photograph("photo", picture())}))

    class Dim:
        space = Space((Real("light.gain", 0.5, 2.0, 1.0),))
        facts = PipelineFacts(max_batch=8)

        def render(self, scene, params, seed):
            return torch.full((1, 3, 96, 128), 0.5)

    scene = raw_scene("shot", capture_of())
    with pytest.raises(ConfigError, match="a key plain"):
        Bench(replace(SETTINGS, tune=("*",)), at_hand=AtHand(Dim(), scenes={"shot": scene}))


def test_it_keeps_the_contract_of_objectives_and_has_a_source_that_is_found():
    [scene] = load_scenes(["unprocessed:bundled:cat?iso=3200&crop=96x96"])
    bench = Bench(SETTINGS, at_hand=AtHand(scenes={"shot": scene}))
    pictures = torch.cat([bench.scenes[0].halves.plain[:1], scene.reference, torch.rand(1, 3, 96, 96)])
    for spec in ("camera", "weighted:0.5*camera+0.5*tv"):
        check_objective(build("objective", spec), pictures, bench.scenes[0])
    assert "doi:10.1109/CVPR46437.2021.00208" in build("objective", "camera").facts.source


@pytest.mark.slow
def test_as_a_second_opinion_it_gets_scenes_of_its_own_and_costs_others_nothing(tmp_path):
    [scene] = load_scenes(["unprocessed:bundled:cat?iso=3200&crop=192x192"])
    chosen = replace(SETTINGS, objectives=("psnr",), generations=1, second_opinions=("camera", "noise"))
    bench = Bench(chosen, at_hand=AtHand(scenes={"shot": scene}))
    run(bench, tmp_path / "run")
    camera, noise = read_answer(tmp_path / "run").second_opinions
    assert (camera.objective, noise.objective) == ("camera", "noise")
    assert camera.error is None
    assert 0 < camera.recommended < 2
    assert bench.scenes[0].halves is None


def test_a_picture_alone_has_no_score():
    with pytest.raises(ScoreError, match="while it is tuned"):
        build("objective", "camera").score(picture(), photograph("photo", picture()))


def test_a_sum_that_holds_it_splits_scenes_too():
    assert build("objective", "weighted:0.5*camera+0.5*niqe").facts.splits_noise


def test_it_leads_where_a_raw_file_stands_alone_and_nobody_says_what_does():
    from isptune.tuning.config import load_settings

    def leads(**given):
        return load_settings(None, given).objectives

    assert leads(pipeline="raw", scenes=("shot.dng",)) == ("camera",)
    assert leads(pipeline="darktable:copy=true", scenes=("a.dng?weight=2",)) == ("camera",)
    assert leads(pipeline="raw", scenes=("pair:a.dng?clean=b.dng",)) == ("ssim",)
    assert leads(pipeline="raw", scenes=("raw:a.dng?reference=a.jpg",)) == ("ssim",)
    assert leads(pipeline="raw", scenes=("shot.dng",), objectives=("niqe",)) == ("niqe",)
    assert leads() == ("ssim",)
    series = ("pair:a.dng?clean=b.dng", "pair:c.dng?clean=d.dng")
    assert load_settings(None, {"pipeline": "raw"}, series).objectives == ("ssim",)
    assert load_settings(None, {"pipeline": "raw"}, ("a.dng", "b.dng")).objectives == ("camera",)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["libraw", "rawtherapee", "darktable"])
def test_all_bundled_developers_say_what_is_plain(name):
    from isptune.errors import MissingExtra

    try:
        pipeline = build("pipeline", name)
    except (ConfigError, MissingExtra) as error:
        pytest.skip(str(error))
    assert pipeline.facts.plain
    pipeline.space.check(pipeline.facts.plain, partial=True)


def test_twins_are_split_and_keep_their_truth():
    """So that other objectives of the run, and second opinions, compare with what is true."""
    [scene] = load_scenes(["unprocessed:bundled:cat?iso=3200&crop=128x128"])
    bench = Bench(SETTINGS, at_hand=AtHand(scenes={"shot": scene}))
    assert torch.equal(bench.scenes[0].reference, scene.reference)
    assert bench.scenes[0].halves.plain.shape == (2, 3, 128, 128)
