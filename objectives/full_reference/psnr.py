"""Peak signal-to-noise ratio.

Source: the definition of long standing; see Huynh-Thu and Ghanbari 2008, Scope of validity of PSNR in image/video
quality assessment, doi:10.1049/el:20080522.
"""

import math

import cv2
import torch

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.full_reference.objective import FullReference, OneImage, Planes, Scratch
from objectives.full_reference.view import view_option

PSNR_CAP_DB = 100.0
"""The PSNR of equal images, which would be infinite: a finite best keeps means and optimizers sound. It is
a mean squared error of 1e-10, far below the 1e-6 that rounding to 8 bits leaves."""


def psnr(argument: str | None = None) -> FullReference:
    """Peak signal-to-noise ratio in decibels, from the mean squared error over red, green and blue, or of luma.

    Capped at 100 dB. Float64 from the squares on; against scikit-image's `peak_signal_noise_ratio`: 1e-4 dB.
    """
    view = view_option("psnr", argument)
    return FullReference(
        name="psnr",
        view=view,
        facts=ObjectiveFacts(
            direction="maximize",
            by_regions=view.of_every_place,
            range=(0.0, PSNR_CAP_DB),
            unit="dB",
            source="Huynh-Thu and Ghanbari 2008, Scope of validity of PSNR in image/video quality "
            "assessment, doi:10.1049/el:20080522",
            uses_reference=True,
        ),
        prepare=lambda reference: reference.contiguous(),
        score_planes=_psnr_planes,
        score_tensor=_psnr_tensor,
    )


def _psnr_planes(planes: Planes, reference: OneImage, scratch: Scratch) -> float:
    width = planes.shape[-1]
    ours, theirs = planes.reshape(-1, width), reference[0].numpy().reshape(-1, width)
    mean_square = cv2.norm(ours, theirs, cv2.NORM_L2SQR) / planes.size
    floor = 10 ** (-PSNR_CAP_DB / 10)
    # max() keeps a NaN that stands first.
    return -10 * math.log10(max(mean_square, floor))


def _psnr_tensor(images: Images, reference: OneImage) -> Scores:
    mean_square = (images - reference).square().flatten(1).mean(1, dtype=torch.float64)
    return (-10 * mean_square.clamp_min(10 ** (-PSNR_CAP_DB / 10)).log10()).float()
