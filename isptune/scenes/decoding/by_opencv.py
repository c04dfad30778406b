"""Samples as OpenCV decodes them: exact in 8 and 16 bits, nothing turned, nothing converted."""

import numpy as np

from isptune.errors import SceneError

READS = "PNG, JPEG, TIFF, WebP, AVIF, HEIC, BMP, PPM"


def decoded(data: bytes, name: str, kind: str) -> np.ndarray:
    """[H, W] or [H, W, channels], red first.

    Raises:
        SceneError: it is damaged.
    """
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what is wrong is said once, below
    try:
        pixels = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except (cv2.error, MemoryError):
        pixels = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if pixels is None:
        raise SceneError(
            f"{name}: is not a picture that can be read: it starts as {kind} and is cut off or damaged"
        )
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        pixels = pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]]
    return pixels
