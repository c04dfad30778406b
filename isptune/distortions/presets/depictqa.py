"""DepictQA-Wild's 35 types in 12 categories, and 2 more that its code has but its data do not use.

Source: You et al. 2024, DepictQA-Wild: Descriptive Image Quality Assessment in the Wild, arXiv:2405.18842. Names and
lists are those of its code ("shfit" is spelled so there); the paper prints several lists otherwise. Results are cut to
8 bits, downwards. On the bundled photographs Otsu's quantization is theirs to the bit, and one level lies between
theirs and the zoom blur on up to 0.13 % of samples; on large flat areas, whose means are whole grey levels but for
rounding errors, it can be more.
"""

from isptune.distortions.blur import disk_blur, gaussian_blur, masked_gaussian_blur, zoom_blur
from isptune.distortions.blur_random import gaussian_motion_blur, glass_blur, pixel_swap
from isptune.distortions.brightness import gamma, mean_shift, value_gamma, value_shift, vignette
from isptune.distortions.color import saturation_hsv_8bit, saturation_ycrcb
from isptune.distortions.compression import jpeg, jpeg2000_psnr
from isptune.distortions.contrast import contrast_scale, contrast_stretch
from isptune.distortions.noise import (
    correlated_noise,
    gaussian_noise_ycrcb,
    poisson_noise,
    salt_and_pepper,
    speckle_noise,
    white_noise,
)
from isptune.distortions.presets.preset import (
    as_is,
    inverse,
    negative,
    presets_of_set,
    squared,
    strength_of_quality,
)
from isptune.distortions.quantization import histogram_quantization, median_quantization, otsu_quantization
from isptune.distortions.sharpness import oversharpen
from isptune.distortions.spatial import pixelate_box

_preset = presets_of_set("depictqa", "truncate")


_MOTION = ((5, 3), (10, 5), (15, 7), (15, 9), (20, 12))
_GLASS = ((0.7, 1, 1), (0.9, 2, 1), (1.2, 2, 2), (1.4, 3, 2), (1.6, 4, 2))
_ZOOM = ((1, 1.03, 0.02), (1, 1.06, 0.02), (1, 1.10, 0.02), (1, 1.15, 0.02), (1, 1.21, 0.02))
_LENS_MASK = ((2.0, 2), (2.4, 4), (3.0, 6), (3.8, 8), (5.0, 10))
_YCRCB = ((0.05, 1), (0.06, 1.45), (0.07, 1.9), (0.08, 2.35), (0.09, 2.8))
_SHIFT_HSV = (0.1, 0.2, 0.3, 0.4, 0.5)
_SHIFT_RGB = (0.1, 0.15, 0.2, 0.27, 0.35)

_BLURS = (
    _preset("blur_gaussian", "blur", gaussian_blur, "sigma", (1, 2, 3, 4, 5), radius="scipy"),
    _preset("blur_motion", "blur", gaussian_motion_blur, "radius, sigma", _MOTION, None, steps="depictqa"),
    _preset("blur_glass", "blur", glass_blur, "sigma, shift, passes", _GLASS, None, steps="depictqa"),
    _preset("blur_lens", "blur", disk_blur, "radius", (2, 3, 4, 6, 8)),
    _preset("blur_zoom", "blur", zoom_blur, "zoom factors from, below, step", _ZOOM, None, steps="depictqa"),
    _preset("blur_jitter", "blur", pixel_swap, "p", (1, 2, 3, 4, 5)),
)  # fmt: skip

_NOISES = (
    _preset("noise_gaussian_RGB", "noise", white_noise, "sigma", (0.05, 0.1, 0.15, 0.2, 0.25), squared),
    _preset("noise_gaussian_YCrCb", "noise", gaussian_noise_ycrcb, "sigma of Y, its multiple for Cr, Cb", _YCRCB, None),
    _preset("noise_speckle", "noise", speckle_noise, "sigma", (0.14, 0.21, 0.28, 0.35, 0.42), squared),
    _preset("noise_spatially_correlated", "noise", correlated_noise, "sigma", (0.08, 0.11, 0.14, 0.18, 0.22)),
    _preset("noise_poisson", "noise", poisson_noise, "photons at white", (80, 60, 40, 25, 15), inverse),
    _preset("noise_impulse", "noise", salt_and_pepper, "density", (0.01, 0.03, 0.05, 0.07, 0.1)),
)  # fmt: skip

