"""A small metric to try isptune with, and to replace by yours: metric.py PICTURE..."""

import sys

import cv2

for path in sys.argv[1:]:
    picture = cv2.imread(path)
    if picture is None:
        sys.exit(f"{path}: cannot be read")
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    print(float(grey.std()))  # contrast: a toy, which more noise pleases, too
