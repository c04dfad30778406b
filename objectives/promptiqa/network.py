"""The network of PromptIQA, in the layout of the published checkpoint.

A picture of 224x224 pixels becomes 128 numbers (`encode`). With its score it becomes a token, and the tokens of a
prompt look at each other (`prompts`). A picture's features and the prompt's tokens together give its score (`score`).
The first is the work, once a picture; the second is done once a prompt; the third costs next to nothing.

Source: Chen, Qin, Wang, Yuan, Li, Hu and Wang 2024, PromptIQA: Boosting the performance and generalization for
no-reference image quality assessment via prompts, arXiv:2403.04993; their published code where the two differ.
"""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isptune.arrays import Images, Scores
from isptune.scenes.images import to_uint8
from objectives.promptiqa.attention import Maps, TransformerBlock, ViewMixing

Features = Float[Tensor, "batch features"]
"""What a picture becomes; 128 numbers in the published network."""

PromptTokens = Float[Tensor, "prompts features"]
"""What a prompt becomes: one token a rated picture, each having looked at the others."""

VISION_HEADS = 12
TOKEN_HEADS = 4
POOLS = (2, 2, 3)
"""Sides of the means after each of the three convolutions."""


@dataclass(frozen=True)
class PromptIqaSize:
    """What the shapes of a checkpoint say; the defaults are those of the published one.

    Attributes:
        patch_px, grid: side of a patch, and patches along a side of the picture.
        width, depth: of the vision transformer, a multiple of 24.
        taps: from how many of its blocks maps are taken, at equal steps, the last one included.
        views: how many mixtures of these maps are made before they are mixed into one.
        channels, kernels: of the three convolutions; the last of the channels is the width of tokens, a multiple of 4.
        rating_depth: blocks over a picture and its score.
        prompt_depth: blocks over the tokens of the prompt.
        scoring_depth: blocks over a picture and the prompt.
    """

    patch_px: int = 8
    grid: int = 28
    width: int = 768
    depth: int = 12
    taps: int = 4
    views: int = 3
    channels: tuple[int, int, int] = (256, 128, 128)
    kernels: tuple[int, int, int] = (5, 3, 3)
    rating_depth: int = 3
    prompt_depth: int = 3
    scoring_depth: int = 8

    @property
    def image_px(self) -> int:
        """The side of pictures, pixels."""
        return self.patch_px * self.grid

    @property
    def places_left(self) -> int:
        """The side of the map after convolutions and means; 1 in a network that works."""
        side = self.grid
        for kernel, pool in zip(self.kernels, POOLS, strict=True):
            side = (side - kernel + 1) // pool
        return side

    @property
    def bytes_per_image(self) -> int:
        """About what one picture takes while its maps are mixed, the widest layer."""
        return 12 * 4 * self.taps * self.width * self.grid**2


@final
class VisionTransformer(nn.Module):
    """The backbone; what is asked for are its patches after some blocks, before any last normalisation.

    Source: Dosovitskiy et al. 2021, An image is worth 16x16 words.
    """

    def __init__(self, size: PromptIqaSize):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, size.grid**2 + 1, size.width))
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv2d(3, size.width, size.patch_px, stride=size.patch_px)}
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(size.width, VISION_HEADS, qkv_bias=True, epsilon=1e-6) for _ in range(size.depth)
        )
        self.step = size.depth // size.taps

    def forward(self, pixels: Float[Tensor, "batch 3 side side"]) -> Maps:
        """The maps after every `step` blocks."""
        patches = self.patch_embed["proj"](pixels).flatten(2).mT
        tokens = torch.cat([self.cls_token.expand(len(pixels), -1, -1), patches], 1) + self.pos_embed
        maps = []
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens)
            if number % self.step == 0:
                maps.append(tokens[:, 1:].mT)
        return torch.stack(maps, 1)


