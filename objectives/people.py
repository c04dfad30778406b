"""What people would say of a photograph: a judge, and no target.

A kernel ridge regression from what a pretrained network's blocks see, and from statistics of the pixels, to mean
opinions (BIQ2021). Of all that is here it agrees best with people on photographs, and it leads a tuner astray: made to
please it, pictures of a raw pipeline end below where they began. `objectives/weights/people_biq2021.md` has figures.

Sources: EfficientNet-Lite0 as in `objectives.encoders.efficientnet_lite`; Saunders, Gammerman and Vovk 1998, Ridge
regression learning algorithm in dual variables (the regression); Ahmed and Asif 2022, BIQ2021: a large-scale blind
image quality assessment database.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float64
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.own_files import BUNDLED, entry_in, read_own
from objectives.checkpoints.reading import sha256_of
from objectives.encoders.efficientnet_lite import PUBLISHED, EfficientNetLite, pretrained
from objectives.encoders.picture_features import SMALLEST_SIDE, Features, picture_features
from objectives.no_reference.objective import require_side, score_finite
from objectives.options import refuse_argument

LITE0 = PUBLISHED["lite0"]
REGRESSION_FILE = BUNDLED / "people_biq2021.safetensors"
FORM = "isptune people 1"


@dataclass(frozen=True, eq=False)
class KernelRidge:
    """prediction = sum of coefficients * exp(-gamma |x - point|^2) + offset, x on its axes.

    Attributes:
        mean, axes: x = (features - mean) @ axes; axes scale and turn, and leave out what varies least.
        points, coefficients, offset, gamma: of the regression.
    """

    mean: Float64[Tensor, " features"]
    axes: Float64[Tensor, "features axes"]
    points: Float64[Tensor, "points axes"]
    coefficients: Float64[Tensor, " points"]
    offset: float
    gamma: float

    def predict(self, features: Features) -> Float64[Tensor, " batch"]:
        """One prediction a row of features."""
        where = features.device
        x = (features.double() - self.mean.to(where)) @ self.axes.to(where)
        kernel = torch.exp(-self.gamma * torch.cdist(x, self.points.to(where)).square())
        return kernel @ self.coefficients.to(where) + self.offset


@final
class People:
    """Objective and Warns; see the module."""

    def __init__(self, regression: KernelRidge, network: EfficientNetLite, weights: Mapping[str, str]):
        self._regression, self._network = regression, network
        self.facts = ObjectiveFacts(
            direction="maximize",
            by_regions=True,
            range=(-math.inf, math.inf),
            unit="predicted mean opinion (BIQ2021)",
            source="isptune's own regression; EfficientNet-Lite0 after Tan and Le 2019, arXiv:1905.11946; opinions of "
            "Ahmed and Asif 2022, BIQ2021",
            weights=weights,
        )

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One predicted opinion an image, 0 bad to 1 excellent; it may leave that range. NaN in an image gives NaN.

        Raises:
            ScoreError: the images are smaller than 64 pixels a side.
        """
        require_side("people", images, SMALLEST_SIDE)
        self._network.to(images.device)
        return score_finite(
            lambda x: torch.cat(
                [
                    self._regression.predict(picture_features(one, self._network)).float()
                    for one in x.float().split(4)
                ]
            ),
            images,
        )

    def warnings(self, images: Sequence[Images]) -> list[str]:
        """That it may judge but should not lead."""
        return [
            "people agrees with people on photographs and leads a tuner astray: let it judge (isptune score, second "
            "opinions, studies), and let another objective lead"
        ]


def read_regression(path: Path) -> KernelRidge:
    """Read what `objectives.training.people` wrote. Raises ConfigError."""
    (gamma, offset), tensors = read_own(
        path,
        "regression of opinions",
        FORM,
        lambda m: (entry_in(m, "gamma", float), entry_in(m, "offset", float)),
    )
    wanted = {"mean": 1, "axes": 2, "points": 2, "coefficients": 1}
    if set(tensors) != set(wanted) or any(tensors[name].ndim != rank for name, rank in wanted.items()):
        raise ConfigError(f"{path}: is no regression of opinions: it holds {', '.join(sorted(tensors))}")
    mean, axes, points, coefficients = (tensors[name].double() for name in wanted)
    if axes.shape[0] != len(mean) or points.shape != (len(coefficients), axes.shape[1]):
        raise ConfigError(f"{path}: is no regression of opinions: the sizes of its tensors differ")
    return KernelRidge(mean, axes, points, coefficients, offset, gamma)


def people(argument: str | None = None) -> People:
    """What people would say of a photograph (BIQ2021), 0 bad to 1 excellent. It may judge; it should not lead.

    Raises:
        MissingExtra: the package with the network's weights is not installed.
        ConfigError: the weights are other ones than were published.
    """
    refuse_argument("people", argument)
    weights = {REGRESSION_FILE.name: sha256_of(REGRESSION_FILE), LITE0.file: LITE0.sha256}
    return People(read_regression(REGRESSION_FILE), pretrained(), weights)
