"""How sure a classifier is of what an image shows: three scores from its logits, which need no true label.

Source: Drenkow and Unberath 2025, A causal framework for aligning image quality metrics and deep neural network
robustness, arXiv:2503.02797, sections 5 and 6.1.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import UnknownName
from isptune.facts import ObjectiveFacts
from objectives.no_reference.objective import score_finite

SOURCE = (
    "Drenkow and Unberath 2025, A causal framework for aligning image quality metrics and deep neural network "
    "robustness, arXiv:2503.02797"
)

Logits = Float[Tensor, "batch classes"]


def max_probability(logits: Logits) -> Float64[Tensor, " batch"]:
    """Q_p, the probability of the likeliest class: 1/classes to 1."""
    return logits.double().softmax(1).amax(1)


def entropy(logits: Logits) -> Float64[Tensor, " batch"]:
    """Q_h, the entropy of the classes' probabilities: 0 to log(classes), in nats; less is surer."""
    return torch.special.entr(logits.double().softmax(1)).sum(1)


def max_logit(logits: Logits) -> Float64[Tensor, " batch"]:
    """Q_l, the largest logit, in the logits' unit."""
    return logits.double().amax(1)


@dataclass(frozen=True)
class Confidence:
    """One of the three, with what its numbers mean.

    Attributes:
        measure: from logits [batch, classes] to scores [batch]. They are float64: of cosines that no temperature
            multiplies, the entropies of two images differ from the seventh digit on.
        facts: all but the weights of the network.
    """

    measure: Callable[[Logits], Float64[Tensor, " batch"]]
    facts: ObjectiveFacts


def confidence(name: str, classes: int, logits: tuple[float, float], unit: str) -> Confidence:
    """The score called p, h or l for a number of classes and logits of a range and unit. Raises UnknownName."""
    known: Mapping[str, Confidence] = {
        "p": Confidence(
            max_probability,
            ObjectiveFacts("maximize", (1 / classes, 1.0), "probability of the likeliest class", SOURCE),
        ),
        "h": Confidence(entropy, ObjectiveFacts("minimize", (0.0, math.log(classes)), "nats", SOURCE)),
        "l": Confidence(max_logit, ObjectiveFacts("maximize", logits, unit, SOURCE)),
    }
    if name not in known:
        raise UnknownName("score of a classifier", name, list(known))
    return known[name]


def measure_finite(
    measure: Callable[[Logits], Scores], logits_of: Callable[[Images], Logits], images: Images
) -> Scores:
    """The scores of a batch, float64; an image with a NaN or an infinity gets NaN and is looked at as black."""
    return score_finite(lambda finite: measure(logits_of(finite)), images, torch.float64)
