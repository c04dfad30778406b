"""Scenes that are large: what is looked at of them, and what their global statistics are taken from.

A large scene is looked at through a few regions, squares at native resolution that differ in what they show. They are
regions of interest (`isptune.scenes.focus`) that nobody had to name: the scene's score is the mean of theirs.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from isptune.scenes.focus import Region
from isptune.scenes.places import BLOCK, Place, best_place, wanted_of
from isptune.scenes.scene import Cut, Scene

LARGE_PIXELS = 1 << 22
"""A scene of more pixels is large: 4.2 megapixels, so that full HD and what is cut to it are not."""

SIDE = 288
"""Of a region, pixels: nine blocks of NIQE, room for all scales of MS-SSIM, whole blocks of JPEG."""

KINDS = ("detail", "flat", "skin-like", "dark", "bright", "colour")
"""What regions show, the first choice first; where the scene lacks one, there is one that is typical of it."""

STUDIED_PIXELS = 1 << 20
"""Regions are chosen on every second, third ... pixel of a scene of more."""

SAMPLE_PIXELS = 1 << 16
"""What global statistics are taken from has about so many."""


def is_large(size: tuple[int, int]) -> bool:
    """Whether a picture of this width and height is large."""
    return size[0] * size[1] > LARGE_PIXELS


def size_of(scene: Scene) -> tuple[int, int]:
    """Width and height of the scene's picture."""
    return scene.image.shape[-1], scene.image.shape[-2]


def sample_step(sides: tuple[int, int], pixels: int = SAMPLE_PIXELS) -> int:
    """Every so many-th sample each way of a plane with these sides makes about so many, and eight a side at least."""
    across, down = sides
    return max(1, min(int((across * down / pixels) ** 0.5), across // 8, down // 8))


def sampled(planes: Float[Tensor, "*any _ _"]) -> Float[Tensor, "*any newheight newwidth"]:
    """A sample of large planes: single pixels on a grid, so that their distribution is that of all."""
    step = sample_step((planes.shape[-1], planes.shape[-2]))
    return planes[..., step // 2 :: step, step // 2 :: step].contiguous()


def choose_regions(image: Images) -> tuple[Place, ...]:
    """The regions of a large picture, no two of which share a pixel, by what they show.

    The same picture gives the same regions. They begin at blocks of JPEG, but for those at the far edges.

    Args:
        image: [1, 3, H, W], in [0, 1].
    """
    step = sample_step((image.shape[-1], image.shape[-2]), STUDIED_PIXELS)
    small = (image[0, :, ::step, ::step] * 255).round().clamp(0, 255).to(torch.uint8)
    picture = np.ascontiguousarray(small.cpu().numpy().transpose(1, 2, 0))
    wide = -(-SIDE // (step * BLOCK)) * BLOCK
    side = min(wide, *(length // BLOCK * BLOCK for length in picture.shape[:2]))
    wanted = wanted_of(picture, (side // BLOCK, side // BLOCK))
    found: list[Place] = []
    for why in (*KINDS, "typical"):
        if len(found) == len(KINDS):
            break
        box = best_place(wanted[why], found, side, (picture.shape[0], picture.shape[1]), 0.0)
        if box is not None:
            found.append(Place(why, box))
    return tuple(_enlarged(one, step) for one in found)


def _enlarged(place: Place, step: int) -> Place:
    left, top, width, height = place.box
    return Place(place.why, (step * left, step * top, min(SIDE, step * width), min(SIDE, step * height)))


def through_regions(scene: Scene) -> Scene:
    """The scene with chosen regions of interest; `metadata["chosen"]` has what each was chosen for."""
    places = choose_regions(scene.image)
    told = {"roi": tuple(Region(*place.box) for place in places), "chosen": tuple(p.why for p in places)}
    return replace(scene, metadata={**scene.metadata, **told})


def cut_out(scene: Scene, window: Region, inner: Region) -> Scene:
    """The part of a scene that lies in a window, to be rendered as it is in the whole.

    Args:
        scene: whole.
        window: of a raw capture on even numbers.
        inner: what of the window is wanted, in the window.
    """
    box = window.left, window.top, window.width, window.height
    return replace(
        scene,
        image=window.of(scene.image),
        reference=None,
        masked=None,
        metadata={},
        raw=None if scene.raw is None else scene.raw.cropped(*box),
        rendered=None,
        halves=None,
        cut=Cut(scene, window.left, window.top, inner),
    )


def widened(region: Region, margin: int, grid: int, size: tuple[int, int]) -> Region:
    """A region with a margin, out to a grid, as far as a picture of this width and height goes."""
    width, height = size
    left, top = (max(0, (edge - margin) // grid * grid) for edge in (region.left, region.top))
    right = min(width, -(-(region.left + region.width + margin) // grid) * grid)
    bottom = min(height, -(-(region.top + region.height + margin) // grid) * grid)
    return Region(left, top, right - left, bottom - top)
