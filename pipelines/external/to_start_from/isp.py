"""A small ISP to try isptune with, and to replace by yours: isp.py SCENE PARAMS OUT."""

import json
import sys

import cv2
import numpy as np


def isp(picture, values):
    """The picture (0 to 1) with these values of the knobs in isp.toml."""
    strength = values["denoise.strength"]
    if values["denoise.method"] == "median":
        size = 2 * round(strength) + 1
        picture = cv2.medianBlur((picture * 255).astype(np.uint8), size).astype(np.float32) / 255
    elif strength > 0:
        picture = cv2.GaussianBlur(picture, (0, 0), strength)
    blurred = cv2.GaussianBlur(picture, (0, 0), 1.5)
    return (picture + values["sharpen.amount"] * (picture - blurred)) * values["tone.gain"]


if __name__ == "__main__":
    scene, params, out = sys.argv[1:]
    picture = cv2.imread(scene, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)  # a PNG; a DNG needs rawpy
    if picture is None:
        sys.exit(f"{scene}: cannot be read by this small ISP, which takes photographs only")
    top = np.iinfo(picture.dtype).max
    with open(params) as file:
        rendered = isp((picture / top).astype(np.float32), json.load(file))
    cv2.imwrite(out, (rendered.clip(0, 1) * 65535).round().astype(np.uint16))
