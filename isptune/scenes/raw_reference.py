"""A picture as the reference of a raw capture, such as the camera's own JPEG: laid over the frame and cut alike."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from isptune.arrays import Images
from isptune.errors import SceneError
from isptune.scenes.images import read_picture
from isptune.scenes.raw_capture import RawCapture, centre_of_about, on_grid, preview

BORDER = 0.05
"""By how much of a side a reference may be larger or smaller than the frame: cameras cut active areas so."""

SAME_SHAPE = 0.01
"""By how much the ratios of sides may differ where a reference is resized."""

REACH = 16
"""How far beyond what the borders allow a reference is looked for, pixels each way."""

ALIGNED_ON = 1 << 20
"""Pixels in the middle that are compared for it."""

ALIKE = 0.3
"""Correlation of fine structure below which the two hardly show the same."""

Resized = Float[torch.Tensor, "1 3 rows columns"]
Detail = Float[np.ndarray, "height width"]


class Referenced(NamedTuple):
    """A capture and its reference, of one size.

    Attributes:
        capture: the part of it that the reference shows.
        origin: where in the upright frame it begins: x, y.
        reference: [1, 3, H, W].
        told: what was done to it, or what is odd, a line each.
    """

    capture: RawCapture
    origin: tuple[int, int]
    reference: Images
    told: list[str]


def with_reference(
    capture: RawCapture, origin: tuple[int, int], frame: tuple[int, int], path: Path
) -> Referenced:
    """Lay a picture over the upright frame of a capture.

    A picture whose sides differ from the frame's by a border is put in its middle and shifted by whole pixels to where
    its fine structure fits best; one of the same shape is resized. Its EXIF orientation is followed.

    Args:
        capture: all that can be used of the frame.
        origin: where in the frame the capture begins.
        frame: its width and height.
        path: the picture.

    Raises:
        SceneError: the picture cannot be read, or its size does not fit.
    """
    read = read_picture(path)
    reference = read.image
    size = reference.shape[-1], reference.shape[-2]
    told = list(read.told)
    if any(abs(a - b) > BORDER * b for a, b in zip(size, frame, strict=True)):
        reference = _resized(reference, frame, path)
        told.append(f"{path.name}: is {_text(size)} and was resized to the raw file's frame, {_text(frame)}")
        size = frame
    middle = (size[0] - frame[0]) // 2, (size[1] - frame[1]) // 2
    shift, alike = _shift(capture, origin, reference, middle)
    if size != frame or shift != (0, 0):
        told.append(
            f"{path.name}: is {_text(size)} over a frame of {_text(frame)}; laid over its middle, "
            f"shifted by {shift[0]:+d},{shift[1]:+d}"
        )
    if alike < ALIKE:
        told.append(
            f"{path.name}: its fine structure hardly fits the raw file's (correlation {alike:.2f}); is it another "
            "shot, or corrected for the lens?"
        )
    at = origin[0] + middle[0] + shift[0], origin[1] + middle[1] + shift[1]  # of the capture's first pixel
    return _common(capture, origin, reference, at, told)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _resized(reference: Images, frame: tuple[int, int], path: Path) -> Resized:
    height, width = reference.shape[-2:]
    if abs(width / height / (frame[0] / frame[1]) - 1) > SAME_SHAPE:
        turned = abs(height / width / (frame[0] / frame[1]) - 1) < SAME_SHAPE
        mend = "; one of them lies on its side: give orientation=" if turned else ""
        raise SceneError(
            f"{path}: is {width}x{height} and the raw file's frame {_text(frame)}: neither is a border of the other "
            f"(at most {100 * BORDER:g} %) nor are they of one shape{mend}"
        )
    resized = torch.nn.functional.interpolate(reference, (frame[1], frame[0]), mode="bicubic", antialias=True)
    return resized.clamp(0, 1)


def _common(
    capture: RawCapture, origin: tuple[int, int], reference: Images, at: tuple[int, int], told: list[str]
) -> Referenced:
    """Both cut to what both show; `at` is where in the reference the capture begins."""
    starts = [-min(0, place) for place in at]
    left, top = (start + start % 2 for start in starts)
    sides = reference.shape[-1], reference.shape[-2]
    width, height = on_grid(
        min(capture.size[0] - left, sides[0] - at[0] - left),
        min(capture.size[1] - top, sides[1] - at[1] - top),
    )
    x, y = at[0] + left, at[1] + top
    return Referenced(
        capture.cropped(left, top, width, height),
        (origin[0] + left, origin[1] + top),
        reference[..., y : y + height, x : x + width].contiguous(),
        told,
    )


def _shift(
    capture: RawCapture, origin: tuple[int, int], reference: Images, middle: tuple[int, int]
) -> tuple[tuple[int, int], float]:
    """By how many pixels the reference lies beside the middle, and how alike the two then are, [-1, 1].

    By cross-correlation of the middle, within the borders and a little more, and not of phases alone: the preview's
    finest structure is interpolated, and would count as much as what is seen. A place that does not fit better than
    the middle itself is not taken.
    """
    reach = REACH + max(abs(middle[0]), abs(middle[1]))
    left, top, width, height = centre_of_about(capture.size, ALIGNED_ON)
    x, y = origin[0] + left + middle[0], origin[1] + top + middle[1]
    inside = [max(0, -x), max(0, -y)]
    inside = [n + n % 2 for n in inside]
    left, top, x, y = left + inside[0], top + inside[1], x + inside[0], y + inside[1]
    width, height = on_grid(
        min(width - inside[0], reference.shape[-1] - x), min(height - inside[1], reference.shape[-2] - y)
    )
    ours = _detail(preview(capture.cropped(left, top, width, height)))
    theirs = _detail(reference[..., y : y + height, x : x + width])
    spectrum = np.fft.rfft2(theirs) * np.conj(np.fft.rfft2(ours))
    peaks = np.fft.irfft2(spectrum, s=ours.shape)
    steps = np.arange(-min(reach, min(width, height) // 4), min(reach, min(width, height) // 4) + 1)
    near = peaks[np.ix_(steps, steps)]
    down, across = (int(steps[i]) for i in np.unravel_index(int(near.argmax()), near.shape))
    still, moved = _alike(ours, theirs, 0, 0), _alike(ours, theirs, across, down)
    return ((across, down), moved) if moved > still + 0.02 else ((0, 0), still)


def _detail(images: Images) -> Detail:
    """Brightness without what is coarse, so that other tones and colours do not matter."""
    import cv2

    grey = images[0].mean(0).clamp(0, 1).sqrt().numpy().astype(np.float64)
    fine = cv2.GaussianBlur(grey, (0, 0), 1.0) - cv2.GaussianBlur(grey, (0, 0), 4.0)
    return fine - fine.mean()


def _alike(ours: Detail, theirs: Detail, across: int, down: int) -> float:
    """Correlation where `theirs` is shifted so."""
    height, width = ours.shape
    first = ours[max(0, -down) : height - max(0, down), max(0, -across) : width - max(0, across)]
    second = theirs[max(0, down) : height - max(0, -down), max(0, across) : width - max(0, -across)]
    scale = float(np.sqrt(np.square(first).sum() * np.square(second).sum()))
    return float((first * second).sum()) / scale if scale > 0 else 0.0
