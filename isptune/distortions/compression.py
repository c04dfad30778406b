"""JPEG and JPEG 2000: the codecs themselves, and for GPUs a JPEG in tensor arithmetic."""

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.jpeg_tensor import jpeg_tensor
from isptune.distortions.threads import map_images
from isptune.errors import ConfigError


@distortion(
    group="compression",
    unit="strength (100 - quality)",
    low=0,
    high=100,
    reach=17,
    grid=16,
    source="ITU-T T.81 (1992), Digital compression of continuous-tone still images; quality as in libjpeg",
)
def jpeg(images: Images, level: Tensor, to_8bit: str = "round") -> Images:
    """JPEG compression, 4:2:0, as libjpeg does it.

    On the CPU the codec is libjpeg-turbo, and the pixels are those that Pillow saves and loads; on a GPU
    the same steps are taken in tensor arithmetic, with the same result (see `jpeg_tensor`).

    Args:
        images: [batch, 3, H, W].
        level: 100 - quality, [batch], rounded to whole numbers; 0 is untouched, 99 and 100 are quality 1.
        to_8bit: how images become bytes first, `round` (to the nearest) or `truncate` (as ARNIQA).

    Raises:
        ConfigError: another `to_8bit`.
    """
    quantise = _quantiser(to_8bit)
    qualities = [_quality(strength) for strength in level.tolist()]
    if images.device.type != "cpu":
        return jpeg_tensor(images, qualities, truncate=to_8bit == "truncate")

    def work(planes: np.ndarray, i: int) -> None:
        quality = qualities[i]
        if quality is not None:
            _through_jpeg(planes, quality, quantise)

    return map_images(work, images)


@distortion(
    group="compression",
    unit="ratio",
    low=1,
    high=500,
    identity=1,
    source="ISO/IEC 15444-1 (2000), JPEG 2000; settings as in Agnolucci et al. 2024, arXiv:2310.14918",
)
def jpeg2000(images: Images, level: Tensor, to_8bit: str = "round") -> Images:
    """JPEG 2000 compression to a file of a given share of the raw size.

    The codec runs on the CPU, wherever the images are.

    Args:
        images: [batch, 3, H, W].
        level: raw size over file size, [batch].
        to_8bit: as in `jpeg`.

    Raises:
        ConfigError: another `to_8bit`.
    """
    return _through_jpeg2000(images, level, _quantiser(to_8bit), "rates", resolutions=8)


@distortion(
    group="compression",
    unit="dB",
    low=15,
    high=60,
    identity=60,
    source="ISO/IEC 15444-1 (2000), JPEG 2000; settings as in You et al. 2024, DepictQA-Wild, arXiv:2405.18842",
)
def jpeg2000_psnr(images: Images, level: Tensor, to_8bit: str = "round") -> Images:
    """JPEG 2000 compression down to a given PSNR.

    The codec runs on the CPU, wherever the images are.

    Args:
        images: [batch, 3, H, W].
        level: the PSNR that the encoder aims at, dB, [batch]; lower is worse.
        to_8bit: as in `jpeg`.

    Raises:
        ConfigError: another `to_8bit`.
    """
    return _through_jpeg2000(images, level, _quantiser(to_8bit), "dB", resolutions=6)


def _quality(strength: float) -> int | None:
    rounded = int(strength + 0.5)
    return None if rounded == 0 else max(1, 100 - rounded)


Quantiser = Callable[[np.ndarray], np.ndarray]
"""Float planes in [0, 1] to bytes."""


def _quantiser(to_8bit: str) -> Quantiser:
    if to_8bit == "round":
        return _rounded
    if to_8bit == "truncate":
        return _truncated
    raise ConfigError(f"to_8bit = {to_8bit!r}: there are round, truncate")


def _rounded(planes: np.ndarray) -> np.ndarray:
    # One pass, rounding half to even as torch does; a 2-D view, since OpenCV takes 3-D as channels last.
    height, width = planes.shape[1:]
    flat = planes.reshape(3 * height, width)
    return cv2.convertScaleAbs(flat, alpha=255).reshape(planes.shape)


def _truncated(planes: np.ndarray) -> np.ndarray:
    return (planes * np.float32(255)).astype(np.uint8)


def _through_jpeg(planes: np.ndarray, quality: int, quantise: Quantiser) -> None:
    # OpenCV brings its own libjpeg-turbo: the same pixels as Pillow's in half the time.
    red, green, blue = quantise(planes)
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    _, data = cv2.imencode(".jpg", cv2.merge([blue, green, red]), options)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None, "libjpeg cannot read what it wrote"
    for plane, channel in zip(planes, reversed(cv2.split(decoded)), strict=True):
        np.divide(channel, np.float32(255), out=plane)


def _through_jpeg2000(
    images: Images, level: Tensor, quantise: Quantiser, mode: str, resolutions: int
) -> Images:
    # The codec refuses more halvings than the shorter side has.
    possible = min(resolutions, int(min(images.shape[-2:])).bit_length())
    values = level.tolist()

    def work(planes: np.ndarray, i: int) -> np.ndarray:
        pixels = np.ascontiguousarray(quantise(planes).transpose(1, 2, 0))
        file = io.BytesIO()
        Image.fromarray(pixels).save(
            file,
            format="JPEG2000",
            quality_mode=mode,
            quality_layers=[values[i]],
            num_resolutions=possible,
            progression="LRCP",
        )
        with Image.open(file) as decoded:
            return np.asarray(decoded, np.float32).transpose(2, 0, 1) / np.float32(255)

    return map_images(work, images.cpu()).to(images.device)


DISTORTIONS = (jpeg, jpeg2000, jpeg2000_psnr)
