"""ARNIQA's 24 types in 7 groups, which its degradation model composes.

Source: Agnolucci et al. 2024, ARNIQA: Learning Distortion Manifold for Image Quality Assessment,
arXiv:2310.14918; the lists are those of its code. Its colour conversions take red for blue and the other way round, and
two of its functions cut to 8 bits, and its colour shift has two slips (`color_shift`): the presets do the same.
"""

from isptune.distortions.blur import gaussian_blur, lens_blur
from isptune.distortions.blur_random import motion_blur
from isptune.distortions.brightness import brighten, darken, mean_shift
from isptune.distortions.color import color_diffusion, color_shift, saturation_hsv, saturation_lab
from isptune.distortions.compression import jpeg, jpeg2000
from isptune.distortions.contrast import contrast_compression, tone_contrast
from isptune.distortions.noise import impulse_noise, speckle_noise, white_noise, white_noise_ycbcr
from isptune.distortions.presets.preset import (
    compression_of_offset,
    presets_of_set,
    strength_of_quality,
)
from isptune.distortions.quantization import quantization
from isptune.distortions.sharpness import unsharp_lab
from isptune.distortions.spatial import color_block, jitter, patch_shift, pixelate

_BLUR, _COLOR, _JPEG, _NOISE = "blur", "color_distortion", "jpeg", "noise"
_BRIGHTNESS, _SPATIAL, _SHARPNESS = "brightness_change", "spatial_distortion", "sharpness_contrast"

_preset = presets_of_set("arniqa", "float")


ARNIQA = (
    _preset("gaublur", _BLUR, gaussian_blur, "sigma", (0.1, 0.5, 1, 2, 5), radius="matlab"),
    _preset("lensblur", _BLUR, lens_blur, "radius", (1, 2, 4, 6, 8), kernel="arniqa"),
    _preset("motionblur", _BLUR, motion_blur, "length", (1, 2, 4, 6, 10)),
    _preset("colordiff", _COLOR, color_diffusion, "amount", (1, 3, 6, 8, 12), swap_red_blue=True, eight_bit=True),
    _preset("colorshift", _COLOR, color_shift, "amount", (1, 3, 6, 8, 12), as_coded=True),
    _preset("colorsat1", _COLOR, saturation_hsv, "factor", (0.4, 0.2, 0.1, 0, -0.4)),
    # A factor of 1 goes through Lab and is truncated, too: half of the samples of an 8-bit picture lose a step.
    _preset("colorsat2", _COLOR, saturation_lab, "factor", (1, 2, 3, 6, 9), skips_identity=False,
            swap_red_blue=True, eight_bit=True),
    _preset("jpeg2000", _JPEG, jpeg2000, "ratio", (16, 32, 45, 120, 170), to_8bit="truncate"),
    _preset("jpeg", _JPEG, jpeg, "quality", (43, 36, 24, 7, 4), strength_of_quality, to_8bit="truncate"),
    _preset("whitenoise", _NOISE, white_noise, "variance", (0.001, 0.002, 0.003, 0.005, 0.01)),
    _preset("whitenoiseCC", _NOISE, white_noise_ycbcr, "variance", (0.0001, 0.0005, 0.001, 0.002, 0.003)),
    _preset("impulsenoise", _NOISE, impulse_noise, "density", (0.001, 0.005, 0.01, 0.02, 0.03)),
    _preset("multnoise", _NOISE, speckle_noise, "variance", (0.001, 0.005, 0.01, 0.02, 0.05)),
    _preset("brighten", _BRIGHTNESS, brighten, "amount", (0.1, 0.2, 0.4, 0.7, 1.1), swap_red_blue=True),
    _preset("darken", _BRIGHTNESS, darken, "amount", (0.05, 0.1, 0.2, 0.4, 0.8)),
    _preset("meanshift", _BRIGHTNESS, mean_shift, "amount", (0, 0.08, -0.08, 0.15, -0.15)),
    _preset("jitter", _SPATIAL, jitter, "amount", (0.05, 0.1, 0.2, 0.5, 1), drift=True),
    _preset("noneccpatch", _SPATIAL, patch_shift, "patches", (20, 40, 60, 80, 100), smear=True),
    _preset("pixelate", _SPATIAL, pixelate, "strength", (0.01, 0.05, 0.1, 0.2, 0.5)),
    _preset("quantization", _SPATIAL, quantization, "levels", (20, 16, 13, 10, 7)),
    _preset("colorblock", _SPATIAL, color_block, "patches", (2, 4, 6, 8, 10)),
    _preset("highsharpen", _SHARPNESS, unsharp_lab, "amount", (1, 2, 3, 6, 12), swap_red_blue=True),
    _preset("lincontrchange", _SHARPNESS, tone_contrast, "amount", (0.0, 0.15, -0.4, 0.3, -0.6)),
    _preset("nonlincontrchange", _SHARPNESS, contrast_compression, "output_offset_value",
            (0.4, 0.3, 0.2, 0.1, 0.05), compression_of_offset),
)  # fmt: skip
"""In the order of the published code; meanshift and lincontrchange run through signs, by magnitude."""
