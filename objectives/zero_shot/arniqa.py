"""ARNIQA: a ridge regression over the features of an encoder that learnt to tell distortions apart.

`arniqa[:regressor=kadid10k,encoder=PATH,regressor_file=PATH,view=crops,precision=fp32]`

| option | values |
|---|---|
| regressor | the set of opinions that it was fitted to: live, csiq, tid2013, kadid10k, flive, spaq, clive, koniq10k |
| encoder, regressor_file | ARNIQA.pth and regressor_NAME.pth, or a folder with them; else the folder of weights |
| view | `crops`, the default, as in the paper; or `whole`, the image at its own size |
| precision | fp32, or bf16 for the encoder |

The weights are not bundled: they are published under CC BY-NC-SA 4.0. The regressors are published as TorchScript, of
which only the numbers are read.

Source: Agnolucci, Galteri, Bertini and Del Bimbo 2024, ARNIQA: Learning distortion manifold for image quality
assessment, arXiv:2310.14918.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, UnknownName, one_line
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.reading import load_strictly, published_file, read_checkpoint, sha256_of
from objectives.no_reference.objective import require_side, score_in_portions
from objectives.options import parse_options
from objectives.zero_shot.residual_network import RESNET50, ArniqaEncoder, Layout, normalised

ORIGIN = "the release `weights` of miccunifi/ARNIQA on GitHub"
ENCODER_FILE = "ARNIQA.pth"
ENCODER_SHA256 = "ad2022e59b1040d5bab24f9325c10d0215956a2061248a36c15edaec3e60fcd1"

CROP = 224
"""Side of the paper's crops, pixels."""

_PIXELS_AT_ONCE = 3_300_000  # in the encoder, 64 crops: about 1 GB


@dataclass(frozen=True)
class Opinions:
    """The scale of the opinions that a regressor was fitted to.

    Attributes:
        low, high: ends of the scale, as the authors give them.
        difference: whether they are differences from the reference's opinion, which grow as quality falls.
    """

    low: float
    high: float
    difference: bool = False


REGRESSORS: Mapping[str, Opinions] = {
    "live": Opinions(1, 100, difference=True),
    "csiq": Opinions(0, 1, difference=True),
    "tid2013": Opinions(0, 9),
    "kadid10k": Opinions(1, 5),
    "flive": Opinions(1, 100),
    "spaq": Opinions(1, 100),
    "clive": Opinions(1, 100),
    "koniq10k": Opinions(1, 100),
}


@dataclass(frozen=True, eq=False)
class Ridge:
    """A linear regression: prediction = features . coefficients + intercept."""

    coefficients: Float[Tensor, " features"]
    intercept: float


@final
@dataclass(frozen=True, eq=False)
class Arniqa:
    """The opinion of an image that a linear regression over its features at two scales predicts.

    Attributes:
        encoder: frozen; it moves to where the images are.
        ridge: over the features at full and at half size.
        opinions: the scale of its predictions, which scores are freed of.
        facts: the unit names the opinions; with the files of weights.
        view: `crops`: the mean over the centre and the four corners, 224x224, at both scales; what lies outside
            an image is black, as at half size below 448 pixels. `whole`: the image as it is.
        precision: of the encoder; features are normalised and weighed in float32.
    """

    encoder: ArniqaEncoder
    ridge: Ridge
    opinions: Opinions
    facts: ObjectiveFacts
    view: Literal["crops", "whole"] = "crops"
    precision: Literal["fp32", "bf16"] = "fp32"

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image, 0 to 1 from end to end of the opinions' scale; NaN in an image gives NaN.

        Half the size is Pillow's bilinear reduction of the picture with 8 bits, as in the authors' example of use;
        their regressors were fitted to pictures that its bicubic filter had reduced.

        Raises:
            ScoreError: the images are smaller than 2 pixels a side.
        """
        require_side("arniqa", images, 2)
        self.encoder.to(images.device)
        return score_in_portions(self._predictions, images)

    def _predictions(self, images: Images) -> Scores:
        pictures = (images.clamp(0, 1) * 255).round()
        both = (pictures / 255, half_size(pictures) / 255)
        features = torch.cat([self._features(scale) for scale in both], 1)
        predicted = features @ self.ridge.coefficients.to(features.device) + self.ridge.intercept
        share = (predicted - self.opinions.low) / (self.opinions.high - self.opinions.low)
        return 1 - share if self.opinions.difference else share

    def _features(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """The mean over the views of an image, which a linear regression may take before or after."""
        views = centre_and_corners(images, CROP) if self.view == "crops" else images.unsqueeze(1)
        at_once = max(1, _PIXELS_AT_ONCE // (views.shape[-2] * views.shape[-1]))
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            parts = [self.encoder(normalised(part)) for part in views.flatten(0, 1).split(at_once)]
        return torch.cat(parts).unflatten(0, views.shape[:2]).mean(1)


def half_size(
    pictures: Float[Tensor, "batch 3 height width"],
) -> Float[Tensor, "batch 3 half_height half_width"]:
    """Half the height and the width, rounded down, of pictures in whole levels: Pillow's BILINEAR, bit by bit."""
    return _halve_rows(_halve_rows(pictures).mT).mT