@final
class PromptIqaNetwork(nn.Module):
    """The whole network; the names of its parts are those of the published checkpoint."""

    def __init__(self, size: PromptIqaSize):
        super().__init__()
        self.size = size
        width, places, token = size.width, size.grid**2, size.channels[-1]
        self.vit = VisionTransformer(size)
        self.MALs = nn.ModuleList(ViewMixing(size.taps, width, places) for _ in range(size.views))
        self.fusion_mal = ViewMixing(size.views, width, places)
        self.block = TransformerBlock(width, VISION_HEADS, qkv_bias=False, epsilon=1e-5)
        self.cnn = _convolutions(size)
        self.i_p_fusion = _token_blocks(size.rating_depth, token)
        self.mlp = nn.Sequential(nn.Linear(token, token // 2), nn.GELU(), nn.Linear(token // 2, token))
        self.prompt_fusion = _token_blocks(size.prompt_depth, token)
        self.blocks = _token_blocks(size.scoring_depth, token, qkv_bias=True, epsilon=1e-6)
        self.norm = nn.LayerNorm(token)
        self.score_block = nn.Sequential(
            nn.Linear(token, token // 2), nn.ReLU(), nn.Dropout(0.1), nn.Linear(token // 2, 1), nn.Sigmoid()
        )

    @property
    def bytes_per_image(self) -> int:
        """About what one picture takes while it is encoded."""
        return self.size.bytes_per_image

    def prepare(self, images: Images) -> Float[Tensor, "batch 3 side side"]:
        """Pictures as the network takes them: 8 bits, 224x224 whatever their shape was, values from -1 to 1."""
        return prepared(images, self.size.image_px)

    def encode(self, pixels: Float[Tensor, "batch 3 side side"]) -> Features:
        """The features of pictures that were prepared."""
        maps = self.vit(pixels)
        views = torch.stack([mixing(maps) for mixing in self.MALs], 1)
        mixed = self.block(self.fusion_mal(views).mT).mT
        return self.cnn(mixed.unflatten(2, (self.size.grid, self.size.grid))).flatten(1)

    def prompts(
        self, features: Float[Tensor, "prompts features"], scores: Float[Tensor, " prompts"]
    ) -> PromptTokens:
        """The tokens of rated pictures; their order does not matter.

        Args:
            features: of the pictures, from `encode`.
            scores: 0 for the worst to 1 for the best.
        """
        pairs = torch.stack([features, scores.unsqueeze(1).expand_as(features)], 1)
        rated = self.mlp(self.i_p_fusion(pairs).mean(1))
        return self.prompt_fusion(rated.unsqueeze(0)).squeeze(0)

    def score(self, features: Features, tokens: PromptTokens) -> Scores:
        """Scores, 0 to 1, of pictures beside a prompt; each for itself."""
        prompt = tokens.expand(len(features), -1, -1)
        seen = self.blocks(torch.cat([features.unsqueeze(1), prompt], 1))
        return self.score_block(self.norm(seen[:, 0])).squeeze(1)


def _convolutions(size: PromptIqaSize) -> nn.Sequential:
    layers: list[nn.Module] = []
    before = size.width
    for channels, kernel, pool in zip(size.channels, size.kernels, POOLS, strict=True):
        layers += [nn.Conv2d(before, channels, kernel), nn.BatchNorm2d(channels), nn.ReLU()]
        layers.append(nn.AvgPool2d(pool))
        before = channels
    return nn.Sequential(*layers)


def _token_blocks(count: int, width: int, qkv_bias: bool = False, epsilon: float = 1e-5) -> nn.Sequential:
    return nn.Sequential(*(TransformerBlock(width, TOKEN_HEADS, qkv_bias, epsilon) for _ in range(count)))


def prepared(images: Images, side: int) -> Float[Tensor, "batch 3 {side} {side}"]:
    """Pictures rounded to 8 bits, resized by OpenCV's INTER_CUBIC, which does not smooth before it reduces.

    The ratio of the sides is not kept. Values are -1 for black to 1 for white. Pictures on a GPU come back to it:
    no filter there rounds as OpenCV's does, and the weights were trained on its rounding.
    """
    import cv2

    resized = [
        torch.from_numpy(cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC))
        for picture in to_uint8(images)
    ]
    if not resized:
        return images.new_zeros(0, 3, side, side)
    scaled = torch.stack(resized).permute(0, 3, 1, 2).float() / 255
    return ((scaled - 0.5) / 0.5).contiguous().to(images.device)
