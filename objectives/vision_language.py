"""Image-text encoders: images of any size and prompts into one space, where a cosine says how well they fit.

| spec | encoder |
|---|---|
| bundled | our own compact dual encoder; knows words about image quality, no objects |
| openai:RN50, openai:ViT-B/32, openai:ViT-L/14 | OpenAI's CLIP in its own file, from the cache or a path |
| open_clip:PATH | a checkpoint of open_clip |
| hf:PATH | a folder with a CLIP in the layout of Hugging Face transformers |

Words behind a `+` say how published networks see images: see `objectives.clip_encoder`. Every encoder is frozen.
Prompts enter as words or as matrices of token embeddings, so that soft prompts can be learned.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import UnknownName

Embeddings = Float[Tensor, "batch embedding"]
"""Directions of length 1, float32."""


@dataclass(frozen=True, eq=False)
class Prompts:
    """Prompts as matrices of token embeddings, before positions are added.

    Attributes:
        embeddings: one row a token; shorter prompts are padded as the encoder does it.
        ends: which token's output stands for the whole prompt.
    """

    embeddings: Float[Tensor, "prompts tokens width"]
    ends: Int[Tensor, " prompts"]


@runtime_checkable
class ImageTextEncoder(Protocol):
    """A frozen pair of encoders. It works where the tensors that it is given are."""

    name: str  # the spec that it was asked for with
    weights: Mapping[str, str]  # file name -> sha256
    source: str  # authors, year, title
    temperature: float  # what cosines are multiplied by before a softmax: exp(logit_scale)

    def encode_images(self, images: Images) -> Embeddings:
        """One direction an image; the same whatever else is in the batch. Raises ScoreError."""
        ...

    def embed_prompts(self, prompts: Sequence[str]) -> Prompts:
        """Words to token embeddings. Raises ConfigError for an empty prompt, or one that it cannot read."""
        ...

    def encode_prompts(self, prompts: Prompts) -> Embeddings:
        """One direction a prompt; differentiable with respect to the token embeddings."""
        ...


def build_encoder(spec: str | None = None) -> ImageTextEncoder:
    """The encoder that a spec names; None stands for the bundled one.

    Raises:
        UnknownName: there is no such kind of encoder.
        ConfigError: a file that cannot be used.
        MissingExtra: weights or a package that are not here; says how to get them.
    """
    kind, colon, argument = (spec or "bundled").partition(":")
    if kind not in _KINDS:
        raise UnknownName("image-text encoder", kind, list(_KINDS))
    return _KINDS[kind](argument if colon else None)


def _bundled(argument: str | None) -> ImageTextEncoder:
    from objectives.bundled_encoder import build

    return build(argument)


def _openai(argument: str | None) -> ImageTextEncoder:
    from objectives.clip_encoder import openai

    return openai(argument)


def _open_clip(argument: str | None) -> ImageTextEncoder:
    from objectives.clip_encoder import open_clip

    return open_clip(argument)


def _hugging_face(argument: str | None) -> ImageTextEncoder:
    from objectives.clip_encoder import hugging_face

    return hugging_face(argument)


_KINDS: dict[str, Callable[[str | None], ImageTextEncoder]] = {
    "bundled": _bundled,
    "openai": _openai,
    "open_clip": _open_clip,
    "hf": _hugging_face,
}
