"""All pictures of a rating on one PNG, each with its number."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isptune.errors import RunFolderError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

CELL_PX = 480
"""The longest side of a picture on the sheet; smaller ones keep their pixels."""

GAP_PX, LABEL_PX, HEAD_PX = 24, 44, 96

GROUND, INK, FAINT = (74, 74, 74), (242, 242, 242), (178, 178, 178)
"""Grey of medium brightness and no colour, so that it does not change how colours look."""


def write_contact_sheet(path: Path, pictures: Sequence[Path], title: str) -> None:
    """Lay pictures out in rows, numbered from 1, under a line that says how to rate them.

    Raises:
        RunFolderError: a picture cannot be read, or the sheet cannot be written.
    """
    from PIL import Image, ImageDraw

    try:
        small = [_fitted(picture) for picture in pictures]
        columns = _columns(len(small))
        cell_width, cell_height = (max(size) for size in zip(*(image.size for image in small), strict=True))
        rows = -(-len(small) // columns)
        width = columns * (cell_width + GAP_PX) + GAP_PX
        sheet = Image.new("RGB", (width, HEAD_PX + rows * (cell_height + LABEL_PX + GAP_PX)), GROUND)
        draw = ImageDraw.Draw(sheet)
        _head(draw, title, len(small), width)
        for index, image in enumerate(small):
            row, column = divmod(index, columns)
            left = GAP_PX + column * (cell_width + GAP_PX)
            top = HEAD_PX + row * (cell_height + LABEL_PX + GAP_PX)
            draw.text((left, top + LABEL_PX / 2), str(index + 1), INK, _font(28), anchor="lm")
            sheet.paste(image, (left, top + LABEL_PX))
        sheet.save(path, format="PNG")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be made: {error}") from error


def _columns(count: int) -> int:
    """Rows of up to five, the last one as full as can be: 10 are 5 and 5, 12 are 4, 4 and 4."""
    if count <= 3:
        return count
    return min((3, 4, 5), key=lambda columns: (-(-count // columns) * columns - count, -columns))


def _fitted(path: Path) -> "Image":
    from PIL import Image

    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
    return image


def _head(draw: "ImageDraw", title: str, count: int, width: int) -> None:
    first = f"Rate the {count} pictures for {title}"
    second = "a score for each, in this order; a higher one for what you like better:  --scores 3,5,1,..."
    for text, size, top, ink in ((first, 26, 36, INK), (second, 18, 70, FAINT)):
        font = _font(size)
        while draw.textlength(text, font) > width - 2 * GAP_PX and size > 8:
            size -= 1
            font = _font(size)
        draw.text((GAP_PX, top), text, ink, font, anchor="lm")


def _font(size: int) -> "FreeTypeFont | ImageFont":
    from PIL import ImageFont

    return ImageFont.load_default(size)
