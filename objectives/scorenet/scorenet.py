"""ScoreNet: prompts that lightweight metrics and the image itself bring into form, before a frozen encoder scores.

| spec | score |
|---|---|
| scorenet, scorenet-align | "The quality of the image is excellent" to "... bad", worth 1, .75, .5, .25, 0 |
| scorenet-clip | the probability of "Good photo." against "Bad photo." |
| scorenet:FILE.safetensors | prompts that `isptune train scorenet` learned, with whichever head |
| scorenet:FILE.safetensors,encoder=SPEC | the same; the encoder lies elsewhere, but must be the one of the training |

Scores are 0 to 1, higher is better. Metrics see every image at its own size; one that an image is too small for
counts as average.

Source: Rashidi, Aghakasiri, Zhang, Sattarifard, Zhang and Gao 2026, ScoreNet: Netting lightweight quality scores for
better visual assessment with large multi-modality models, WACV; what it leaves open is declared in
`objectives.scorenet.prompts`, `objectives.no_reference.lightweight_metrics` and
`objectives.training.scorenet.training`, and was chosen by the ablation in experiments/scorenet.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import torch

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, MissingExtra, one_line
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.own_files import BUNDLED
from objectives.checkpoints.reading import sha256_of
from objectives.encoders.build import build_encoder
from objectives.encoders.interface import ImageTextEncoder
from objectives.no_reference.lightweight_metrics import LightweightMetrics, Standardisation
from objectives.no_reference.objective import score_finite
from objectives.options import parse_options
from objectives.scorenet.files import read_learned_for, read_learner
from objectives.scorenet.prompts import HEADS, Head, PromptLearner, level_embeddings

FACTS = ObjectiveFacts(
    direction="maximize",
    by_regions=True,
    range=(0.0, 1.0),
    unit="quality, 0 (bad) to 1 (excellent)",
    source="Rashidi, Aghakasiri, Zhang, Sattarifard, Zhang and Gao 2026, ScoreNet: Netting lightweight quality scores "
    "for better visual assessment with large multi-modality models, WACV",
)

IMAGES_AT_ONCE = 64
"""Whose prompts are encoded together: five each, so that even a large text encoder has room."""


@final
@dataclass(frozen=True, eq=False)
class ScoreNet:
    """A frozen encoder with learned prompts.

    Attributes:
        encoder: of images and prompts.
        learner: makes the prompts of each image.
        head: the scale that the prompts make up.
        metrics: what the learner sees beside the image, standardised by `standardisation`.
        facts: with the weights of the encoder, of the prompts, and of metrics that were fitted.
    """

    encoder: ImageTextEncoder
    learner: PromptLearner
    head: Head
    metrics: LightweightMetrics
    standardisation: Standardisation
    facts: ObjectiveFacts = FACTS

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image; NaN for an image that holds one.

        Raises:
            ScoreError: the images are too small for the encoder.
        """
        return score_finite(self._score, images)

    def _score(self, images: Images) -> Scores:
        self.learner.to(images.device)
        embeddings = self.encoder.encode_images(images)
        metrics = self.standardisation.apply(self.metrics.measure(images))
        scores = []
        for at, values in zip(embeddings.split(IMAGES_AT_ONCE), metrics.split(IMAGES_AT_ONCE), strict=True):
            levels = level_embeddings(self.encoder, self.learner, at, values)
            scores.append(self.head.score(at, levels, self.encoder.temperature))
        return torch.cat(scores)


def scorenet(argument: str | None = None) -> ScoreNet:
    """ScoreNet on the five levels of quality, or with the prompts in a file (scorenet:FILE).

    Raises:
        ConfigError: a file of another layout, or learned on another encoder.
        MissingExtra: no prompts are bundled, or the encoder's weights are not here.
    """
    return _build("scorenet", argument, tuple(HEADS))


def scorenet_align(argument: str | None = None) -> ScoreNet:
    """ScoreNet on the five levels of quality (align).

    Raises:
        ConfigError: as for `scorenet`, or a file of prompts for the other head.
        MissingExtra: as for `scorenet`.
    """
    return _build("scorenet-align", argument, ("align",))


def scorenet_clip(argument: str | None = None) -> ScoreNet:
    """ScoreNet on the pair of prompts of CLIP-IQA (clip).

    Raises:
        ConfigError: as for `scorenet`, or a file of prompts for the other head.
        MissingExtra: as for `scorenet`.
    """
    return _build("scorenet-clip", argument, ("clip",))


def _build(name: str, argument: str | None, heads: tuple[str, ...]) -> ScoreNet:
    """Raises as `scorenet`. The first of the heads is bundled; a file may be for any of them."""
    options = parse_options(name, argument, {"file": "", "encoder": ""}, first="file")
    path = Path(options["file"]).expanduser() if options["file"] else _bundled(name, heads[0])
    learned_for = read_learned_for(path)
    if learned_for.head not in heads:
        raise ConfigError(
            f"{one_line(str(path))}: its prompts are for the head {learned_for.head}, not {heads[0]}"
        )
    metrics = LightweightMetrics(learned_for.metrics)
    encoder = build_encoder(options["encoder"] or learned_for.encoder)
    return ScoreNet(
        encoder,
        read_learner(path, learned_for, encoder),
        HEADS[learned_for.head],
        metrics,
        learned_for.standardisation,
        replace(FACTS, weights={**encoder.weights, **metrics.weights, path.name: sha256_of(path)}),
    )


def _bundled(name: str, head: str) -> Path:
    path = BUNDLED / f"scorenet_{head}.safetensors"
    if not path.is_file():
        raise MissingExtra(
            f"{name}: its learned prompts, objectives/weights/{path.name}, are not here; learn some by `isptune "
            f"train scorenet --head {head} --scores CSV --images DIR --out FILE.safetensors`, and ask for "
            f"{name}:FILE.safetensors"
        )
    return path
