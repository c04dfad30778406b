"""Prompts in plain English about image quality: a small vocabulary, read by a transformer of two layers."""

import re
from collections.abc import Sequence
from typing import final

import torch

from isptune.errors import ConfigError
from objectives.encoders.bundled_network import TextNetwork
from objectives.encoders.interface import Embeddings, Prompts


def words_of(prompt: str) -> list[str]:
    """The words of a prompt in lower case; punctuation is dropped."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", prompt.lower())


@final
class QualityWords:
    """A vocabulary with its network.

    Attributes:
        words: number by word.
    """

    def __init__(self, network: TextNetwork, words: Sequence[str], length: int):
        self.words = {word: number for number, word in enumerate(words)}
        self._network, self._length = network, length

    def embed(self, prompts: Sequence[str]) -> Prompts:
        """Token embeddings of prompts.

        Raises:
            ConfigError: no prompts, an empty one, one that is too long, or a word that is not known.
        """
        if not prompts:
            raise ConfigError("there are no prompts")
        rows = [self._numbers(prompt) for prompt in prompts]
        length = max(map(len, rows))
        numbers = torch.tensor([row + [0] * (length - len(row)) for row in rows])
        words = self._network.words.weight.detach()
        return Prompts(words[numbers.to(words.device)], torch.tensor([len(row) - 1 for row in rows]))

    def encode(self, prompts: Prompts) -> Embeddings:
        """One embedding a prompt; differentiable with respect to the token embeddings."""
        self._network.to(prompts.embeddings.device)
        return self._network(prompts.embeddings, prompts.ends.to(prompts.embeddings.device))

    def _numbers(self, prompt: str) -> list[int]:
        words = words_of(prompt)
        if not 0 < len(words) <= self._length:
            raise ConfigError(f"{prompt!r}: a prompt has 1 to {self._length} words, this one {len(words)}")
        unknown = [word for word in words if word not in self.words]
        if unknown:
            raise ConfigError(
                f"{prompt!r}: the bundled encoders know {len(self.words)} words about image quality, and "
                f"{unknown[0]!r} is none of them: {', '.join(self.words)}"
            )
        return [self.words[word] for word in words]
