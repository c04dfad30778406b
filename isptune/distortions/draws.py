"""Random numbers for a batch: one stream for every image, or one that all images share."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from isptune.distortions.frame_fields import Window
from isptune.errors import ConfigError


def streams(generator: torch.Generator, count: int) -> list[torch.Generator]:
    """Independent streams, seeded one after another from a single generator: the first ones are always the same."""
    seeds = [int(torch.randint(2**62, (), generator=generator)) for _ in range(count)]
    return [torch.Generator().manual_seed(seed) for seed in seeds]


class Draws:
    """Streams of random numbers, drawn on the CPU so that a GPU run sees the same ones.

    What a method returns has a leading dimension of `batch` (a stream for each image) or 1 (shared), and
    broadcasts over the batch either way. A function must draw the same count whatever the levels are, so
    that images with different levels see the same field.

    Args:
        generators: one for each image, or one for all.
        batch: how many images there are.
        window: where they lie in a larger frame; a field of their size is then that part of the frame's field.
    """

    def __init__(self, generators: Sequence[torch.Generator], batch: int, window: Window | None = None):
        if len(generators) not in (1, batch):
            raise ConfigError(
                f"{len(generators)} generators for a batch of {batch}: give one, or one an image"
            )
        self._generators = list(generators)
        self._window = window
        self.batch = batch

    @classmethod
    def of(cls, generator: torch.Generator | Sequence[torch.Generator], batch: int, shared: bool) -> "Draws":
        """One shared stream, the given streams, or one stream an image seeded from a single generator.

        Raises ConfigError for several streams where one is to be shared, or for another number than images.
        """
        if not isinstance(generator, torch.Generator):
            if shared and len(generator) != 1:
                raise ConfigError(f"{len(generator)} generators cannot be shared by all images: give one")
            return cls(generator, batch)
        if shared:
            return cls([generator], batch)
        return cls(streams(generator, batch), batch)

    @property
    def shared(self) -> bool:
        """Whether all images see the same numbers."""
        return len(self._generators) == 1

    def take(self, index: Sequence[int]) -> "Draws":
        """The streams of some of the images."""
        if self.shared:
            return Draws(self._generators, len(index), self._window)
        return Draws([self._generators[i] for i in index], len(index), self._window)

    def normal(self, *shape: int, device: torch.device | str = "cpu") -> Tensor:
        """Standard normal numbers, [batch or 1, *shape]."""
        return self._drawn(torch.randn, shape).to(device)

    def uniform(self, *shape: int, device: torch.device | str = "cpu") -> Tensor:
        """Uniform numbers in [0, 1), [batch or 1, *shape]."""
        return self._drawn(torch.rand, shape).to(device)

    def integers(self, low: int, high: int, *shape: int, device: torch.device | str = "cpu") -> Tensor:
        """Whole numbers in [low, high), int64, [batch or 1, *shape]."""
        return self._drawn(partial(torch.randint, low, high), shape).to(device)

    def _drawn(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        window = self._window
        if window is None or not window.is_size(shape):
            return torch.stack([draw(shape, generator=g) for g in self._generators])
        return torch.stack([window.drawn(draw, shape, g) for g in self._generators])
