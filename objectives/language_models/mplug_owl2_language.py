"""The language model of mPLUG-Owl2: LLaMA, whose norms, keys and values differ between words and image tokens.

Modules have the names of the published checkpoints, so that their tensors load as they are.
Sources: Touvron et al. 2023, Llama 2: open foundation and fine-tuned chat models; Ye et al. 2024, mPLUG-Owl2 (the
modality-adaptive modules); Su et al. 2021, RoFormer (rotary positions); Zhang and Sennrich 2019, Root mean square
layer normalization.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from objectives.language_models.mplug_owl2_vision import attend

Hidden = Float[Tensor, "batch tokens width"]
Rotation = tuple[Float[Tensor, "tokens channels"], Float[Tensor, "tokens channels"]]
"""Cosines and sines of the angles that positions turn queries and keys by."""


@final
@dataclass(frozen=True)
class LanguageSize:
    """Of the language model; the defaults are those of LLaMA-2 with 7 billion parameters."""

    vocabulary: int = 32_000
    width: int = 4096
    mlp_width: int = 11_008
    layers: int = 32
    heads: int = 32
    key_heads: int = 32
    norm_epsilon: float = 1e-6
    rotary_base: float = 10_000.0


@final
class Multiway(nn.Module):
    """Two modules of one kind: the first for words, the second for the tokens of the image."""

    def __init__(self, make: Callable[[], nn.Module]):
        super().__init__()
        self.multiway = nn.ModuleList([make(), make()])

    def forward(self, hidden: Hidden, image: slice) -> Float[Tensor, "batch tokens features"]:
        """`image` says which tokens are the image's, the same for the whole batch."""
        words, picture = self.multiway
        before, after = hidden[:, : image.start], hidden[:, image.stop :]
        return torch.cat([words(before), picture(hidden[:, image]), words(after)], 1)


@final
class RootMeanSquareNorm(nn.Module):
    """Divides by the root of the mean square, which is worked out in float32."""

    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, hidden: Float[Tensor, "*tokens width"]) -> Float[Tensor, "*tokens width"]:
        exact = hidden.float()
        exact = exact * (exact.square().mean(-1, keepdim=True) + self.epsilon).rsqrt()
        return self.weight * exact.to(hidden.dtype)


@final
class SelfAttention(nn.Module):
    """Causal attention with rotary positions."""

    def __init__(self, size: LanguageSize):
        super().__init__()
        self.heads = size.heads
        self.channels = size.width // size.heads
        key_width = size.key_heads * self.channels
        self.q_proj = nn.Linear(size.width, size.width, bias=False)
        self.k_proj = Multiway(lambda: nn.Linear(size.width, key_width, bias=False))
        self.v_proj = Multiway(lambda: nn.Linear(size.width, key_width, bias=False))
        self.o_proj = nn.Linear(size.width, size.width, bias=False)

    def forward(self, hidden: Hidden, image: slice, rotation: Rotation) -> Hidden:
        query = self._rotated(self.q_proj(hidden), rotation)
        key = self._rotated(self.k_proj(hidden, image), rotation)
        return self.o_proj(attend(query, key, self.v_proj(hidden, image), self.heads, causal=True))

    def _rotated(self, projected: Tensor, rotation: Rotation) -> Tensor:
        cosines, sines = (x.unsqueeze(1) for x in rotation)
        heads = projected.unflatten(-1, (-1, self.channels))
        first, second = heads.chunk(2, -1)
        return (heads * cosines + torch.cat([-second, first], -1) * sines).flatten(2)


@final
class LanguageLayer(nn.Module):
    """Attention and a gated network, each behind a norm and beside a shortcut."""

    def __init__(self, size: LanguageSize):
        super().__init__()
        self.self_attn = SelfAttention(size)
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": nn.Linear(size.width, size.mlp_width, bias=False),
                "up_proj": nn.Linear(size.width, size.mlp_width, bias=False),
                "down_proj": nn.Linear(size.mlp_width, size.width, bias=False),
            }
        )
        self.input_layernorm = Multiway(lambda: RootMeanSquareNorm(size.width, size.norm_epsilon))
        self.post_attention_layernorm = Multiway(lambda: RootMeanSquareNorm(size.width, size.norm_epsilon))

    def forward(self, hidden: Hidden, image: slice, rotation: Rotation) -> Hidden:
        hidden = hidden + self.self_attn(self.input_layernorm(hidden, image), image, rotation)
        inner = self.post_attention_layernorm(hidden, image)
        gated = F.silu(self.mlp["gate_proj"](inner)) * self.mlp["up_proj"](inner)
        return hidden + self.mlp["down_proj"](gated)


def rotation_of(tokens: int, size: LanguageSize, like: Tensor) -> Rotation:
    """Angles position * base^(-2i / channels), worked out in float32 and given in the type of `like`.

    Channel i turns together with channel i + channels / 2.
    """
    channels = size.width // size.heads
    exponents = torch.arange(0, channels, 2, dtype=torch.float32, device=like.device) / channels
    positions = torch.arange(tokens, dtype=torch.float32, device=like.device)
    angles = positions.unsqueeze(1) * size.rotary_base**-exponents
    angles = torch.cat([angles, angles], 1)
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)
