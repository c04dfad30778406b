"""The image-text encoder `lite`: a pretrained network and statistics of pixels, put together by what was learned here.

Unlike the older compact encoder (`bundled`) it has seen, before it was taught quality, what the world looks like
(EfficientNet-Lite0), and while it was taught, what cameras make: noise that was demosaiced, denoised and sharpened. How
it was trained, on what, and how well it does stands in `weights/lite_encoder.md`; the script is
`objectives.training.lite_encoder.training`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from isptune.arrays import Images
from isptune.errors import ConfigError
from isptune.system.records import Few, Size
from objectives.checkpoints.own_files import BUNDLED
from objectives.checkpoints.reading import sha256_of
from objectives.encoders.bundled_encoder import at_least
from objectives.encoders.bundled_network import TextNetwork, Widths
from objectives.encoders.dual_files import Dual, read_dual, write_dual
from objectives.encoders.efficientnet_lite import BLOCK_MEANS, PUBLISHED, pretrained
from objectives.encoders.interface import Embeddings, Prompts
from objectives.encoders.picture_features import (
    FEATURES,
    SMALLEST_SIDE,
    STATISTICS,
    Features,
    picture_features,
)
from objectives.encoders.quality_words import QualityWords

LITE0 = PUBLISHED["lite0"]
WEIGHTS_FILE = BUNDLED / "lite_encoder.safetensors"
FORMAT = "isptune lite encoder 1"

IMAGES_AT_ONCE = 4

FARTHEST = 8.0
"""Features are cut at so many standard deviations of what was seen in training."""


@dataclass(frozen=True)
class LiteWidths:
    """Sizes of the network; they stand in the metadata of its weights."""

    blocks: Size = 128
    hidden: Size = 256
    statistics: Size = 192
    fused: Size = 256
    embedding: Size = 128
    words: Size = 64
    heads: Few = 4
    layers: Few = 2
    length: Size = 24

    def text(self) -> Widths:
        """Of the network that reads prompts."""
        return Widths(
            embedding=self.embedding,
            words=self.words,
            heads=self.heads,
            layers=self.layers,
            length=self.length,
        )


@final
class FeatureNetwork(nn.Module):
    """Features of pictures (`picture_features`) to embeddings.

    Attributes:
        mean, deviation: of the features in training, by which they are standardised.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, widths: LiteWidths, dropout: float = 0.0):
        super().__init__()
        self.widths = widths
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("deviation", torch.ones(FEATURES))
        # People rated few pictures, and a network's blocks are many numbers: most of them are dropped at each step.
        self.blocks = nn.Sequential(nn.Dropout(2 * dropout), nn.Linear(BLOCK_MEANS, widths.blocks), nn.GELU())
        self.statistics = nn.Sequential(
            nn.Linear(STATISTICS, widths.hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(widths.hidden, widths.statistics),
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in (widths.blocks, widths.statistics))
        self.fuse = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(widths.blocks + widths.statistics, widths.fused), nn.GELU()
        )
        self.embed = nn.Sequential(
            nn.Linear(widths.fused, widths.fused),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(widths.fused, widths.embedding),
        )

    def forward(self, features: Features) -> Float[Tensor, "batch fused"]:
        """What is known of each picture; `embeddings` takes it on."""
        x = ((features - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)
        parts = (self.blocks(x[:, :BLOCK_MEANS]), self.statistics(x[:, BLOCK_MEANS:]))
        return self.fuse(torch.cat([norm(part) for norm, part in zip(self.norms, parts, strict=True)], 1))

    def embeddings(self, fused: Float[Tensor, "batch fused"]) -> Embeddings:
        """Embeddings of length 1."""
        return functional.normalize(self.embed(fused), dim=1)


@final
class LiteEncoder:
    """ImageTextEncoder on a pretrained network and statistics, or another file of its layout.

    Images may have any size; a side below 64 pixels is continued by its border.

    Attributes:
        name: the spec that it was asked for with.
        weights: the files that it came from, with their hashes.
        temperature: what cosines are multiplied by.
    """

    source = (
        "isptune's own; after Radford et al. 2021, CLIP, arXiv:2103.00020, on EfficientNet-Lite0 (Tan and Le 2019, "
        "arXiv:1905.11946)"
    )

    def __init__(self, path: Path, name: str = "lite"):
        found = _read(path)
        self.name = name
        self.weights: Mapping[str, str] = {path.name: sha256_of(path), LITE0.file: LITE0.sha256}
        self.temperature = found.temperature
        self._image, self._network = found.image, pretrained()
        self._words = QualityWords(found.text, found.words, found.widths.length)

    @torch.no_grad()
    def encode_images(self, images: Images) -> Embeddings:
        """One embedding an image, float32. A NaN in an image gives an embedding of NaN."""
        if not len(images):
            return images.new_zeros(0, self._image.widths.embedding)
        for network in (self._image, self._network):
            network.to(images.device)
        at_once = IMAGES_AT_ONCE if images.device.type == "cpu" else 64
        return torch.cat([self._encode(part.float()) for part in images.split(at_once)])

    def embed_prompts(self, prompts: Sequence[str]) -> Prompts:
        """Token embeddings of prompts in plain English. Raises ConfigError, see `QualityWords.embed`."""
        return self._words.embed(prompts)

    def encode_prompts(self, prompts: Prompts) -> Embeddings:
        """One embedding a prompt; differentiable with respect to the token embeddings."""
        return self._words.encode(prompts)

    @torch.no_grad()
    def encode_features(self, features: Features) -> Embeddings:
        """One embedding for each row of `picture_features`."""
        return self._image.embeddings(self._image(features))

    def _encode(self, images: Images) -> Embeddings:
        seen = at_least(images.clamp(0, 1), SMALLEST_SIDE)
        return self.encode_features(picture_features(seen, self._network))


def build(argument: str | None = None) -> LiteEncoder:
    """The encoder that comes with the project, or one of the same layout from a file (`lite:FILE`).

    Raises:
        ConfigError: the file does not exist, or is not such an encoder.
        MissingExtra: the package with the pretrained network is not installed.
    """
    if argument is None:
        return LiteEncoder(WEIGHTS_FILE)
    return LiteEncoder(Path(argument).expanduser(), f"lite:{argument}")


def _read(path: Path) -> Dual[LiteWidths, FeatureNetwork]:
    found = read_dual(
        path,
        "lite encoder",
        FORMAT,
        LiteWidths,
        lambda widths, words: (FeatureNetwork(widths), TextNetwork(widths.text(), words)),
    )
    if not bool((found.image.deviation > 0).all()):
        raise ConfigError(f"{path}: its features have deviations that are not above 0")
    return found


def pack(
    image: FeatureNetwork, text: TextNetwork, words: Sequence[str], temperature: float, path: Path
) -> None:
    """Write a trained pair of networks as safetensors: fp16, but for what features are standardised by."""
    write_dual(path, FORMAT, (image, text), image.widths, words, temperature, exact=("mean", "deviation"))
