"""NIQE and BRISQUE: how far the statistics of an image are from those of natural scenes.

| name | parameters | direction |
|---|---|---|
| niqe | ours, fitted to pristine photographs | minimize |
| niqe:FILE | ours as .safetensors, the authors' modelparameters.mat, BasicSR's .npz | minimize |
| brisque | ours, trained on the opinion scores of BIQ2021 | maximize, opinions are 0 to 1 |
| brisque:FILE | OpenCV's brisque_model_live.yml with brisque_range_live.yml beside it | minimize, 0 to 100 |

How ours were made, on what, and how well they do stands in `weights/niqe_pristine.md` and `weights/brisque_biq2021.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ScoreError
from isptune.interfaces import Direction
from isptune.scenes.scene import Scene
from objectives.checkpoints.reading import sha256_of
from objectives.no_reference.generalized_gaussian import fit_aggd, fit_ggd
from objectives.no_reference.objective import require_side, score_finite
from objectives.no_reference.published_parameters import (
    PristineModel,
    Regression,
    read_pristine_model,
    read_regression,
)
from objectives.no_reference.scene_statistics import (
    BRISQUE_2012,
    NIQE_2013,
    OPENCV,
    brisque_features,
    mscn,
    patch_features,
)

__all__ = ["brisque", "brisque_features", "fit_aggd", "fit_ggd", "mscn", "niqe", "niqe_features"]

WEIGHTS = Path(__file__).parents[1] / "weights"
PRISTINE_FILE = WEIGHTS / "niqe_pristine.safetensors"
REGRESSION_FILE = WEIGHTS / "brisque_biq2021.safetensors"

BLOCK = 96
"""Side of NIQE's blocks at the first scale, pixels; half of it at the second."""

BRISQUE_SMALLEST_SIDE = 16
"""Below, half the size holds too few pixels to fit distributions to."""


@final
@dataclass(frozen=True, eq=False)
class Niqe:
    """Distance of the features of an image's blocks from those of pristine photographs.

    Attributes:
        model: mean and covariance of the pristine features.
        weights: the file that it came from, with its hash.
    """

    model: PristineModel
    weights: Mapping[str, str]
    direction: Direction = "minimize"
    range: tuple[float, float] = (0.0, float("inf"))
    unit: str = "Mahalanobis distance"
    source: str = "Mittal, Soundararajan and Bovik 2013, Making a completely blind image quality analyzer"

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
    return Niqe(read_pristine_model(path), {path.name: sha256_of(path)})


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


@final
@dataclass(frozen=True, eq=False)
class Brisque:
    """A regression from the 36 features to opinions of quality.

    Attributes:
        regression: kernel machine with the scaling of its features.
        weights: the files that it came from, with their hashes.
    """

    regression: Regression
    weights: Mapping[str, str]
    direction: Direction
    range: tuple[float, float]
    unit: str
    source: str

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One predicted opinion an image, within `range`; NaN in an image gives NaN.

        Raises:
            ScoreError: the images are smaller than 16 pixels a side.
        """
        require_side("brisque", images, BRISQUE_SMALLEST_SIDE)
        return score_finite(self._opinions, images)

    def _opinions(self, images: Images) -> Scores:
        definition = OPENCV if self.regression.opencv else BRISQUE_2012
        features = brisque_features(images, definition)
        return self.regression.predict(features).clamp(*self.range).float()


def brisque(argument: str | None = None) -> Brisque:
    """BRISQUE with our regression, or with OpenCV's model in the file that the argument names.

    Raises:
        ConfigError: the file, or the one with the ranges beside it, cannot be read as such a model.
    """
    path = REGRESSION_FILE if argument is None else Path(argument)
    regression = read_regression(path)
    ours = not regression.opencv
    return Brisque(
        regression=regression,
        weights={file.name: sha256_of(file) for file in regression.files},
        direction="maximize" if ours else "minimize",
        # Cut off at 0, ours would give an optimizer no slope wherever pictures are worse than any photograph.
        range=(-float("inf"), float("inf")) if ours else (0.0, 100.0),
        unit="predicted mean opinion (BIQ2021)" if ours else "predicted difference mean opinion (LIVE)",
        source="Mittal, Moorthy and Bovik 2012, No-reference image quality assessment in the spatial domain",
    )
