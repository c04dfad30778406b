"""Image-text-to-text models of Hugging Face transformers: loaded without surprises, and asked by their chat template.

transformers is an extra. Models run with the library's own code only: code that a repository brings is refused.
"""

import contextlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from isptune.errors import ConfigError, MissingExtra, one_line
from objectives.checkpoints.guarded_loading import guarded
from objectives.checkpoints.reading import sha256_of
from objectives.checkpoints.torchvision_shim import import_torchvision

INSTALL = "pip install 'isptune[transformers]'"

_WEIGHTS = ("*.safetensors", "*.bin")


def load_image_text_model(folder: Path, dtype: torch.dtype | None, source: str) -> tuple[Any, Any]:
    """The model in a folder, frozen, and its processor.

    Args:
        folder: with the model's files.
        dtype: of its weights; None for the file's, but bfloat16 for float16.
        source: who needs it, for messages.

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
            # Where torchvision is installed its resizing would be taken, which differs from Pillow's, by which such
            # models are trained: scores would depend on what else is installed, by 0.01 of 1 to 5 in a test.
            processor = transformers.AutoProcessor.from_pretrained(str(folder), backend="pil", **options)
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
    return model.requires_grad_(False).eval(), processor


def hashes_of(folder: Path) -> dict[str, str]:
    """The sha256 of the folder's files of weights."""
    files = sorted(file for pattern in _WEIGHTS for file in folder.glob(pattern))
    return {file.name: sha256_of(file) for file in files}


def chat_prompt(processor: Any, content: Sequence[dict[str, str]], answer: str, folder: Path) -> str:
    """The text of one user's turn, by the model's own template, and the beginning of the answer to it.

    Args:
        processor: of the model.
        content: parts `{"type": "image"}` and `{"type": "text", "text": ...}`.
        answer: how the answer begins; may be empty.
        folder: for messages.

    Raises:
        ConfigError: the processor has no template that can be used.
    """
    try:
        asked = processor.apply_chat_template(
            [{"role": "user", "content": list(content)}], add_generation_prompt=True, tokenize=False
        )
    except Exception as error:  # a template is a program of the model's authors, run in a sandbox
        raise ConfigError(
            f"{one_line(str(folder))}: its processor has no usable chat template, and so no known way to ask: "
            f"{one_line(str(error)[:200])}"
        ) from error
    begin = processor.tokenizer.bos_token
    if begin and asked.startswith(begin) and _adds_begin(processor.tokenizer):
        asked = asked.removeprefix(begin)  # the tokenizer adds it once more
    space = "" if not answer or asked.endswith((" ", "\n")) else " "
    return f"{asked}{space}{answer}"


def _adds_begin(tokenizer: Any) -> bool:
    return tokenizer("The").input_ids[:1] == [tokenizer.bos_token_id]


def piece_after(tokenizer: Any, begun: str, word: str, folder: Path) -> int:
    """The number of the piece with which a word goes on after a text. Raises ConfigError if the two are joined."""
    before = tokenizer(begun, add_special_tokens=False).input_ids
    whole = tokenizer(f"{begun} {word}", add_special_tokens=False).input_ids
    if whole[: len(before)] != before or len(whole) == len(before):
        raise ConfigError(f"{one_line(str(folder))}: its tokenizer joins {word!r} with the word before it")
    return whole[len(before)]
