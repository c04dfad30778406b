"""What one would write without a batch: each distortion for one image, with OpenCV, scipy, scikit-image or Pillow.

Images are [H, W, 3] float32 in [0, 1], contiguous; levels are those of the catalogue. Where the catalogue does
something that no library offers (patches, glass, weather), there is no plain version.
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
import scipy.interpolate
import scipy.ndimage
import skimage.color
import skimage.exposure
import skimage.restoration
import skimage.util
from PIL import Image, ImageEnhance

Plain = Callable[[np.ndarray, float], np.ndarray]

_RNG = np.random.default_rng(0)
_HALF = np.float32(0.5)


def _bytes(image: np.ndarray) -> np.ndarray:
    return (image * 255).astype(np.uint8)


def _clipped(image: np.ndarray) -> np.ndarray:
    return np.clip(image, 0, 1)


def _noise(image: np.ndarray, sigma: float) -> np.ndarray:
    return np.float32(sigma) * _RNG.standard_normal(image.shape, dtype=np.float32)


def _gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    side = 2 * int(np.ceil(2 * sigma)) + 1
    return cv2.GaussianBlur(image, (side, side), max(sigma, 1e-3), borderType=cv2.BORDER_REPLICATE)


def _disk_blur(image: np.ndarray, radius: float) -> np.ndarray:
    offsets = np.arange(-int(np.ceil(radius)), int(np.ceil(radius)) + 1)
    disk = (offsets[:, None] ** 2 + offsets**2 <= radius**2).astype(np.float32)
    return cv2.filter2D(image, -1, disk / disk.sum())


def _motion_blur(image: np.ndarray, length: float) -> np.ndarray:
    side = 2 * int(np.ceil(length / 2)) + 1
    turn = cv2.getRotationMatrix2D((side // 2, side // 2), float(_RNG.uniform(0, 180)), 1)
    line = np.zeros((side, side), np.float32)
    line[side // 2] = 1
    line = cv2.warpAffine(line, turn, (side, side))
    return cv2.filter2D(image, -1, line / line.sum(), borderType=cv2.BORDER_REPLICATE)


def _zoom_blur(image: np.ndarray, severity: float) -> np.ndarray:
    height, width = image.shape[:2]
    total, factors = image.copy(), np.arange(1, 1 + 0.06 * max(severity, 0.5), 0.02)
    for factor in factors:
        rows, columns = int(np.ceil(height / factor)), int(np.ceil(width / factor))
        top, left = (height - rows) // 2, (width - columns) // 2
        part = image[top : top + rows, left : left + columns]
        total += scipy.ndimage.zoom(part, (factor, factor, 1), order=1)[:height, :width]
    return total / (len(factors) + 1)


def _in_ycrcb(image: np.ndarray, sigma: float) -> np.ndarray:
    ycrcb = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    return _clipped(cv2.cvtColor(ycrcb + _noise(image, sigma), cv2.COLOR_YCrCb2RGB))


def _correlated_noise(image: np.ndarray, sigma: float) -> np.ndarray:
    return _clipped(cv2.blur(image + _noise(image, sigma), (3, 3)))


def _poisson_noise(image: np.ndarray, photon: float) -> np.ndarray:
    return _clipped(_RNG.poisson(image / max(photon, 1e-6)) * photon)


def _salt_and_pepper(image: np.ndarray, share: float) -> np.ndarray:
    return skimage.util.random_noise(image, "s&p", rng=_RNG, amount=share)


def _through_codec(image: np.ndarray, **options) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(_bytes(image)).save(file, **options)
    return np.asarray(Image.open(file), np.float32) / 255


def _jpeg(image: np.ndarray, strength: float) -> np.ndarray:
    return _through_codec(image, format="JPEG", quality=max(1, round(100 - strength)))


def _jpeg2000(image: np.ndarray, ratio: float) -> np.ndarray:
    return _through_codec(
        image, format="JPEG2000", quality_mode="rates", quality_layers=[ratio], num_resolutions=8
    )


def _jpeg2000_psnr(image: np.ndarray, decibels: float) -> np.ndarray:
    return _through_codec(image, format="JPEG2000", quality_mode="dB", quality_layers=[decibels])


def _curve(image: np.ndarray, points: list[tuple[float, float]]) -> np.ndarray:
    x, y = zip(*points, strict=True)
    return _clipped(scipy.interpolate.CubicSpline(x, y)(image))


def _brighten(image: np.ndarray, amount: float) -> np.ndarray:
    points = [(0, 0), (0.5, 0.5 + amount / 2), (1, 1)]
    lab = skimage.color.rgb2lab(image)
    lab[..., 0] = _curve(lab[..., 0] / 100, points) * 100
    return (2 * _curve(image, points) + skimage.color.lab2rgb(lab)) / 3


def _darken(image: np.ndarray, amount: float) -> np.ndarray:
    return _curve(image, [(0, 0), (0.5, 0.5 - amount / 2), (1, 1)])


def _tone_contrast(image: np.ndarray, amount: float) -> np.ndarray:
    low, high = 0.25 - amount / 4, 0.75 + amount / 4
    return _curve(image, [(0, 0), (0.3, low), (0.5, 0.5), (0.7, high), (1, 1)])


def _value_shift(image: np.ndarray, amount: float) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 2] += amount
    return _clipped(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def _value_gamma(image: np.ndarray, gamma: float) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 2] **= np.float32(gamma)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _contrast(image: np.ndarray, change: float) -> np.ndarray:
    mean = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean()
    return _clipped(mean + np.float32(1 + change) * (image - mean))


def _contrast_scale(image: np.ndarray, factor: float) -> np.ndarray:
    enhanced = ImageEnhance.Contrast(Image.fromarray(_bytes(image))).enhance(factor)
    return np.asarray(enhanced, np.float32) / 255


def _contrast_stretch(image: np.ndarray, exponent: float) -> np.ndarray:
    return 1 / (1 + (image.mean((0, 1)) / (image + np.float32(1e-12))) ** np.float32(exponent))


def _contrast_mean(image: np.ndarray, factor: float) -> np.ndarray:
    mean = image.mean((0, 1))
    return _clipped(mean + np.float32(factor) * (image - mean))


def _saturation(image: np.ndarray, change: float) -> np.ndarray:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    return _clipped(grey + np.float32(1 + change) * (image - grey))


def _saturation_hsv(image: np.ndarray, factor: float) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 1] = _clipped(hsv[..., 1] * factor)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _saturation_of_bytes(image: np.ndarray, factor: float) -> np.ndarray:
    hsv = cv2.cvtColor(_bytes(image), cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 1] *= factor
    return cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB) / np.float32(255)


def _saturation_ycrcb(image: np.ndarray, factor: float) -> np.ndarray:
    ycrcb = cv2.cvtColor(_bytes(image), cv2.COLOR_RGB2YCrCb).astype(np.float32)
    ycrcb[..., 1:] = 128 + (ycrcb[..., 1:] - 128) * factor
    return cv2.cvtColor(np.clip(ycrcb, 0, 255).astype(np.uint8), cv2.COLOR_YCrCb2RGB) / np.float32(255)


def _saturation_lab(image: np.ndarray, factor: float) -> np.ndarray:
    lab = skimage.color.rgb2lab(image)
    lab[..., 1:] *= factor
    return skimage.color.lab2rgb(lab)


def _color_diffusion(image: np.ndarray, amount: float) -> np.ndarray:
    lab = skimage.color.rgb2lab(image)
    lab[..., 1:] = amount * cv2.GaussianBlur(lab[..., 1:], (0, 0), 1.5 * amount + 2)
    return skimage.color.lab2rgb(lab)


def _saturate(image: np.ndarray, severity: float) -> np.ndarray:
    hsv = skimage.color.rgb2hsv(image)
    hsv[..., 1] = np.clip(hsv[..., 1] * 4 * severity, 0, 1)
    return skimage.color.hsv2rgb(hsv)


def _unsharp_lab(image: np.ndarray, amount: float) -> np.ndarray:
    lab = skimage.color.rgb2lab(image)
    lab[..., 0] += amount * (lab[..., 0] - cv2.GaussianBlur(lab[..., 0], (13, 13), 6))
    return skimage.color.lab2rgb(lab)


def _oversharpen(image: np.ndarray, amount: float) -> np.ndarray:
    return _clipped(cv2.addWeighted(image, 1 + amount, cv2.GaussianBlur(image, (5, 5), 0), -amount, 0))


def _jitter(image: np.ndarray, amount: float) -> np.ndarray:
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    for _ in range(5):
        down, right = (_noise(x, amount) for _ in range(2))
        image = cv2.remap(image, x + right, y + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return image


def _pixelate(image: np.ndarray, strength: float) -> np.ndarray:
    height, width = image.shape[:2]
    scale = 0.95 - strength**0.6
    small = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_NEAREST)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


def _pixelate_box(image: np.ndarray, scale: float) -> np.ndarray:
    height, width = image.shape[:2]
    small = Image.fromarray(_bytes(image)).resize(
        (int(width * scale), int(height * scale)), Image.Resampling.BOX
    )
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST), np.float32) / 255


def _elastic_transform(image: np.ndarray, level: float) -> np.ndarray:
    height, width = image.shape[:2]
    places = np.mgrid[:height, :width].astype(np.float32)
    for axis, sigma in enumerate((0.01 * height, 0.01 * width)):
        shift = _RNG.uniform(-1, 1, (height, width)) * 0.005 * height * 250 * level
        places[axis] += scipy.ndimage.gaussian_filter(shift, sigma, mode="reflect", truncate=3)
    bent = [scipy.ndimage.map_coordinates(image[..., c], places, order=1, mode="reflect") for c in range(3)]
    return np.stack(bent, -1)


def _quantization(image: np.ndarray, levels: float) -> np.ndarray:
    classes = np.digitize(image * 255, np.linspace(0, 255, round(levels) + 1)[:-1])
    return (classes - classes.min()) / max(int(np.ptp(classes)), 1)


def _dither_quantization(image: np.ndarray, colours: float) -> np.ndarray:
    few = Image.fromarray(_bytes(image)).quantize(round(colours), Image.Quantize.MEDIANCUT)
    return np.asarray(few.convert("RGB"), np.float32) / 255


def _median_quantization(image: np.ndarray, levels: float) -> np.ndarray:
    planes = [Image.fromarray(np.ascontiguousarray(_bytes(image)[..., c])) for c in range(3)]
    few = [plane.quantize(round(levels), Image.Quantize.MEDIANCUT).convert("L") for plane in planes]
    return np.stack([np.asarray(plane, np.float32) / 255 for plane in few], -1)


def _histogram_quantization(image: np.ndarray, bins: float) -> np.ndarray:
    return skimage.exposure.equalize_hist(np.round(image * (bins - 1)) / (bins - 1), nbins=round(bins))


def _denoise(image: np.ndarray, variance: float) -> np.ndarray:
    noisy = _clipped(image + _noise(image, variance**0.5))
    return skimage.restoration.denoise_bilateral(noisy, sigma_color=2 * variance**0.5, channel_axis=-1)


PLAIN: dict[str, Plain] = {
    "gaussian_blur": _gaussian_blur,
    "lens_blur": _disk_blur,
    "disk_blur": _disk_blur,
    "defocus_blur": lambda image, severity: _disk_blur(image, 2 * severity),
    "zoom_blur": _zoom_blur,
    "motion_blur": _motion_blur,
    "white_noise": lambda image, variance: _clipped(image + _noise(image, variance**0.5)),
    "white_noise_ycbcr": lambda image, variance: _in_ycrcb(image, variance**0.5),
    "gaussian_noise_ycrcb": lambda image, severity: _in_ycrcb(image, 0.05 * severity),
    "impulse_noise": _salt_and_pepper,
    "salt_and_pepper": _salt_and_pepper,
    "speckle_noise": lambda image, variance: _clipped(image + image * _noise(image, variance**0.5)),
    "correlated_noise": _correlated_noise,
    "poisson_noise": _poisson_noise,
    "jpeg": _jpeg,
    "jpeg2000": _jpeg2000,
    "jpeg2000_psnr": _jpeg2000_psnr,
    "brighten": _brighten,
    "darken": _darken,
    "mean_shift": lambda image, amount: _clipped(image + np.float32(amount)),
    "value_shift": _value_shift,
    "value_gamma": _value_gamma,
    "gamma": lambda image, gamma: image ** np.float32(gamma),
    "contrast": _contrast,
    "tone_contrast": _tone_contrast,
    "contrast_compression": lambda image, amount: _HALF + np.float32(1 - 2 * amount) * (image - _HALF),
    "contrast_scale": _contrast_scale,
    "contrast_stretch": _contrast_stretch,
    "contrast_mean": _contrast_mean,
    "saturation": _saturation,
    "color_diffusion": _color_diffusion,
    "saturation_hsv": _saturation_hsv,
    "saturation_hsv_8bit": _saturation_of_bytes,
    "saturation_lab": _saturation_lab,
    "saturation_ycrcb": _saturation_ycrcb,
    "saturate": _saturate,
    "unsharp_lab": _unsharp_lab,
    "oversharpen": _oversharpen,
    "jitter": _jitter,
    "pixelate": _pixelate,
    "pixelate_box": _pixelate_box,
    "elastic_transform": _elastic_transform,
    "quantization": _quantization,
    "dither_quantization": _dither_quantization,
    "median_quantization": _median_quantization,
    "histogram_quantization": _histogram_quantization,
    "denoise": _denoise,
}
"""Catalogue name -> plain version; the library's nearest relative where there is no equal."""
