"""Image classifiers of torchvision and timm on weights from a file, and how each wants its pictures.

Neither package is a dependency, and neither is let download anything.
"""

import contextlib
import difflib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from isptune.arrays import Images
from isptune.errors import ConfigError, MissingExtra, one_line
from objectives.checkpoints.reading import load_strictly, published_file, read_checkpoint
from objectives.checkpoints.torchvision_shim import import_torchvision
from objectives.zero_shot.residual_network import IMAGENET_DEVIATION, IMAGENET_MEAN

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Preparation:
    """What a classifier does to pictures before it looks at them.

    Attributes:
        resize: the shorter side then, pixels.
        crop: side of the square that is cut out of the centre, pixels.
        mean, deviation: of red, green and blue in [0, 1].
        bicubic: the filter; else bilinear. Both are antialiased.
    """

    resize: int = 256
    crop: int = 224
    mean: Colour = IMAGENET_MEAN
    deviation: Colour = IMAGENET_DEVIATION
    bicubic: bool = False


@dataclass(frozen=True, eq=False)
class Classifier:
    """A frozen network, how it wants its pictures, and the file of its weights."""

    network: nn.Module
    preparation: Preparation
    file: Path


def prepared(
    images: Images, preparation: Preparation, whole: bool
) -> Float[Tensor, "batch 3 view_height view_width"]:
    """Pictures as the classifier takes them; `whole` leaves out resizing and cutting."""
    if not whole:
        images = _centre(_resized(images, preparation), preparation.crop)
    mean = images.new_tensor(preparation.mean).view(3, 1, 1)
    return (images - mean) / images.new_tensor(preparation.deviation).view(3, 1, 1)


def _resized(images: Images, preparation: Preparation) -> Float[Tensor, "batch 3 new_height new_width"]:
    height, width = images.shape[-2:]
    shorter = min(height, width)
    if shorter == preparation.resize:
        return images
    # The longer side is rounded down, as torchvision does it.
    size = [preparation.resize * side // shorter for side in (height, width)]
    mode = "bicubic" if preparation.bicubic else "bilinear"
    resized = F.interpolate(images, size, mode=mode, antialias=True)
    return resized.clamp(0, 1) if preparation.bicubic else resized


def _centre(images: Tensor, side: int) -> Tensor:
    top, left = (round((length - side) / 2) for length in images.shape[-2:])
    return images[..., top : top + side, left : left + side]


def from_torchvision(name: str, weights: str, classes: int) -> Classifier:
    """A classifier of torchvision; without a path its published weights are looked for.

    Raises:
        ConfigError: no such classifier, or weights that do not fit it.
        MissingExtra: torchvision, or the published weights, are not here.
    """
    try:
        import_torchvision()
        models: Any = importlib.import_module("torchvision.models")
    except ImportError as error:
        raise MissingExtra(
            f"torchvision:{name} needs the package torchvision: pip install torchvision"
        ) from error
    _require_known("torchvision", name, models.list_models(module=models))
    published = models.get_model_weights(name).DEFAULT
    if not weights and classes != 1000:
        raise ConfigError(f"torchvision:{name} is published with 1000 classes; {classes} need weights=FILE")
    file_name = published.url.rpartition("/")[2]
    # The name ends with the beginning of the file's hash.
    file = published_file(
        file_name, published.url, file_name.removesuffix(".pth").rpartition("-")[2], weights or None
    )
    network = models.get_model(name, weights=None, num_classes=classes, **_as_published(name))
    load_strictly(network, read_checkpoint(file), file)
    variants = [w for w in models.get_model_weights(name) if w.url.rpartition("/")[2] == file.name]
    preset = variants[0].transforms() if variants else None
    preparation = Preparation() if preset is None else _of_torchvision(preset)
    return Classifier(network.eval().requires_grad_(False), preparation, file)


def _as_published(name: str) -> dict[str, Any]:
    # These two are published for input on another scale, and warn of a slow initialisation, which is not needed.
    published = {"init_weights": False, "transform_input": True}
    return published if name in ("googlenet", "inception_v3") else {}


def _of_torchvision(preset: Any) -> Preparation:
    return Preparation(
        preset.resize_size[0],
        preset.crop_size[0],
        tuple(preset.mean),
        tuple(preset.std),
        bicubic=preset.interpolation.value == "bicubic",
    )


def from_timm(name: str, file: Path, classes: int) -> Classifier:
    """A classifier of timm on weights from a file.

    Raises:
        ConfigError: no such classifier, or weights that do not fit it.
        MissingExtra: timm is not here.
    """
    try:
        with contextlib.suppress(ImportError):
            import_torchvision()
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise MissingExtra(f"timm:{name} needs the package timm: pip install timm") from error
    _require_known("timm", name, timm.list_models())
    network = timm.create_model(name, pretrained=False, num_classes=classes)
    load_strictly(network, read_checkpoint(file), file)
    config = timm.data.resolve_model_data_config(network)
    crop = config["input_size"][1]
    preparation = Preparation(
        int(crop / config["crop_pct"]),
        crop,
        tuple(config["mean"]),
        tuple(config["std"]),
        bicubic=config["interpolation"] == "bicubic",
    )
    return Classifier(network.eval().requires_grad_(False), preparation, file)


def _require_known(package: str, name: str, known: list[str]) -> None:
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, 5, 0.4)) or "none"
        raise ConfigError(f"{package} has no classifier called {one_line(name[:80])!r}; near it: {near}")
