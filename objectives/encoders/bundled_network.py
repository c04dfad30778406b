"""The network of the bundled image-text encoder: three views of a picture and a small text transformer.

A picture is seen three ways, because no single one shows everything: crops at its own resolution (halos, blotches,
pixels), the whole of it made small (what it shows, and so which colours and contrast belong to it), and statistics
of its tones (clipping, range, saturation) and of its fine texture (noise, blur, blocks). Their features are put
together to one embedding. Convolutions alone need a hundred times as many pictures to learn what the statistics tell.
"""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from isptune.arrays import Images
from isptune.errors import ConfigError
from isptune.system.records import Few, Size
from objectives.no_reference.texture_shares import TEXTURE_FEATURES

TONE_EDGES = (0.002, 0.01, 0.03, 0.06, 0.1, 0.16, 0.24, 0.34, 0.46, 0.58, 0.68, 0.78, 0.87, 0.94, 0.98, 0.997)
"""Borders of the tone bins, denser at both ends, where clipping shows."""

TONE_PLANES = 5
"""Red, green, blue, their mean, and largest minus smallest."""

TONE_FEATURES = TONE_PLANES * (len(TONE_EDGES) + 1)
STATISTICS = TONE_FEATURES + TEXTURE_FEATURES


@dataclass(frozen=True)
class Widths:
    """Sizes of the network; they stand in the metadata of its weights."""

    crop: tuple[Size, Size, Size, Size] = (32, 48, 64, 96)
    view: tuple[Size, Size, Size, Size, Size] = (32, 64, 96, 160, 192)
    statistics: Size = 192
    fused: Size = 256
    embedding: Size = 128
    words: Size = 64
    heads: Few = 4
    layers: Few = 2
    length: Size = 24

    def __post_init__(self) -> None:
        if self.words % self.heads:
            raise ConfigError(f"words = {self.words} is no multiple of heads = {self.heads}")


@final
class ImageNetwork(nn.Module):
    """Pictures to embeddings.

    Before `folded` every convolution is followed by a batch normalisation; after it, by its bias alone.
    """

    def __init__(self, widths: Widths, dropout: float = 0.0):
        super().__init__()
        self.widths = widths
        crop, view = widths.crop, widths.view
        # Steps of 4, 8, 16, 32 pixels: what is local needs few channels, and most of the time goes here.
        self.crop = nn.Sequential(
            _convolution(3, crop[0], 6, 4),
            *[
                layer
                for i in range(1, len(crop))
                for layer in (_convolution(crop[i - 1], crop[i], 3, 2), Residual(crop[i]))
            ],
        )
        self.view = nn.Sequential(
            _convolution(3, view[0], 3, 2),
            _convolution(view[0], view[1], 3, 2),
            Residual(view[1]),
            _convolution(view[1], view[2], 3, 2),
            Residual(view[2]),
            Residual(view[2]),
            _convolution(view[2], view[3], 3, 2),
            Residual(view[3]),
            Residual(view[3]),
            _convolution(view[3], view[4], 3, 2),
            Residual(view[4]),
        )
        self.statistics = nn.Sequential(
            nn.BatchNorm1d(STATISTICS),
            nn.Linear(STATISTICS, 256),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(256, widths.statistics),
        )
        # Each part on its own scale, so that none drowns the others.
        self.norms = nn.ModuleList(
            nn.LayerNorm(width) for width in (2 * crop[-1], 2 * view[-1], widths.statistics)
        )
        features = 2 * crop[-1] + 2 * view[-1] + widths.statistics
        self.fuse = nn.Sequential(nn.Dropout(dropout), nn.Linear(features, widths.fused), nn.GELU())
        # Amounts of what was done are signed, and quality falls to both sides: one layer more than a linear one.
        self.embed = nn.Sequential(
            nn.Linear(widths.fused, widths.fused),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(widths.fused, widths.embedding),
        )

    def forward(
        self,
        crops: Float[Tensor, "batch crops 3 height width"],
        view: Float[Tensor, "batch 3 small_height small_width"],
        statistics: Float[Tensor, "batch statistics"],
    ) -> Float[Tensor, "batch fused"]:
        """The features of each picture; `embeddings` takes them on."""
        return self.fuse_parts(self.parts(crops, view, statistics))

    def parts(
        self,
        crops: Float[Tensor, "batch crops 3 height width"],
        view: Float[Tensor, "batch 3 small_height small_width"],
        statistics: Float[Tensor, "batch statistics"],
    ) -> list[Float[Tensor, "batch _"]]:
        """What each of the three views shows: the crops (mean and spread), the whole, the statistics."""
        batch, count = crops.shape[:2]
        local = self.crop(_channels_last(crops.flatten(0, 1) - 0.5)).float()
        local = local.unflatten(0, (batch, count)).transpose(1, 2).flatten(2)
        # The crops of a picture are pooled as one, so that their number does not matter.
        middle = local.mean(2)
        spread = ((local - middle.unsqueeze(2)).square().mean(2) + 1e-6).sqrt()
        seen = self.view(_channels_last(view - 0.5)).float().flatten(2)
        parts = [torch.cat([middle, spread], 1), torch.cat([seen.mean(2), seen.amax(2)], 1)]
        return [*parts, self.statistics(statistics).float()]

    def fuse_parts(self, parts: list[Float[Tensor, "batch _"]]) -> Float[Tensor, "batch fused"]:
        """The parts of each picture, put together."""
        return self.fuse(torch.cat([norm(part) for norm, part in zip(self.norms, parts, strict=True)], 1))

    def embeddings(self, features: Float[Tensor, "batch fused"]) -> Float[Tensor, "batch embedding"]:
        """Features to embeddings of length 1."""
        return functional.normalize(self.embed(features), dim=1)

    def folded(self) -> "ImageNetwork":
        """Put the batch normalisations into the convolutions before them, in place, for use without training."""
        self.eval()
        for layer in self.modules():
            if isinstance(layer, Convolution):
                layer.fold()
        return self


