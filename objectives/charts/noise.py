"""Flat grey patches: the ratio of signal to noise, and how visible the noise is.

Sources: ISO 15739:2013, Photography - Electronic still-picture imaging - Noise measurements; Johnson and Fairchild
2003, A top down description of S-CIELAB and CIEDE2000.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError
from isptune.facts import ObjectiveFacts
from isptune.scenes.color import srgb_to_linear
from isptune.scenes.scene import Scene
from objectives.charts.regions import Luminance, OnChart, Quad, clipped, cut_box, luminance, parse_box
from objectives.options import parse_options

SNR_CAP_DB = 80.0
"""The ratio of a patch without any noise; a thousandth of what rounding to 8 bits leaves in mid-grey is 20 dB less."""

CLIPPED_NOISE = 50.0
"""The visual noise of a patch that is clipped: far above any that is seen, so that clipping never pays."""

PIXELS_A_DEGREE = 42.0
"""A screen with pixels of 0.25 mm seen from 60 cm, one picture pixel each: 600 mm x tan(1 degree) / 0.25 mm."""

_OPPONENT = ((0.0, 1.0, 0.0), (1.0, -1.0, 0.0), (0.0, 0.4, -0.4))
"""From X, Y, Z relative to white to the channels A, C1, C2 (ISO 15739:2013, annex B)."""

_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
"""Linear sRGB to X, Y, Z (IEC 61966-2-1)."""

_CHROMA = (
    ((109.1413, 0.00038, 3.4244), (93.5971, 0.00367, 2.1677)),
    ((7.0328, 0.000004, 4.2582), (40.6910, 0.10391, 1.6487)),
)
"""Sensitivity of C1 and C2 to f cycles a degree: two terms a exp(-b f^c) (Johnson and Fairchild 2003)."""


def snr(argument: str | None = None) -> OnChart:
    """Signal to noise of flat grey patches, decibels: 20 log10(mean / standard deviation) of luminance.

    On relative luminance of linear light, after a plane was fitted to each patch and taken out, so that shading does
    not count. A patch without noise has 80 dB, one that is clipped 0. Blur raises it: pair it with `mtf50` or
    `acutance`. `snr:box=WxH+X+Y` says where a flat patch is.
    """
    options = parse_options("snr", argument, {"box": ""})
    return OnChart(
        name="snr",
        facts=ObjectiveFacts(
            direction="maximize",
            range=(0.0, SNR_CAP_DB),
            unit="dB",
            source="ISO 15739:2013, Photography - Electronic still-picture imaging - Noise measurements",
            whole_pictures=True,
        ),
        part="a flat grey patch",
        regions="grey",
        score_part=_snr,
        given=parse_box("snr", options["box"]),
    )


def visual_noise(argument: str | None = None) -> OnChart:
    """How visible the noise of flat grey patches is: filtered by the eye's sensitivity, in CIELUV units.

    The weighted sum of the standard deviations of L* (1), u* (0.852) and v* (0.323), after ISO 15739:2013, annex B,
    for a screen at 42 pixels a degree; `visual_noise:pixels_a_degree=60` for another one. Below 1 noise is hardly
    seen. A patch that is clipped counts as 50.
    """
    options = parse_options("visual_noise", argument, {"box": "", "pixels_a_degree": f"{PIXELS_A_DEGREE:g}"})
    density = _positive("visual_noise", "pixels_a_degree", options["pixels_a_degree"])
    return OnChart(
        name="visual_noise",
        facts=ObjectiveFacts(
            direction="minimize",
            range=(0.0, math.inf),
            unit="CIELUV",
            source="ISO 15739:2013, annex B; Johnson and Fairchild 2003, A top down description of S-CIELAB "
            "and CIEDE2000",
            whole_pictures=True,
        ),
        part="a flat grey patch",
        regions="grey",
        score_part=lambda images, quad, scene: _visual_noise(images, quad, density),
        given=parse_box("visual_noise", options["box"]),
    )


def _snr(images: Images, quad: Quad, scene: Scene) -> Scores:
    part = cut_box(images, quad)
    light = luminance(part)
    spread = _residual(light).square().sum((1, 2)) / (light[0].numel() - 3)
    floor = 10 ** (-SNR_CAP_DB / 10)
    power = (spread / light.mean((1, 2)).square()).clamp(min=floor, max=1.0)
    return torch.where(clipped(part), 0.0, -10 * power.log10())


def _residual(light: Luminance) -> Luminance:
    """What is left of each image after the plane that fits it best was taken out."""
    height, width = light.shape[1:]
    down = torch.linspace(-1, 1, height, dtype=light.dtype, device=light.device)[:, None]
    across = torch.linspace(-1, 1, width, dtype=light.dtype, device=light.device)[None, :]
    flat = light - light.mean((1, 2), keepdim=True)
    rise = (flat * down).sum((1, 2)) / (down.square().sum() * width)
    tilt = (flat * across).sum((1, 2)) / (across.square().sum() * height)
    return flat - rise[:, None, None] * down - tilt[:, None, None] * across


def _visual_noise(images: Images, quad: Quad, pixels_a_degree: float) -> Scores:
    part = cut_box(images, quad).double()
    light = srgb_to_linear(part)
    matrix = torch.tensor(_XYZ, dtype=light.dtype, device=light.device)
    xyz = torch.einsum("ij,bjhw->bihw", matrix / matrix.sum(1, keepdim=True), light)
    opponent = torch.tensor(_OPPONENT, dtype=light.dtype, device=light.device)
    channels = torch.einsum("ij,bjhw->bihw", opponent, xyz)
    filtered = _as_seen(channels, pixels_a_degree)
    seen = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(opponent), filtered).clamp(min=0)
    white = matrix.sum(1)
    spread = _luv(seen * white[:, None, None], white).flatten(2).std(2)
    weights = spread.new_tensor((1.0, 0.852, 0.323))
    return torch.where(clipped(part), CLIPPED_NOISE, spread @ weights)


def _as_seen(channels: Images, pixels_a_degree: float) -> Images:
    """Deviations from the mean of A, C1, C2 filtered by the eye's sensitivity; the plane of shading is taken out."""
    means = channels.mean((2, 3), keepdim=True)
    flat = torch.stack([_residual(channel) for channel in channels.unbind(1)], 1)
    height, width = flat.shape[-2:]
    down = torch.fft.fftfreq(height, dtype=flat.dtype, device=flat.device)[:, None]
    across = torch.fft.rfftfreq(width, dtype=flat.dtype, device=flat.device)[None, :]
    gains = _sensitivity(torch.sqrt(down.square() + across.square()) * pixels_a_degree)
    return means + torch.fft.irfft2(torch.fft.rfft2(flat) * gains, s=(height, width))


