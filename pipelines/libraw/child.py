"""Renders raw files by LibRaw, in a process of its own: `pipelines.libraw.libraw` starts this file and talks to it by
pipes.

It imports neither torch nor isptune, so that starting it again after a crash costs little. Each request and each
answer is one line of JSON; a picture follows as the bytes of its array.
"""

import json
import os
import sys
from typing import Any, BinaryIO

import numpy as np
import rawpy

ENUMERATIONS = {
    "demosaic_algorithm": "DemosaicAlgorithm",
    "fbdd_noise_reduction": "FBDDNoiseReductionMode",
    "output_color": "ColorSpace",
}
"""Arguments that are enumerations, and rawpy's names for these."""


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    for line in requests:
        pixels = None
        try:
            asked = json.loads(line)
            pixels = render(asked["file"], asked["options"])
            answer: dict[str, Any] = {"shape": pixels.shape, "type": str(pixels.dtype)}
        except Exception as error:  # whatever it is costs one trial, and is told there
            words = " ".join(
                part.decode(errors="replace") if isinstance(part, bytes) else str(part) for part in error.args
            )
            answer = {"error": f"{type(error).__name__}: {words}"}
        answers.write(json.dumps(answer).encode() + b"\n")
        if pixels is not None:
            answers.write(np.ascontiguousarray(pixels).data)
        answers.flush()


def render(file: str, options: dict[str, Any]) -> np.ndarray:
    """A picture of 16 bits, [height, width, 3].

    Args:
        file: the raw file.
        options: keyword arguments of `rawpy.RawPy.postprocess`, enumerations by name; and what depends on the file:
            `white_balance` (factors on the camera's red and blue), `black_offset` and `white_scale` (of the range
            from black to white, and of white).
    """
    options = dict(options)
    factors = options.pop("white_balance", (1.0, 1.0))
    offset, scale = options.pop("black_offset", 0.0), options.pop("white_scale", 1.0)
    for name, kind in ENUMERATIONS.items():
        if isinstance(options.get(name), str):
            options[name] = getattr(getattr(rawpy, kind), options[name])
    for name in ("gamma", "chromatic_aberration"):  # JSON knows no tuples, rawpy no lists
        if name in options:
            options[name] = tuple(options[name])
    with rawpy.imread(file) as raw:
        options |= white_balance(raw, factors) | levels(raw, offset, scale)
        return raw.postprocess(output_bps=16, **options)


def white_balance(raw: Any, factors: tuple[float, float]) -> dict[str, Any]:
    """The arguments for factors on the camera's red and blue."""
    camera = [float(gain) for gain in raw.camera_whitebalance]
    if factors[0] == factors[1] == 1.0:
        return {"use_camera_wb": True}
    if min(camera[:3]) <= 0:
        camera = [float(gain) for gain in raw.daylight_whitebalance]
    green = camera[1]
    return {"user_wb": [camera[0] / green * factors[0], 1.0, camera[2] / green * factors[1], 1.0]}


def levels(raw: Any, offset: float, scale: float) -> dict[str, Any]:
    """The arguments for a black level that lies so much of the range higher, and for a white level times `scale`."""
    found = {}
    white = float(raw.white_level)
    if offset:
        red, green, blue, other_green = (int(level) for level in raw.black_level_per_channel)
        lowest = min(red, green, blue, other_green)
        found["user_black"] = max(0, round(lowest + offset * (white - lowest)))
        found["user_cblack"] = [red - lowest, green - lowest, blue - lowest, other_green - lowest]
    if scale != 1.0:
        found["user_sat"] = round(white * scale)
    return found


if __name__ == "__main__":
    # What LibRaw prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
