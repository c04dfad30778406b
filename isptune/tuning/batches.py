"""How candidates become batches: those of equal choices together, as many as memory likes, halved where that fails."""

from collections.abc import Sequence

import torch

from isptune.arrays import Params
from isptune.space import Candidate

PIXELS_A_BATCH = {"cpu": 2_500_000, "cuda": 128_000_000}
"""How many pixels one batch may have. On a CPU a tensor of a batch stays below 32 MB, up to which the C library
keeps freed memory: beyond it every new tensor pays for its pages again, which costs more than most filters."""


def batch_limit(size: tuple[int, int], device: torch.device, max_batch: int) -> int:
    """How many images of this width and height one batch may have; at least one."""
    pixels = size[0] * size[1]
    budget = PIXELS_A_BATCH.get(device.type, PIXELS_A_BATCH["cpu"])
    return max(1, min(max_batch, budget // pixels))


def batches(candidates: Sequence[Candidate], limit: int) -> list[list[int]]:
    """Indices of the candidates in groups of equal choices and of at most so many, in order of first appearance."""
    return [
        group[start : start + limit]
        for group in equal_choices(candidates)
        for start in range(0, len(group), limit)
    ]


def equal_choices(candidates: Sequence[Candidate]) -> list[list[int]]:
    """Indices of the candidates, grouped by the values of their choices, in order of first appearance."""
    groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for i, candidate in enumerate(candidates):
        key = tuple((name, value) for name, value in candidate.items() if isinstance(value, str))
        groups.setdefault(key, []).append(i)
    return list(groups.values())


def halves(candidates: tuple[Candidate, ...]) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """The first and the second half of two candidates or more."""
    middle = len(candidates) // 2
    return candidates[:middle], candidates[middle:]


def to_params(candidates: Sequence[Candidate], device: torch.device) -> Params:
    """Candidates of equal choices as a pipeline takes them: float64 tensors [batch], a choice as its name."""
    params: dict[str, torch.Tensor | str] = {}
    for name, first in candidates[0].items():
        if isinstance(first, str):
            params[name] = first
        else:
            values = [float(candidate[name]) for candidate in candidates]
            params[name] = torch.tensor(values, dtype=torch.float64, device=device)
    return params
