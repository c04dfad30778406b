"""Weather against plain versions of the published definitions, fed with the same random fields."""

import cv2
import numpy as np
import pytest
import scipy.ndimage
import torch

from isptune.distortions import weather, weather_layers
from isptune.distortions.draws import Draws
from tests.distortions.photograph import as_array, assert_batch_is_its_images, generators, photograph
from tests.operations import Operations

PHOTO = photograph()
PIXELS = as_array(PHOTO)
HEIGHT, WIDTH = PIXELS.shape[:2]


@pytest.mark.parametrize("function", weather.DISTORTIONS, ids=lambda entry: entry.name)
def test_a_batch_is_its_images_one_by_one(function):
    images = torch.cat([photograph(67, 91), photograph(67, 91, 0, 0), photograph(67, 91, 200, 300)])
    assert_batch_is_its_images(function, images, torch.tensor([0.4, 3.3, 5.0]))


@pytest.mark.parametrize("function", weather.DISTORTIONS, ids=lambda entry: entry.name)
@pytest.mark.parametrize("size", [(130, 70), (20, 33), (3, 2), (1, 1)])
def test_any_size_is_taken(function, size):
    images = torch.rand(2, 3, *size, generator=generators(1)[0])
    spoiled = function(images, torch.tensor([1.0, 4.2]), generators(1)[0])
    assert spoiled.shape == images.shape
    assert torch.isfinite(spoiled).all()


@pytest.mark.parametrize("function", weather.DISTORTIONS, ids=lambda entry: entry.name)
def test_weather_grows_from_nothing(function):
    images = PHOTO.expand(4, -1, -1, -1)
    spoiled = function(images, torch.tensor([0.0, 0.01, 0.1, 1.0]), generators(1)[0], shared=True)
    assert torch.equal(spoiled[0], images[0])
    distances = (spoiled - images).square().mean((1, 2, 3)).sqrt()
    assert (distances.diff() > 0).all()
    assert distances[1] < 0.03 * distances[3]


@pytest.mark.parametrize("function", weather.DISTORTIONS, ids=lambda entry: entry.name)
@pytest.mark.parametrize("severity", [1, 2, 3, 4])
def test_nothing_jumps_at_a_published_severity(function, severity):
    images = PHOTO.expand(3, -1, -1, -1)
    around = torch.tensor([severity - 1e-4, severity, severity + 1e-4])
    before, at, after = function(images, around, generators(1)[0], shared=True)
    assert (before - at).square().mean() < 1e-4
    assert (after - at).square().mean() < 1e-4


def clouds(field, decay):
    """The diamond-square algorithm pixel by pixel, on a map that wraps around."""
    side = len(field)
    heights, step, wobble = np.zeros((side, side)), side, 100.0
    while step > 1:
        half = step // 2
        corners, edges = [(-half, -half), (-half, half), (half, -half), (half, half)], []
        for y in range(half, side, step):
            for x in range(half, side, step):
                around = [heights[(y + dy) % side, (x + dx) % side] for dy, dx in corners]
                heights[y, x] = sum(around) / 4 + wobble**2 * field[y, x]
                edges += [(y - half, x), (y, x - half)]
        for y, x in edges:
            around = [(y - half, x), (y + half, x), (y, x - half), (y, x + half)]
            total = sum(heights[row % side, column % side] for row, column in around)
            heights[y, x] = total / 4 + wobble**2 * field[y, x]
        step, wobble = half, wobble / decay
    heights -= heights.min()
    return heights / heights.max()


@pytest.mark.parametrize(("severity", "thickness", "decay"), [(1, 1.5, 2), (4, 2.5, 1.5), (2.5, 2.25, 1.85)])
def test_fog_is_plasma_over_a_dimmed_picture(severity, thickness, decay):
    images = PHOTO[..., :50, :37]
    field = torch.rand(1, 64, 64, generator=generators(1)[0])[0].double().numpy() * 2 - 1
    pixels = as_array(images)
    brightest = pixels.max()
    foggy = pixels + thickness * clouds(field, decay)[:50, :37, None]
    expected = np.clip(foggy * brightest / (brightest + thickness), 0, 1)
    spoiled = as_array(weather.fog(images, severity, generators(1)[0], shared=True))
    assert np.abs(spoiled - expected).max() < 1e-5


def trail(layer, radius, sigma, degrees):
    """The sum of shifted copies, weighted by half a Gaussian; the last row or column repeats."""
    weights = np.exp(-(np.arange(2 * radius + 1) ** 2) / (2 * sigma**2))
    height, width = layer.shape
    moved = np.zeros_like(layer)
    for i, weight in enumerate(weights / weights.sum()):
        down = int(np.ceil(i * np.sin(np.radians(degrees)) - 0.5))
        right = int(np.ceil(i * np.cos(np.radians(degrees)) - 0.5))
        rows = np.clip(np.arange(height) + down, 0, height - 1)
        moved += weight * layer[rows][:, np.clip(np.arange(width) + right, 0, width - 1)]
    return moved


