"""Q-Align's question put to any image-text-to-text model of Hugging Face transformers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import UInt8

from isptune.arrays import Images
from isptune.errors import ScoreError, one_line
from objectives.language_models.by_transformers import (
    chat_prompt,
    hashes_of,
    load_image_text_model,
    piece_after,
)
from objectives.language_models.level_words import (
    ANSWER,
    LEVELS,
    QUESTION,
    LevelLogits,
    rate_in_portions,
    require_five,
)

BYTES_PER_IMAGE = 2**28
"""What an image is reckoned to take: a language model with some thousand image tokens."""


@final
@dataclass(frozen=True, eq=False)
class TransformersRater:
    """A model that continues the answer to Q-Align's question; its own processor prepares pictures.

    Attributes:
        model, processor: of transformers; the model is frozen and follows the images to their device.
        prompt: with the image's place in it, up to where the level's word stands.
        levels: the numbers of the first pieces of the level words.
        weights, source: see `objectives.language_models.level_words.LevelRater`.
    """

    model: Any
    processor: Any
    prompt: str
    levels: tuple[int, ...]
    weights: Mapping[str, str]
    source: str

    @torch.inference_mode()
    def rate(self, images: Images) -> LevelLogits:
        """Five logits an image; pictures are rounded to 8 bits."""
        self.model.to(images.device)
        return rate_in_portions(images, self._rate, BYTES_PER_IMAGE)

    def _rate(self, images: Images) -> LevelLogits:
        pictures = list(_pictures(images))
        try:
            inputs = self.processor(text=[self.prompt] * len(pictures), images=pictures, return_tensors="pt")
            logits = self.model(**inputs.to(images.device, self.model.dtype)).logits
        except torch.OutOfMemoryError:
            raise  # the evaluator halves the batch
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise ScoreError(f"{self.source}: {one_line(str(error)[:200])}") from error
        return logits[:, -1, list(self.levels)].float()


def build_transformers(folder: Path, task: str, dtype: torch.dtype | None, source: str) -> TransformersRater:
    """The model in a folder, with its processor.

    Raises:
        MissingExtra: transformers is not installed.
        ConfigError: the folder holds no such model, or one that brings code of its own.
    """
    model, processor = load_image_text_model(folder, dtype, source)
    content = [{"type": "image"}, {"type": "text", "text": QUESTION.format(task=task)}]
    answer = ANSWER.format(task=task)
    prompt = chat_prompt(processor, content, answer, folder)
    pieces = [piece_after(processor.tokenizer, answer, level, folder) for level in LEVELS]
    levels = tuple(require_five(pieces, one_line(str(folder))))
    return TransformersRater(model, processor, prompt, levels, hashes_of(folder), source)


def _pictures(images: Images) -> UInt8[np.ndarray, "batch height width 3"]:
    levels = (images.float().clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
