"""GMSD: how unevenly the gradients of an image differ from the reference's.

Source: Xue, Zhang, Mou and Bovik 2014, Gradient magnitude similarity deviation: a highly efficient perceptual image
quality index, doi:10.1109/TIP.2013.2293423.
"""

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from isptune.scenes.color import luma
from objectives.full_reference.objective import (
    FullReference,
    OtherPlane,
    Planes,
    Scratch,
    filter_valid,
    length,
    luma_plane,
    shrink,
    shrink_plane,
)
from objectives.full_reference.view import view_option

STABILISER = 170 / 255**2
"""The paper's c = 170 for luma in [0, 255], brought to [0, 1]."""

_SMOOTH, _DIFFERENCE = np.full(3, 1 / 3), np.array([1.0, 0.0, -1.0])  # the two factors of Prewitt's operator


def gmsd(argument: str | None = None) -> FullReference:
    """Gradient magnitude similarity deviation of luma at half size; 0 is equal, lower is better.

    Prewitt gradients with zeros beyond the border, as the authors' code; the standard deviation is the
    population's. Blind to a constant shift in brightness but for the border. Against piq 0.8 (`gmsd`):
    within 1e-6; pyiqa 0.1.16 (`gmsd`): within 2e-4.
    """
    view = view_option("gmsd", argument, channels=False)
    return FullReference(
        name="gmsd",
        view=view,
        facts=ObjectiveFacts(
            direction="minimize",
            by_regions=view.of_every_place,
            range=(0.0, 0.5),  # the largest standard deviation of numbers in [0, 1]
            unit="deviation",
            source="Xue, Zhang, Mou and Bovik 2014, Gradient magnitude similarity deviation: a highly "
            "efficient perceptual image quality index, doi:10.1109/TIP.2013.2293423",
            uses_reference=True,
        ),
        prepare=lambda reference: _magnitude(reference.double()).float(),
        score_planes=_score_planes,
        score_tensor=_score_tensor,
        smallest_side=4,
    )


def _magnitude(images: Images) -> Float[Tensor, "batch 1 newheight newwidth"]:
    half = torch.nn.functional.pad(shrink(luma(images), 2), (1, 1, 1, 1))
    across, down = filter_valid(half, _DIFFERENCE, _SMOOTH), filter_valid(half, _SMOOTH, _DIFFERENCE)
    return (across * across + down * down).sqrt()


def _magnitude_plane(planes: Planes) -> OtherPlane:
    half = shrink_plane(luma_plane(planes), 2)
    across = cv2.sepFilter2D(half, -1, _DIFFERENCE, _SMOOTH, borderType=cv2.BORDER_CONSTANT)
    down = cv2.sepFilter2D(half, -1, _SMOOTH, _DIFFERENCE, borderType=cv2.BORDER_CONSTANT)
    return length(across, down)


def _score_planes(
    planes: Planes, reference: Float[Tensor, "1 1 newheight newwidth"], scratch: Scratch
) -> float:
    theirs = reference[0, 0].numpy()
    ours = _magnitude_plane(planes)
    # 1 - similarity = (a - b)^2 / (a^2 + b^2 + c), whose standard deviation is the same.
    dissimilarity = np.square(ours - theirs)
    ours *= ours
    ours += np.square(theirs)
    ours += STABILISER
    dissimilarity /= ours
    return float(dissimilarity.std(dtype=np.float64))


def _score_tensor(images: Images, reference: Float[Tensor, "1 1 newheight newwidth"]) -> Scores:
    ours = _magnitude(images)
    dissimilarity = (ours - reference).square() / (ours.square() + reference.square() + STABILISER)
    return dissimilarity.flatten(1).std(1, correction=0)
