"""TIFF: tags say what the numbers are (TIFF 6.0, 1992); what they say that cannot be followed is refused."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from isptune.errors import SceneError, one_line
from isptune.scenes.decoding.icc import profile_conversion
from isptune.scenes.decoding.limits import MOST_BYTES, check_size
from isptune.scenes.decoding.orientation import ORIENTATION, orientation_said
from isptune.scenes.decoding.stored import Stored
from isptune.scenes.decoding.tiff_codecs import CODECS, NAMES, WHOLE_BY_PILLOW, decompressed
from isptune.scenes.decoding.tiff_samples import interpreted, planes_last
from isptune.system.quiet import silenced, silent_native_code

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_DNG_VERSION, _ICC = 50706, 34675
_REDUCED = 1
"""Of the tag NewSubfileType: a smaller copy of another page."""

_BITS = (1, 8, 16, 32, 64)
"""Of a sample; others are packed."""

MOST_SEGMENTS = 1 << 20
"""Strips or tiles of a page."""

MOST_PAGES = 8
"""Pages of a file that are looked at."""


def read_tiff(data: bytes, name: str) -> Stored:
    """The first page of its own size.

    Raises:
        SceneError: the file is damaged, too large, a raw file, or holds what cannot be read as a picture.
    """
    import tifffile

    try:
        with silenced("tifffile"), tifffile.TiffFile(io.BytesIO(data)) as tiff:
            page, several = _page(tiff, name)
            _check(page, name)
            samples = _samples(page, data, name)
            said = {tag: page.tags[tag].value for tag in (ORIENTATION, _ICC) if tag in page.tags}
            meant = interpreted(samples, page, name)
    except SceneError:
        raise
    except Exception as error:  # tifffile stumbles in many ways over damaged tags
        raise SceneError(f"{name}: is not a TIFF that can be read: {one_line(str(error))}") from error
    colour = profile_conversion(bytes(said[_ICC]), meant.pixels, name) if _ICC in said else None
    if meant.pixels == "CMYK" and colour is None:
        raise SceneError(f"{name}: is CMYK and says not of which inks (no ICC profile); convert it to sRGB")
    told = ("has several pages; the first is read",) if several else ()
    return Stored(meant.samples, meant.white, orientation_said(said.get(ORIENTATION, 1)), colour, told)


def _page(tiff: Any, name: str) -> tuple[Any, bool]:
    """The first page that is no smaller copy, and whether there are others of its kind."""
    if not tiff.pages:
        raise SceneError(f"{name}: is not a TIFF that can be read: it has no page")
    first = tiff.pages.first
    if _DNG_VERSION in first.tags:
        raise SceneError(f"{name}: is a raw file (DNG), not a picture")
    whole = [page for page in _first_pages(tiff) if not _is_reduced(page)]
    return (whole or [first])[0], len(whole) > 1


def _first_pages(tiff: Any) -> Iterator[Any]:
    """A few of them: a chain of pages may be long, or damaged behind the first."""
    for number in range(MOST_PAGES):
        try:
            yield tiff.pages[number]
        except Exception:  # tifffile stumbles in many ways over damaged pages
            return


def _is_reduced(page: Any) -> bool:
    return bool(int(getattr(page, "subfiletype", 0)) & _REDUCED)


def _check(page: Any, name: str) -> None:
    """Refuse by the tags what is too large, or not a picture that can be decoded."""
    bits, count = page.bitspersample, page.samplesperpixel
    if isinstance(bits, tuple):
        raise SceneError(f"{name}: its channels have different numbers of bits: {bits}")
    check_size(name, page.imagewidth, page.imagelength, count * max(bits, 8) / 8)
    if page.imagedepth != 1:
        raise SceneError(f"{name}: is a volume of {page.imagedepth} slices, not a picture")
    if int(page.compression) not in (*CODECS, *WHOLE_BY_PILLOW):
        known = ", ".join(dict.fromkeys((*NAMES.values(),)))
        raise SceneError(f"{name}: its compression {int(page.compression)} is none that can be read: {known}")
    if bits not in _BITS:
        raise SceneError(f"{name}: its samples have {bits} bits; 1, 8, 16 and 32, and floats, can be read")
    if page.is_tiled:
        if min(page.tilewidth, page.tilelength) < 1:
            raise SceneError(f"{name}: its tiles are {page.tilewidth}x{page.tilelength} pixels")
        check_size(f"{name}: a tile", page.tilewidth, page.tilelength, count * max(bits, 8) / 8)
        if _padded(page) * count * max(bits, 8) / 8 > MOST_BYTES:
            raise SceneError(f"{name}: its tiles hold far more than the picture; cut it anew")
    if len(page.dataoffsets) > MOST_SEGMENTS:
        raise SceneError(f"{name}: is in {len(page.dataoffsets)} parts; at most {MOST_SEGMENTS} are read")


def _padded(page: Any) -> int:
    """Pixels of all tiles, with what they hold beyond the picture's edges."""
    across, down = -(-page.imagewidth // page.tilewidth), -(-page.imagelength // page.tilelength)
    return across * down * page.tilewidth * page.tilelength


def _samples(page: Any, data: bytes, name: str) -> np.ndarray:
    """What the page holds, [H, W] or [H, W, channels]."""
    if int(page.compression) in WHOLE_BY_PILLOW:
        return _by_pillow(page, data, name)
    lengths = list(_segment_bytes(page))
    places = list(zip(page.dataoffsets, page.databytecounts, strict=False))[: len(lengths)]
    if len(places) < len(lengths):
        raise SceneError(f"{name}: is cut off: {len(places)} of its {len(lengths)} parts are there")
    if sum(min(n, len(data)) for _, n in places) > 2 * len(data):
        raise SceneError(f"{name}: is damaged: its parts lie over each other")
    try:
        plain = decompressed(int(page.compression), [data[at : at + n] for at, n in places], lengths)
    except ValueError as error:
        raise SceneError(f"{name}: is damaged: {error}") from error
    # Decompressed in bounded memory; tifffile unpacks bits, turns bytes and undoes predictors.
    page.compression = 1
    found = np.zeros(page.shaped, page.dtype)
    for number, one in enumerate(plain):
        segment, (plane, depth, top, left, _), shape = page.decode(one, number)
        _, rows, columns, _ = shape
        rows, columns = min(rows, page.imagelength - top), min(columns, page.imagewidth - left)
        found[plane, depth : depth + 1, top : top + rows, left : left + columns] = segment[
            :1, :rows, :columns
        ]
    return planes_last(found)


def _segment_bytes(page: Any) -> Iterator[int]:
    """How many bytes each strip or tile holds, decompressed."""
    contiguous = page.samplesperpixel if page.planarconfig == 1 else 1
    planes = 1 if page.planarconfig == 1 else page.samplesperpixel
    for _ in range(planes):
        if page.is_tiled:
            row = -(-page.tilewidth * contiguous * page.bitspersample // 8)
            across, down = -(-page.imagewidth // page.tilewidth), -(-page.imagelength // page.tilelength)
            yield from [row * page.tilelength] * (across * down)
            continue
        row = -(-page.imagewidth * contiguous * page.bitspersample // 8)
        step = min(page.rowsperstrip, page.imagelength) or page.imagelength
        for top in range(0, page.imagelength, step):
            yield row * min(step, page.imagelength - top)


def _by_pillow(page: Any, data: bytes, name: str) -> np.ndarray:
    """A page of black and white, or one that is JPEG inside; as Pillow's modes are."""
    from PIL.TiffImagePlugin import TiffImageFile

    try:
        with silent_native_code():
            picture = TiffImageFile(io.BytesIO(data))
            picture.seek(page.index)
            picture.load()
    except Exception as error:  # Pillow stumbles in many ways over damaged tags
        said = NAMES[int(page.compression)]
        raise SceneError(f"{name}: is damaged: its {said} stream is broken or cut off") from error
    if picture.mode not in ("1", "L", "RGB", "CMYK"):
        raise SceneError(f"{name}: holds {picture.mode} in JPEG, which cannot be read")
    if picture.size != (page.imagewidth, page.imagelength):
        raise SceneError(
            f"{name}: is {picture.size[0]}x{picture.size[1]}, and not the size that its tags say"
        )
    return np.array(picture)
