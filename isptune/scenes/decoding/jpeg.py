"""JPEG: its segments say size, components, orientation and colours."""

import io

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.decoding.by_opencv import decoded
from isptune.scenes.decoding.exif import Said, said_by
from isptune.scenes.decoding.icc import profile_conversion
from isptune.scenes.decoding.limits import check_size, check_stored
from isptune.scenes.decoding.stored import Stored

START = b"\xff\xd8\xff"


def read_jpeg(data: bytes, name: str) -> Stored:
    """Raises SceneError for a file that is damaged, too large, CMYK without a profile, or has one that is broken."""
    from PIL.JpegImagePlugin import JpegImageFile

    damaged = f"{name}: is not a picture that can be read: it starts as JPEG and is cut off or damaged"
    try:
        picture = JpegImageFile(io.BytesIO(data))
    except Exception as error:  # Pillow stumbles in many ways over damaged headers
        raise SceneError(damaged) from error
    check_size(name, *picture.size, len(picture.getbands()))
    width, height = picture.size
    check_stored(name, len(data), width * height / 64 / 8)  # a block of 8x8 takes a bit at least
    exif = said_by(picture.info["exif"]) if "exif" in picture.info else Said()
    profile = picture.info.get("icc_profile")
    if picture.mode != "CMYK":
        colour = exif.colour
        if profile:
            colour = profile_conversion(profile, "GRAY" if picture.mode == "L" else "RGB", name)
        return Stored(decoded(data, name, "JPEG"), 255.0, exif.orientation, colour)
    if not profile:
        raise SceneError(f"{name}: is CMYK and says not of which inks (no ICC profile); convert it to sRGB")
    try:
        inks = np.asarray(picture)
    except (OSError, SyntaxError) as error:
        raise SceneError(damaged) from error
    return Stored(inks, 255.0, exif.orientation, profile_conversion(profile, "CMYK", name))
