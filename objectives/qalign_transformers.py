"""Q-Align's question put to any image-text-to-text model of Hugging Face transformers.

transformers is an extra. Models run with the library's own code only: code that a repository brings is refused.
"""

import contextlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import UInt8

from isptune.arrays import Images
from isptune.errors import ConfigError, MissingExtra, ScoreError, one_line
from objectives.checkpoints import sha256_of
from objectives.guarded_loading import guarded
from objectives.level_words import ANSWER, LEVELS, QUESTION, LevelLogits, rate_in_portions, require_five
from objectives.torchvision_shim import import_torchvision

INSTALL = "pip install 'isptune[transformers]'"

BYTES_PER_IMAGE = 2**28
"""What an image is reckoned to take: a language model with some thousand image tokens."""

_WEIGHTS = ("*.safetensors", "*.bin")


@final
@dataclass(frozen=True, eq=False)
class TransformersRater:
    """A model that continues the answer to Q-Align's question; its own processor prepares pictures.

    Attributes:
        model, processor: of transformers; the model is frozen and follows the images to their device.
        prompt: with the image's place in it, up to where the level's word stands.
        levels: the numbers of the first pieces of the level words.
        weights, source: see `objectives.level_words.LevelRater`.
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
    try:
        with guarded():
            with contextlib.suppress(ImportError):
                import_torchvision()  # which transformers imports too where it is installed
            transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise MissingExtra(
            f"{source} needs the package {error.name or 'transformers'}; get it by: {INSTALL}"
        ) from error
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    try:
        with guarded():
            processor = transformers.AutoProcessor.from_pretrained(str(folder), **options)
            model = transformers.AutoModelForImageTextToText.from_pretrained(
                str(folder), dtype=dtype or "auto", **options
            )
    except Exception as error:  # whatever a library makes of a folder that holds something else
        raise ConfigError(
            f"{one_line(str(folder))}: no image-text-to-text model that transformers can load: "
            f"{type(error).__name__}: {one_line(str(error)[:200])}"
        ) from error
    if model.dtype == torch.float16:
        model = model.to(torch.bfloat16)  # which a CPU computes in as well, and which does not overflow
    prompt = _prompt(processor, task, folder)
    levels = tuple(_first_pieces(processor.tokenizer, task, folder))
    files = sorted(file for pattern in _WEIGHTS for file in folder.glob(pattern))
    hashes = {file.name: sha256_of(file) for file in files}
    return TransformersRater(model.requires_grad_(False).eval(), processor, prompt, levels, hashes, source)


def _prompt(processor: Any, task: str, folder: Path) -> str:
    content = [{"type": "image"}, {"type": "text", "text": QUESTION.format(task=task)}]
    try:
        asked = processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
    except Exception as error:  # a template is a program of the model's authors, run in a sandbox
        raise ConfigError(
            f"{one_line(str(folder))}: its processor has no usable chat template, and so no known way to ask: "
            f"{one_line(str(error)[:200])}"
        ) from error
    begin = processor.tokenizer.bos_token
    if begin and asked.startswith(begin) and _adds_begin(processor.tokenizer):
        asked = asked.removeprefix(begin)  # the tokenizer adds it once more
    space = "" if asked.endswith((" ", "\n")) else " "
    return f"{asked}{space}{ANSWER.format(task=task)}"


def _adds_begin(tokenizer: Any) -> bool:
    return tokenizer(ANSWER).input_ids[:1] == [tokenizer.bos_token_id]


def _first_pieces(tokenizer: Any, task: str, folder: Path) -> list[int]:
    """The number of the piece with which each level's word goes on after the answer's beginning."""
    answer = ANSWER.format(task=task)
    begun = tokenizer(answer, add_special_tokens=False).input_ids
    numbers = []
    for level in LEVELS:
        whole = tokenizer(f"{answer} {level}", add_special_tokens=False).input_ids
        if whole[: len(begun)] != begun or len(whole) == len(begun):
            raise ConfigError(
                f"{one_line(str(folder))}: its tokenizer joins {level!r} with the word before it"
            )
        numbers.append(whole[len(begun)])
    return require_five(numbers, one_line(str(folder)))


def _pictures(images: Images) -> UInt8[np.ndarray, "batch height width 3"]:
    levels = (images.float().clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
