"""mPLUG-Owl2 as Q-Align and DeQA-Score use it: an image inside a prompt to the logits of the next word.

It takes a folder in the official layout: `config.json`, and the tensors in one file or in shards with an index.
Nothing of the network is downloaded code. Sources: Ye et al. 2024, mPLUG-Owl2, arXiv:2311.04257; Wu et al. 2024,
Q-Align, arXiv:2312.17090.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isptune.errors import ConfigError
from objectives.encoders.padded_square import Pixels
from objectives.language_models.mplug_owl2_language import (
    LanguageLayer,
    LanguageSize,
    RootMeanSquareNorm,
    rotation_of,
)
from objectives.language_models.mplug_owl2_vision import (
    AbstractorSize,
    VisionModel,
    VisionSize,
    VisualAbstractor,
)

MODEL_TYPE = "mplug_owl2"

Logits = Float[Tensor, "batch vocabulary"]

_LARGEST, _MOST_LAYERS = 1_000_000, 512  # beyond any network; a file must not make us build for ever


@final
@dataclass(frozen=True)
class OwlSize:
    """Of all parts."""

    vision: VisionSize = field(default_factory=VisionSize)
    abstractor: AbstractorSize = field(default_factory=AbstractorSize)
    language: LanguageSize = field(default_factory=LanguageSize)

    def bytes_per_image(self, element_bytes: int) -> int:
        """About what one image takes while the vision transformer works, its largest layer."""
        channels = 4 * self.vision.width + self.vision.mlp_width
        return 2 * self.vision.tokens * channels * element_bytes


@final
class MPlugOwl2(nn.Module):
    """The network, in the layout of the published checkpoints."""

    def __init__(self, size: OwlSize):
        super().__init__()
        self.size = size
        language = size.language
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(language.vocabulary, language.width),
                "layers": nn.ModuleList(LanguageLayer(language) for _ in range(language.layers)),
                "norm": RootMeanSquareNorm(language.width, language.norm_epsilon),
                "vision_model": VisionModel(size.vision),
                "visual_abstractor": VisualAbstractor(size.abstractor, size.vision.width, language.width),
            }
        )
        self.lm_head = nn.Linear(language.width, language.vocabulary, bias=False)

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return self.lm_head.weight.dtype

    def forward(self, pixels: Pixels, before: Int[Tensor, " head"], after: Int[Tensor, " tail"]) -> Logits:
        """Logits of the word that follows a prompt, float32.

        Args:
            pixels: normalised as `objectives.encoders.padded_square` does it.
            before, after: the numbers of the prompt's pieces on both sides of the image, the same for every image.
        """
        patches = self.model["vision_model"](pixels.to(self.dtype))
        picture = self.model["visual_abstractor"](patches)
        words = [self.model["embed_tokens"](part).expand(len(pixels), -1, -1) for part in (before, after)]
        hidden = torch.cat([words[0], picture, words[1]], 1)
        image = slice(len(before), len(before) + picture.shape[1])
        rotation = rotation_of(hidden.shape[1], self.size.language, hidden)
        for layer in self.model["layers"]:  # pyright: ignore[reportGeneralTypeIssues]
            hidden = layer(hidden, image, rotation)
        return self.lm_head(self.model["norm"](hidden[:, -1])).float()


def size_of(config: Mapping[str, Any]) -> OwlSize:
    """The sizes that a published `config.json` declares; what it leaves out has the published network's.

    Raises:
        ConfigError: it is the configuration of another network, or declares what this one does not do.
    """
    if config.get("model_type") != MODEL_TYPE:
        raise ConfigError(
            f"its model_type is {config.get('model_type')!r}, that of mPLUG-Owl2 {MODEL_TYPE!r}"
        )
    visual = _section(config, "visual_config")
    size = OwlSize(
        _vision_size(_section(visual, "visual_model")),
        _abstractor_size(_section(visual, "visual_abstractor")),
        _language_size(config),
    )
    _check(size)
    return size


def _vision_size(config: Mapping[str, Any]) -> VisionSize:
    _require(config, "hidden_act", "quick_gelu")
    return VisionSize(
        width=_whole(config, "hidden_size", 1024),
        mlp_width=_whole(config, "intermediate_size", 4096),
        layers=_whole(config, "num_hidden_layers", 24, _MOST_LAYERS),
        heads=_whole(config, "num_attention_heads", 16),
        image_px=_whole(config, "image_size", 448, 8192),
        patch_px=_whole(config, "patch_size", 14),
        norm_epsilon=_number(config, "layer_norm_eps", 1e-6),
    )


def _abstractor_size(config: Mapping[str, Any]) -> AbstractorSize:
    return AbstractorSize(
        queries=_whole(config, "num_learnable_queries", 64),
        width=_whole(config, "hidden_size", 1024),
        mlp_width=_whole(config, "intermediate_size", 2816),
        layers=_whole(config, "num_hidden_layers", 6, _MOST_LAYERS),
        heads=_whole(config, "num_attention_heads", 16),
        norm_epsilon=_number(config, "layer_norm_eps", 1e-6),
        grid=_whole(config, "grid_size", 32),
    )


def _language_size(config: Mapping[str, Any]) -> LanguageSize:
    _require(config, "hidden_act", "silu")
    _require(config, "attention_bias", False)
    _require(config, "rope_scaling", None)
    rotary = _section(config, "rope_parameters")  # where newer files of transformers keep the base
    _require(rotary, "rope_type", "default")
    heads = _whole(config, "num_attention_heads", 32)
    return LanguageSize(
        vocabulary=_whole(config, "vocab_size", 32_000),
        width=_whole(config, "hidden_size", 4096),
        mlp_width=_whole(config, "intermediate_size", 11_008),
        layers=_whole(config, "num_hidden_layers", 32, _MOST_LAYERS),
        heads=heads,
        key_heads=_whole(config, "num_key_value_heads", heads),
        norm_epsilon=_number(config, "rms_norm_eps", 1e-6),
        rotary_base=_number({**config, **rotary}, "rope_theta", 10_000.0),
    )


def _check(size: OwlSize) -> None:
    vision, abstractor, language = size.vision, size.abstractor, size.language
    fits: Sequence[tuple[bool, str]] = (
        (vision.width % vision.heads == 0, "the vision transformer's width is no multiple of its heads"),
        (abstractor.width % abstractor.heads == 0, "the abstractor's width is no multiple of its heads"),
        (
            language.width % (2 * language.heads) == 0,
            "the language model's width is no multiple of twice its heads",
        ),
        (language.heads % language.key_heads == 0, "the heads of queries are no multiple of those of keys"),
        (1 + abstractor.grid**2 == vision.tokens, "the abstractor's grid is not that of the patches"),
        (abstractor.width == vision.width, "abstractor and vision transformer differ in width"),
    )
    for fit, fault in fits:
        if not fit:
            raise ConfigError(f"{fault}: {vision}, {abstractor}, {language}")


def _section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = config.get(key) or {}
    if not isinstance(section, Mapping):
        raise ConfigError(f"{key} is {section!r}, not a table")
    return section


def _require(config: Mapping[str, Any], key: str, only: Any) -> None:
    if config.get(key, only) != only:
        raise ConfigError(f"{key} is {config[key]!r}; only {only!r} is known here")


def _whole(config: Mapping[str, Any], key: str, otherwise: int, largest: int = _LARGEST) -> int:
    value = config.get(key)
    if value is None:
        return otherwise
    if type(value) is not int or not 0 < value <= largest:
        raise ConfigError(f"{key} is {value!r}, not a whole number from 1 to {largest}")
    return value


def _number(config: Mapping[str, Any], key: str, otherwise: float) -> float:
    value = config.get(key)
    if value is None:
        return otherwise
    if type(value) not in (int, float) or not 0 < value < 1e9:
        raise ConfigError(f"{key} is {value!r}, not a positive number")
    return float(value)
