"""Samples as OpenCV decodes them: exact in 8 and 16 bits, nothing turned, nothing converted."""

import numpy as np

from isptune.errors import SceneError
from isptune.system.quiet import silent_native_code

READS = "PNG, JPEG, TIFF, WebP, AVIF, HEIC, BMP, PPM"


def decoded(data: bytes, name: str, kind: str) -> np.ndarray:
    """[H, W] or [H, W, channels], red first.

    Raises:
        SceneError: it is damaged.
    """
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what is wrong is said once, below
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        with silent_native_code():
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError):
        pixels = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if pixels is None:
        raise SceneError(
            f"{name}: is not a picture that can be read: it starts as {kind} and is cut off or damaged"
        )
    if pixels.ndim == 3 and pixels.shape[2] >= 3:  # in place: large pictures are not copied
        code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        pixels = cv2.cvtColor(pixels, code, dst=pixels)
    return pixels
