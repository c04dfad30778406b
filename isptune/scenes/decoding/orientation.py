"""Which way up a picture is: what EXIF says, and the turn that follows."""

from typing import Any

ORIENTATION = 274
"""The tag, in EXIF and in TIFF alike."""


def orientation_said(value: Any) -> int:
    """The value of the tag as one of 1 to 8; 1, as it is stored, for what is none of them."""
    return int(value) if value in range(1, 9) else 1


def upright(array: Any, orientation: int) -> Any:
    """An array [H, W, ...] as it is to be shown, by a view; EXIF 2.32, tag 274: where its first row and column lie."""
    if orientation >= 5:  # the first row is at the left or right
        array = array.swapaxes(0, 1)
    right, bottom = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    return array[:: -1 if bottom else 1, :: -1 if right else 1]
