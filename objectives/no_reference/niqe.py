"""NIQE: how far the statistics of an image are from those of pristine photographs.

| name | parameters | direction |
|---|---|---|
| niqe | ours, fitted to pristine photographs | minimize |
| niqe:FILE | ours as .safetensors, the authors' modelparameters.mat, BasicSR's .npz | minimize |

How ours were made, on what, and how well they do stands in `objectives/weights/niqe_pristine.md`.

Source: Mittal, Soundararajan and Bovik 2013, Making a "completely blind" image quality analyzer,
doi:10.1109/LSP.2012.2227726.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ScoreError
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.own_files import BUNDLED
from objectives.checkpoints.reading import sha256_of
from objectives.no_reference.objective import score_finite
from objectives.no_reference.published_parameters import (
    PristineModel,
    read_pristine_model,
)
from objectives.no_reference.scene_statistics import (
    NIQE_2013,
    patch_features,
)

PRISTINE_FILE = BUNDLED / "niqe_pristine.safetensors"

FACTS = ObjectiveFacts(
    direction="minimize",
    by_regions=True,
    range=(0.0, float("inf")),
    unit="Mahalanobis distance",
    source='Mittal, Soundararajan and Bovik 2013, Making a "completely blind" image quality analyzer, '
    "doi:10.1109/LSP.2012.2227726",
)

BLOCK = 96
"""Side of NIQE's blocks at the first scale, pixels; half of it at the second."""


@final
@dataclass(frozen=True, eq=False)
class Niqe:
    """Distance of the features of an image's blocks from those of pristine photographs.

    Attributes:
        model: mean and covariance of the pristine features.
        facts: with the file that it came from.
    """

    model: PristineModel
    facts: ObjectiveFacts = FACTS

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One distance an image, less is better; NaN in an image gives NaN.

        Only whole blocks of 96x96 count, from the upper left corner. Flat blocks, for which the features
        are undefined, are left out as the authors do; where fewer than two blocks remain, all are taken, and
        flat ones have the features of the narrowest distribution (shape 10, spread 0).

        Raises:
            ScoreError: the images hold fewer than two blocks.
        """
        require_two_blocks(images)
        return score_finite(self._distances, images)

    def _distances(self, images: Images) -> Scores:
        features, defined, _ = niqe_features(images)
        keep = defined | (defined.sum(1, keepdim=True) < 2)
        mean, covariance = mean_and_covariance(features, keep)
        model_mean = self.model.mean.to(features.device)
        model_covariance = self.model.covariance.to(features.device)
        difference = (model_mean - mean).unsqueeze(2)
        inverse = torch.linalg.pinv((model_covariance + covariance) / 2, hermitian=True)
        return (difference.mT @ inverse @ difference)[:, 0, 0].clamp_min(0).sqrt().float()


def niqe(argument: str | None = None) -> Niqe:
    """NIQE with our pristine model, or with the parameters in the file that the argument names.

    Raises:
        ConfigError: the file cannot be read as parameters of NIQE.
    """
    path = PRISTINE_FILE if argument is None else Path(argument)
    return Niqe(read_pristine_model(path), replace(FACTS, weights={path.name: sha256_of(path)}))


def require_two_blocks(images: Images) -> None:
    """Raise ScoreError for images without room for two of NIQE's blocks."""
    height, width = images.shape[-2:]
    if (height // BLOCK) * (width // BLOCK) < 2:
        raise ScoreError(
            f"niqe needs two blocks of {BLOCK}x{BLOCK} pixels, {2 * BLOCK}x{BLOCK} or more; "
            f"images are {width}x{height}"
        )


def niqe_features(
    images: Images,
) -> tuple[Float64[Tensor, "batch blocks 36"], Bool[Tensor, "batch blocks"], Float[Tensor, "batch blocks"]]:
    """The 36 features of each block, whether they are defined, and the block's sharpness.

    Sharpness is the mean local deviation at the first scale (equation 10 of the paper), by which blocks are
    chosen when a pristine model is fitted.
    """
    features, defined, sharpness = patch_features(images, NIQE_2013)
    blocks = (images.shape[-2] // BLOCK) * (images.shape[-1] // BLOCK)
    shape = (len(images), blocks)
    return features.unflatten(0, shape), defined.unflatten(0, shape), sharpness.unflatten(0, shape)


def mean_and_covariance(
    features: Float64[Tensor, "batch blocks 36"], keep: Bool[Tensor, "batch blocks"]
) -> tuple[Float64[Tensor, "batch 36"], Float64[Tensor, "batch 36 36"]]:
    """Of the kept blocks of each image; the covariance is divided by their number less one."""
    weight = keep.unsqueeze(2).to(features.dtype)
    count = weight.sum(1)
    mean = (features * weight).sum(1) / count
    centred = (features - mean.unsqueeze(1)) * weight
    return mean, centred.mT @ centred / (count - 1).unsqueeze(2)
