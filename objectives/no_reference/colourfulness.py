"""Colourfulness as the spread of opponent colours.

Source: Hasler and Süsstrunk 2003, Measuring colourfulness in natural images, doi:10.1117/12.477378.
"""

import math

import torch

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.no_reference.objective import NoReference
from objectives.options import refuse_argument


def colourfulness(argument: str | None = None) -> NoReference:
    """Spread and mean of the opponent colours red-green and yellow-blue: the M(3) of its authors.

    0 for a grey image; their observers called 15 slightly, 33 moderately and 82 highly colourful.
    """
    refuse_argument("colourfulness", argument)
    return NoReference(
        name="colourfulness",
        facts=ObjectiveFacts(
            direction="maximize",
            # Mean square of (rg, yb) is at most 1.25 * 255^2; a + 0.3 b with a^2 + b^2 fixed is at most sqrt(1.09).
            range=(0.0, 255 * math.sqrt(1.25 * 1.09)),
            unit="levels of 255",
            source="Hasler and Süsstrunk 2003, Measuring colourfulness in natural images, "
            "doi:10.1117/12.477378",
        ),
        score_portion=_score,
    )


def _score(images: Images) -> Scores:
    red, green, blue = (images * 255).unbind(1)
    red_green = red - green
    yellow_blue = (red + green).mul_(0.5).sub_(blue)
    opponents = torch.stack([red_green, yellow_blue], 1).flatten(2)
    mean = opponents.mean(2, keepdim=True)
    variance = opponents.sub_(mean).square_().mean(2)  # in two passes, which are quicker than torch.var's one
    return variance.sum(1).sqrt() + 0.3 * mean.square().sum((1, 2)).sqrt()
