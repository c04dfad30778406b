"""The attention layers of PromptIQA, in the names of its published weights.

| layer | looks from | to |
|---|---|---|
| `TransformerBlock` | tokens | tokens: the usual one |
| `PlaceAttention` | the places of one map | its places |
| `RowAttention` | the rows of a matrix | its rows |
| `ViewMixing` | several maps of one picture | one map, over places, over channels, and within each map |

Source: Chen, Qin, Wang, Yuan, Li, Hu and Wang 2024, PromptIQA: Boosting the performance and generalization for
no-reference image quality assessment via prompts; its visual encoder is the network of Chen, Wang, Li,
Yuan et al. 2024, GMC-IQA: Exploiting global-correlation and mean-opinion consistency for no-reference image quality
assessment.
"""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Tokens = Float[Tensor, "batch tokens width"]
Map = Float[Tensor, "batch width places"]
Maps = Float[Tensor, "batch maps width places"]


@final
class TokenAttention(nn.Module):
    """Attention with several heads among tokens."""

    def __init__(self, width: int, heads: int, qkv_bias: bool):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tokens) -> Tokens:
        """Each token becomes a mixture of all."""
        query, key, value = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


@final
class Mlp(nn.Module):
    """Two layers with a GELU between them, four times as wide inside."""

    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tokens) -> Tokens:
        """Each token for itself."""
        return self.fc2(F.gelu(self.fc1(tokens)))


@final
class TransformerBlock(nn.Module):
    """Attention and two layers, both over normalised tokens and added to them.

    Source: Dosovitskiy et al. 2021, An image is worth 16x16 words.
    """

    def __init__(self, width: int, heads: int, qkv_bias: bool, epsilon: float):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=epsilon)
        self.attn = TokenAttention(width, heads, qkv_bias)
        self.norm2 = nn.LayerNorm(width, eps=epsilon)
        self.mlp = Mlp(width)

    def forward(self, tokens: Tokens) -> Tokens:
        """As many tokens as came in."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


@final
class PlaceAttention(nn.Module):
    """Attention among the places of a map, added to it by a weight that was learnt.

    Its scores are not divided by the square root of the keys' width.
    """

    def __init__(self, width: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.qConv = nn.Conv2d(width, width // 8, 1)
        self.kConv = nn.Conv2d(width, width // 8, 1)
        self.vConv = nn.Conv2d(width, width, 1)

    def forward(self, features: Map) -> Map:
        """A map of the same shape."""
        places = features.mT
        # A convolution of one pixel is a matrix, and matrices keep all digits of float32 on a GPU.
        query, key, value = (
            F.linear(places, conv.weight.flatten(1), conv.bias)
            for conv in (self.qConv, self.kConv, self.vConv)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        return features + self.gamma * mixed.mT


@final
class RowAttention(nn.Module):
    """Attention with one head among the rows of a matrix, added to it."""

    def __init__(self, length: int):
        super().__init__()
        self.c_q = nn.Linear(length, length)
        self.c_k = nn.Linear(length, length)
        self.c_v = nn.Linear(length, length)

    def forward(self, rows: Float[Tensor, "batch rows length"]) -> Float[Tensor, "batch rows length"]:
        """A matrix of the same shape.

        The published network reads the mixed rows column by column and lays these numbers out row by row, as if
        the matrix had not been transposed. The weights were trained so, hence it is done here.
        """
        mixed = F.scaled_dot_product_attention(self.c_q(rows), self.c_k(rows), self.c_v(rows))
        return rows + mixed.mT.reshape(rows.shape)


@final
class ViewMixing(nn.Module):
    """One map out of several of the same picture (multi-view attention learning, MAL)."""

    def __init__(self, maps: int, width: int, places: int):
        super().__init__()
        self.channel_attention = RowAttention(maps * width)
        self.feature_attention = RowAttention(maps * places)
        self.attention_module = nn.ModuleList(PlaceAttention(width) for _ in range(maps))

    def forward(self, maps: Maps) -> Map:
        """The mean of the maps after attention within each, then among places and among channels."""
        refined = torch.stack([layer(maps[:, i]) for i, layer in enumerate(self.attention_module)], 1)
        stacked = refined.flatten(1, 2)
        # As published, the rows that stand for channels hold planes that follow each other in the stack: those of
        # neighbouring channels of one map, not those of one channel in all maps.
        rows = stacked.reshape(len(maps), maps.shape[2], -1)
        among_channels = self.feature_attention(rows).reshape(stacked.shape)
        among_places = self.channel_attention(stacked.mT).mT
        return ((among_channels + among_places) / 2).reshape(maps.shape).mean(1)