def _halve_rows(pictures: Tensor) -> Tensor:
    """Each row to half its length by a triangle as wide as the reduction asks for, and to whole levels.

    Source: Pillow, Resample.c, which rounds the weights to 2^-22 and sums whole numbers; float64 holds them exactly.
    """
    length = pictures.shape[-1]
    scale = length / (length // 2)
    centre = (torch.arange(length // 2, dtype=torch.float64).unsqueeze(1) + 0.5) * scale
    first = (centre - scale + 0.5).floor().clamp_min(0)
    last = (centre + scale + 0.5).floor().clamp_max(length)
    places = first + torch.arange(math.ceil(2 * scale) + 1)
    weights = (1 - ((places - centre + 0.5) / scale).abs()).clamp_min(0) * (places < last)
    whole = (weights / weights.sum(1, keepdim=True) * 2**22 + 0.5).floor().to(pictures.device)
    taps = places.long().clamp_max(length - 1).to(pictures.device)
    total = torch.zeros(*pictures.shape[:-1], length // 2, dtype=torch.float64, device=pictures.device)
    for tap in range(taps.shape[1]):
        total.addcmul_(pictures[..., taps[:, tap]].double(), whole[:, tap])
    return ((total + 2**21) / 2**22).floor().to(pictures.dtype)


def centre_and_corners(images: Images, side: int) -> Float[Tensor, "batch 5 3 {side} {side}"]:
    """Five square crops of each image; what lies outside of a smaller one is black."""
    height, width = images.shape[-2:]
    below, beside = max(0, side - height), max(0, side - width)
    padded = F.pad(images, (beside, beside, below, below))
    corners = [(0, 0), (height - side, 0), (0, width - side), (height - side, width - side)]
    places = [(height // 2 - side // 2, width // 2 - side // 2), *corners]
    crops = [
        padded[..., top + below : top + below + side, left + beside : left + beside + side]
        for top, left in places
    ]
    return torch.stack(crops, 1)


def build(argument: str | None = None) -> Arniqa:
    """ARNIQA on the published weights; the module's docstring lists the options.

    Raises:
        ConfigError: an option, or a file that is not in the published layout.
        UnknownName: no such regressor.
        MissingExtra: weights that are not here; says which, from where, and where to put them.
    """
    defaults = {
        "regressor": "kadid10k",
        "encoder": "",
        "regressor_file": "",
        "view": "crops",
        "precision": "fp32",
    }
    options = parse_options("arniqa", argument, defaults, first="regressor")
    name, view, precision = options["regressor"], options["view"], options["precision"]
    if name not in REGRESSORS:
        raise UnknownName("regressor of ARNIQA", name, list(REGRESSORS))
    if view not in ("crops", "whole") or precision not in ("fp32", "bf16"):
        raise ConfigError(
            f"arniqa: view is crops or whole and precision fp32 or bf16; got {view}, {precision}"
        )
    encoder_file = published_file(ENCODER_FILE, ORIGIN, ENCODER_SHA256, options["encoder"])
    ridge_file = published_file(f"regressor_{name}.pth", ORIGIN, path=options["regressor_file"])
    encoder = read_encoder(encoder_file)
    return Arniqa(
        encoder=encoder,
        ridge=read_ridge(ridge_file, 2 * encoder.features),
        opinions=REGRESSORS[name],
        facts=ObjectiveFacts(
            direction="maximize",  # without a range: a regression is not bounded by its data
            unit=f"predicted opinion ({name}), 0 to 1 over its scale",
            source="Agnolucci, Galteri, Bertini and Del Bimbo 2024, ARNIQA: Learning distortion manifold for image "
            "quality assessment, arXiv:2310.14918",
            weights={path.name: sha256_of(path) for path in (encoder_file, ridge_file)},
        ),
        view=view,
        precision=precision,
    )


def read_encoder(path: Path, layout: Layout = RESNET50, embedding: int = 128) -> ArniqaEncoder:
    """The frozen encoder in a file of the published layout. Raises ConfigError."""
    encoder = ArniqaEncoder(layout, embedding)
    load_strictly(encoder, read_checkpoint(path), path)
    return encoder.eval().requires_grad_(False)


def read_ridge(path: Path, features: int) -> Ridge:
    """The numbers of a linear regression: one tensor of as many as there are features, and one of one.

    Raises:
        ConfigError: the file holds something else.
    """
    state = read_checkpoint(path)
    coefficients = [value for value in state.values() if value.numel() == features]
    intercepts = [value for value in state.values() if value.numel() == 1]
    if len(state) != 2 or len(coefficients) != 1 or len(intercepts) != 1:
        held = ", ".join(
            f"{one_line(key[:60])} {list(value.shape)}" for key, value in list(state.items())[:4]
        )
        raise ConfigError(
            f"{one_line(str(path))}: a regression is {features} coefficients and an intercept; it holds {held}"
        )
    if not all(bool(value.isfinite().all()) for value in state.values()):
        raise ConfigError(f"{one_line(str(path))}: holds numbers that are NaN or infinite")
    return Ridge(coefficients[0].flatten().float(), float(intercepts[0]))
