"""One capture as two of the same scene whose noise is independent: truth enough to tune a camera without a reference.

Noise of the variance that the sensor has is drawn once more, z; the capture y becomes y + a z and y - z / a. Where
noise is Gaussian the two are independent of each other, whatever the picture: Pang, Zheng, Quan and Ji 2021,
"Recorrupted-to-Recorrupted: unsupervised deep learning for image denoising", doi:10.1109/CVPR46437.2021.00208. So
what a pipeline makes of the first differs from a plain rendering of the second by its own error and by noise that
nothing could have foretold, and the mean of that noise is known.

What the model of the noise does not hold (rows and columns, hot pixels) is in both, and counts as the picture.
"""

import math
import zlib
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from isptune.errors import SceneError
from isptune.scenes.noise_estimate import light_of, measured_noise
from isptune.scenes.raw_capture import RawCapture
from isptune.scenes.scene import Halves, Scene

SHARE = 0.25
"""a squared: the first half has a quarter more of the noise's variance than the capture, the second five times it.

Of 0.1, 0.2 and 0.5 none was clearly better: what was tuned by them ended within 0.35 dB of each other, as far apart as
seeds are (experiments/raw, objective `camera`)."""

_REACH = 5
"""Cells of 2x2 samples each way over which light is averaged: noise depends on light, not on itself."""

_CLIPS = 0.98
"""Of the range: where samples clip there is no noise, and none is drawn."""

_LARGEST = 65535
"""A sample of the second half may be below black: as a file, its levels are lifted as far as 16 bits allow."""


def halves_of(capture: RawCapture, seed: int) -> tuple[RawCapture, RawCapture]:
    """Two captures of the same light, [1, 1, H, W] each, whose noise is independent.

    Args:
        capture: of which the first differs little; its noise is measured where nothing is said of it.
        seed: one seed is one pair.

    Returns:
        The first with 1 + SHARE times the variance of the noise and levels as they are; the second with 1 + 1 / SHARE
        times it, its black level lifted so that no sample is below 0.
    """
    noise = capture.noise or measured_noise(capture)
    black = capture.black_levels
    reach = capture.white - black
    samples = torch.from_numpy(light_of(capture))[None, None]
    light = _smooth(samples).clamp(min=0)
    sigma = (noise.shot * light + noise.read).sqrt() * (samples < _CLIPS)
    drawn = torch.randn(samples.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    first = (black + (samples + SHARE**0.5 * sigma * drawn) * reach).clamp(0, capture.white)
    second = black + (samples - SHARE**-0.5 * sigma * drawn) * reach
    lift = float(max(0, min(math.ceil(-float(second.min())), int(_LARGEST - capture.white))))
    more, much_more = 1 + SHARE, 1 + 1 / SHARE
    return (
        replace(
            capture,
            mosaic=first.to(capture.mosaic),
            noise=noise._replace(shot=noise.shot * more, read=noise.read * more),
        ),
        replace(
            capture,
            mosaic=(second + lift).clamp(min=0).to(capture.mosaic),
            black=tuple(level + lift for level in capture.black),
            white=capture.white + lift,
            noise=noise._replace(shot=noise.shot * much_more, read=noise.read * much_more),
        ),
    )


def split(scene: Scene) -> Scene:
    """The scene with the first half as its capture, and the second one beside it; one that is split as it is.

    It keeps its hash, since nothing was added that is not in the capture. Programs get the halves as DNG files.

    Raises:
        SceneError: it is a photograph, or a file that only programs read.
    """
    if scene.halves is not None:
        return scene
    if scene.raw is None:
        raise SceneError(f"{scene.name}: has no raw capture, whose noise could be split in two")
    digest = scene.sha256
    first, second = halves_of(scene.raw, zlib.crc32(digest.encode()))
    facts = {key: value for key, value in scene.metadata.items() if key != "whole"}
    other = Scene(f"{scene.name}_second", scene.image, None, facts, second)
    return replace(scene, raw=first, metadata=facts, halves=Halves(other, digest))


def _smooth(samples: Tensor) -> Tensor:
    """Means over the samples of one colour around each."""
    cells = F.pixel_unshuffle(samples, 2)
    side = min(_REACH, *(length - 1 - (length % 2) for length in cells.shape[-2:]))
    pad = side // 2
    means = F.avg_pool2d(F.pad(cells, (pad, pad, pad, pad), mode="reflect"), 2 * pad + 1, 1)
    return F.pixel_shuffle(means, 2)
