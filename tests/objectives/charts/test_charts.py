"""Objectives on charts against closed forms, known noise and other implementations."""

import math

import cv2
import numpy as np
import pytest
import torch
from scipy.special import erf
from skimage.color import deltaE_ciede2000

from isptune.errors import ConfigError, ScoreError
from isptune.registry import build
from isptune.scenes.color import linear_to_srgb, srgb_to_linear
from isptune.scenes.scene import load_scenes, photograph, raw_file
from isptune.testing import check_objective
from objectives.charts.colour import COLORCHECKER, ciede2000, colorchecker, patch_colours, published_patches
from objectives.charts.edges import mtf50, overshoot
from objectives.charts.noise import CLIPPED_NOISE, SNR_CAP_DB, snr, visual_noise
from objectives.charts.regions import LUMINANCE_BT709
from objectives.charts.scene import DEAD_LEAVES, _leaves, chart, grey_steps, regions
from objectives.charts.texture import acutance
from tests.raw_captures import shared

NAMES = ("mtf50", "overshoot", "snr", "visual_noise", "acutance", "colorchecker")


RAWS = shared("data/raw")

REAL_EDGES = (
    "80x120+790+490", "80x120+975+480", "60x80+225+180", "60x80+385+180", "60x80+1400+180", "60x80+1550+170",
    "100x60+870+435",
)  # fmt: skip
"""Of the squares of a photographed chart, in its full frame."""


@pytest.fixture(scope="module")
def scene():
    return chart("")[0]


def _blurred(images, sigma):
    """Gaussian blur of linear light."""
    light = srgb_to_linear(images.double())[0].permute(1, 2, 0).numpy()
    soft = cv2.GaussianBlur(light, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return linear_to_srgb(torch.from_numpy(soft).permute(2, 0, 1)[None]).float().clamp(0, 1)


def _noisy(images, sigma, seed=0):
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return (images + sigma * noise).clamp(0, 1)


def _picture(luminance):
    """A grey picture of this luminance [height, width]."""
    light = torch.from_numpy(np.asarray(luminance))[None, None].expand(1, 3, -1, -1)
    return linear_to_srgb(light).float().clamp(0, 1)


def _edge(degrees, sigma, height=96, width=64, sharpened=(0.0, 1.0)):
    """An edge blurred by a Gaussian, sampled at points: its response is the Gaussian's and nothing else.

    With `sharpened` = (amount, radius), plus that amount of what a blur of that radius takes away.
    """
    y, x = np.mgrid[:height, :width]
    turn = math.radians(degrees)
    across = (x - width / 2 + 0.3) * math.cos(turn) + (y - height / 2 + 0.5) * math.sin(turn)
    amount, radius = sharpened
    sharp, soft = (0.5 + 0.5 * erf(across / s / math.sqrt(2)) for s in (sigma, math.hypot(sigma, radius)))
    return 0.2 + 0.3 * (sharp + amount * (sharp - soft))


@pytest.mark.parametrize("degrees", [2.5, 5.0, -7.0, 95.0, 264.0])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0])
def test_mtf50_of_a_gaussian_blur_is_the_closed_form_within_one_per_cent(degrees, sigma):
    upright = abs(math.cos(math.radians(degrees))) > 0.7
    picture = _picture(_edge(degrees, sigma, *((96, 64) if upright else (64, 96))))
    box = "box=64x96+0+0" if upright else "box=96x64+0+0"
    found = float(mtf50(box).score(picture, photograph("edge", picture))[0])
    assert found == pytest.approx(math.sqrt(math.log(2) / 2) / (math.pi * sigma), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.7, 1.5])
def test_mtf50_of_the_chart_is_that_of_its_pixels_and_the_blur_together(scene, sigma):
    frequencies = np.linspace(0, 1, 100001)
    # A pixel gathers light over its square; along the edge's normal nearly that of its side.
    response = np.sinc(frequencies) * np.exp(-2 * (np.pi * sigma * frequencies) ** 2)
    expected = frequencies[np.argmax(response < 0.5)]
    found = float(mtf50().score(_blurred(scene.image, sigma), scene)[0])
    assert found == pytest.approx(expected, rel=0.02)
    sharp = float(mtf50().score(scene.image, scene)[0])
    assert sharp == pytest.approx(frequencies[np.argmax(np.sinc(frequencies) < 0.5)], rel=0.02)


