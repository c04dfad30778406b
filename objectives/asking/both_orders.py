"""What two answers about the same pair, shown in both orders, say together.

Models that are shown two pictures lean towards one place. To ask in both orders and to average takes the lean out, and
makes the answer for (A, B) one minus the answer for (B, A).
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from isptune.arrays import Scores

LogOdds = Float64[Tensor, " batch"]
"""Logarithm of P(A) / P(B), where A is the picture that is shown first."""


def preference(shown_first: LogOdds, shown_second: LogOdds | None = None) -> Scores:
    """The probability that the first picture of each pair is the better one, float32.

    Args:
        shown_first: log-odds of A, where the first picture is A.
        shown_second: log-odds of A, where the second picture is A; None where only one order was asked.

    With both orders, exchanging the two gives exactly one minus the probability: the mean changes its sign exactly, and
    1 - p is exact for p from a half to 1.
    """
    mean = shown_first if shown_second is None else (shown_first - shown_second) / 2
    return _fold(mean.abs().sigmoid(), mean < 0)


def share_of_votes(won: Float64[Tensor, " batch"], votes: Float64[Tensor, " batch"]) -> Scores:
    """The share of votes that the first picture of each pair has, float32; NaN without votes.

    Exchanging the pictures gives exactly one minus the share, as in `preference`.
    """
    lost = votes - won
    return _fold(torch.maximum(won, lost) / votes, won < lost)


def _fold(larger: Float64[Tensor, " batch"], first_loses: Tensor) -> Scores:
    larger = larger.float()
    return torch.where(first_loses, 1 - larger, larger)
