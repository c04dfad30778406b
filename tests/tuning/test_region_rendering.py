"""Regions that are rendered by themselves are what lies there in the whole picture."""

from dataclasses import replace

import pytest
import torch

import isptune.scenes.large
from isptune.distortions import CATALOGUE
from isptune.facts import PipelineFacts, Support
from isptune.registry import build
from isptune.scenes.focus import Region
from isptune.scenes.large import widened
from isptune.scenes.scene import load_scenes, raw_scene
from isptune.tuning.batches import to_params
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.region_rendering import RegionRenderer, joined, parted_again
from pipelines.raw.raw import RawISP
from pipelines.synthetic.synthetic import Stage, SyntheticISP, parse_chain
from tests import toys
from tests.raw_captures import capture_of, photograph

REGIONS = (Region(160, 144, 64, 48), Region(0, 0, 48, 40), Region(471, 337, 41, 47))
"""Inside, in a corner, and at the far edges on no grid."""

BOUNDED = [name for name, one in CATALOGUE.items() if one.reach is not None]


@pytest.fixture(scope="module")
def scene():
    return load_scenes(["astronaut"], crop="512x384")[0]


@pytest.fixture
def _all_are_large(monkeypatch):
    monkeypatch.setattr(isptune.scenes.large, "LARGE_PIXELS", 1 << 14)


def _apart(pipeline, scene, candidates, seed=5, regions=REGIONS):
    """By how much at most pixels of regions differ from those of the whole picture."""
    support = pipeline.facts.support
    parts = RegionRenderer(pipeline, support, torch.device("cpu")).render(scene, regions, candidates, seed)
    whole = pipeline.render(scene, to_params(candidates, torch.device("cpu")), seed)
    pairs = zip(parts, regions, strict=True)
    return max(float((part - region.of(whole)).abs().max()) for part, region in pairs)


def _rendered_pixels(pipeline, monkeypatch):
    """The sizes of the scenes that a pipeline is asked to render, as they come."""
    sizes, render = [], pipeline.render  # of an instance, which other tests do not share

    def counted(scene, params, seed):
        sizes.append(scene.image.shape[-2] * scene.image.shape[-1])
        return render(scene, params, seed)

    monkeypatch.setattr(pipeline, "render", counted)
    return sizes


@pytest.mark.usefixtures("_all_are_large")
@pytest.mark.parametrize("name", BOUNDED)
def test_each_distortion_with_bounded_reach_gives_the_same_pixels(name, scene, monkeypatch):
    one = CATALOGUE[name]
    reach = min(one.identity - one.low, one.high - one.identity) if one.signed else one.high - one.low
    pipeline = SyntheticISP([Stage(one, 0.9 * reach)], "identity")
    sizes = _rendered_pixels(pipeline, monkeypatch)
    candidates = [dict.fromkeys(pipeline.space.names, x) for x in (0.0, 0.25, 1.0)]
    assert _apart(pipeline, scene, candidates) < 1e-5
    assert max(sizes[:-1]) < 0.3 * sizes[-1], "the parts were rendered by themselves"


@pytest.mark.usefixtures("_all_are_large")
@pytest.mark.parametrize("seed", [0, 7])
def test_the_whole_chain_with_its_noise_gives_the_same_pixels(seed, scene):
    pipeline = build("pipeline", "synthetic")
    candidates = [dict.fromkeys(pipeline.space.names, x) for x in (0.2, 0.6, 0.9)]
    assert _apart(pipeline, scene, candidates, seed) < 1e-5


def test_a_chain_that_looks_at_all_of_the_picture_says_so():
    assert SyntheticISP(parse_chain("gaussian_blur:5,fog:3")).facts.support.margin_px is None
    assert SyntheticISP(parse_chain("gaussian_blur:5,jpeg:50")).facts.support.margin_px == 10 + 17


RAW = {
    "shading": {"shading.gain": 1.0, "shading.power": 3.0},
    "defects": {"defects.threshold": 0.05},
    "raw_denoise": {"raw_denoise.luma": 3.0, "raw_denoise.chroma": 5.0},
    "bilinear": {"demosaic.method": "bilinear"},
    "malvar2004": {"demosaic.method": "malvar2004"},
    "median": {"demosaic.median_passes": 3},
    "highlights": {"highlights.method": "neutral", "highlights.threshold": 0.6},
    "tone": {"tone.white": 2.0, "tone.gamma": 1.4, "tone.shadows": 0.6, "tone.contrast": 0.5},
    "local": {"local.compression": 0.7, "local.detail": 1.0, "local.radius": 20.0},
    "denoise": {"denoise.luma": 0.05, "denoise.luma_scales": 4, "denoise.chroma": 0.05, "denoise.chroma_scales": 4},
    "sharpen": {"sharpen.amount": 3.0, "sharpen.radius": 3.0, "sharpen.halo": 1.0},
    "colour": {"colour.saturation": 1.6, "colour.vibrance": 0.5, "colour.hue": 20.0},
    "jpeg": {"jpeg.quality": 60},
}  # fmt: skip


