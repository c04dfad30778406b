"""What objectives without a reference share: the checks, luma as 8-bit pictures have it, batches in portions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ScoreError
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene

MATLAB_LUMINANCE = (0.298936021293775, 0.587043074451121, 0.114020904255103)
"""Red, green and blue in rgb2gray of Matlab: BT.601 before its weights were rounded. They sum to 1."""

_PIXELS_A_PORTION = 16_000_000  # on a GPU: about 1 GB while features are worked out

Gray = Float[Tensor, "batch height width"]
"""Luma on the scale 0 to 255."""


@final
@dataclass(frozen=True, eq=False)
class NoReference:
    """An objective that looks at the images alone, made of one function.

    Attributes:
        name: as registered, for messages.
        facts: see `isptune.facts`.
        score_portion: images [batch, 3, H, W], float32, to scores [batch]; every image for itself.
        smallest_side: of the images that it is defined for, pixels.
    """

    name: str
    facts: ObjectiveFacts
    score_portion: Callable[[Images], Scores]
    smallest_side: int = 2

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image; the same whatever else is in the batch. NaN in an image gives NaN.

        Raises:
            ScoreError: the images are smaller than `smallest_side`.
        """
        require_side(self.name, images, self.smallest_side)
        return score_in_portions(self.score_portion, images)


def score_in_portions(score_portion: Callable[[Images], Scores], images: Images) -> Scores:
    """Score a batch portion by portion."""
    scores = [score_finite(score_portion, portion) for portion in portions(images)]
    return torch.cat(scores) if scores else images.new_zeros(0, dtype=torch.float32)


def portions(images: Images) -> Iterator[Images]:
    """Cut a batch into what is worked on at once.

    On a CPU this is one image: its planes stay in the cache, which is twice as fast as a batch in main
    memory, and no image can touch another one's result. On a GPU as many as its memory takes.
    """
    pixels = max(1, images.shape[-2] * images.shape[-1])
    count = 1 if images.device.type == "cpu" else max(1, _PIXELS_A_PORTION // pixels)
    yield from images.split(count)


def score_finite(
    score: Callable[[Images], Scores], images: Images, dtype: torch.dtype = torch.float32
) -> Scores:
    """Score a batch of float32 images; one with a NaN or an infinity gets NaN and is scored as black."""
    if len(images) == 0:
        return images.new_zeros(0, dtype=dtype)
    images = images.float()
    finite = images.sum((1, 2, 3)).isfinite()
    if not finite.all():
        images = torch.where(finite.view(-1, 1, 1, 1), images, 0)
    return torch.where(finite, score(images).to(dtype), torch.nan)


def require_side(name: str, images: Images, smallest_side: int) -> None:
    """Raise ScoreError for images with a side shorter than this many pixels."""
    height, width = images.shape[-2:]
    if min(height, width) < smallest_side:
        raise ScoreError(f"{name} is defined from {smallest_side} pixels a side; images are {width}x{height}")


def luma_levels(images: Images) -> Gray:
    """Luma in whole levels 0 to 255, as Matlab's rgb2gray gives it for the picture saved with 8 bits.

    The statistics of natural scenes are defined on such pictures, and to round as they do makes the score of
    an image the same as that of the PNG written from it.
    """
    red, green, blue = (images.clamp(0, 1) * 255).round_().unbind(1)
    r, g, b = MATLAB_LUMINANCE
    return red.mul_(r).add_(green, alpha=g).add_(blue, alpha=b).round_()
