"""Five plain figures of a picture, of which the statistics of a data set are made.

The paper plots their distributions (figure 4 b to f: brightness, contrast, colourfulness, edge density, texture
variance) without their definitions; these are ours, on pixels from 0 to 255.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import UInt8

FEATURES: Mapping[str, str] = {
    "brightness": "mean luma, 0 to 255",
    "contrast": "standard deviation of luma",
    "colourfulness": "Hasler and Süsstrunk 2003",
    "edge_density": "share of pixels on an edge (Canny, 100 and 200)",
    "texture_variance": "mean variance of luma over 7x7 pixels",
}
"""Names, and what each is."""

_CANNY = (100, 200)
_TEXTURE_PX = 7


def features_of(pixels: UInt8[np.ndarray, "height width 3"]) -> dict[str, float]:
    """The five figures of one RGB picture, by the names of `FEATURES`.

    Source: colourfulness, Hasler and Süsstrunk 2003, Measuring Colourfulness in Natural Images; edges, Canny 1986, A
    Computational Approach to Edge Detection.
    """
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    grey = luma.astype(np.float64)
    mean = cv2.blur(grey, (_TEXTURE_PX, _TEXTURE_PX))
    mean_square = cv2.blur(grey * grey, (_TEXTURE_PX, _TEXTURE_PX))
    return {
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "colourfulness": _colourfulness(pixels.astype(np.float64)),
        "edge_density": float((cv2.Canny(luma, *_CANNY) > 0).mean()),
        "texture_variance": float(np.maximum(mean_square - mean * mean, 0).mean()),
    }


def _colourfulness(pixels: np.ndarray) -> float:
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))
