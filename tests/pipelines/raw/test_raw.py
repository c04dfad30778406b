"""The raw ISP as a pipeline: its contract, what it shares within a batch, and LibRaw as the judge of its colours."""

from dataclasses import replace

import numpy as np
import pytest
import rawpy
import skimage.color
import torch

from isptune.errors import ConfigError, RenderError
from isptune.registry import build as build_plugin
from isptune.scenes.scene import load_scenes, raw_scene
from isptune.space import Choice
from isptune.testing import check_pipeline
from pipelines.external.dng import write_dng
from pipelines.raw.raw import RawISP, build
from pipelines.raw.stages_in_order import STAGES
from tests.raw_captures import capture_of, photograph

PLAIN = {
    "defects.threshold": 1.0, "raw_denoise.luma": 0.0, "raw_denoise.chroma": 0.0, "denoise.chroma": 0.0,
    "sharpen.amount": 0.0, "demosaic.method": "bilinear",
}  # fmt: skip
"""Nothing that LibRaw's plain rendering has not."""


def batch_of(isp, *changes):
    columns = [{**isp.space.default, **change} for change in changes]
    return {
        name: first
        if isinstance(first, str)
        else torch.tensor([float(c[name]) for c in columns], dtype=torch.float64)
        for name, first in columns[0].items()
    }


@pytest.fixture(scope="module")
def scene():
    return raw_scene("astronaut", capture_of(photograph(48, 64), noise=0.01))


@torch.inference_mode()
def render(isp, scene, *changes):
    return isp.render(scene, batch_of(isp, *changes), 0)


@pytest.mark.slow
def test_the_registered_pipeline_keeps_the_contract(scene):
    with torch.inference_mode():
        check_pipeline(build_plugin("pipeline", "raw"), scene)


@pytest.mark.slow
def test_it_keeps_the_contract_with_every_choice(scene):
    for choices in (
        {"demosaic.method": "malvar2004", "highlights.method": "neutral"},
        {"demosaic.method": "bilinear"},
    ):
        isp = RawISP()
        isp.space = isp.space.starting_at(choices)
        check_pipeline(isp, scene)


def test_every_param_has_a_stage_a_unit_or_a_plain_scale_and_a_line_of_help():
    space = RawISP().space
    assert 25 <= len(space) <= 40
    for stage in STAGES:
        for param in stage.params:
            assert param.name.startswith(f"{stage.name}.")
            assert 10 < len(param.help) < 90
            assert "\n" not in param.help
    assert len(space.choices) == 2


@pytest.mark.parametrize("name", [param.name for param in RawISP().space])
def test_every_param_changes_the_picture(name, scene):
    isp = RawISP()
    param = next(p for p in isp.space if p.name == name)
    # Knobs that only qualify another one need that one turned on.
    others = {
        "shading.power": {"shading.gain": 1.0},
        "highlights.threshold": {"highlights.method": "neutral", "exposure.bias": -1.0},
        "highlights.method": {"exposure.bias": -1.0},
        "local.radius": {"local.detail": 1.0},
        "denoise.luma_scales": {"denoise.luma": 0.05},
        "denoise.detail": {"denoise.luma": 0.05},
        "denoise.chroma_scales": {"denoise.chroma": 0.05},
    }.get(name, {})
    bright = replace(scene, raw=replace(scene.raw, white=1800.0, mosaic=scene.raw.mosaic.clamp(max=1800.0)))
    ends = param.options if isinstance(param, Choice) else (param.low, param.high)
    first, second = (render(isp, bright, {**others, name: end}) for end in ends[:2])
    assert (first - second).abs().max() > 0.004, "less than one step of 8 bits"


def test_a_batch_shares_what_its_candidates_have_in_common(scene):
    calls = []
    counted = tuple(
        replace(
            stage,
            run=lambda x, k, shot, stage=stage: calls.append((stage.name, len(x))) or stage.run(x, k, shot),
        )
        for stage in STAGES
    )
    isp = RawISP(counted)
    candidates = [{"sharpen.amount": amount} for amount in (0.0, 0.5, 1.0)]
    together = render(isp, scene, *candidates)
    sizes = dict(calls)
    assert sizes["demosaic"] == sizes["denoise"] == 1
    assert sizes["sharpen"] == sizes["encode"] == 3
    calls.clear()
    assert torch.equal(render(isp, scene, *candidates), together)
    assert "demosaic" not in dict(calls), "the shared beginning was computed again"
    for image, candidate in zip(together, candidates, strict=True):
        assert torch.equal(image, render(RawISP(), scene, candidate)[0])


