"""BMP: whole rows of 8 bits."""

import struct

from isptune.errors import SceneError
from isptune.scenes.decoding.by_opencv import decoded
from isptune.scenes.decoding.limits import check_size
from isptune.scenes.decoding.stored import Stored


def read_bmp(data: bytes, name: str) -> Stored:
    """Raises SceneError for a file that is damaged or too large."""
    if len(data) < 26:
        raise SceneError(
            f"{name}: is not a picture that can be read: it starts as BMP and is cut off or damaged"
        )
    if int.from_bytes(data[14:18], "little") == 12:  # OS/2's header
        width, height = struct.unpack("<HH", data[18:22])
    else:
        width, height = struct.unpack("<ii", data[18:26])
    check_size(name, width, abs(height), 4)  # negative where the first row is the uppermost
    return Stored(decoded(data, name, "BMP"), 255.0)
