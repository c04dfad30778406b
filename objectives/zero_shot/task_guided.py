"""Task-guided quality: how sure a trained classifier is of what an image shows.

`task_guided:weights=FILE[,model=resnet,score=p,temperature=1,view=crop,...]`

| option | values |
|---|---|
| weights | a state dictionary in any container; that of a torchvision model is found in torch's cache if it is there |
| model | `resnet` (the default), `torchvision:NAME` or `timm:NAME`, if the package is installed |
| classes | how many a torchvision or timm model tells apart; 1000 |
| score | `p`, the largest probability (the default); `h`, the entropy, which is minimised; `l`, the largest logit |
| temperature | what logits are multiplied by; 1 |
| view | `crop` (the default): the shorter side resized, then the centre cut out; `whole`: the image at its own size |
| resize, crop | pixels; for ImageNet 256 and 224, or what the weights or the model declare |
| normalize | `model`: by what the weights or the model declare, else ImageNet's mean and deviation; `none` |

`resnet` is a residual network in torchvision's names, built here; depth, width, stem and classes are read off the file.

This is the strong variant of the paper: it needs a classifier trained for the task, and what a smaller view does not
show, noise of single pixels above all, it cannot score: `view=whole` does, on networks that take any size.

Source: Drenkow and Unberath 2025, see `objectives.zero_shot.confidence` (arXiv:2503.02797).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar, final

import torch
from torch import Tensor, nn

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.reading import load_strictly, read_checkpoint, require_layout, sha256_of
from objectives.options import parse_options
from objectives.zero_shot.classifiers import Classifier, Preparation, from_timm, from_torchvision, prepared
from objectives.zero_shot.confidence import Confidence, Logits, confidence, measure_finite
from objectives.zero_shot.residual_network import ResidualClassifier, layout_of

N = TypeVar("N", int, float)

_PIXELS_AT_ONCE = 3_300_000  # in the classifier, 64 views of 224x224: about 1 GB


@final
@dataclass(frozen=True, eq=False)
class TaskGuided:
    """One of the three confidences over a classifier's logits.

    Attributes:
        network: frozen; it moves to where the images are.
        preparation: how images are resized, cut and normalised.
        view: `crop` or `whole`.
        temperature: what logits are multiplied by.
        confidence: which of the three.
        facts: with the file of weights.
    """

    network: nn.Module
    preparation: Preparation
    view: Literal["crop", "whole"]
    temperature: float
    confidence: Confidence
    facts: ObjectiveFacts

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image, float64; NaN for an image that holds one."""
        self.network.to(images.device)
        height, width = images.shape[-2:]
        crop = self.preparation.crop**2 if self.view == "crop" else 0
        at_once = max(1, _PIXELS_AT_ONCE // max(1, crop or height * width))
        # On a CPU one at a time: so no image can touch another one's result.
        parts = images.split(1 if images.device.type == "cpu" else at_once)
        return torch.cat([measure_finite(self.confidence.measure, self._logits, part) for part in parts])

    def _logits(self, images: Images) -> Logits:
        return (
            self.temperature * self.network(prepared(images, self.preparation, self.view == "whole")).float()
        )


def build(argument: str | None = None) -> TaskGuided:
    """Task-guided quality from a spec; the module's docstring lists the options.

    Raises:
        ConfigError: an option, or weights that do not fit the model.
        UnknownName: no such model or score.
        MissingExtra: the package of the model, or its published weights, are not here.
    """
    defaults = {
        "weights": "",
        "model": "resnet",
        "classes": "1000",
        "score": "p",
        "temperature": "1",
        "view": "crop",
        "resize": "",
        "crop": "",
        "normalize": "model",
    }
    options = parse_options("task_guided", argument, defaults, first="weights")
    view, normalize = options["view"], options["normalize"]
    if view not in ("crop", "whole") or normalize not in ("model", "none"):
        raise ConfigError(
            f"task_guided: view is crop or whole, normalize model or none; got {view}, {normalize}"
        )
    confidence(options["score"], 2, (0.0, 1.0), "")  # a wrong name is refused before weights are read
    temperature = _number(options, "temperature", float)
    classifier = _classifier(options["model"], options["weights"], _number(options, "classes", int))
    preparation = _adjusted(classifier.preparation, options)
    endless = (-float("inf"), float("inf"))
    chosen = confidence(options["score"], _count_classes(classifier.network, preparation), endless, "logit")
    return TaskGuided(
        network=classifier.network,
        preparation=preparation,
        view=view,
        temperature=temperature,
        confidence=chosen,
        facts=replace(chosen.facts, weights={classifier.file.name: sha256_of(classifier.file)}),
    )


def _classifier(model: str, weights: str, classes: int) -> Classifier:
    kind, _, name = model.partition(":")
    if kind == "torchvision" and name:
        return from_torchvision(name, weights, classes)
    if not weights:
        raise ConfigError("task_guided: weights=FILE names the state dictionary of the classifier")
    if kind == "timm" and name:
        return from_timm(name, Path(weights).expanduser(), classes)
    if model != "resnet":
        raise ConfigError(f"task_guided: model is resnet, torchvision:NAME or timm:NAME; got {model!r}")
    path = Path(weights).expanduser()
    state = read_checkpoint(path)
    with torch.device("meta"):
        network = ResidualClassifier(*layout_of(state, path))
    require_layout(network, state, path)
    network.to_empty(device="cpu")
    load_strictly(network, state, path)
    return Classifier(network.eval().requires_grad_(False), Preparation(), path)


def _adjusted(preparation: Preparation, options: Mapping[str, str]) -> Preparation:
    crop = _number(options, "crop", int) if options["crop"] else preparation.crop
    resize = _number(options, "resize", int) if options["resize"] else None
    if resize is None:
        resize = round(preparation.resize * crop / preparation.crop)
    if resize < crop:
        raise ConfigError(f"task_guided: resize={resize} leaves no {crop} pixels to cut out")
    plain = options["normalize"] == "none"
    mean = (0.0, 0.0, 0.0) if plain else preparation.mean
    deviation = (1.0, 1.0, 1.0) if plain else preparation.deviation
    return Preparation(resize, crop, mean, deviation, preparation.bicubic)


def _number(options: Mapping[str, str], key: str, kind: type[N]) -> N:
    try:
        value = kind(options[key])
    except ValueError:
        value = kind(0)
    if not 0 < value < float("inf"):
        raise ConfigError(f"task_guided: {key} is a number above 0; got {options[key]!r}")
    return value


@torch.no_grad()
def _count_classes(network: nn.Module, preparation: Preparation) -> int:
    """How many logits it gives for a black picture. Raises ConfigError where it gives something else."""
    logits = network(torch.zeros(1, 3, preparation.crop, preparation.crop))
    if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] < 2:
        got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ConfigError(
            f"task_guided: the model gives {got} for a picture, no logits of two or more classes"
        )
    return logits.shape[1]
