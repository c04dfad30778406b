"""KADID-10k's 25 types, numbered as its files are (I01_TYPE_LEVEL.png).

Source: Lin et al. 2019, KADID-10k: A Large-scale Artificially Distorted IQA Database,
doi:10.1109/QoMEX.2019.8743252; the lists are those of a stored copy of its MATLAB generator, and each type is what the
name says, without the oddities of ARNIQA's port. Results are rounded to 8 bits, as MATLAB writes pictures. Mean shift
and contrast change are sweeps from one sign to the other: their third level is the one that changes least.
"""

from isptune.distortions.blur import gaussian_blur, lens_blur
from isptune.distortions.blur_random import motion_blur
from isptune.distortions.brightness import brighten, darken, mean_shift
from isptune.distortions.color import color_diffusion, color_shift, saturation_hsv, saturation_lab
from isptune.distortions.compression import jpeg, jpeg2000
from isptune.distortions.contrast import tone_contrast
from isptune.distortions.denoise import denoise
from isptune.distortions.noise import impulse_noise, speckle_noise, white_noise, white_noise_ycbcr
from isptune.distortions.presets.preset import presets_of_set, strength_of_quality
from isptune.distortions.quantization import dither_quantization, quantization
from isptune.distortions.sharpness import unsharp_lab
from isptune.distortions.spatial import color_block, jitter, patch_shift, pixelate

_BLUR, _COLOR, _COMPRESSION, _NOISE = "blur", "color", "compression", "noise"
_BRIGHTNESS, _SPATIAL, _SHARPNESS = "brightness", "spatial", "sharpness_contrast"

_preset = presets_of_set("kadid10k", "round")


KADID10K = (
    _preset("01_gaussian_blur", _BLUR, gaussian_blur, "sigma", (0.1, 0.5, 1, 2, 5)),
    _preset("02_lens_blur", _BLUR, lens_blur, "radius", (1, 2, 4, 6, 8)),
    _preset("03_motion_blur", _BLUR, motion_blur, "length", (1, 2, 4, 6, 10)),
    _preset("04_color_diffusion", _COLOR, color_diffusion, "amount", (1, 3, 6, 8, 12)),
    _preset("05_color_shift", _COLOR, color_shift, "amount", (1, 3, 6, 8, 12)),
    _preset("06_color_quantization", _COLOR, dither_quantization, "colours", (64, 48, 32, 16, 8)),
    _preset("07_saturation_hsv", _COLOR, saturation_hsv, "factor", (0.4, 0.2, 0.1, 0, -0.4)),
    _preset("08_saturation_lab", _COLOR, saturation_lab, "factor", (1, 2, 3, 6, 9)),
    _preset("09_jpeg2000", _COMPRESSION, jpeg2000, "ratio", (16, 32, 45, 120, 400)),
    _preset("10_jpeg", _COMPRESSION, jpeg, "quality", (43, 36, 24, 7, 4), strength_of_quality),
    _preset("11_white_noise", _NOISE, white_noise, "variance", (0.001, 0.002, 0.003, 0.005, 0.01)),
    _preset("12_white_noise_ycbcr", _NOISE, white_noise_ycbcr, "variance", (0.0001, 0.0005, 0.001, 0.002, 0.003)),
    _preset("13_impulse_noise", _NOISE, impulse_noise, "density", (0.001, 0.005, 0.01, 0.02, 0.03)),
    _preset("14_multiplicative_noise", _NOISE, speckle_noise, "variance", (0.001, 0.005, 0.01, 0.02, 0.05)),
    _preset("15_denoise", _NOISE, denoise, "variance", (0.01, 0.03, 0.05, 0.1, 0.15)),
    _preset("16_brighten", _BRIGHTNESS, brighten, "amount", (0.1, 0.2, 0.4, 0.7, 1.1)),
    _preset("17_darken", _BRIGHTNESS, darken, "amount", (0.05, 0.1, 0.2, 0.4, 0.8)),
    _preset("18_mean_shift", _BRIGHTNESS, mean_shift, "amount", (0.15, 0.08, 0, -0.08, -0.15)),
    _preset("19_jitter", _SPATIAL, jitter, "amount", (0.05, 0.1, 0.2, 0.5, 1)),
    _preset("20_non_eccentricity_patch", _SPATIAL, patch_shift, "patches", (20, 40, 60, 80, 100)),
    _preset("21_pixelate", _SPATIAL, pixelate, "strength", (0.01, 0.05, 0.1, 0.2, 0.5)),
    _preset("22_quantization", _SPATIAL, quantization, "levels", (20, 16, 13, 10, 7)),
    _preset("23_color_block", _SPATIAL, color_block, "patches", (2, 4, 6, 8, 10)),
    _preset("24_high_sharpen", _SHARPNESS, unsharp_lab, "amount", (1, 2, 3, 6, 12)),
    _preset("25_contrast_change", _SHARPNESS, tone_contrast, "amount", (0.3, 0.15, 0, -0.4, -0.6)),
)  # fmt: skip
"""In KADID-10k's numbering."""
