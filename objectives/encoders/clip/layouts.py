"""From a checkpoint of CLIP to a network: sizes told from the tensors, names and shapes checked strictly.

Known layouts: OpenAI's, which open_clip shares for models of that kind, and that of `CLIPModel` in Hugging Face
transformers.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from isptune.errors import ConfigError, one_line
from objectives.checkpoints.reading import load_strictly
from objectives.encoders.clip.networks import Clip, ClipShape, ResNetShape, TransformerShape, VitShape

CHANNELS_A_HEAD = 64
"""In every network that OpenAI published."""

NOTES = ("input_resolution", "context_length", "vocab_size")
"""Sizes that OpenAI's archives repeat as tensors."""


@dataclass(frozen=True)
class ShapeHints:
    """What a state dictionary does not tell.

    Attributes:
        quick_gelu: see `TransformerShape`.
        vision_heads, text_heads: attention heads; None stands for 64 channels each, as OpenAI's have.
        epsilon: of the layer normalisations.
    """

    quick_gelu: bool = True
    vision_heads: int | None = None
    text_heads: int | None = None
    epsilon: float = 1e-5


def load_clip(state: Mapping[str, Tensor], path: Path, hints: ShapeHints | None = None) -> Clip:
    """A frozen network in float32 with these tensors.

    Raises:
        ConfigError: tensors are missing, unexpected or of wrong shape; a few are named.
    """
    state = {key: value for key, value in state.items() if key not in NOTES}
    shape = shape_of(state, path, hints or ShapeHints())
    with torch.device("meta"):  # drawing random weights for a large network takes seconds
        network = Clip(shape)
    network.to_empty(device="cpu")
    load_strictly(network, state, path)
    # Convolutions on a CPU are up to a half faster with channels last; on a GPU no slower.
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return network.eval().requires_grad_(False)


def shape_of(state: Mapping[str, Tensor], path: Path, hints: ShapeHints) -> ClipShape:
    """The sizes that the tensors of a state dictionary imply. Raises ConfigError where they imply none."""
    context, width = _sizes(state, path, "positional_embedding", 2)
    _, embedding = _sizes(state, path, "text_projection", 2)
    vocabulary, _ = _sizes(state, path, "token_embedding.weight", 2)
    text = _transformer(width, _blocks(state, "transformer.resblocks."), hints.text_heads, hints, path)
    if "visual.layer1.0.conv1.weight" in state:
        vision = _resnet_shape(state, path, hints)
    else:
        vision = _vit_shape(state, path, hints)
    return ClipShape(embedding, vision, text, context, vocabulary)


def _vit_shape(state: Mapping[str, Tensor], path: Path, hints: ShapeHints) -> VitShape:
    width, _, patch, _ = _sizes(state, path, "visual.conv1.weight", 4)
    layers = _blocks(state, "visual.transformer.resblocks.")
    transformer = _transformer(width, layers, hints.vision_heads, hints, path)
    return VitShape(transformer, patch, _grid(state, path, "visual.positional_embedding"))


def _resnet_shape(state: Mapping[str, Tensor], path: Path, hints: ShapeHints) -> ResNetShape:
    width, *_ = _sizes(state, path, "visual.layer1.0.conv1.weight", 4)
    one, two, three, four = (max(1, _blocks(state, f"visual.layer{stage}.")) for stage in (1, 2, 3, 4))
    heads = hints.vision_heads or max(1, 32 * width // CHANNELS_A_HEAD)
    _require_whole_heads(32 * width, heads, path)
    grid = _grid(state, path, "visual.attnpool.positional_embedding")
    return ResNetShape(width, (one, two, three, four), heads, grid)


def _transformer(
    width: int, layers: int, heads: int | None, hints: ShapeHints, path: Path
) -> TransformerShape:
    heads = heads or max(1, width // CHANNELS_A_HEAD)
    _require_whole_heads(width, heads, path)
    return TransformerShape(width, layers, heads, hints.quick_gelu, hints.epsilon)


def _require_whole_heads(width: int, heads: int, path: Path) -> None:
    if heads < 1 or width % heads:
        raise ConfigError(
            f"{one_line(str(path))}: {width} channels do not divide into {heads} attention heads"
        )


def _sizes(state: Mapping[str, Tensor], path: Path, key: str, dimensions: int) -> list[int]:
    if key not in state:
        known = ", ".join(one_line(name[:60]) for name in list(state)[:3])
        raise ConfigError(
            f"{one_line(str(path))}: its layout is not that of a CLIP: missing: {key}; its first names are {known}"
        )
    sizes = list(state[key].shape)
    if len(sizes) != dimensions or 0 in sizes:
        raise ConfigError(
            f"{one_line(str(path))}: its layout is not that of a CLIP: {key} has the shape {sizes}, "
            f"not {dimensions} dimensions"
        )
    return sizes


def _grid(state: Mapping[str, Tensor], path: Path, key: str) -> int:
    rows = _sizes(state, path, key, 2)[0]
    grid = math.isqrt(rows - 1)
    if grid < 1 or grid**2 + 1 != rows:
        raise ConfigError(
            f"{one_line(str(path))}: {key} has {rows} rows, which are no square grid and one more"
        )
    return grid


def _blocks(state: Mapping[str, Tensor], prefix: str) -> int:
    return len({key.removeprefix(prefix).partition(".")[0] for key in state if key.startswith(prefix)})


_TRANSFORMERS_NAMES = {
    "logit_scale": "logit_scale",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "text_projection.weight": "text_projection",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
    "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
    "visual_projection.weight": "visual.proj",
}
_TRANSPOSED = ("text_projection", "visual.proj")
_TRANSFORMERS_BLOCK = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_BLOCK = re.compile(r"(text_model|vision_model)\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")


def from_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The layout of Hugging Face transformers as OpenAI's. Names that it does not know stay as they are."""
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.endswith(".embeddings.position_ids"):
            continue  # a buffer of older versions: 0, 1, 2, ...
        name = _TRANSFORMERS_NAMES.get(key, key)
        match = _BLOCK.fullmatch(key)
        if match and match[3] in _TRANSFORMERS_BLOCK:
            name = f"{_tower(match)}{_TRANSFORMERS_BLOCK[match[3]]}.{match[4]}"
        renamed[name] = value.mT if name in _TRANSPOSED and value.ndim == 2 else value
    return _with_joined_projections(renamed)


def _tower(match: re.Match[str]) -> str:
    return f"{'visual.' if match[1] == 'vision_model' else ''}transformer.resblocks.{match[2]}."


def _with_joined_projections(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Queries, keys and values, which lie apart there and in one matrix here."""
    joined = dict(state)
    for key in state:
        match = _BLOCK.fullmatch(key)
        if not match or match[3] != "self_attn.q_proj":
            continue
        parts = [key.replace("q_proj", f"{letter}_proj") for letter in "qkv"]
        if all(part in state and state[part].shape == state[key].shape for part in parts):
            joined[f"{_tower(match)}attn.in_proj_{match[4]}"] = torch.cat(
                [joined.pop(part) for part in parts]
            )
    return joined