@pytest.fixture(scope="module")
def raw():
    upper = torch.cat((photograph(384, 348), photograph(384, 348).flip(3)), 3)
    return raw_scene(
        "astronaut", replace(capture_of(torch.cat((upper, upper.flip(2)), 2), noise=0.01), optics=None)
    )


@pytest.mark.usefixtures("_all_are_large")
@pytest.mark.parametrize("stage", RAW)
def test_each_raw_stage_gives_the_same_pixels(stage, raw, monkeypatch):
    regions = (Region(310, 300, 32, 32), Region(0, 0, 32, 24), Region(655, 735, 41, 33))
    isp = RawISP()
    candidates = [{**isp.space.default, **RAW[stage], "exposure.bias": bias} for bias in (0.0, 0.7)]
    sizes = _rendered_pixels(isp, monkeypatch)
    assert _apart(isp, raw, candidates, regions=regions) < 1e-5
    assert max(sizes[:-1]) < 0.5 * sizes[-1], "the parts were rendered by themselves"


def test_no_values_of_the_raw_isp_look_farther_than_its_facts_say():
    isp = RawISP()
    highs = {**isp.space.default, **{p.name: p.high for p in isp.space.numeric}, "jpeg.quality": 30}
    (margin,) = isp.margins_px(to_params([highs], torch.device("cpu")))
    assert margin == isp.facts.support.margin_px
    (plain,) = isp.margins_px(to_params([{**isp.space.default, **isp.facts.plain}], torch.device("cpu")))
    assert plain == 2 + 12, "the next cell, and demosaicing"


def test_a_window_lies_on_the_grid_or_ends_with_the_picture():
    assert widened(Region(100, 50, 30, 30), 10, 32, (200, 90)) == Region(64, 32, 96, 58)


def test_pictures_of_regions_are_kept_as_one_row():
    regions = (Region(0, 0, 3, 2), Region(5, 5, 4, 4))
    parts = [torch.rand(2, 3, one.height, one.width) for one in regions]
    for part, again in zip(parts, parted_again(joined(parts), regions), strict=True):
        assert torch.equal(part, again)


class _Tinted(toys.Tint):
    facts = replace(toys.Tint.facts, support=Support(0, 1))


class _Whole(toys.Tint):
    facts = replace(toys.Tint.facts, support=Support())


@pytest.mark.usefixtures("_all_are_large")
@pytest.mark.parametrize(
    ("pipeline", "objective", "rendered"),
    [
        (_Tinted(), "tv", {64 * 48, 48 * 40, 41 * 47}),
        (_Whole(), "tv", {512 * 384}),  # it may look at all of the scene
        (toys.Tint(), "tv", {512 * 384}),  # it does not say
        (_Tinted(), "mtf50", {512 * 384}),  # a chart is measured as a whole
    ],
)
def test_regions_alone_are_rendered_where_nothing_looks_at_more(
    pipeline, objective, rendered, scene, monkeypatch
):
    assert isinstance(pipeline.facts, PipelineFacts)
    scene = replace(scene, metadata={"roi": REGIONS})
    sizes = _rendered_pixels(pipeline, monkeypatch)
    evaluator = Evaluator(pipeline, {objective: build("objective", objective)}, [scene])
    evaluator.evaluate([{"tint.red": 0.1, "tint.green": 0.0}], 0)
    assert set(sizes) == rendered


@pytest.mark.usefixtures("_all_are_large")
@pytest.mark.parametrize("objective", ["ssim", "psnr", "tv", "scorenet"])
def test_scores_are_those_of_the_same_regions_of_whole_pictures(objective, scene, monkeypatch):
    pipeline = build("pipeline", "synthetic")
    regions = (Region(160, 144, 96, 80), Region(400, 272, 112, 112))
    scene = replace(scene, metadata={"roi": regions})
    candidates = [dict.fromkeys(pipeline.space.names, x) for x in (0.1, 0.5, 0.9)]

    def scores():
        evaluator = Evaluator(pipeline, {objective: build("objective", objective)}, [scene])
        return [trial.scores[objective] for trial in evaluator.evaluate(candidates, 3)]

    apart = scores()
    monkeypatch.setattr("isptune.tuning.evaluate.rendered_apart", lambda *_: False)
    assert apart == pytest.approx(scores(), abs=1e-5)
