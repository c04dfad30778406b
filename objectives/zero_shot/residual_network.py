"""Residual networks in the layouts in which their weights are published.

| network | names of its tensors |
|---|---|
| `ResidualClassifier` | those of torchvision and timm: conv1, bn1, layer1.0.conv1, ..., fc |
| `ArniqaEncoder` | those of ARNIQA: model.0, model.1, model.4.0.conv1, ..., projector.0, projector.2 |

Source: He, Zhang, Ren and Sun 2016, Deep residual learning for image recognition, arXiv:1512.03385; the stride of a
bottleneck is that of its 3x3 convolution, as in torchvision.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from isptune.arrays import Images
from isptune.errors import ConfigError, one_line

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Of red, green and blue over ImageNet's training pictures, by which its networks' input is normalised."""


@dataclass(frozen=True)
class Layout:
    """What distinguishes one residual network from another.

    Attributes:
        depths: blocks in each of the four stages.
        bottleneck: blocks of three convolutions, whose last has four times the width.
        width: channels after the stem.
        small_stem: one 3x3 convolution, as for pictures of 32 pixels, for the 7x7 one and the pooling.
    """

    depths: tuple[int, int, int, int]
    bottleneck: bool
    width: int = 64
    small_stem: bool = False

    @property
    def features(self) -> int:
        """Channels after the last stage."""
        return self.width * 8 * (4 if self.bottleneck else 1)


RESNET50 = Layout((3, 4, 6, 3), bottleneck=True)


def normalised(images: Images) -> Images:
    """Pictures as networks trained on ImageNet expect them."""
    mean = images.new_tensor(IMAGENET_MEAN).view(3, 1, 1)
    return (images - mean) / images.new_tensor(IMAGENET_DEVIATION).view(3, 1, 1)


@final
class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Half the size where the stride is 2."""
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + (x if self.downsample is None else self.downsample(x)))


@final
class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1, beside a shortcut."""

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = _shortcut(channels, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Half the size where the stride is 2."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


def _shortcut(channels: int, width: int, stride: int) -> nn.Sequential | None:
    if channels == width and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))


def _trunk(layout: Layout) -> list[nn.Module]:
    """Convolution, normalisation, rectifier, pooling and four stages."""
    side, stride = (3, 1) if layout.small_stem else (7, 2)
    parts: list[nn.Module] = [
        nn.Conv2d(3, layout.width, side, stride, side // 2, bias=False),
        nn.BatchNorm2d(layout.width),
        nn.ReLU(),
        nn.Identity() if layout.small_stem else nn.MaxPool2d(3, 2, 1),
    ]
    block, expansion = (Bottleneck, 4) if layout.bottleneck else (BasicBlock, 1)
    channels = layout.width
    for stage, depth in enumerate(layout.depths):
        width = layout.width * 2**stage
        blocks: list[nn.Module] = []
        for index in range(depth):
            blocks.append(block(channels, width, 2 if stage and not index else 1))
            channels = expansion * width
        parts.append(nn.Sequential(*blocks))
    return parts


@final
class ResidualClassifier(nn.Module):
    """Images, already normalised, to one logit a class."""

    def __init__(self, layout: Layout, classes: int):
        super().__init__()
        names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
        self._parts = names
        for name, part in zip(names, _trunk(layout), strict=True):
            self.add_module(name, part)
        self.fc = nn.Linear(layout.features, classes)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch classes"]:
        """Logits of images of any size."""
        x = images
        for name in self._parts:
            x = self.get_submodule(name)(x)
        return self.fc(x.mean((2, 3)))


@final
class ArniqaEncoder(nn.Module):
    """Images, already normalised, to embeddings of length 1; the projector was used in training only."""

    def __init__(self, layout: Layout = RESNET50, embedding: int = 128):
        super().__init__()
        self.model = nn.Sequential(*_trunk(layout))
        self.features = layout.features
        self.projector = nn.Sequential(
            nn.Linear(layout.features, layout.features), nn.ReLU(), nn.Linear(layout.features, embedding)
        )

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Features of images of any size, float32."""
        return F.normalize(self.model(images).mean((2, 3)).float(), dim=1)


def layout_of(state: Mapping[str, Tensor], path: Path) -> tuple[Layout, int]:
    """Which residual network a state dictionary in torchvision's names belongs to, and its number of classes.

    Raises:
        ConfigError: it is none.
    """
    stem, head = state.get("conv1.weight"), state.get("fc.weight")
    depths = [_count(key for key in state if key.startswith(f"layer{stage}.")) for stage in range(1, 5)]
    if stem is None or head is None or stem.ndim != 4 or head.ndim != 2 or 0 in depths:
        held = ", ".join(one_line(key[:60]) for key in list(state)[:3])
        raise ConfigError(
            f"{one_line(str(path))}: is no residual network: it needs conv1.weight, blocks in layer1 to layer4 and "
            f"fc.weight; it holds {held}, ..."
        )
    layout = Layout(
        (depths[0], depths[1], depths[2], depths[3]),
        bottleneck="layer1.0.conv3.weight" in state,
        width=stem.shape[0],
        small_stem=stem.shape[-1] == 3,
    )
    return layout, head.shape[0]


def _count(keys: Iterable[str]) -> int:
    return len({found[1] for key in keys if (found := re.match(r"layer\d\.(\d+)\.", key))})
