"""Image-text encoders: images of any size and prompts into one space, where a cosine says how well they fit.

Every encoder is frozen. Prompts enter as words or as matrices of token embeddings, so that soft prompts can be learned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from isptune.arrays import Images

Embeddings = Float[Tensor, "batch embedding"]
"""Embeddings of length 1, float32."""


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
        """One embedding an image; the same whatever else is in the batch. Raises ScoreError."""
        ...

    def embed_prompts(self, prompts: Sequence[str]) -> Prompts:
        """Words to token embeddings. Raises ConfigError for an empty prompt, or one that it cannot read."""
        ...

    def encode_prompts(self, prompts: Prompts) -> Embeddings:
        """One embedding a prompt; differentiable with respect to the token embeddings."""
        ...
