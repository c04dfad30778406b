"""The published levels, taken from the sets' own code by a script: what the presets are checked against."""

ARNIQA = {
    "gaublur": (0.1, 0.5, 1, 2, 5),
    "lensblur": (1, 2, 4, 6, 8),
    "motionblur": (1, 2, 4, 6, 10),
    "colordiff": (1, 3, 6, 8, 12),
    "colorshift": (1, 3, 6, 8, 12),
    "colorsat1": (0.4, 0.2, 0.1, 0, -0.4),
    "colorsat2": (1, 2, 3, 6, 9),
    "jpeg2000": (16, 32, 45, 120, 170),
    "jpeg": (43, 36, 24, 7, 4),
    "whitenoise": (0.001, 0.002, 0.003, 0.005, 0.01),
    "whitenoiseCC": (0.0001, 0.0005, 0.001, 0.002, 0.003),
    "impulsenoise": (0.001, 0.005, 0.01, 0.02, 0.03),
    "multnoise": (0.001, 0.005, 0.01, 0.02, 0.05),
    "brighten": (0.1, 0.2, 0.4, 0.7, 1.1),
    "darken": (0.05, 0.1, 0.2, 0.4, 0.8),
    "meanshift": (0, 0.08, -0.08, 0.15, -0.15),
    "jitter": (0.05, 0.1, 0.2, 0.5, 1),
    "noneccpatch": (20, 40, 60, 80, 100),
    "pixelate": (0.01, 0.05, 0.1, 0.2, 0.5),
    "quantization": (20, 16, 13, 10, 7),
    "colorblock": (2, 4, 6, 8, 10),
    "highsharpen": (1, 2, 3, 6, 12),
    "lincontrchange": (0.0, 0.15, -0.4, 0.3, -0.6),
    "nonlincontrchange": (0.4, 0.3, 0.2, 0.1, 0.05),
}

KADID10K = {
    1: (0.1, 0.5, 1, 2, 5),  # gaussian blur
    2: (1, 2, 4, 6, 8),  # lens blur
    3: (1, 2, 4, 6, 10),  # motion blur
    4: (1, 3, 6, 8, 12),  # color diffusion
    5: (1, 3, 6, 8, 12),  # color shift
    6: (64, 48, 32, 16, 8),  # color quantization (dither)
    7: (0.4, 0.2, 0.1, 0, -0.4),  # color saturation HSV
    8: (1, 2, 3, 6, 9),  # color saturation Lab
    9: (16, 32, 45, 120, 400),  # JPEG2000
    10: (43, 36, 24, 7, 4),  # JPEG
    11: (0.001, 0.002, 0.003, 0.005, 0.01),  # white noise
    12: (0.0001, 0.0005, 0.001, 0.002, 0.003),  # white noise in color component
    13: (0.001, 0.005, 0.01, 0.02, 0.03),  # impulse noise
    14: (0.001, 0.005, 0.01, 0.02, 0.05),  # multiplicative noise
    15: (0.01, 0.03, 0.05, 0.1, 0.15),  # denoise
    16: (0.1, 0.2, 0.4, 0.7, 1.1),  # brighten
    17: (0.05, 0.1, 0.2, 0.4, 0.8),  # darken
    18: (0.15, 0.08, 0, -0.08, -0.15),  # mean shift
    19: (0.05, 0.1, 0.2, 0.5, 1),  # jitter
    20: (20, 40, 60, 80, 100),  # non-eccentricity patch
    21: (0.01, 0.05, 0.1, 0.2, 0.5),  # pixelate
    22: (20, 16, 13, 10, 7),  # quantization
    23: (2, 4, 6, 8, 10),  # color block
    24: (1, 2, 3, 6, 12),  # high sharpen
    25: (0.3, 0.15, 0, -0.4, -0.6),  # contrast change
}

