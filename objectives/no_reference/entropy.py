"""Entropy of the histogram of luma.

Source: Shannon 1948, A mathematical theory of communication, doi:10.1002/j.1538-7305.1948.tb01338.x.
"""

import math

import torch

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.no_reference.objective import NoReference, luma_levels
from objectives.options import refuse_argument


def entropy(argument: str | None = None) -> NoReference:
    """Entropy of the histogram of luma in 256 levels, in bits."""
    refuse_argument("entropy", argument)
    return NoReference(
        name="entropy",
        facts=ObjectiveFacts(
            direction="maximize",
            range=(0.0, 8.0),
            unit="bit",
            source="Shannon 1948, A mathematical theory of communication, "
            "doi:10.1002/j.1538-7305.1948.tb01338.x",
        ),
        score_portion=_score,
        smallest_side=1,
    )


def _score(images: Images) -> Scores:
    luma = luma_levels(images).flatten(1).long()
    counts = torch.zeros(len(luma), 256, dtype=torch.long, device=luma.device)
    counts.scatter_add_(1, luma, torch.ones_like(luma))
    share = counts.double() / luma.shape[1]
    return -torch.special.xlogy(share, share).sum(1).div(math.log(2)).float()