@pytest.mark.slow
def test_what_is_kept_does_not_grow_and_belongs_to_its_scene(scene):
    isp = RawISP()
    shades = [raw_scene(str(i), replace(scene.raw, white=4095.0 + 100 * i)) for i in range(6)]
    first = [render(isp, shade, {}) for shade in shades]
    again = [render(isp, shade, {}) for shade in shades]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert len(isp._beginnings) <= 4
    assert len(isp._shots) <= 4


def test_large_batches_are_rendered_in_pieces_with_the_same_result(scene, monkeypatch):
    candidates = [{"exposure.bias": i / 4} for i in range(5)]
    whole = render(RawISP(), scene, *candidates)
    monkeypatch.setattr("pipelines.raw.raw.PIXELS_A_PIECE", 2 * 48 * 64)
    assert torch.equal(render(RawISP(), scene, *candidates), whole)


def test_gradients_reach_every_number_that_is_differentiable(scene):
    isp = RawISP()
    start = {"local.detail": 0.3, "local.compression": 0.2, "denoise.luma": 0.02, "tone.white": 1.5,
             "shading.gain": 0.3, "colour.vibrance": 0.1, "colour.hue": 2.0, "black.offset": 0.001}  # fmt: skip
    params = batch_of(isp, start)
    numbers = {name: value.requires_grad_() for name, value in params.items() if not isinstance(value, str)}
    isp.render(scene, {**params, **numbers}, 0).square().mean().backward()
    # A threshold that only decides, whole numbers, taps of filters, and what clipping does not use.
    without = {
        "defects.threshold", "demosaic.median_passes", "denoise.luma_scales", "denoise.chroma_scales",
        "jpeg.quality", "sharpen.radius", "local.radius", "highlights.threshold",
    }  # fmt: skip
    for name, value in numbers.items():
        assert value.grad is None or bool(torch.isfinite(value.grad).all()), name
        if name not in without:
            assert value.grad is not None, f"no gradient for {name}"


@pytest.mark.parametrize("method", ["bilinear", "menon2007"])
def test_it_renders_as_libraw_does_with_the_same_settings(method, tmp_path):
    photo = photograph(128, 128)
    path = tmp_path / "shot.dng"
    write_dng(path, capture_of(photo, noise=0.002))
    scene = load_scenes([str(path)])[0]
    scene = replace(scene, raw=replace(scene.raw, baseline_ev=0.0))
    ours = render(RawISP(), scene, {**PLAIN, "demosaic.method": method})[0].permute(1, 2, 0).numpy()
    algorithm = {"bilinear": "LINEAR", "menon2007": "AHD"}[method]
    with rawpy.imread(str(path)) as raw:
        theirs = raw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm[algorithm], use_camera_wb=True, no_auto_bright=True,
            output_bps=16, gamma=(2.4, 12.92), adjust_maximum_thr=0.0,
        )  # fmt: skip
    pair = [ours[8:-8, 8:-8], theirs[8:-8, 8:-8] / 65535.0]
    if method == "menon2007":  # AHD decides otherwise over single pixels, but not over colours
        pair = [picture.reshape(14, 8, 14, 8, 3).mean((1, 3)) for picture in pair]
    apart = skimage.color.deltaE_ciede2000(*[skimage.color.rgb2lab(picture) for picture in pair])
    # Bilinear is the same arithmetic up to LibRaw's integers.
    assert apart.mean() < {"bilinear": 0.2, "menon2007": 1.0}[method]


def test_the_default_rendering_of_a_clean_capture_is_near_the_photograph():
    photo = photograph(96, 128)
    isp = RawISP()
    done = render(isp, raw_scene("clean", capture_of(photo)), {})
    error = (done - photo).square().mean()
    assert -10 * np.log10(float(error)) > 28  # menon2007 alone has about 31 on this crop


def test_photographs_are_refused_with_the_way_out():
    isp = RawISP()
    with pytest.raises(RenderError, match="unprocessed:FILE"):
        isp.render(load_scenes(["cat"], resize="32")[0], batch_of(isp, {}), 0)


def test_options_are_refused():
    with pytest.raises(ConfigError, match="'fast'"):
        build("fast")
    with pytest.raises(ConfigError, match="'quality'"):
        build(None, quality=3)
