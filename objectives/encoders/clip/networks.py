"""CLIP's two towers: a vision transformer or a residual network, and a causal text transformer.

The modules bear the names of the published state dictionaries, so that these load as they are. Sizes are free:
see `objectives.encoders.clip.layouts` for how they are told from a checkpoint.

Source: Radford, Kim, Hallacy et al. 2021, Learning transferable visual models from natural language supervision,
arXiv:2103.00020; without positions in the attention pool: Wang, Chan and Loy 2023, Exploring CLIP for assessing the
look and feel of images, arXiv:2207.12396.
"""

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

Tokens = Float[Tensor, "batch tokens width"]
Maps = Float[Tensor, "batch channels rows columns"]


@dataclass(frozen=True)
class TransformerShape:
    """Sizes of one transformer. `quick_gelu` is OpenAI's x * sigmoid(1.702 x) in place of the exact GELU."""

    width: int
    layers: int
    heads: int
    quick_gelu: bool = True
    epsilon: float = 1e-5


@dataclass(frozen=True)
class VitShape:
    """A vision transformer: patches of `patch` pixels, a grid of `grid` by `grid` of them."""

    transformer: TransformerShape
    patch: int
    grid: int

    @property
    def side(self) -> int:
        """Of the square picture that it was trained on, pixels."""
        return self.patch * self.grid


@dataclass(frozen=True)
class ResNetShape:
    """A residual network: `blocks` in each of its four stages, heads in its pool, a grid of features."""

    width: int
    blocks: tuple[int, int, int, int]
    heads: int
    grid: int

    @property
    def side(self) -> int:
        """Of the square picture that it was trained on, pixels."""
        return 32 * self.grid


@dataclass(frozen=True)
class ClipShape:
    """Sizes of the whole: what a checkpoint and, where it does not say, its configuration tell."""

    embedding: int
    vision: VitShape | ResNetShape
    text: TransformerShape
    context: int
    vocabulary: int


@final
class _Attention(nn.Module):
    """Attention of all tokens to all, or to those before them."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tokens, causal: bool) -> Tokens:
        projected = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        query, key, value = (_split_heads(part, self.heads) for part in projected.chunk(3, dim=2))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


def _split_heads(x: Tokens, heads: int) -> Float[Tensor, "batch heads tokens channels"]:
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


@final
class _Block(nn.Module):
    """Attention and a perceptron, each on a normalised branch."""

    def __init__(self, shape: TransformerShape):
        super().__init__()
        self.quick_gelu = shape.quick_gelu
        self.attn = _Attention(shape.width, shape.heads)
        self.ln_1 = nn.LayerNorm(shape.width, shape.epsilon)
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(shape.width, 4 * shape.width),
                "c_proj": nn.Linear(4 * shape.width, shape.width),
            }
        )
        self.ln_2 = nn.LayerNorm(shape.width, shape.epsilon)

    def forward(self, x: Tokens, causal: bool) -> Tokens:
        x = x + self.attn(self.ln_1(x), causal)
        hidden = self.mlp["c_fc"](self.ln_2(x))
        hidden = hidden * torch.sigmoid(1.702 * hidden) if self.quick_gelu else F.gelu(hidden)
        return x + self.mlp["c_proj"](hidden)


@final
class Transformer(nn.Module):
    """Blocks one after another."""

    def __init__(self, shape: TransformerShape):
        super().__init__()
        self.resblocks = nn.ModuleList(_Block(shape) for _ in range(shape.layers))

    def forward(self, x: Tokens, causal: bool = False) -> Tokens:
        """The tokens after the last block."""
        for block in self.resblocks:
            x = block(x, causal)
        return x


def stretch_positions(table: Float[Tensor, "rows width"], tokens: int) -> Float[Tensor, "tokens width"]:
    """A table of positions for another number of tokens, as CLIP-IQA publishes it.

    The whole table is resized as if it were a picture, the class token's row with the others; this is not the
    resizing over a grid of patches that is usual elsewhere.
    """
    if len(table) == tokens:
        return table
    size = (tokens, table.shape[1])
    return F.interpolate(table[None, None], size=size, mode="bicubic", align_corners=False)[0, 0]


@final
class VisionTransformer(nn.Module):
    """Patches, a class token in front, a transformer; the class token's output is projected."""

    def __init__(self, shape: VitShape, embedding: int):
        super().__init__()
        width, epsilon = shape.transformer.width, shape.transformer.epsilon
        self.side = shape.side
        self.smallest_side = shape.patch
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(shape.grid**2 + 1, width))
        self.proj = nn.Parameter(torch.empty(width, embedding))
        self.conv1 = nn.Conv2d(3, width, shape.patch, shape.patch, bias=False)
        self.ln_pre = nn.LayerNorm(width, epsilon)
        self.transformer = Transformer(shape.transformer)
        self.ln_post = nn.LayerNorm(width, epsilon)

    def forward(self, pixels: Maps, positions: bool) -> Float[Tensor, "batch embedding"]:
        """Embeddings, of any length, of normalised pixels; with or without positions."""
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(pixels), 1, -1).to(patches.dtype), patches], dim=1)
        if positions:
            x = x + stretch_positions(self.positional_embedding, x.shape[1])
        x = self.transformer(self.ln_pre(x))
        return self.ln_post(x[:, 0]) @ self.proj


