"""What is known of a picture before anything is learned from opinions: a pretrained network's blocks, and statistics.

The network has seen what the world looks like, the statistics see pixels at their own size. Regressions on both
(`objectives.people`) and the encoder `lite` begin here.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from objectives.encoders.bundled_encoder import crops_of
from objectives.encoders.bundled_network import TONE_FEATURES, tone_shares
from objectives.encoders.efficientnet_lite import BLOCK_MEANS, EfficientNetLite
from objectives.no_reference.scene_statistics import brisque_features
from objectives.no_reference.texture_shares import TEXTURE_FEATURES, texture_shares

SMALLEST_SIDE = 64
"""Pixels: half of it is still a picture to the network."""

LONGEST_SIDE = 1024
"""The network sees larger pictures reduced to this before they are halved."""

NATURAL_SCENE_FEATURES = 36
"""Of BRISQUE."""

STATISTICS = NATURAL_SCENE_FEATURES + TEXTURE_FEATURES + TONE_FEATURES
FEATURES = BLOCK_MEANS + STATISTICS

Features = Float[Tensor, "batch features"]


def picture_features(images: Images, network: EfficientNetLite) -> Features:
    """Means over the network's blocks at half the size, then statistics of the pixels, `FEATURES` in all.

    Tones are those of all pixels; texture and BRISQUE's features those of up to 576x576 pixels, or, on average, of nine
    crops of a larger picture.

    Args:
        images: [batch, 3, H, W] in [0, 1], at least `SMALLEST_SIDE` a side.
        network: on the images' device.
    """
    seen = images
    if max(images.shape[-2:]) > LONGEST_SIDE:
        scale = LONGEST_SIDE / max(images.shape[-2:])
        size = [max(SMALLEST_SIDE, round(scale * side)) for side in images.shape[-2:]]
        seen = F.interpolate(images, size, mode="bilinear", antialias=True)
    blocks = network.block_means(F.avg_pool2d(seen, 2))
    crops = crops_of(images)
    texture = torch.cat([_texture(crop) for crop in crops.unbind(1)], 0).unflatten(0, (crops.shape[1], -1))
    return torch.cat([blocks, texture.mean(0), tone_shares(images)], 1)


def _texture(images: Images) -> Float[Tensor, "batch texture"]:
    return torch.cat([brisque_features(images).float(), texture_shares(images)], 1)