@pytest.mark.parametrize(
    ("severity", "mean", "zoom", "threshold", "radius", "sigma", "kept"),
    [(2, 0.2, 2, 0.5, 12, 4, 0.7), (3, 0.55, 4, 0.9, 12, 8, 0.7)],
)
def test_snow_is_magnified_noise_with_trails(severity, mean, zoom, threshold, radius, sigma, kept):
    generator = generators(1)[0]
    field = torch.randn(1, HEIGHT, WIDTH, generator=generator)[0].double().numpy()
    degrees = float(torch.rand(1, generator=generator)) * 90 - 135
    top, left = (HEIGHT - HEIGHT // zoom) // 2, (WIDTH - WIDTH // zoom) // 2
    middle = field[top : top + HEIGHT // zoom, left : left + WIDTH // zoom]
    layer = mean + 0.3 * scipy.ndimage.zoom(middle, zoom, order=1)
    layer = trail(np.clip(np.where(layer < threshold, 0, layer), 0, 1), radius, sigma, degrees)
    pale = np.maximum(PIXELS, (PIXELS @ [0.299, 0.587, 0.114])[..., None] * 1.5 + 0.5)
    expected = kept * PIXELS + (1 - kept) * pale + (layer + np.rot90(layer, 2))[..., None]
    spoiled = as_array(weather.snow(PHOTO, severity, generators(1)[0], shared=True))
    # A flake's pixel at the threshold may fall to either side by rounding.
    assert np.mean(np.abs(spoiled - np.clip(expected, 0, 1)) > 1e-4) < 1e-3


def test_trails_of_tensors_are_those_of_opencv():
    layers = torch.rand(3, 1, 40, 61, generator=generators(1)[0])
    parts = (
        torch.tensor([3.0, 5.5, 12.0]),
        torch.tensor([4.0, 2.0, 12.0]),
        torch.tensor([-45.0, -90.0, -120.0]),
    )
    kernels = weather_layers.trail_kernels(*parts, 24)
    with Operations() as asked:
        by_tensors = weather_layers._trailed_tensor(layers, kernels)
    assert "aten.convolution" not in asked.names  # which a GPU would round to ten bits
    torch.testing.assert_close(weather_layers.trailed(layers, kernels), by_tensors, rtol=0, atol=1e-5)


def drops(field, mean, deviation, sigma, threshold, light):
    wet = mean + deviation * scipy.ndimage.gaussian_filter(field, sigma, mode="nearest")
    wet = (np.where(wet < threshold, 0, wet) * 255).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(wet, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.equalizeHist(cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8)).astype(float)
    relief = scipy.ndimage.correlate(distance, [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], mode="mirror")
    shine = cv2.blur(np.clip(relief, 0, 255).astype(np.uint8), (3, 3)) * wet.astype(float)
    return shine / shine.max() * light


@pytest.mark.parametrize(("severity", "sigma", "threshold", "light"), [(2, 3, 0.68, 0.6), (3, 2, 0.68, 0.5)])
def test_spatter_is_turquoise_light_on_drops(severity, sigma, threshold, light):
    field = torch.randn(HEIGHT, WIDTH, generator=generators(1)[0]).double().numpy()
    shine = drops(field, 0.65, 0.3, sigma, threshold, light)
    expected = np.clip(PIXELS + shine[..., None] * np.array([175, 238, 238]) / 255, 0, 1)
    spoiled = as_array(weather.spatter(PHOTO, severity, generators(1)[0], shared=True))
    assert np.mean(np.abs(spoiled - expected) > 1e-4) < 2e-3


@pytest.mark.parametrize(("severity", "mean", "deviation"), [(4, 0.65, 0.3), (5, 0.67, 0.4)])
def test_spatter_is_mud_at_high_severities(severity, mean, deviation):
    field = torch.randn(HEIGHT, WIDTH, generator=generators(1)[0]).double().numpy()
    wet = mean + deviation * scipy.ndimage.gaussian_filter(field, 1, mode="nearest")
    cover = scipy.ndimage.gaussian_filter((wet > 0.65).astype(float), 1.5, mode="nearest")
    cover = np.where(cover < 0.8, 0, cover)[..., None]
    expected = PIXELS * (1 - cover) + cover * np.array([63, 42, 20]) / 255
    spoiled = as_array(weather.spatter(PHOTO, severity, generators(1)[0], shared=True))
    assert np.mean(np.abs(spoiled - expected) > 1e-4) < 2e-3


def test_frost_adds_the_texture_by_the_published_weights():
    black, white = torch.zeros(1, 3, 60, 80), torch.full((1, 3, 60, 80), 0.3)
    texture = weather.frost(black, 1.0, generators(1)[0], shared=True) / 0.4
    spoiled = weather.frost(white, 5.0, generators(1)[0], shared=True)
    torch.testing.assert_close(spoiled, 0.6 * white + 0.75 * texture, rtol=0, atol=1e-5)


@pytest.mark.parametrize("variant", range(5))
def test_ice_has_the_colour_and_the_contrast_of_a_published_texture(variant):
    draws = Draws(generators(1, variant), 1)
    crystals = draws.uniform(sum(weather_layers.CRYSTALS), 4)[0].numpy()
    texture = weather_layers.ice(crystals, draws.normal(5, 6)[0].numpy(), (variant + 0.5) / 5, 192, 256)
    color, deviation = weather_layers.ICE_TINTS[variant]
    assert texture.mean((1, 2)) == pytest.approx(np.array(color), abs=0.01)
    assert texture.std((1, 2)) == pytest.approx(deviation, rel=0.1)
    edges = np.abs(np.diff(texture[1], axis=1)).mean()
    assert edges > 0.1 * deviation  # crystals, not clouds


def test_each_stream_grows_its_own_ice():
    black = torch.zeros(2, 3, 60, 80)
    first, second = weather.frost(black, 3.0, generators(2))
    assert (first - second).abs().mean() > 0.02