_COMPRESSIONS = (
    _preset("compression_jpeg", "compression", jpeg, "quality", (25, 18, 12, 8, 5), strength_of_quality),
    _preset("compression_jpeg_2000", "compression", jpeg2000_psnr, "dB", (29, 27.5, 26, 24.5, 23)),
)

_BRIGHTNESSES = (
    _preset("brightness_brighten_shfit_HSV", "brighten", value_shift, "shift", _SHIFT_HSV),
    _preset("brightness_brighten_shfit_RGB", "brighten", mean_shift, "shift", _SHIFT_RGB),
    _preset(
        "brightness_brighten_gamma_HSV",
        "brighten",
        value_gamma,
        "gamma",
        (0.7, 0.58, 0.47, 0.36, 0.25),
        eight_bit=True,
    ),
    _preset(
        "brightness_brighten_gamma_RGB",
        "brighten",
        gamma,
        "gamma",
        (0.8, 0.7, 0.6, 0.45, 0.3),
        eight_bit=True,
    ),
    _preset("brightness_darken_shfit_HSV", "darken", value_shift, "shift", _SHIFT_HSV, negative),
    _preset("brightness_darken_shfit_RGB", "darken", mean_shift, "shift", _SHIFT_RGB, negative),
    _preset(
        "brightness_darken_gamma_HSV",
        "darken",
        value_gamma,
        "gamma",
        (1.5, 1.8, 2.2, 2.7, 3.5),
        eight_bit=True,
    ),
    _preset(
        "brightness_darken_gamma_RGB", "darken", gamma, "gamma", (1.4, 1.7, 2.1, 2.6, 3.2), eight_bit=True
    ),
)

_MORE, _LESS = "contrast_strengthen", "contrast_weaken"
_CONTRASTS = (
    _preset("contrast_strengthen_scale", _MORE, contrast_scale, "alpha", (1.4, 1.7, 2.1, 2.6, 4.0), eight_bit=True),
    _preset("contrast_strengthen_stretch", _MORE, contrast_stretch, "alpha", (2, 4, 6, 8, 10)),
    _preset("contrast_weaken_scale", _LESS, contrast_scale, "alpha", (0.75, 0.6, 0.45, 0.3, 0.2), eight_bit=True),
    _preset("contrast_weaken_stretch", _LESS, contrast_stretch, "alpha", (1.0, 0.9, 0.8, 0.6, 0.4)),
)  # fmt: skip

_SATURATIONS = (
    _preset("saturate_strengthen_HSV", "saturate_strengthen", saturation_hsv_8bit, "scale", (3, 6, 12, 20, 64)),
    _preset("saturate_strengthen_YCrCb", "saturate_strengthen", saturation_ycrcb, "scale", (2, 3, 5, 8, 16)),
    _preset("saturate_weaken_HSV", "saturate_weaken", saturation_hsv_8bit, "scale", (0.7, 0.55, 0.4, 0.2, 0)),
    _preset("saturate_weaken_YCrCb", "saturate_weaken", saturation_ycrcb, "scale", (0.6, 0.4, 0.2, 0.1, 0)),
)  # fmt: skip

_OTHERS = (
    _preset("oversharpen", "oversharpen", oversharpen, "amount", (2, 2.8, 4, 6, 8), eight_bit=True),
    _preset("pixelate", "pixelate", pixelate_box, "scale", (0.5, 0.4, 0.3, 0.25, 0.2), up="nearest"),
    _preset("quantization_otsu", "quantization", otsu_quantization, "classes", (15, 11, 8, 5, 3)),
    _preset("quantization_median", "quantization", median_quantization, "colours", (20, 15, 10, 6, 3)),
    _preset("quantization_hist", "quantization", histogram_quantization, "bins", (24, 16, 8, 6, 4)),
)

_UNUSED = (
    _preset("blur_gaussian_lensmask", "blur", masked_gaussian_blur, "exponent, sigma", _LENS_MASK, None, "unused"),
    _preset("brightness_vignette", "darken", vignette, "exponent", (0.5, 0.875, 1.25, 1.625, 2), as_is, "unused"),
)  # fmt: skip

DEPICTQA = (
    *_BLURS,
    *_NOISES,
    *_COMPRESSIONS,
    *_BRIGHTNESSES,
    *_CONTRASTS,
    *_SATURATIONS,
    *_OTHERS,
    *_UNUSED,
)
"""By category, in the order of the published code, then the two that its data do not use."""
