"""Random fields of a whole frame, of which parts are rendered: a part sees the noise that it has in the whole."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

LIMIT_BYTES = 1 << 30
"""Of the fields that are kept."""


@final
class FrameFields:
    """Fields of whole frames, drawn once for all parts and batches that see the same ones.

    All of a field is drawn, since a stream of random numbers has no shortcut to its middle. Beyond the limit the field
    that nobody asked for the longest goes first.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES):
        self._limit = limit_bytes
        self._kept: OrderedDict[tuple[object, ...], tuple[Tensor, Tensor]] = OrderedDict()

    def field(
        self, draw: Callable[..., Tensor], shape: tuple[int, ...], generator: torch.Generator
    ) -> Tensor:
        """What `draw(shape, generator=generator)` gives; the generator goes on as if it had been drawn now."""
        key = (repr(draw), shape, generator.get_state().numpy().tobytes())
        if key not in self._kept:
            field = draw(shape, generator=generator)
            self._kept[key] = field, generator.get_state()
            while len(self._kept) > 1 and sum(one.nbytes for one, _ in self._kept.values()) > self._limit:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        field, after = self._kept[key]
        generator.set_state(after)
        return field


@dataclass(frozen=True, eq=False)
class Window:
    """Where images lie in a larger frame.

    Attributes:
        frame: height and width of the frame, pixels.
        left, top: of the images in it.
        size: their height and width.
        fields: of the frame.
    """

    frame: tuple[int, int]
    left: int
    top: int
    size: tuple[int, int]
    fields: FrameFields

    def is_size(self, shape: tuple[int, ...]) -> bool:
        """Whether this is the shape of a field with a number for each pixel of the images."""
        return tuple(shape[-2:]) == self.size

    def drawn(
        self, draw: Callable[..., Tensor], shape: tuple[int, ...], generator: torch.Generator
    ) -> Tensor:
        """A field of the images' size: the part of the frame's that lies where they do."""
        height, width = self.size
        whole = self.fields.field(draw, (*shape[:-2], *self.frame), generator)
        return whole[..., self.top : self.top + height, self.left : self.left + width]
