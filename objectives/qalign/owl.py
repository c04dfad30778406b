"""Q-Align's own network: mPLUG-Owl2 with published weights, asked for the level's word."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch

from isptune.arrays import Images
from isptune.errors import ConfigError, one_line
from objectives.checkpoints.reading import sha256_of
from objectives.encoders.padded_square import padded_square
from objectives.language_models.level_words import (
    ANSWER,
    LEVELS,
    QUESTION,
    LevelLogits,
    rate_in_portions,
    require_five,
)
from objectives.language_models.llama_tokenizer import read_tokenizer
from objectives.language_models.mplug_owl2 import MPlugOwl2
from objectives.language_models.mplug_owl2_checkpoint import load_mplug_owl2


@final
@dataclass(frozen=True, eq=False)
class OwlRater:
    """mPLUG-Owl2 with a fixed prompt around the image.

    Attributes:
        network: frozen; it follows the images to their device.
        before, after: the numbers of the prompt's pieces on both sides of the image.
        levels: the numbers of the level words.
        dtype: that was asked for; None stands for the file's, and for bfloat16 on a GPU.
        weights, source: see `objectives.language_models.level_words.LevelRater`.
    """

    network: MPlugOwl2
    before: tuple[int, ...]
    after: tuple[int, ...]
    levels: tuple[int, ...]
    dtype: torch.dtype | None
    weights: Mapping[str, str]
    source: str

    @torch.inference_mode()
    def rate(self, images: Images) -> LevelLogits:
        """Five logits an image; pictures are padded to a square and resized as published."""
        device = images.device
        dtype = torch.bfloat16 if self.dtype is None and device.type == "cuda" else self.network.dtype
        self.network.to(device, dtype)
        before, after = (torch.tensor(part, device=device) for part in (self.before, self.after))

        def rate(portion: Images) -> LevelLogits:
            pixels = padded_square(portion, self.network.size.vision.image_px)
            return self.network(pixels, before, after)[:, list(self.levels)]

        return rate_in_portions(images, rate, self.network.size.bytes_per_image(dtype.itemsize))


def build_owl(folder: Path, task: str, dtype: torch.dtype | None, source: str) -> OwlRater:
    """The network in a folder of the official layout, Q-Align's or DeQA-Score's.

    The prompt's two parts are tokenized each for itself, as the published code does it.

    Raises:
        ConfigError: a file is missing or damaged, or the layout is not the official one.
    """
    tokenizer, file = read_tokenizer(folder)
    levels = require_five([tokenizer.encode(level)[0] for level in LEVELS], one_line(str(file)))
    before = tokenizer.encode(f"USER: {QUESTION.format(task=task)}\n")
    after = tokenizer.encode(f"\nASSISTANT: {ANSWER.format(task=task)}")
    network, weights = load_mplug_owl2(folder, dtype)
    _require_rows(network, [*before, *after, *levels], file)
    weights = {**weights, file.name: sha256_of(file)}
    return OwlRater(network, (tokenizer.begin, *before), tuple(after), tuple(levels), dtype, weights, source)


def _require_rows(network: MPlugOwl2, numbers: list[int], file: Path) -> None:
    """Raise ConfigError where the tokenizer has more pieces than the network has rows for."""
    rows = network.size.language.vocabulary
    if max(numbers) >= rows:
        raise ConfigError(
            f"{one_line(str(file))}: it has a piece of number {max(numbers)}; the network knows {rows}"
        )
