"""Q-Align: asks for one of five words about an image, and scores by how well each of them fits.

| spec | what rates |
|---|---|
| qalign | the published weights if they are in the cache of the Hugging Face hub; otherwise `qalign:bundled` |
| qalign:bundled | the bundled image-text encoder, with five prompts |
| qalign:PATH or qalign:OWNER/MODEL | a folder, or a model of the hub: mPLUG-Owl2 in the official layout, which is |
| | Q-Align's and DeQA-Score's, or what qalign:hf takes |
| qalign:hf:PATH or qalign:hf:OWNER/MODEL | any image-text-to-text model of Hugging Face transformers |

Options follow with commas: `task=quality` or `aesthetics`; `scores=1-5`, or `0-1` as in a part of the published code;
`dtype=auto`, `fp32` or `bf16`. Models of the hub are downloaded only with ISPTUNE_ALLOW_DOWNLOADS=1.

Source: Wu et al. 2024, Q-Align: Teaching LMMs for visual scoring via discrete text-defined levels, arXiv:2312.17090.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, UnknownName, one_line
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from isptune.spec import Spec
from objectives.checkpoints.hub_cache import cached_model, model_folder
from objectives.encoders.build import build_encoder
from objectives.encoders.interface import ImageTextEncoder
from objectives.language_models.level_words import LEVELS, TASKS, LevelLogits, LevelRater
from objectives.language_models.mplug_owl2_checkpoint import is_complete, is_mplug_owl2, read_config
from objectives.no_reference.objective import score_finite
from objectives.options import parse_options
from objectives.qalign.owl import build_owl

PUBLISHED = "q-future/one-align"

SOURCE = "Wu et al. 2024, Q-Align: Teaching LMMs for visual scoring via discrete text-defined levels, arXiv:2312.17090"

BUNDLED_PROMPT = "The quality of the image is {level}"

SCALES = {"1-5": (1.0, 5.0), "0-1": (0.0, 1.0)}
"""Of scores, from the worst level to the best; the levels lie at equal distances."""

DTYPES = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16}

OPTIONS = {"weights": "", "task": "quality", "scores": "1-5", "dtype": "auto"}

_Value = TypeVar("_Value")


@final
@dataclass(frozen=True, eq=False)
class QAlign:
    """The mean level, weighted with the softmax over the five words' logits.

    All other words are left out of the softmax, as published.

    Attributes:
        rater: says how well each word fits.
        facts: the range is from only "bad" to only "excellent"; the source says also whose weights rate.
    """

    rater: LevelRater
    facts: ObjectiveFacts

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image, more is better; NaN in an image gives NaN.

        Raises:
            ScoreError: the model cannot take images of this size.
        """
        return score_finite(self._mean_levels, images)

    def _mean_levels(self, images: Images) -> Scores:
        low, high = self.facts.range
        values = torch.linspace(high, low, len(LEVELS), device=images.device)
        return self.rater.rate(images).softmax(1) @ values


@final
@dataclass(frozen=True, eq=False)
class EncoderRater:
    """An image-text encoder: the logits are its cosines with five prompts, times its temperature.

    Attributes:
        encoder: gives embeddings of images.
        prompts: embeddings of the five prompts.
        weights, source: see `objectives.language_models.level_words.LevelRater`.
    """

    encoder: ImageTextEncoder
    prompts: Float[Tensor, "level embedding"]
    source: str
    weights: Mapping[str, str]

    @torch.no_grad()
    def rate(self, images: Images) -> LevelLogits:
        """Five logits an image; the encoder limits its batches itself."""
        embeddings = self.encoder.encode_images(images)
        return self.encoder.temperature * embeddings @ self.prompts.to(embeddings.device).T


@final
class Build:
    """Q-Align on published weights, on the bundled encoder, or on another model; see the module's table."""

    def stand_in(self, argument: str | None) -> tuple[str, str] | None:
        """The bundled encoder, where the published weights are not in the cache. Raises ConfigError."""
        options = parse_options("qalign", argument, OPTIONS, first="weights")
        if options["weights"] or cached_model(PUBLISHED, is_complete) is not None:
            return None
        given = {key: value for key, value in options.items() if value != OPTIONS[key]}
        why = f"the published weights ({PUBLISHED}) are not in the cache; the bundled encoder is no Q-Align"
        return str(Spec("qalign", "bundled", given)), why

    def __call__(self, argument: str | None = None) -> QAlign:
        """Build the objective.

        Raises:
            ConfigError: an option or a folder that cannot be used.
            MissingExtra: weights or a package that are not here; says how to get them.
        """
        options = parse_options("qalign", argument, OPTIONS, first="weights")
        task = _one_of("task", options["task"], TASKS)
        scale = _one_of("scores", options["scores"], SCALES)
        dtype = _one_of("dtype", options["dtype"], DTYPES)
        rater = _rater(options["weights"], task, dtype)
        facts = ObjectiveFacts("maximize", scale, "mean level", rater.source, weights=rater.weights)
        return QAlign(rater, facts)


qalign = Build()


def _rater(weights: str, task: str, dtype: torch.dtype | None) -> LevelRater:
    if not weights:
        cached = cached_model(PUBLISHED, is_complete)
        if cached is None:
            return _bundled(task, asked_for=False)
        return build_owl(cached, task, dtype, f"{SOURCE}; weights {PUBLISHED}")
    if weights == "bundled":
        return _bundled(task, asked_for=True)
    kind, colon, rest = weights.partition(":")
    name = rest if colon and kind == "hf" else weights
    if not name:
        raise ConfigError("qalign:hf needs a folder or the name of a model, such as qalign:hf:owner/model")
    folder = model_folder(name, is_complete)
    source = f"{SOURCE}; weights {one_line(name)}"
    if name == weights and is_mplug_owl2(read_config(folder)):
        return build_owl(folder, task, dtype, source)
    from objectives.qalign.by_transformers import build_transformers

    return build_transformers(folder, task, dtype, f"{SOURCE}; its question put to {one_line(name)}")


def _bundled(task: str, asked_for: bool) -> EncoderRater:
    if task != "quality":
        raise ConfigError(
            "qalign: the bundled encoder knows words about quality only; task=aesthetics needs weights"
        )
    encoder = build_encoder("bundled")
    if not asked_for:
        logging.getLogger(__name__).warning(
            "qalign: the published weights (%s) are not in the cache; the bundled encoder rates with Q-Align's five "
            "words instead, which is no Q-Align",
            PUBLISHED,
        )
    source = (
        f"the bundled image-text encoder ({encoder.source}), not Q-Align's network; five words after {SOURCE}"
    )
    words = [BUNDLED_PROMPT.format(level=level) for level in LEVELS]
    prompts = encoder.encode_prompts(encoder.embed_prompts(words)).detach()
    return EncoderRater(encoder, prompts, source, encoder.weights)


def _one_of(key: str, value: str, known: Mapping[str, _Value]) -> _Value:
    if value not in known:
        raise UnknownName(f"qalign {key}", value, list(known))
    return known[value]
