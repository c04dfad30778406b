"""How far candidates are from pristine, where the pipeline knows."""

from collections.abc import Sequence

import torch

from isptune.facts import PipelineFacts
from isptune.interfaces import KnownLevels, Pipeline
from isptune.space import Candidate
from isptune.tuning.batches import equal_choices, to_params


def known_levels(pipeline: Pipeline, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
    """The signed distortion levels of each complete candidate; empty where the pipeline does not know them."""
    levels: list[tuple[float, ...]] = [() for _ in candidates]
    if pipeline.facts.levels and isinstance(pipeline, KnownLevels):
        for group in equal_choices(candidates):
            params = to_params([candidates[i] for i in group], torch.device("cpu"))
            for i, row in zip(group, pipeline.levels(params).tolist(), strict=True):
                levels[i] = tuple(row)
    return levels


def level_errors(levels: Sequence[float], facts: PipelineFacts) -> tuple[float | None, float | None]:
    """Mean |level| in raw units, and with each divided by its range (the l1 of ScoreNet); None where not known."""
    if not facts.levels:
        return None, None
    l1 = sum(abs(d) for d in levels) / len(levels)
    shares = [abs(d) / level.limit for d, level in zip(levels, facts.levels, strict=True)]
    return l1, sum(shares) / len(levels)
