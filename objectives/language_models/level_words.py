"""The five words that Q-Align rates with, and what says how well they fit an image."""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import ConfigError

LEVELS = ("excellent", "good", "fair", "poor", "bad")
"""From best to worst: the levels of ITU-T P.910 and BT.500."""

TASKS = {"quality": "quality", "aesthetics": "aesthetics", "aesthetic": "aesthetics"}
"""What can be asked about, with the word that the prompt has for it."""

QUESTION = "How would you rate the {task} of this image?"
ANSWER = "The {task} of the image is"
"""The level's word comes next. Source: Wu et al. 2024, Q-Align, arXiv:2312.17090."""

LevelLogits = Float[Tensor, "batch level"]
"""One logit for each of LEVELS, float32."""


@runtime_checkable
class LevelRater(Protocol):
    """Says how well each of the five words fits an image. It works where the images are."""

    @property
    def weights(self) -> Mapping[str, str]:
        """File name -> sha256."""
        ...

    @property
    def source(self) -> str:
        """Authors, year, title, and whose weights they are."""
        ...

    def rate(self, images: Images) -> LevelLogits:
        """Five logits an image; the same whatever else is in the batch. Raises ScoreError."""
        ...


def rate_in_portions(
    images: Images, rate: Callable[[Images], LevelLogits], bytes_per_image: int
) -> LevelLogits:
    """Rate as many images at once as half a gigabyte on a CPU holds, or four of them on a GPU."""
    budget = 2**32 if images.device.type == "cuda" else 2**29
    logits = [rate(portion) for portion in images.split(max(1, budget // bytes_per_image))]
    return torch.cat(logits) if logits else images.new_zeros(0, len(LEVELS), dtype=torch.float32)


def require_five(numbers: list[int], what: str) -> list[int]:
    """The numbers of the five words, which must differ. Raises ConfigError."""
    if len(set(numbers)) != len(LEVELS):
        named = ", ".join(f"{word} {number}" for word, number in zip(LEVELS, numbers, strict=True))
        raise ConfigError(
            f"{what}: its tokenizer does not tell the five levels apart by their first piece: {named}"
        )
    return numbers
