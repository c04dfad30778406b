"""BRISQUE: an opinion of quality from the statistics of an image.

| name | parameters | direction |
|---|---|---|
| brisque-refit | ours, trained on the opinion scores of BIQ2021 | maximize, opinions are 0 to 1 |
| brisque:FILE | OpenCV's brisque_model_live.yml with brisque_range_live.yml beside it | minimize, 0 to 100 |
| brisque | brisque-refit stands in, under that name, since the published model is not bundled | maximize |

How ours were made, on what, and how well they do stands in `objectives/weights/brisque_biq2021.md`.

Source: Mittal, Moorthy and Bovik 2012, No-reference image quality assessment in the spatial domain,
doi:10.1109/TIP.2012.2214050.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from isptune.spec import Spec
from objectives.checkpoints.own_files import BUNDLED
from objectives.checkpoints.reading import sha256_of
from objectives.no_reference.objective import require_side, score_finite
from objectives.no_reference.published_parameters import (
    Regression,
    read_regression,
)
from objectives.no_reference.scene_statistics import (
    BRISQUE_2012,
    OPENCV,
    brisque_features,
)

REGRESSION_FILE = BUNDLED / "brisque_biq2021.safetensors"

BRISQUE_SMALLEST_SIDE = 16
"""Below, half the size holds too few pixels to fit distributions to."""


@final
@dataclass(frozen=True, eq=False)
class Brisque:
    """A regression from the 36 features to opinions of quality.

    Attributes:
        regression: kernel machine with the scaling of its features.
        facts: with the files that it came from.
    """

    regression: Regression
    facts: ObjectiveFacts

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One predicted opinion an image, within the range; NaN in an image gives NaN.

        Raises:
            ScoreError: the images are smaller than 16 pixels a side.
        """
        require_side("brisque", images, BRISQUE_SMALLEST_SIDE)
        return score_finite(self._opinions, images)

    def _opinions(self, images: Images) -> Scores:
        definition = OPENCV if self.regression.opencv else BRISQUE_2012
        features = brisque_features(images, definition)
        return self.regression.predict(features).clamp(*self.facts.range).float()


@final
class Published:
    """BRISQUE with OpenCV's model in the file that the argument names; without one, `brisque-refit` stands in."""

    def stand_in(self, argument: str | None) -> tuple[str, str] | None:
        """Our own regression, where no file is named, or one of ours."""
        if argument is not None and not argument.endswith(".safetensors"):
            return None
        why = "it is our own regression, whose higher is better; brisque:FILE is OpenCV's, whose lower is better"
        return str(Spec("brisque-refit", argument)), why

    def __call__(self, argument: str | None = None) -> Brisque:
        """Build the objective. Raises ConfigError: a file that cannot be read as such a model."""
        return brisque_refit(argument)


brisque = Published()


def brisque_refit(argument: str | None = None) -> Brisque:
    """BRISQUE's features with our regression, or with the one in the file that the argument names.

    Raises:
        ConfigError: the file, or the one with the ranges beside it, cannot be read as such a model.
    """
    path = REGRESSION_FILE if argument is None else Path(argument)
    regression = read_regression(path)
    ours = not regression.opencv
    facts = ObjectiveFacts(
        direction="maximize" if ours else "minimize",
        by_regions=True,
        # Cut off at 0, ours would give an optimizer no slope wherever pictures are worse than any photograph.
        range=(-float("inf"), float("inf")) if ours else (0.0, 100.0),
        unit="predicted mean opinion (BIQ2021)" if ours else "predicted difference mean opinion (LIVE)",
        source="Mittal, Moorthy and Bovik 2012, No-reference image quality assessment in the spatial domain, "
        "doi:10.1109/TIP.2012.2214050",
        weights={file.name: sha256_of(file) for file in regression.files},
    )
    return Brisque(regression, facts)
