"""A picture's file, whatever it is called: its first bytes say what it is."""

from collections.abc import Callable
from pathlib import Path

from isptune.errors import SceneError
from isptune.scenes.decoding.bmp import read_bmp
from isptune.scenes.decoding.by_opencv import READS
from isptune.scenes.decoding.heif import brand_of, read_avif, read_heic
from isptune.scenes.decoding.jpeg import START as JPEG
from isptune.scenes.decoding.jpeg import read_jpeg
from isptune.scenes.decoding.limits import check_file
from isptune.scenes.decoding.png import SIGNATURE as PNG
from isptune.scenes.decoding.png import read_png
from isptune.scenes.decoding.pnm import is_pnm, read_pnm
from isptune.scenes.decoding.stored import Stored
from isptune.scenes.decoding.tiff import STARTS as TIFF
from isptune.scenes.decoding.tiff import read_tiff
from isptune.scenes.decoding.webp import is_webp, read_webp

Reader = Callable[[bytes, str], Stored]

_NOT_READ = {
    b"\x76\x2f\x31\x01": "OpenEXR, linear light; bring it to sRGB first",
    b"#?RADIAN": "Radiance HDR, linear light; bring it to sRGB first",
    b"#?RGBE": "Radiance HDR, linear light; bring it to sRGB first",
    b"PF": "a float map, linear light; bring it to sRGB first",
    b"Pf": "a float map, linear light; bring it to sRGB first",
    b"GIF8": "GIF; save it as PNG",
    b"\xff\x0a": "JPEG XL; save it as PNG",
    b"\0\0\0\x0cJXL ": "JPEG XL; save it as PNG",
    b"\xff\x4f\xff\x51": "JPEG 2000; save it as PNG",
    b"\0\0\0\x0cjP  ": "JPEG 2000; save it as PNG",
    b"8BPS": "a Photoshop document; save it as TIFF or PNG",
    b"%PDF": "a PDF; save its picture as PNG",
    b"<svg": "SVG; draw it as PNG first",
}


def read_stored(path: Path) -> Stored:
    """The samples of a picture and what its file says of them.

    Raises:
        SceneError: there is no file, it is no picture, damaged, too large, or says what cannot be followed.
        OSError: it cannot be opened.
    """
    check_file(path)
    with path.open("rb") as file:
        start = file.read(64)
        reader = _reader(start)
        if reader is None:
            said = next((what for first, what in _NOT_READ.items() if start.startswith(first)), None)
            known = f"; it is {said}" if said else ""
            raise SceneError(f"{path}: is not a picture that can be read ({READS}){known}")
        data = start + file.read()
    return reader(data, str(path))


def _reader(start: bytes) -> Reader | None:
    if start.startswith(PNG):
        return read_png
    if start.startswith(JPEG):
        return read_jpeg
    if start.startswith(TIFF):
        return read_tiff
    if is_webp(start):
        return read_webp
    if is_pnm(start):
        return read_pnm
    if start.startswith(b"BM"):
        return read_bmp
    return {"AVIF": read_avif, "HEIC": read_heic}.get(brand_of(start) or "")
