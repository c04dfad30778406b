"""The bundled image-text encoder: compact, trained here, and at home with words about image quality only.

How it was trained, on what, and how well it does stands in `weights/bundled_encoder.md`; the script is
`objectives.training.encoder.training`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from isptune.arrays import Images
from objectives.checkpoints.own_files import BUNDLED
from objectives.checkpoints.reading import sha256_of
from objectives.encoders.bundled_network import ImageNetwork, TextNetwork, Widths, tone_shares
from objectives.encoders.dual_files import Dual, read_dual, write_dual
from objectives.encoders.interface import Embeddings, Prompts
from objectives.encoders.quality_words import QualityWords
from objectives.no_reference.cells import JPEG_BLOCK
from objectives.no_reference.texture_shares import texture_shares

VIEW_SIDE = 112
"""Longer side of the small view of the whole picture, pixels."""

CROP_SIDE = 192
CROPS_A_SIDE = 3
"""A picture of more pixels than all crops hold is seen through 3x3 crops, evenly spread; a smaller one whole."""

WEIGHTS_FILE = BUNDLED / "bundled_encoder.safetensors"
FORMAT = "isptune bundled encoder 1"

SMALLEST_SIDE = 32
"""Smaller pictures are continued by their border pixels, pixels."""

IMAGES_AT_ONCE = 4


def views_of(
    images: Images,
) -> tuple[
    Float[Tensor, "batch crops 3 crop_height crop_width"],
    Float[Tensor, "batch 3 small_height small_width"],
    Float[Tensor, "batch statistics"],
]:
    """The three views of pictures of any size: crops at their own resolution, the whole made small, statistics."""
    seen = at_least(images.clamp(0, 1), SMALLEST_SIDE)
    crops = crops_of(seen)
    return crops, small_view(seen), statistics_of(seen, crops)


def crops_of(images: Images) -> Float[Tensor, "batch crops 3 crop_height crop_width"]:
    """The whole of a picture up to all that nine crops hold, else these, evenly spread, at its own resolution."""
    height, width = images.shape[-2:]
    if height * width <= (CROP_SIDE * CROPS_A_SIDE) ** 2:
        return images.unsqueeze(1)
    high, wide = min(height, CROP_SIDE), min(width, CROP_SIDE)
    tops, lefts = _spread(height - high), _spread(width - wide)
    return torch.stack([images[..., y : y + high, x : x + wide] for y in tops for x in lefts], 1)


def statistics_of(
    images: Images, crops: Float[Tensor, "batch crops 3 crop_height crop_width"]
) -> Float[Tensor, "batch statistics"]:
    """Shares of tones of the whole, then what the texture of its crops tells, on average over them."""
    texture = texture_shares(crops.flatten(0, 1)).unflatten(0, crops.shape[:2]).mean(1)
    return torch.cat([tone_shares(images), texture], 1)


def small_view(images: Images) -> Float[Tensor, "batch 3 small_height small_width"]:
    """The whole of each picture, with a longer side of `VIEW_SIDE` at most."""
    height, width = images.shape[-2:]
    scale = VIEW_SIDE / max(height, width)
    if scale >= 1:
        return images
    size = (max(SMALLEST_SIDE // 2, round(height * scale)), max(SMALLEST_SIDE // 2, round(width * scale)))
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def _spread(room: int) -> list[int]:
    """Where crops begin: at both ends and in the middle; once if there is no room to move."""
    places = (room * i / (CROPS_A_SIDE - 1) for i in range(CROPS_A_SIDE))
    # On the grid of JPEG's blocks, which the texture looks for.
    return sorted({int(place) // JPEG_BLOCK * JPEG_BLOCK for place in places})


def at_least(images: Images, side: int) -> Float[Tensor, "batch 3 padded_height padded_width"]:
    """Pictures continued by their border pixels to the right and down, to this many pixels a side."""
    down, right = (max(0, side - length) for length in images.shape[-2:])
    return functional.pad(images, (0, right, 0, down), mode="replicate") if down or right else images


@final
class BundledEncoder:
    """The compact dual encoder of this project, or another file of its layout.

    Images may have any size: up to 576x576 pixels every pixel is seen at its own resolution, above that nine crops
    of 192x192; the whole is seen with a longer side of 112 pixels. A side below 32 pixels is continued by its border.

    Attributes:
        name: the spec that it was asked for with.
        weights: the file that it came from, with its hash.
        temperature: what cosines are multiplied by.
    """

    source = "isptune's own; after Radford et al. 2021, CLIP, arXiv:2103.00020"

    def __init__(self, path: Path, name: str = "bundled"):
        found = _read(path)
        self.name = name
        self.weights: Mapping[str, str] = {path.name: sha256_of(path)}
        self.temperature = found.temperature
        self._image = found.image
        self._words = QualityWords(found.text, found.words, found.widths.length)

    @torch.no_grad()
    def encode_images(self, images: Images) -> Embeddings:
        """One embedding an image, float32. A NaN in an image gives an embedding of NaN."""
        self._image.to(images.device)
        at_once = IMAGES_AT_ONCE if images.device.type == "cpu" else 64
        if not len(images):
            return images.new_zeros(0, self._image.widths.embedding)
        return torch.cat([self._encode(part.float()) for part in images.split(at_once)])

    def embed_prompts(self, prompts: Sequence[str]) -> Prompts:
        """Token embeddings of prompts in plain English. Raises ConfigError, see `QualityWords.embed`."""
        return self._words.embed(prompts)

    def encode_prompts(self, prompts: Prompts) -> Embeddings:
        """One embedding a prompt; differentiable with respect to the token embeddings."""
        return self._words.encode(prompts)

    @torch.no_grad()
    def describe_images(self, images: Images) -> Float[Tensor, "batch description"]:
        """All that the encoder sees of each picture before it becomes an embedding, in its own units, float32.

        The local features of crops, those of the whole, both put together, and the plain statistics of tones and
        texture. An embedding leaves out what the words of quality do not speak of; other tastes may ask for it.
        """
        self._image.to(images.device)
        crops, view, statistics = views_of(images.float())
        parts = self._image.parts(crops, view, statistics)
        return torch.cat([*parts[:2], self._image.fuse_parts(parts), statistics], 1)

    def _encode(self, images: Images) -> Embeddings:
        return self._image.embeddings(self._image(*views_of(images)))


def build(argument: str | None = None) -> BundledEncoder:
    """The bundled encoder, or one of the same layout from a file (`bundled:FILE`).

    Raises:
        ConfigError: the file does not exist, or is not such an encoder.
    """
    if argument is None:
        return BundledEncoder(WEIGHTS_FILE)
    return BundledEncoder(Path(argument).expanduser(), f"bundled:{argument}")


def _read(path: Path) -> Dual[Widths, ImageNetwork]:
    found = read_dual(
        path,
        "bundled encoder",
        FORMAT,
        Widths,
        lambda widths, words: (ImageNetwork(widths).folded(), TextNetwork(widths, words)),
    )
    found.image.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return found


def pack(
    image: ImageNetwork, text: TextNetwork, words: Sequence[str], temperature: float, path: Path
) -> None:
    """Write a trained pair of networks as fp16 safetensors; the image network is folded first, in place."""
    write_dual(path, FORMAT, (image.folded(), text), image.widths, words, temperature)
