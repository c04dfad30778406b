"""ZSCLIP-IQA: how surely an image-text encoder names what an image shows, among labels that were given to it.

`zsclip[:labels=quality,score=l,encoder=bundled,temperature=1,template=a photo of a {}.]`

| option | values |
|---|---|
| labels | a list by name, `cifar10` or `quality`, or a file with one label a line |
| score | `l`, the largest logit (the default); `p`, the largest probability; `h`, the entropy, which is minimised |
| encoder | see `objectives.encoders.build`; the bundled one knows no objects, only the words of `quality` |
| temperature | what multiplies cosines: 1 (the default, as in the paper), `model` for the encoder's own, a number |
| template | words around a label, which stands for `{}`; several, separated by a bar, are averaged |

The paper takes the softmax of bare cosines. They differ by hundredths, so that all probabilities are close to one
over the number of labels: their order is meaningful, their spread is tiny. Standardise such scores before a regression;
one without turns their sign (shown in experiments/causal, and in the paper's Table 3). With `temperature=model`
probabilities are those with which the encoder was trained. `score=l` ranks images alike at every temperature; the paper
does not state its encoder, templates or scaling.

Labels of objects ask whether a picture can still be recognised, not whether it pleases. The list `quality` has names
of good photographs only, for `score=l`: an image that is surely a bad one has a high probability too.

Source: Drenkow and Unberath 2025, see `objectives.zero_shot.confidence` (arXiv:2503.02797).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, one_line
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.reading import sha256_of
from objectives.encoders.build import build_encoder
from objectives.encoders.interface import ImageTextEncoder
from objectives.options import bundled_stand_in, with_encoder_word
from objectives.zero_shot.confidence import Confidence, Logits, confidence, measure_finite

OBJECTS_TEMPLATE = "a photo of a {}."
"""Radford et al. 2021, Learning transferable visual models from natural language supervision."""


@dataclass(frozen=True)
class LabelList:
    """Names of classes, with the words that suit them."""

    labels: Sequence[str]
    template: str


LABEL_LISTS: Mapping[str, LabelList] = {
    "cifar10": LabelList(
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        OBJECTS_TEMPLATE,
    ),
    "quality": LabelList(
        ("excellent", "perfect", "pristine", "undistorted", "untouched", "high quality", "beautiful"),
        "{} photo",
    ),
}
"""`cifar10`: Krizhevsky 2009, Learning multiple layers of features from tiny images. `quality`: ours."""

_LARGEST_FILE = 10_000_000  # bytes; a hundred thousand labels


@final
@dataclass(frozen=True, eq=False)
class ZeroShotConfidence:
    """One of the three confidences over the cosines of an image with every label.

    Attributes:
        encoder: frozen.
        labels: embeddings of the labels.
        temperature: what cosines are multiplied by.
        confidence: which of the three.
        facts: with the weights of the encoder and, where it is one, the file of labels.
    """

    encoder: ImageTextEncoder
    labels: Float[Tensor, "classes embedding"]
    temperature: float
    confidence: Confidence
    facts: ObjectiveFacts

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image, float64; NaN for an image that holds one.

        Raises:
            ScoreError: the images are too small for the encoder.
        """
        return measure_finite(self.confidence.measure, self._logits, images)

    def _logits(self, images: Images) -> Logits:
        return self.temperature * (self.encoder.encode_images(images) @ self.labels.to(images.device).mT)


OPTIONS = {"labels": "quality", "score": "l", "encoder": "", "temperature": "1", "template": ""}


@final
class Build:
    """ZSCLIP-IQA from a spec; the module's docstring lists the options. `zsclip:bundled` is `encoder=bundled`."""

    def stand_in(self, argument: str | None) -> tuple[str, str] | None:
        """The bundled encoder, where none is named. Raises ConfigError."""
        return bundled_stand_in("zsclip", argument, OPTIONS, "labels")

    def __call__(self, argument: str | None = None) -> ZeroShotConfidence:
        """Build the objective.

        Raises:
            ConfigError: an option, a file without labels, a template without a place for them, or words that the
                encoder does not know.
            UnknownName: no such score or encoder.
            MissingExtra: the encoder's weights are not here.
        """
        return _built(with_encoder_word("zsclip", argument, OPTIONS, "labels"))


build = Build()


def _built(options: Mapping[str, str]) -> ZeroShotConfidence:
    named, files = _labels(options["labels"])
    templates = [part.strip() for part in (options["template"] or named.template).split("|")]
    if not all(template.count("{}") == 1 for template in templates):
        raise ConfigError(f"zsclip: a template names its label once as {{}}; got {options['template']!r}")
    confidence(options["score"], 2, (0.0, 1.0), "")  # a wrong name is refused before weights are read
    encoder = build_encoder(options["encoder"] or None)
    temperature = _temperature(options["temperature"], encoder)
    bounds = (-temperature, temperature)
    unit = "cosine similarity" if temperature == 1 else f"cosine similarity x {temperature:.6g}"
    chosen = confidence(options["score"], len(named.labels), bounds, unit)
    return ZeroShotConfidence(
        encoder=encoder,
        labels=encode_labels(encoder, named.labels, templates),
        temperature=temperature,
        confidence=chosen,
        facts=replace(chosen.facts, weights={**encoder.weights, **files}),
    )


def encode_labels(
    encoder: ImageTextEncoder, labels: Sequence[str], templates: Sequence[str]
) -> Float[Tensor, "classes embedding"]:
    """One embedding a label: the mean over the templates, of length 1 again."""
    with torch.no_grad():
        each = [
            encoder.encode_prompts(encoder.embed_prompts([template.replace("{}", label) for label in labels]))
            for template in templates
        ]
    return each[0] if len(each) == 1 else F.normalize(torch.stack(each).mean(0), dim=1)


def _temperature(given: str, encoder: ImageTextEncoder) -> float:
    if given == "model":
        return encoder.temperature
    try:
        value = float(given)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ConfigError(f"zsclip: temperature is model, or a number above 0; got {given!r}")
    return value


def _labels(given: str) -> tuple[LabelList, dict[str, str]]:
    """The labels that an option stands for, and the file that they came from with its hash."""
    if given in LABEL_LISTS:
        return LABEL_LISTS[given], {}
    path = Path(given).expanduser()
    if not given or not path.is_file():
        raise ConfigError(
            f"zsclip: labels={one_line(given)!r} is neither a file nor one of {', '.join(LABEL_LISTS)}"
        )
    return LabelList(read_labels(path), OBJECTS_TEMPLATE), {path.name: sha256_of(path)}


def read_labels(path: Path) -> list[str]:
    """Labels, one a line; empty lines and those that begin with # do not count.

    Raises:
        ConfigError: the file cannot be read as text, has fewer than two labels, or one twice.
    """
    shown = one_line(str(path))
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ConfigError(f"{shown}: is larger than {_LARGEST_FILE} bytes, which no list of labels is")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown}: cannot be read as labels: {error}") from error
    labels = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if len(labels) < 2:
        raise ConfigError(f"{shown}: holds {len(labels)} labels; to tell apart takes two, one a line")
    label, count = Counter(labels).most_common(1)[0]
    if count > 1:
        raise ConfigError(f"{shown}: has the label {one_line(label[:60])!r} {count} times")
    return labels
