"""A tiny image-text encoder with fixed random weights: the interface of the real ones, in microseconds."""

import re

import torch
from torch.nn import functional as F

from isptune.errors import ConfigError
from objectives.encoders.interface import Prompts

WIDTH = 16
EMBEDDING = 12
LENGTH = 14
LEVELS = ["excellent", "good", "fair", "poor", "bad", "sharp", "blurry", "noisy", "clean", "dark", "bright"]
WORDS = ["the", "quality", "of", "image", "is", "photo", "a", "an", ".", "x", "cat", "dog", "bird", *LEVELS]
START, END = 0, 1


class FakeEncoder:
    """Sees colours, contrast and gradients; reads words by a small network over positions up to the end.

    With `marks` prompts have a token for their start and one for their end, as CLIP's have; else words alone.
    """

    source = "a toy"
    temperature = 20.0

    def __init__(self, seed=0, name="fake", marks=True):
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            return torch.randn(shape, generator=generator)

        self.name, self.marks = name, marks
        self.weights = {f"{name}.safetensors": f"{seed:064x}"}
        self.words = 0.05 * draw(len(WORDS) + 2, WIDTH)
        self.positions = 0.02 * draw(LENGTH, WIDTH)
        self.first, self.second = draw(WIDTH, 24) * 4, draw(24, EMBEDDING)
        self.image = draw(9, EMBEDDING)

    def encode_images(self, images):
        across = (images[..., 1:] - images[..., :-1]).abs().mean((2, 3)) * 5
        parts = [images.mean((2, 3)) - 0.5, images.std((2, 3)), across]
        return F.normalize(torch.cat(parts, 1) @ self.image, dim=1)

    def embed_prompts(self, prompts):
        if not prompts:
            raise ConfigError("no prompts")
        rows, ends = [], []
        for prompt in prompts:
            tokens = [2 + self._index(word) for word in re.findall(r"\w+|\.", prompt.lower())]
            tokens = [START, *tokens, END] if self.marks else tokens
            ends.append(len(tokens) - 1)
            rows.append(self.words[tokens + [START] * (LENGTH - len(tokens))])
        return Prompts(torch.stack(rows), torch.tensor(ends))

    def _index(self, word):
        if word not in WORDS:
            raise ConfigError(f"{word!r} is no word of the fake encoder")
        return WORDS.index(word)

    def encode_prompts(self, prompts):
        x = prompts.embeddings + self.positions[: prompts.embeddings.shape[1]]
        seen = torch.arange(x.shape[1]) <= prompts.ends[:, None]
        hidden = torch.tanh(x @ self.first) * seen.unsqueeze(2)
        last = hidden[torch.arange(len(x)), prompts.ends]
        return F.normalize((hidden.sum(1) + last) @ self.second, dim=1)