def _sensitivity(frequency: Float[Tensor, "height width"]) -> Float[Tensor, "3 height width"]:
    """Gains of A, C1 and C2 at cycles a degree, each 1 where the eye sees best."""
    peak = 0.8 / 0.2
    bright = 75 * frequency**0.8 * torch.exp(-0.2 * frequency)
    gains = [bright / (75 * peak**0.8 * math.exp(-0.2 * peak))]
    for terms in _CHROMA:
        total = sum(a for a, _, _ in terms)
        gains.append(sum((a * torch.exp(-b * frequency**c) for a, b, c in terms), frequency * 0) / total)
    return torch.stack(gains)


def _luv(xyz: Images, white: Float[Tensor, "3"]) -> Images:
    """CIE 1976 L*u*v* (CIE 15:2004)."""
    x, y, z = xyz.unbind(1)
    relative = y / white[1]
    root = relative.clamp(min=(6 / 29) ** 3) ** (1 / 3)
    lightness = torch.where(relative > (6 / 29) ** 3, 116 * root - 16, (29 / 3) ** 3 * relative)
    total = (x + 15 * y + 3 * z).clamp(min=1e-12)
    white_total = white[0] + 15 * white[1] + 3 * white[2]
    u = 13 * lightness * (4 * x / total - 4 * white[0] / white_total)
    v = 13 * lightness * (9 * y / total - 9 * white[1] / white_total)
    return torch.stack((lightness, u, v), 1)


def _positive(name: str, key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ConfigError(f"{name}: {key}={text} is not a number above 0")
    return value