@final
class Convolution(nn.Module):
    """Convolution, normalisation over the batch, and a rectifier where asked for."""

    def __init__(self, before: int, after: int, side: int, step: int, rectify: bool = True):
        super().__init__()
        self.convolution = nn.Conv2d(before, after, side, step, (side - 1) // 2, bias=False)
        self.norm: nn.BatchNorm2d | None = nn.BatchNorm2d(after)
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)
        if self.norm is not None:
            x = self.norm(x)
        return x.relu_() if self.rectify else x

    @torch.no_grad()
    def fold(self) -> None:
        """Take the normalisation with its running statistics into the convolution."""
        if self.norm is None:
            return
        norm, convolution = self.norm, self.convolution
        if (
            norm.bias.is_meta
        ):  # nothing to compute, and arithmetic on it would load torch's compiler for seconds
            convolution.bias, self.norm = nn.Parameter(torch.empty_like(norm.bias)), None
            return
        assert norm.running_var is not None  # both are tracked by default
        assert norm.running_mean is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        convolution.weight.mul_(scale[:, None, None, None])
        convolution.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        self.norm = None


@final
class Residual(nn.Module):
    """Two convolutions and the way around them (He et al. 2016, Deep Residual Learning)."""

    def __init__(self, width: int):
        super().__init__()
        self.first = Convolution(width, width, 3, 1)
        self.second = Convolution(width, width, 3, 1, rectify=False)

    def forward(self, x: Tensor) -> Tensor:
        return (self.second(self.first(x)) + x).relu_()


@final
class TextNetwork(nn.Module):
    """Prompts to embeddings: a transformer with normalisation first, read at the prompt's end."""

    def __init__(self, widths: Widths, words: int):
        super().__init__()
        self.words = nn.Embedding(words, widths.words)
        self.positions = nn.Parameter(torch.empty(widths.length, widths.words))
        nn.init.normal_(self.positions, std=0.02)
        self.layers = nn.ModuleList(TextLayer(widths.words, widths.heads) for _ in range(widths.layers))
        self.norm = nn.LayerNorm(widths.words)
        self.embed = nn.Linear(widths.words, widths.embedding)
        nn.init.normal_(self.words.weight, std=0.05)

    def forward(
        self, tokens: Float[Tensor, "prompts tokens width"], ends: Int[Tensor, " prompts"]
    ) -> Float[Tensor, "prompts embedding"]:
        x = tokens + self.positions[: tokens.shape[1]]
        # What comes after the end is padding, and must not be seen.
        padding = torch.arange(x.shape[1], device=x.device) > ends[:, None]
        for layer in self.layers:
            x = layer(x, padding)
        last = x[torch.arange(len(x), device=x.device), ends]
        return functional.normalize(self.embed(self.norm(last)), dim=1)


@final
class TextLayer(nn.Module):
    """Attention over all words of a prompt, then a network for each word."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.after_attention = nn.Linear(width, width)
        self.before_network = nn.LayerNorm(width)
        self.network = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        prompts, length, width = x.shape
        split = self.query_key_value(self.before_attention(x))
        query, key, value = split.view(prompts, length, 3, self.heads, width // self.heads).unbind(2)
        seen = ~padding[:, None, None, :].expand(-1, 1, length, -1)
        mixed = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=seen
        )
        x = x + self.after_attention(mixed.transpose(1, 2).reshape(prompts, length, width))
        return x + self.network(self.before_network(x))


def tone_shares(images: Images) -> Float[Tensor, "batch tones"]:
    """Logarithms of the shares of pixels in each bin of tone, for the five planes of `TONE_PLANES`.

    Larger pictures are read at every second or fourth pixel: shares need no more.
    """
    pixels = images.shape[-1] * images.shape[-2]
    step = 1 if pixels <= 20_000 else 2 if pixels <= 1_000_000 else 4
    seen = images[..., ::step, ::step]
    low, high = seen.amin(1, keepdim=True), seen.amax(1, keepdim=True)
    planes = torch.cat([seen, seen.mean(1, keepdim=True), high - low], 1).flatten(2)
    # Counts over a fine grid, summed up to the edges, are ten times as fast as a search among the edges.
    grid = 1024
    cells = (planes * (grid - 1e-3)).to(torch.int32).clamp_(0, grid - 1)
    first = torch.arange(cells.shape[0] * cells.shape[1], device=cells.device, dtype=torch.int32) * grid
    cells += first.view(*cells.shape[:2], 1)
    counts = torch.bincount(cells.flatten(), minlength=cells.shape[0] * cells.shape[1] * grid)
    below = counts.view(*cells.shape[:2], grid).cumsum(2).float() / planes.shape[2]
    edges = torch.tensor([round(edge * grid) - 1 for edge in TONE_EDGES], device=cells.device)
    at_edges = functional.pad(below[..., edges], (1, 1))
    at_edges[..., -1] = 1.0
    return (at_edges.diff(dim=2).clamp_min(0) + 1e-3).log().flatten(1)


def _convolution(before: int, after: int, side: int, step: int) -> Convolution:
    return Convolution(before, after, side, step)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