DEPICTQA = {
    "blur_gaussian": (1, 2, 3, 4, 5),
    "blur_motion": ((5, 3), (10, 5), (15, 7), (15, 9), (20, 12)),
    "blur_glass": ((0.7, 1, 1), (0.9, 2, 1), (1.2, 2, 2), (1.4, 3, 2), (1.6, 4, 2)),
    "blur_lens": (2, 3, 4, 6, 8),
    "blur_zoom": ((1, 1.03, 0.02), (1, 1.06, 0.02), (1, 1.1, 0.02), (1, 1.15, 0.02), (1, 1.21, 0.02)),
    "blur_jitter": (1, 2, 3, 4, 5),
    "noise_gaussian_RGB": (0.05, 0.1, 0.15, 0.2, 0.25),
    "noise_gaussian_YCrCb": ((0.05, 1), (0.06, 1.45), (0.07, 1.9), (0.08, 2.35), (0.09, 2.8)),
    "noise_speckle": (0.14, 0.21, 0.28, 0.35, 0.42),
    "noise_spatially_correlated": (0.08, 0.11, 0.14, 0.18, 0.22),
    "noise_poisson": (80, 60, 40, 25, 15),
    "noise_impulse": (0.01, 0.03, 0.05, 0.07, 0.1),
    "compression_jpeg": (25, 18, 12, 8, 5),
    "compression_jpeg_2000": (29, 27.5, 26, 24.5, 23),
    "brightness_brighten_shfit_HSV": (0.1, 0.2, 0.3, 0.4, 0.5),
    "brightness_brighten_shfit_RGB": (0.1, 0.15, 0.2, 0.27, 0.35),
    "brightness_darken_shfit_HSV": (0.1, 0.2, 0.3, 0.4, 0.5),
    "brightness_darken_shfit_RGB": (0.1, 0.15, 0.2, 0.27, 0.35),
    "brightness_brighten_gamma_HSV": (0.7, 0.58, 0.47, 0.36, 0.25),
    "brightness_darken_gamma_HSV": (1.5, 1.8, 2.2, 2.7, 3.5),
    "brightness_brighten_gamma_RGB": (0.8, 0.7, 0.6, 0.45, 0.3),
    "brightness_darken_gamma_RGB": (1.4, 1.7, 2.1, 2.6, 3.2),
    "contrast_strengthen_scale": (1.4, 1.7, 2.1, 2.6, 4.0),
    "contrast_weaken_scale": (0.75, 0.6, 0.45, 0.3, 0.2),
    "contrast_strengthen_stretch": (2, 4, 6, 8, 10),
    "contrast_weaken_stretch": (1.0, 0.9, 0.8, 0.6, 0.4),
    "saturate_weaken_HSV": (0.7, 0.55, 0.4, 0.2, 0),
    "saturate_weaken_YCrCb": (0.6, 0.4, 0.2, 0.1, 0),
    "saturate_strengthen_HSV": (3, 6, 12, 20, 64),
    "saturate_strengthen_YCrCb": (2, 3, 5, 8, 16),
    "oversharpen": (2, 2.8, 4, 6, 8),
    "pixelate": (0.5, 0.4, 0.3, 0.25, 0.2),
    "quantization_otsu": (15, 11, 8, 5, 3),
    "quantization_median": (20, 15, 10, 6, 3),
    "quantization_hist": (24, 16, 8, 6, 4),
}

DEPICTQA_UNUSED = {
    "blur_gaussian_lensmask": ((2.0, 2), (2.4, 4), (3.0, 6), (3.8, 8), (5.0, 10)),
    "brightness_vignette": (0.5, 0.875, 1.25, 1.625, 2),
}

IMAGENET_C = {
    "gaussian_noise": (0.08, 0.12, 0.18, 0.26, 0.38),
    "shot_noise": (60, 25, 12, 5, 3),
    "impulse_noise": (0.03, 0.06, 0.09, 0.17, 0.27),
    "defocus_blur": ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    "glass_blur": ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    "motion_blur": ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    "zoom_blur": ((1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.02), (1, 1.26, 0.02), (1, 1.31, 0.03)),
    "snow": (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    "frost": ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    "fog": ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
    "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),
    "elastic_transform": (0.05, 0.065, 0.085, 0.1, 0.12),
    "pixelate": (0.6, 0.5, 0.4, 0.3, 0.25),
    "jpeg_compression": (25, 18, 15, 10, 7),
    "speckle_noise": (0.15, 0.2, 0.35, 0.45, 0.6),
    "gaussian_blur": (1, 2, 3, 4, 6),
    "saturate": ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
}

ARNIQA_GROUPS = {
    "blur": ("gaublur", "lensblur", "motionblur"),
    "color_distortion": ("colordiff", "colorshift", "colorsat1", "colorsat2"),
    "jpeg": ("jpeg2000", "jpeg"),
    "noise": ("whitenoise", "whitenoiseCC", "impulsenoise", "multnoise"),
    "brightness_change": ("brighten", "darken", "meanshift"),
    "spatial_distortion": ("jitter", "noneccpatch", "pixelate", "quantization", "colorblock"),
    "sharpness_contrast": ("highsharpen", "lincontrchange", "nonlincontrchange"),
}

DEPICTQA_CATEGORIES = {
    "blur": 6,
    "noise": 6,
    "compression": 2,
    "brighten": 4,
    "darken": 4,
    "contrast_strengthen": 2,
    "contrast_weaken": 2,
    "saturate_weaken": 2,
    "saturate_strengthen": 2,
    "oversharpen": 1,
    "pixelate": 1,
    "quantization": 3,
}

DEPICTQA_ASYMMETRIC = {
    ("blur", "quantization"),
    ("noise", "oversharpen"),
    ("oversharpen", "brighten"),
    ("pixelate", "oversharpen"),
    ("quantization", "noise"),
    ("quantization", "oversharpen"),
    ("saturate_strengthen", "oversharpen"),
    ("saturate_weaken", "oversharpen"),
}