@pytest.mark.parametrize(("amount", "radius"), [(0.5, 1.5), (1.0, 2.0), (2.0, 1.0)])
def test_overshoot_of_an_unsharp_mask_is_the_closed_form(amount, radius):
    picture = _picture(_edge(5.0, 1.0, sharpened=(amount, radius)))
    x = np.linspace(-8, 8, 100001)
    sharp, soft = (0.5 + 0.5 * erf(x / s / math.sqrt(2)) for s in (1.0, math.hypot(1.0, radius)))
    expected = 100 * ((sharp + amount * (sharp - soft)).max() - 1)
    found = float(overshoot("box=64x96+0+0").score(picture, photograph("edge", picture))[0])
    # The highest quarter pixel is a mean over its width.
    assert found == pytest.approx(expected, rel=0.03)


def test_where_no_edge_is_there_is_no_number():
    flat, upright = _picture(np.full((96, 64), 0.3)), _picture(np.repeat(_edge(0.0, 0.5)[:1], 96, 0))
    for picture in (flat, upright):
        assert mtf50("box=64x96+0+0").score(picture, photograph("x", picture)).isnan().all()
        assert overshoot("box=64x96+0+0").score(picture, photograph("x", picture)).isnan().all()


def _wall(shade, noise, seed=0):
    """A wall that is brighter on one side by this share, seen with noise."""
    light = 0.8 * (1 + shade * np.linspace(-0.5, 0.5, 80)) * np.ones((110, 1))
    return _picture(np.clip(light + np.random.default_rng(seed).normal(0, noise, light.shape), 0, 1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("shade", "noise"), [(0.0, 0.003), (0.0, 0.03), (0.01, 0.001), (0.02, 0.0), (0.3, 0.0), (0.3, 0.03)]
)
def test_a_wall_has_no_edge_however_it_is_lit_and_however_noisy(shade, noise, seed):
    picture = _wall(shade, noise, seed)
    assert mtf50("box=80x110+0+0").score(picture, photograph("wall", picture)).isnan().all()


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_an_edge_in_strong_noise_is_still_an_edge(sigma, scene):
    assert mtf50().score(_noisy(scene.image.expand(3, -1, -1, -1), sigma), scene).isfinite().all()


@pytest.mark.slow
@pytest.mark.skipif(not RAWS.is_dir(), reason=f"{RAWS} is not there")
def test_the_edges_of_a_real_chart_are_found():
    seen = raw_file(f"{RAWS / 'openisp_sfr_chart_rggb10.png'}?cfa=RGGB&black=0&white=1023&crop=full")[0]
    for box in REAL_EDGES:
        assert 0.02 < float(mtf50(f"box={box}").score(seen.image, seen)[0]) < 0.5, box


@pytest.mark.parametrize("sigma", [0.003, 0.01, 0.03])
def test_the_snr_of_known_noise_on_a_shaded_patch_is_the_closed_form(sigma):
    random = np.random.default_rng(1)
    shading = 0.4 + 0.02 * np.linspace(-1, 1, 128)[:, None] + 0.03 * np.linspace(-1, 1, 160)[None]
    light = shading + sigma * random.standard_normal((3, 128, 160))
    picture = linear_to_srgb(torch.from_numpy(light)[None]).float()
    spread = sigma * math.sqrt(sum(w * w for w in LUMINANCE_BT709))
    expected = 20 * math.log10(0.4 / spread)
    found = float(snr("box=160x128+0+0").score(picture, photograph("x", picture))[0])
    # 20000 samples know their standard deviation to half a per cent: 0.04 dB, here three times that.
    assert found == pytest.approx(expected, abs=0.13)


def test_a_patch_without_noise_is_capped_and_one_that_is_clipped_does_not_pay(scene):
    images = torch.cat([scene.image, torch.ones_like(scene.image), torch.zeros_like(scene.image)])
    assert snr().score(images, scene).tolist() == [SNR_CAP_DB, 0.0, 0.0]
    assert visual_noise().score(images, scene).tolist() == pytest.approx([0.0, CLIPPED_NOISE, CLIPPED_NOISE])


@pytest.mark.slow
def test_coarse_noise_is_seen_more_than_fine_noise_and_luma_more_than_chroma(scene):
    noise = torch.randn(scene.image.shape, generator=torch.Generator().manual_seed(3))
    coarse = torch.nn.functional.avg_pool2d(noise, 5, 1, 2)
    grey = noise.mean(1, keepdim=True)
    colour = noise - (noise * torch.tensor(LUMINANCE_BT709)[None, :, None, None]).sum(1, keepdim=True)
    images = torch.cat(
        [
            (scene.image + 0.02 * part / part.std()).clamp(0, 1)
            for part in (noise, coarse, grey.expand_as(noise), colour)
        ]
    )
    fine, blotched, luma, chroma = visual_noise().score(images, scene).tolist()
    assert blotched > 2 * fine
    assert luma > 0.5
    more = visual_noise("pixels_a_degree=84").score(images, scene).tolist()
    assert more[0] < fine, "seen from farther away there is less"
    assert chroma > 0.3
    plain = visual_noise().score(_noisy(scene.image, 0.04), scene)
    assert float(plain[0]) == pytest.approx(2 * fine, rel=0.05)


def test_visual_noise_of_a_grey_wave_is_its_lightness_times_the_eyes_sensitivity():
    # A wave of 4 cycles a degree, where the eye sees luminance best: nothing is filtered away.
    x = np.arange(210)[None] + np.zeros((84, 1))
    amplitude = 0.002
    picture = _picture(0.3 + amplitude * np.sin(2 * np.pi * 4 / 42 * x))
    found = float(visual_noise("box=210x84+0+0").score(picture, photograph("x", picture))[0])
    slope = 116 / 3 * 0.3 ** (-2 / 3)
    assert found == pytest.approx(slope * amplitude / math.sqrt(2), rel=0.01)


@pytest.mark.slow
def test_acutance_falls_with_blur_and_denoising_and_is_not_fooled_by_noise_or_exposure(scene):
    objective = acutance()
    noisy = _noisy(scene.image, 0.08)
    pixels = (noisy[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    denoised = [cv2.bilateralFilter(pixels, 5, strength, 2) for strength in (60, 150)]
    images = [torch.from_numpy(d).permute(2, 0, 1)[None].float() / 255 for d in denoised]
    blurs = [_blurred(scene.image, sigma) for sigma in (0.5, 1.0, 2.0, 4.0)]
    darker = linear_to_srgb(0.5 * srgb_to_linear(scene.image))
    scores = objective.score(torch.cat([scene.image, *blurs, noisy, darker, *images]), scene).tolist()
    assert scores[0] == pytest.approx(1)
    assert scores[0] > scores[1] > scores[2] > scores[3] > scores[4] > 0
    assert scores[5] == pytest.approx(1, abs=0.03)
    assert scores[6] == pytest.approx(1, abs=1e-4)
    assert 0.95 > scores[7] > scores[8] + 0.05
    sharp = (scene.image + 0.7 * (scene.image - blurs[1])).clamp(0, 1)
    assert float(objective.score(sharp, scene)[0]) > 1.1


def test_acutance_of_a_gaussian_blur_is_the_weighted_gaussian(scene):
    frequencies = np.linspace(1e-3, 0.5, 5000)
    weights = (42 * frequencies) ** 0.8 * np.exp(-0.2 * 42 * frequencies)
    for sigma in (0.8, 1.5):
        expected = (np.exp(-2 * (np.pi * sigma * frequencies) ** 2) * weights).sum() / weights.sum()
        found = float(acutance().score(_blurred(scene.image, sigma), scene)[0])
        # The coarse end, which means 1, is blurred a little itself; rings of the spectrum have a width.
        assert found == pytest.approx(expected, rel=0.03)


def test_ciede2000_agrees_with_scikit_image_and_with_the_published_pairs():
    random = np.random.default_rng(0)
    first, second = random.uniform([0, -100, -100], [100, 100, 100], (2, 4000, 3))
    second[:2000] = first[:2000] + random.normal(0, 3, (2000, 3))
    second[:20, 1:], first[20:40, 1:] = 0, 0
    ours = ciede2000(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    np.testing.assert_allclose(ours, deltaE_ciede2000(first, second), atol=1e-9)
    # Pairs 1, 7, 9, 14, 17 and 25 of Sharma, Wu and Dalal 2005, table 1.
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425), ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792), ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
        ((50, 2.5, 0), (73, 25, -18), 27.1492), ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ]  # fmt: skip
    for one, other, expected in pairs:
        found = ciede2000(torch.tensor(one, dtype=torch.float64), torch.tensor(other, dtype=torch.float64))
        assert float(found) == pytest.approx(expected, abs=6e-5)


def test_the_colorchecker_is_found_by_its_corners_in_any_perspective(scene):
    assert float(colorchecker().score(scene.image, scene)[0]) == pytest.approx(0, abs=0.01)
    corners = np.float32(scene.metadata["regions"]["colorchecker"])
    moved = np.float32([[90, 60], [700, 110], [640, 470], [40, 520]])
    picture = scene.image[0].permute(1, 2, 0).numpy()
    turned = cv2.warpPerspective(picture, cv2.getPerspectiveTransform(corners - 0.5, moved - 0.5), (768, 576))
    images = torch.from_numpy(turned).permute(2, 0, 1)[None].clamp(0, 1)
    spec = "corners=" + "/".join(f"{value:g}" for value in moved.flatten())
    assert float(colorchecker(spec).score(images, photograph("x", images))[0]) < 0.1
    found = linear_to_srgb(patch_colours(images, tuple(map(tuple, moved.tolist())))) * 255
    assert float((found - published_patches() * 255).abs().max()) < 1
    wrong = "corners=" + "/".join(f"{value:g}" for value in moved[[1, 2, 3, 0]].flatten())
    assert float(colorchecker(wrong).score(images, photograph("x", images))[0]) > 20


def test_the_score_is_the_mean_difference_of_the_patches_and_exposure_can_be_matched(scene):
    cast = (scene.image * torch.tensor([1.0, 0.9, 1.05])[None, :, None, None]).clamp(0, 1)
    published = np.array([colour[1:] for colour in COLORCHECKER]) / 255
    from skimage.color import rgb2lab

    shifted = (published * [1.0, 0.9, 1.05]).clip(0, 1)
    expected = deltaE_ciede2000(rgb2lab(shifted), rgb2lab(published)).mean()
    # The matrices of sRGB are rounded differently: 0.002 at most.
    assert float(colorchecker().score(cast, scene)[0]) == pytest.approx(expected, abs=0.005)
    dark = linear_to_srgb(0.6 * srgb_to_linear(scene.image.double())).float()
    plain, matched = (float(colorchecker(spec).score(dark, scene)[0]) for spec in (None, "exposure=match"))
    assert plain > 5
    assert matched == pytest.approx(0, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_objectives_on_charts_keep_their_contract(name, scene):
    small = load_scenes(["chart:"])[0]
    images = torch.cat([scene.image, _noisy(scene.image, 0.03), _blurred(scene.image, 1.2)])
    objective = build("objective", name)
    check_objective(objective, images, small)
    check_objective(build("objective", f"weighted:0.5*{name}+0.5*tv"), images, small)
    broken = images.clone()
    broken[1, 0, 100, 400] = math.nan
    assert objective.score(broken, small).isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("name", NAMES)
def test_a_scene_without_a_chart_is_refused_with_the_way_out(name):
    cat = load_scenes(["cat"])[0]
    with pytest.raises(ScoreError, match=f"'cat' is not known to show one: use --scene chart:, or .*{name}:"):
        build("objective", name).score(cat.image, cat)


@pytest.mark.slow
def test_positions_move_with_the_picture_when_it_is_cropped_and_resized(scene):
    cut = load_scenes(["chart:"], crop="400x300+300+10")[0]
    assert "edge.left" in cut.metadata["regions"]
    assert "colorchecker" not in cut.metadata["regions"]
    assert torch.equal(mtf50().score(cut.image, cut), mtf50().score(scene.image, scene))
    with pytest.raises(ScoreError, match="not known to show one"):
        colorchecker().score(cut.image, cut)
    half = load_scenes(["chart:"], resize="384")[0]
    assert float(colorchecker().score(half.image, half)[0]) < 0.1
    with pytest.raises(ScoreError, match="are known in a picture of 384x288, and the images are 768x576"):
        snr().score(scene.image, half)


@pytest.mark.slow
def test_the_chart_shows_what_it_says(scene):
    height, width = scene.image.shape[-2:]
    for name, quad in scene.metadata["regions"].items():
        assert all(0 <= x <= width and 0 <= y <= height for x, y in quad), name
    steps = grey_steps()
    for step in range(1, 11):
        (left, top), _, (right, bottom), _ = scene.metadata["regions"][f"grey.{step}"]
        patch = srgb_to_linear(scene.image[..., int(top) : int(bottom), int(left) : int(right)].double())
        assert patch.min() == pytest.approx(steps[step], abs=1e-6) == patch.max()
    assert torch.equal(chart("")[0].image, scene.image)
    assert not torch.equal(chart("seed=1")[0].image, scene.image)
    shrunk = _leaves(2, 0).reshape(240, 2, 240, 2).mean((1, 3))
    assert np.abs(shrunk - _leaves(1, 0)).mean() < 0.004, "the same leaves, finer"
    assert regions(2)["dead_leaves"] == ((48, 480), (528, 480), (528, 960), (48, 960))


def test_dead_leaves_hold_structures_of_all_sizes(scene):
    rows, columns = DEAD_LEAVES.at(1)
    leaves = scene.image[0, 0, rows, columns].numpy()
    power = np.abs(np.fft.fft2(leaves - leaves.mean())) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(240), np.fft.fftfreq(240)))
    rings = [power[(radius > low) & (radius <= 2 * low)].mean() for low in (0.01, 0.02, 0.04, 0.08, 0.16)]
    slopes = np.diff(np.log2(rings))
    # The power of dead leaves falls by a power of the frequency near 2, as that of natural pictures does.
    assert np.all((slopes < -1) & (slopes > -3.5)), slopes


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mtf50:box=3", "is not WxH"),
        ("mtf50:box=0x3+1+1", "is not WxH"),
        ("mtf50:edge=3", "is not one of its options"),
        ("snr:box=a", "is not WxH"),
        ("visual_noise:pixels_a_degree=0", "is not a number above 0"),
        ("visual_noise:pixels_a_degree=x", "is not a number above 0"),
        ("colorchecker:corners=1/2/3", "is not x/y of four corners"),
        ("colorchecker:corners=a/2/3/4/5/6/7/8", "is not x/y of four corners"),
        ("colorchecker:exposure=auto", "is neither as-is nor match"),
    ],
)
def test_a_wrong_option_is_refused_in_words(spec, message):
    with pytest.raises(ConfigError, match=message):
        build("objective", spec)


@pytest.mark.parametrize("argument", ["scale=9", "scale=x", "seed=-1", "size=3"])
def test_a_wrong_chart_is_refused(argument):
    with pytest.raises(ConfigError, match="chart: "):
        chart(argument)


def test_a_box_outside_the_picture_is_refused(scene):
    with pytest.raises(ScoreError, match="is not inside 768x576"):
        snr("box=100x100+700+10").score(scene.image, scene)
