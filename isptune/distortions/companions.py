"""Published lists of tuples, made continuous: severity 0 to 5, linear between the printed entries."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def companions(
    severity: Float[Tensor, " batch"], tuples: Sequence[Sequence[float]]
) -> list[Float[Tensor, "batch 1 1 1"]]:
    """The parameters that belong to each severity, ready to broadcast over images.

    Args:
        severity: [batch], in [0, len(tuples) - 1].
        tuples: the parameters at severity 0 (the identity), 1, 2, ...

    Returns:
        One tensor for each place in the tuples.
    """
    table = torch.tensor(tuples, dtype=severity.dtype, device=severity.device)
    below = severity.floor().clamp(0, len(tuples) - 2).long()
    fraction = (severity - below).unsqueeze(1)
    values = torch.lerp(table[below], table[below + 1], fraction)
    return [column.view(-1, 1, 1, 1) for column in values.unbind(1)]
