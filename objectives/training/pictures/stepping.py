"""What the trainings of our networks have in common: the optimizer, its rate, the average of the weights, the split."""

import math

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn


def adamw(network: nn.Module, rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW that leaves biases and the like undecayed (Loshchilov and Hutter 2019)."""
    decay = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))


def warm_cosine(step: int, steps: int, warm: int = 100) -> float:
    """The share of the largest rate: warm-up, then half a cosine down to a hundredth (Loshchilov and Hutter 2017)."""
    if step < warm:
        return (step + 1) / warm
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


@torch.no_grad()
def averaged(network: nn.Module, average: nn.Module, step: int, most: float = 0.995) -> None:
    """Exponential moving average of the weights, quick in the beginning; what is no float is copied."""
    decay = min(most, (1 + step) / (10 + step))
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def held_photographs(
    photograph: Int[Tensor, " pictures"], share: float, seed: int
) -> Bool[Tensor, " pictures"]:
    """Which pictures are of photographs to watch a training by, given the number of each one's photograph."""
    names = np.unique(photograph.numpy())
    random = np.random.default_rng(seed)
    chosen = random.choice(names, max(1, int(share * len(names))), replace=False)
    return torch.from_numpy(np.isin(photograph.numpy(), chosen))