@final
class _Bottleneck(nn.Module):
    """Three convolutions beside a shortcut; a stride is an average before the last of them."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride > 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Maps) -> Float[Tensor, "batch outputs smaller_rows smaller_columns"]:
        main = F.relu(self.bn1(self.conv1(x)))
        main = F.relu(self.bn2(self.conv2(main)))
        if self.stride > 1:
            main, x = F.avg_pool2d(main, self.stride), F.avg_pool2d(x, self.stride)
        main = self.bn3(self.conv3(main))
        return F.relu(main + (x if self.downsample is None else self.downsample(x)))


@final
class _AttentionPool(nn.Module):
    """The mean of all features asks all features; one answer a picture."""

    def __init__(self, shape: ResNetShape, embedding: int):
        super().__init__()
        channels = 32 * shape.width
        self.heads = shape.heads
        self.positional_embedding = nn.Parameter(torch.empty(shape.grid**2 + 1, channels))
        self.k_proj = nn.Linear(channels, channels)
        self.q_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.c_proj = nn.Linear(channels, embedding)

    def forward(self, maps: Maps, positions: bool) -> Float[Tensor, "batch embedding"]:
        x = maps.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], dim=1)
        if positions:
            x = x + stretch_positions(self.positional_embedding, x.shape[1])
        # Only the first token's answer is used: with one query a picture of any size fits into memory.
        query, key, value = self.q_proj(x[:, :1]), self.k_proj(x), self.v_proj(x)
        query, key, value = (_split_heads(part, self.heads) for part in (query, key, value))
        pooled = F.scaled_dot_product_attention(query, key, value)
        return self.c_proj(pooled.transpose(1, 2).flatten(1))


@final
class ModifiedResNet(nn.Module):
    """CLIP's residual network: a stem of three convolutions, averages for strides, an attention pool."""

    def __init__(self, shape: ResNetShape, embedding: int):
        super().__init__()
        half, width = shape.width // 2, shape.width
        self.side = shape.side
        self.smallest_side = 32
        self.conv1 = nn.Conv2d(3, half, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, shape.blocks[0], 1)
        self.layer2 = _stage(4 * width, 2 * width, shape.blocks[1], 2)
        self.layer3 = _stage(8 * width, 4 * width, shape.blocks[2], 2)
        self.layer4 = _stage(16 * width, 8 * width, shape.blocks[3], 2)
        self.attnpool = _AttentionPool(shape, embedding)

    def forward(self, pixels: Maps, positions: bool) -> Float[Tensor, "batch embedding"]:
        """Embeddings, of any length, of normalised pixels; with or without positions in the pool."""
        x = F.relu(self.bn1(self.conv1(pixels)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.avg_pool2d(F.relu(self.bn3(self.conv3(x))), 2)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.attnpool(x, positions)


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    following = (_Bottleneck(4 * width, width, 1) for _ in range(blocks - 1))
    return nn.Sequential(_Bottleneck(inputs, width, stride), *following)


@final
class Clip(nn.Module):
    """Both towers, with the names of OpenAI's state dictionary."""

    def __init__(self, shape: ClipShape):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.empty(shape.context, shape.text.width))
        self.text_projection = nn.Parameter(torch.empty(shape.text.width, shape.embedding))
        self.logit_scale = nn.Parameter(torch.empty(()))
        tower = VisionTransformer if isinstance(shape.vision, VitShape) else ModifiedResNet
        self.visual = tower(shape.vision, shape.embedding)  # pyright: ignore[reportArgumentType]
        self.transformer = Transformer(shape.text)
        self.token_embedding = nn.Embedding(shape.vocabulary, shape.text.width)
        self.ln_final = nn.LayerNorm(shape.text.width, shape.text.epsilon)

    def forward(
        self, tokens: Float[Tensor, "prompts tokens width"], ends: Int[Tensor, " prompts"]
    ) -> Float[Tensor, "prompts embedding"]:
        """Embeddings, of any length, of token embeddings to which positions are still to be added.

        A token attends to those before it only, so what stands after the last end cannot matter and is left out.
        """
        tokens = tokens[:, : int(ends.max()) + 1]
        x = self.transformer(tokens + self.positional_embedding[: tokens.shape[1]], causal=True)
        x = self.ln_final(x[torch.arange(len(x), device=x.device), ends])
        return x @ self.text_projection
