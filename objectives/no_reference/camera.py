"""How much error is left in a raw picture, without a reference: by two halves of its own noise.

Source: Pang, Zheng, Quan and Ji 2021, "Recorrupted-to-Recorrupted: unsupervised deep learning for image denoising",
doi:10.1109/CVPR46437.2021.00208, whose training loss this is, for a tuner in place of a network.
"""

import math
from typing import final

import torch

from isptune.arrays import Images, Scores
from isptune.errors import ScoreError
from isptune.facts import ObjectiveFacts
from isptune.scenes.noise_halves import SHARE
from isptune.scenes.scene import Scene
from objectives.no_reference.objective import score_finite
from objectives.options import refuse_argument

_ROUNDING = (1 / 255) ** 2 / 12
"""The variance of rounding to 8 bits: of a capture with less noise than that, errors are counted in its shares."""


@final
class Camera:
    """Objective on raw scenes that were split in two (`isptune.scenes.noise_halves`); see `camera`."""

    facts = ObjectiveFacts(
        direction="minimize",
        range=(-math.inf, math.inf),
        unit="share of the noise's power",
        source=(
            "Pang, Zheng, Quan and Ji 2021, Recorrupted-to-Recorrupted: unsupervised deep learning for image "
            "denoising, doi:10.1109/CVPR46437.2021.00208"
        ),
        splits_noise=True,
    )

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image, [batch]. NaN in an image gives NaN.

        Raises:
            ScoreError: the scene was not split, or its pictures have another size.
        """
        if scene.halves is None or scene.halves.plain is None:
            raise ScoreError(
                "camera judges what a pipeline makes of a raw capture while it is tuned (run, compare, verify); of "
                f"the picture {scene.name!r} alone it knows nothing: use niqe or scorenet"
            )
        first, second = scene.halves.plain.double().split(1)
        if images.shape[1:] != first.shape[1:]:
            raise ScoreError(
                f"camera: pictures of {tuple(images.shape[1:])} and plain ones of {tuple(first.shape[1:])}"
            )
        # Of plain pictures the difference is noise alone: 1 + a^2 parts of it in the first, 1 + 1 / a^2 in the second.
        power = (first - second).square().mean() / (2 + SHARE + 1 / SHARE)

        def left(x: Images) -> Scores:
            wrong = (x.double() - second).square().mean((1, 2, 3)) - (1 + 1 / SHARE) * power
            return (wrong / ((1 + SHARE) * power + _ROUNDING)).float()

        return score_finite(left, images)


def camera(argument: str | None = None) -> Camera:
    """Error left in what a raw pipeline makes, as a share of the noise that a plain rendering shows; lower is better.

    1 is no better than no denoising, 0.3 has lost seven tenths of the noise's power and no detail, 0 is perfect up to
    chance, and above 1 more was spoilt than noise does. It needs no reference: the capture's noise is split into two
    independent halves, one is rendered by the candidate, the other one plainly, at the starting set but without
    smoothing and sharpening. So tone and colour of the starting set are held to, any sharpening is an error (leave it
    out of what is tuned), and what the noise model does not hold (rows, columns) is not seen.
    """
    refuse_argument("camera", argument)
    return Camera()
