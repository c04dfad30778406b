"""ImageNet-C's 15 corruptions and the 4 of its validation set.

Source: Hendrycks and Dietterich 2019, Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations, arXiv:1903.12261; snow, motion blur, frost, fog and the elastic transform in the form of Michaelis et al.
2019 (imagecorruptions), arXiv:1907.07484, which takes pictures of any size and needs no ImageMagick. The textures of
frost are made by code, not theirs. Results are cut to 8 bits, downwards.

Where a result is a whole grey level, the rounding errors of float64 decide in their code whether it stays so. On the
bundled photographs one level lies between theirs and these on 4 to 23 % of samples at severity 3 of saturate, where
most results are whole, on 3 to 6 % at severity 2 of brightness, on 2 % at most at the others of these two, and on
0.01 % at most of defocus blur.
"""

from isptune.distortions.blur import defocus_blur, gaussian_blur, zoom_blur
from isptune.distortions.blur_random import gaussian_motion_blur, glass_blur
from isptune.distortions.brightness import value_shift
from isptune.distortions.color import saturate
from isptune.distortions.compression import jpeg
from isptune.distortions.contrast import contrast_mean
from isptune.distortions.noise import poisson_noise, salt_and_pepper, speckle_noise, white_noise
from isptune.distortions.presets.preset import (
    as_is,
    inverse,
    presets_of_set,
    squared,
    strength_of_quality,
)
from isptune.distortions.spatial import elastic_transform, pixelate_box
from isptune.distortions.weather import fog, frost, snow, spatter

_preset = presets_of_set("imagenet_c", "truncate")


_GLASS = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
_DEFOCUS = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
_MOTION = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
_ZOOM = ((1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.02), (1, 1.26, 0.02), (1, 1.31, 0.03))
_SNOW = (
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
_FROST = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
_FOG = ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))
_SATURATE = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))
_SPATTER = (
    (0.65, 0.3, 4, 0.69, 0.6, 0),
    (0.65, 0.3, 3, 0.68, 0.6, 0),
    (0.65, 0.3, 2, 0.68, 0.5, 0),
    (0.65, 0.3, 1, 0.65, 1.5, 1),
    (0.67, 0.4, 1, 0.65, 1.5, 1),
)

IMAGENET_C = (
    _preset("gaussian_noise", "noise", white_noise, "sigma", (0.08, 0.12, 0.18, 0.26, 0.38), squared),
    _preset("shot_noise", "noise", poisson_noise, "photons at white", (60, 25, 12, 5, 3), inverse),
    _preset("impulse_noise", "noise", salt_and_pepper, "density", (0.03, 0.06, 0.09, 0.17, 0.27)),
    _preset("defocus_blur", "blur", defocus_blur, "radius, sigma of the disk's blur", _DEFOCUS, None),
    _preset("glass_blur", "blur", glass_blur, "sigma, shift, passes", _GLASS, None, steps="imagenet_c"),
    _preset("motion_blur", "blur", gaussian_motion_blur, "radius, sigma", _MOTION, None, steps="imagenet_c"),
    _preset("zoom_blur", "blur", zoom_blur, "zoom factors from, below, step", _ZOOM, None, steps="imagenet_c"),
    _preset("snow", "weather", snow, "mean, sigma, zoom, threshold, radius, sigma, kept", _SNOW, None),
    _preset("frost", "weather", frost, "weight of image, of frost", _FROST, None),
    _preset("fog", "weather", fog, "thickness, decay", _FOG, None),
    _preset("brightness", "weather", value_shift, "shift", (0.1, 0.2, 0.3, 0.4, 0.5), clip_value=True),
    _preset("contrast", "digital", contrast_mean, "factor", (0.4, 0.3, 0.2, 0.1, 0.05)),
    _preset("elastic_transform", "digital", elastic_transform, "alpha / 250", (0.05, 0.065, 0.085, 0.1, 0.12)),
    _preset("pixelate", "digital", pixelate_box, "scale", (0.6, 0.5, 0.4, 0.3, 0.25), up="box"),
    _preset("jpeg_compression", "digital", jpeg, "quality", (25, 18, 15, 10, 7), strength_of_quality),
    _preset("speckle_noise", "noise", speckle_noise, "sigma", (0.15, 0.2, 0.35, 0.45, 0.6), squared, "extra"),
    _preset("gaussian_blur", "blur", gaussian_blur, "sigma", (1, 2, 3, 4, 6), as_is, "extra", radius="scipy"),
    _preset("spatter", "weather", spatter, "mean, sigma, blur, threshold, strength, mud", _SPATTER, None, "extra"),
    _preset("saturate", "digital", saturate, "factor, shift of HSV saturation", _SATURATE, None, "extra"),
)  # fmt: skip
"""In the order of the paper's tables, then the validation four."""
