"""A ColorChecker in a picture, found by itself.

By OpenCV's chart detector (module mcc, Apache 2.0), which is part of OpenCV 5, and of OpenCV 4 only in contrib builds.
The other one that was weighed, colour-checker-detection (BSD), needs colour-science beside what is here already.
"""

import cv2
import numpy as np

from isptune.arrays import Images
from isptune.errors import ConfigError
from isptune.scenes.images import to_uint8
from objectives.charts.regions import Quad

LONGEST_SIDE = 2600
"""Pixels; a larger picture is shrunk. Where nothing is found, one of half the size is tried: it has less noise."""


def find_colorcheckers(image: Images) -> list[Quad]:
    """The fields of 24 patches that a picture [1, 3, H, W] shows, best first; it may be turned any way.

    Raises:
        ConfigError: this OpenCV has no chart detector.
    """
    mcc = getattr(cv2, "mcc", None)
    if mcc is None:
        raise ConfigError(
            f"OpenCV {cv2.__version__} has no chart detector (5.0 has); "
            "say where the chart is: --corners x/y/x/y/x/y/x/y"
        )
    pixels = to_uint8(image)[0][..., ::-1].copy()
    largest = min(1.0, LONGEST_SIDE / max(pixels.shape[:2]))
    for scale in (largest, largest / 2):
        small = (
            cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            if scale < 1
            else pixels
        )
        detector = mcc.CCheckerDetector.create()
        detector.setColorChartType(mcc.MCC24)
        if detector.process(small):
            found = sorted(detector.getListColorChecker(), key=lambda one: one.getCost())
            return [_quad(np.asarray(one.getBox()) / scale) for one in found]
    return []


def _quad(corners: np.ndarray) -> Quad:
    first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
    return first, second, third, fourth
