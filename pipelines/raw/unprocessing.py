"""Photographs turned into raw captures whose perfect rendering is known: scenes `unprocessed:FILE[?iso=1600&...]`.

After Brooks, Mildenhall, Xue, Chen, Sharlet and Barron 2019, "Unprocessing images for learned raw denoising",
arXiv:1811.11127: the steps of a camera backwards (tone curve, encoding, colour matrix, brightness and white balance),
then a mosaic with shot and read noise. Ranges of the camera's numbers, colour matrices and the noise law are theirs.

Two of their steps are options here and off: the S curve of the tone, which the neutral rendering has not, and the
gain that lets highlights clip, which has no inverse. So the rendering at the defaults would give the photograph back
but for noise and demosaicing.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import SceneError
from isptune.scenes.color import linear_to_srgb, srgb_to_linear
from isptune.scenes.raw_capture import Matrix, NoiseModel, Optics, RawCapture, on_grid
from isptune.scenes.scene import Scene, crop_scene, load_scenes, raw_scene
from isptune.spec import refuse_unknown, split_options
from pipelines.raw.optics import blurred

BLACK, WHITE = 1024.0, 16383.0
"""Levels of a sensor of 14 bits."""

SHOT_AT_ISO_1 = 1e-6
"""Shot noise by ISO: with it, ISO 100 to 12,000 is the range of the paper, 1e-4 to 0.012."""

# XYZ to camera RGB of the four cameras that the paper mixes.
_CAMERAS = (
    ((1.0234, -0.2969, -0.2266), (-0.5625, 1.6328, -0.0469), (-0.0703, 0.2188, 0.6406)),
    ((0.4913, -0.0541, -0.0202), (-0.6130, 1.3513, 0.2906), (-0.1564, 0.2151, 0.7183)),
    ((0.8380, -0.2630, -0.0639), (-0.2887, 1.0725, 0.2496), (-0.0627, 0.1427, 0.5438)),
    ((0.6596, -0.2079, -0.0562), (-0.4782, 1.3016, 0.1933), (-0.0970, 0.1581, 0.5181)),
)

_SRGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)

_OPTIONS = {
    "iso": "50 to 25600",
    "seed": "of the camera and of the noise, 0 or more",
    "tone": "none or smoothstep",
    "highlights": "exact or clipped",
    "psf": "0 to 3: standard deviation of a lens's blur in pixels; the reference stays sharp",
    "crop": "WxH or WxH+X+Y, of the photograph",
    "resize": "N or WxH, of the photograph, before the crop",
}


@dataclass(frozen=True)
class Camera:
    """A camera to take a photograph back into.

    Attributes:
        matrix: from white-balanced camera RGB to linear sRGB.
        white_balance: multipliers of R, G and B.
        gain: by which a neutral rendering brightens.
        noise: of the sensor.
    """

    matrix: Matrix
    white_balance: tuple[float, float, float]
    gain: float
    noise: NoiseModel


def noise_at(iso: float) -> NoiseModel:
    """Shot noise in proportion to ISO, and the read noise that goes with it in the paper."""
    shot = SHOT_AT_ISO_1 * iso
    return NoiseModel(shot, math.exp(2.18 * math.log(shot) + 1.20))


def random_camera(seed: int, iso: float) -> Camera:
    """Colour matrix, white balance and brightness as the paper draws them."""
    draw = np.random.default_rng([seed, 1])
    weights = draw.uniform(1e-8, 1e8, len(_CAMERAS))
    mixed = np.tensordot(weights / weights.sum(), np.array(_CAMERAS), 1) @ _SRGB_TO_XYZ
    camera_from_srgb = mixed / mixed.sum(axis=1, keepdims=True)
    inverse = np.linalg.inv(camera_from_srgb)
    red, green, blue = (tuple(float(x) for x in row) for row in inverse)
    matrix = (red[0], red[1], red[2]), (green[0], green[1], green[2]), (blue[0], blue[1], blue[2])
    balance = (float(draw.uniform(1.9, 2.4)), 1.0, float(draw.uniform(1.5, 1.9)))
    gain = 1 / float(np.clip(draw.normal(0.8, 0.1), 0.5, 1.0))
    return Camera(matrix, balance, gain, noise_at(iso))


def unprocess(
    photograph: Images, camera: Camera, noise_seed: int, smoothstep: bool = False, clipped: bool = False
) -> RawCapture:
    """What a camera would have recorded where the photograph was to come out.

    Args:
        photograph: [1, 3, H, W], encoded sRGB, even sides.
        camera: see `random_camera`.
        noise_seed: of the noise field.
        smoothstep: also undo an S curve, 3 x^2 - 2 x^3, as the last step of the camera.
        clipped: let the sensor clip near white, as the paper does; the photograph cannot then come out exactly.
    """
    encoded = photograph.double()
    if smoothstep:
        encoded = 0.5 - torch.sin(torch.asin(1 - 2 * encoded) / 3)
    mosaic = mosaic_of(sensor_light(srgb_to_linear(encoded), camera, clipped))
    generator = torch.Generator().manual_seed(noise_seed)
    field = torch.randn(mosaic.shape, generator=generator, dtype=torch.float64)
    noisy = mosaic + field * (camera.noise.shot * mosaic + camera.noise.read).sqrt()
    numbers = (BLACK + noisy * (WHITE - BLACK)).round().clamp(0, WHITE).float()
    height, width = numbers.shape[-2:]
    optics = Optics(width / 2, height / 2, math.hypot(width, height) / 2)
    return RawCapture(
        numbers,
        (BLACK, BLACK, BLACK, BLACK),
        WHITE,
        camera.white_balance,
        camera.matrix,
        math.log2(camera.gain),
        camera.noise,
        optics,
    )


def sensor_light(light: Images, camera: Camera, clipped: bool = False) -> Images:
    """What falls behind the filters of a camera, [1, 3, H, W] in [0, 1], from linear sRGB in float64."""
    back = torch.linalg.inv(torch.tensor(camera.matrix, dtype=torch.float64))
    colours = (back @ light.flatten(2)).view_as(light)
    gains = 1 / (torch.tensor(camera.white_balance, dtype=torch.float64) * camera.gain)
    return _apply_gains(colours, gains.view(1, 3, 1, 1), clipped).clamp(0, 1)


def _apply_gains(colours: Tensor, gains: Tensor, clipped: bool) -> Tensor:
    if not clipped:
        return colours * gains
    # Equation 9 of the paper: near white the gain goes to 1, so that what was white saturates the sensor.
    mask = ((colours.mean(1, keepdim=True) - 0.9).clamp(min=0) / 0.1).square()
    return colours * torch.maximum(mask + (1 - mask) * gains, gains)


def mosaic_of(images: Float[Tensor, "1 3 height width"]) -> Float[Tensor, "1 1 height width"]:
    """Every sample behind its filter, from the first red one on."""
    mosaic = images[:, 1:2].clone()
    mosaic[..., ::2, ::2] = images[:, :1, ::2, ::2]
    mosaic[..., 1::2, 1::2] = images[:, 2:, 1::2, 1::2]
    return mosaic


def build(argument: str | None) -> list[Scene]:
    """Photographs as raw captures with known truth: `unprocessed:FILE[?iso=1600&seed=0&resize=512&crop=256x256]`.

    Raises:
        SceneError: no file, one that cannot be read, or an option that is out of range.
        ConfigError: an option that is unknown.
    """
    path, options = split_options(argument)
    if not path:
        raise SceneError("'unprocessed' needs a photograph: unprocessed:FILE[?iso=1600]")
    refuse_unknown("unprocessed", options, _OPTIONS)
    iso = number(options.pop("iso", "1600"), "iso", 50, 25600)
    seed = int(number(options.pop("seed", "0"), "seed", 0, 2**31))
    smoothstep = _one_of(options.pop("tone", "none"), "tone", ("none", "smoothstep"))
    clipped = _one_of(options.pop("highlights", "exact"), "highlights", ("exact", "clipped"))
    psf = number(options.pop("psf", "0"), "psf", 0, 3)
    photo = load_scenes([path], None, options.get("resize"))[0]
    if photo.raw is not None:
        raise SceneError(f"{path}: is a raw file already; unprocessed scenes are made of photographs")
    photo = crop_scene(photo, options.get("crop"))
    image = photo.image
    width, height = on_grid(image.shape[-1], image.shape[-2])
    image = image[..., :height, :width].contiguous()
    seen = image
    if psf:
        seen = linear_to_srgb(blurred(srgb_to_linear(image.double()), psf)).clamp(0, 1).float()
    # One camera for a seed; its noise differs from scene to scene.
    capture = unprocess(seen, random_camera(seed, iso), noise_seed(photo.name, seed), smoothstep, clipped)
    # Of a test chart, and what was told of the photograph's file.
    facts = {key: photo.metadata[key] for key in ("regions", "warnings") if key in photo.metadata}
    return [raw_scene(f"{photo.name}_iso{iso:g}", capture, image, file=photo.name, iso=iso, **facts)]


def noise_seed(name: str, seed: int) -> int:
    """The seed of a scene's noise field: another one for every name and seed, in the 32 bits that torch's CPU takes."""
    return zlib.crc32(name.encode(), seed)


def number(text: str, name: str, low: float, high: float) -> float:
    """The number of an option. Raises SceneError where it is none from low to high."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise SceneError(f"{name} = {text!r} is not a number from {low:g} to {high:g}")
    return value


def _one_of(text: str, name: str, options: tuple[str, str]) -> bool:
    """Whether it is the second of the two."""
    if text not in options:
        raise SceneError(f"{name} = {text!r} is neither {options[0]} nor {options[1]}")
    return text == options[1]
