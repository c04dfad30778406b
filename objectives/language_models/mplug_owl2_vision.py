"""The eyes of mPLUG-Owl2: a vision transformer, and an abstractor that sums its patches up in a few tokens.

Modules have the names of the published checkpoints, so that their tensors load as they are.
Source: Ye et al. 2024, mPLUG-Owl2: revolutionizing multi-modal large language model with modality collaboration.
"""

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from objectives.encoders.padded_square import Pixels

Patches = Float[Tensor, "batch patches width"]
"""The class token first, then the patches row by row."""

QUICK_GELU = 1.702
"""x sigmoid(1.702 x) stands for the Gaussian error linear unit. Source: Hendrycks and Gimpel 2016."""


@final
@dataclass(frozen=True)
class VisionSize:
    """Of the vision transformer; the defaults are the published network's (ViT-L/14 at 448 pixels)."""

    width: int = 1024
    mlp_width: int = 4096
    layers: int = 24
    heads: int = 16
    image_px: int = 448
    patch_px: int = 14
    norm_epsilon: float = 1e-6

    @property
    def tokens(self) -> int:
        """The class token and one for each patch."""
        return 1 + (self.image_px // self.patch_px) ** 2


@final
@dataclass(frozen=True)
class AbstractorSize:
    """Of the visual abstractor; the defaults are the published network's."""

    queries: int = 64
    width: int = 1024
    mlp_width: int = 2816
    layers: int = 6
    heads: int = 16
    norm_epsilon: float = 1e-6
    grid: int = 32


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, causal: bool = False) -> Tensor:
    """Scaled dot-product attention of [batch, tokens, heads * channels], heads apart.

    Keys and values may have fewer heads, each of which then serves several of the query's.
    """
    channels = query.shape[-1] // heads
    query, key, value = (x.unflatten(-1, (-1, channels)).transpose(1, 2) for x in (query, key, value))
    groups = heads // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    return F.scaled_dot_product_attention(query, key, value, is_causal=causal).transpose(1, 2).flatten(2)


@final
class VisionModel(nn.Module):
    """Pixels to patches: CLIP's vision transformer with one matrix for queries, keys and values."""

    def __init__(self, size: VisionSize):
        super().__init__()
        self.embeddings = Embeddings(size)
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(VisionLayer(size) for _ in range(size.layers))})
        self.post_layernorm = nn.LayerNorm(size.width, eps=size.norm_epsilon)

    def forward(self, pixels: Pixels) -> Patches:
        """All tokens of the last layer, the class token too."""
        hidden = self.embeddings(pixels)
        for layer in self.encoder["layers"]:  # pyright: ignore[reportGeneralTypeIssues]
            hidden = layer(hidden)
        return self.post_layernorm(hidden)


@final
class Embeddings(nn.Module):
    """Patches as tokens, with the class token and the positions."""

    def __init__(self, size: VisionSize):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.position_embedding = nn.Parameter(torch.zeros(1, size.tokens, size.width))
        self.patch_embed = nn.Conv2d(3, size.width, size.patch_px, size.patch_px, bias=False)
        self.pre_layernorm = nn.LayerNorm(size.width, eps=size.norm_epsilon)

    def forward(self, pixels: Pixels) -> Patches:
        patches = self.patch_embed(pixels).flatten(2).mT
        tokens = torch.cat([self.cls_token.expand(len(pixels), -1, -1), patches], 1)
        return self.pre_layernorm(tokens + self.position_embedding)


@final
class VisionLayer(nn.Module):
    """Attention and a network of two layers, each behind a norm and beside a shortcut."""

    def __init__(self, size: VisionSize):
        super().__init__()
        self.heads = size.heads
        self.self_attn = nn.ModuleDict(
            {
                "query_key_value": nn.Linear(size.width, 3 * size.width),
                "dense": nn.Linear(size.width, size.width),
            }
        )
        self.input_layernorm = nn.LayerNorm(size.width, eps=size.norm_epsilon)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(size.width, size.mlp_width), "fc2": nn.Linear(size.mlp_width, size.width)}
        )
        self.post_attention_layernorm = nn.LayerNorm(size.width, eps=size.norm_epsilon)

    def forward(self, hidden: Patches) -> Patches:
        fused = self.self_attn["query_key_value"](self.input_layernorm(hidden))
        # Rows of the fused matrix: head by head, in each its queries, its keys and its values.
        query, key, value = (x.flatten(2) for x in fused.unflatten(-1, (self.heads, 3, -1)).unbind(3))
        hidden = hidden + self.self_attn["dense"](attend(query, key, value, self.heads))
        inner = self.mlp["fc1"](self.post_attention_layernorm(hidden))
        return hidden + self.mlp["fc2"](inner * torch.sigmoid(QUICK_GELU * inner))


@final
class VisualAbstractor(nn.Module):
    """Patches to a few tokens in the language model's width: learned queries look at them."""

    def __init__(self, size: AbstractorSize, vision_width: int, language_width: int):
        super().__init__()
        self.query_embeds = nn.Parameter(torch.zeros(1, size.queries, size.width))
        self.vit_eos = nn.Parameter(torch.zeros(1, 1, language_width))
        layers = (
            nn.ModuleDict({"crossattention": CrossAttention(size, vision_width)}) for _ in range(size.layers)
        )
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(layers)})
        self.visual_fc = nn.Linear(size.width, language_width)

    def forward(self, patches: Patches) -> Float[Tensor, "batch tokens language_width"]:
        """One token for each query, and one that says that the image ends."""
        hidden = self.query_embeds.expand(len(patches), -1, -1)
        for layer in self.encoder["layers"]:  # pyright: ignore[reportGeneralTypeIssues]
            hidden = layer["crossattention"](hidden, patches)
        return torch.cat([self.visual_fc(hidden), self.vit_eos.expand(len(patches), -1, -1)], 1)


@final
class CrossAttention(nn.Module):
    """Queries look at themselves and at the patches; their shortcut starts behind the norm."""

    def __init__(self, size: AbstractorSize, vision_width: int):
        super().__init__()
        self.heads = size.heads
        self.attention = PlacedProjections(size, vision_width)
        self.output = AbstractorOutput(size)
        self.norm1 = nn.LayerNorm(size.width)
        self.normk = nn.LayerNorm(vision_width)

    def forward(self, hidden: Tensor, patches: Patches) -> Tensor:
        queries = self.norm1(hidden)
        seen = torch.cat([queries, self.normk(patches)], 1)
        query, key, value = self.attention(queries, seen)
        return self.output(queries, attend(query, key, value, self.heads))


@final
class PlacedProjections(nn.Module):
    """Queries, keys and values; positions are added before the first two are projected."""

    q_pos_embed: Tensor
    k_pos_embed: Tensor

    def __init__(self, size: AbstractorSize, vision_width: int):
        super().__init__()
        # Sines and cosines in the published files; they are read from there like everything else.
        self.register_buffer("q_pos_embed", torch.zeros(size.queries, size.width))
        self.register_buffer("k_pos_embed", torch.zeros(1 + size.grid**2, size.width))
        self.query = nn.Linear(size.width, size.width)
        self.key = nn.Linear(vision_width, size.width)
        self.value = nn.Linear(vision_width, size.width)

    def forward(self, queries: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        places = torch.cat([self.q_pos_embed, self.k_pos_embed])
        return self.query(queries + self.q_pos_embed), self.key(seen + places), self.value(seen)


@final
class AbstractorOutput(nn.Module):
    """What follows the attention: a projection, and a gated network with a norm inside."""

    def __init__(self, size: AbstractorSize):
        super().__init__()
        self.out_proj = nn.Linear(size.width, size.width)
        self.norm2 = nn.LayerNorm(size.width)
        self.mlp = nn.ModuleDict(
            {
                "w1": nn.Linear(size.width, size.mlp_width),
                "w2": nn.Linear(size.mlp_width, size.width),
                "w3": nn.Linear(size.width, size.mlp_width),
                "ffn_ln": nn.LayerNorm(size.mlp_width, eps=size.norm_epsilon),
            }
        )

    def forward(self, queries: Tensor, attended: Tensor) -> Tensor:
        hidden = queries + self.out_proj(attended)
        inner = self.norm2(hidden)
        gated = F.silu(self.mlp["w1"](inner)) * self.mlp["w3"](inner)
        return hidden + self.mlp["w2"](self.mlp["ffn_ln"](gated))
