"""Mosaics that were published as grey PNG, as DNG files that raw developers read.

Usage: python -m experiments.raw.mosaics_to_dng --data DIR --out DIR

DIR/raw/meta.json says order, levels and, of some, the white balance of each; where it does not, the grey mean is
taken. The PNGs hold no colour matrix. Of the Nikon, LibRaw knows it, and the balance for daylight, by the camera's
name; of the others it is the identity, so that colours are the sensor's own, and paler than life.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch

from isptune.scenes.raw_capture import IDENTITY, Matrix, RawCapture, on_grid
from isptune.scenes.raw_files import read_raw
from pipelines.external.dng import write_dng

ORDERS = {"RGGB": (0, 0), "GRBG": (0, 1), "GBRG": (1, 0), "BGGR": (1, 1)}

CAMERAS = {"nikon_DSC_1339_rggb14.png": "Nikon D3200"}
"""Whose matrix LibRaw knows; the file comes from fast-openISP's example for this camera."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    facts = json.loads((options.data / "raw/meta.json").read_text())
    for name, known in facts.items():
        if "black" not in known:
            print(f"{name}: its black level is not known; left out")
            continue
        capture = capture_of(options.data / "raw" / name, known)
        write_dng(options.out / Path(name).with_suffix(".dng").name, capture, camera=Path(name).stem)
        print(f"{name}: {capture.size[0]}x{capture.size[1]}, white balance {capture.white_balance}")


def capture_of(path: Path, known: dict[str, Any]) -> RawCapture:
    """A capture that starts on red, with the white balance that is known, or of the grey mean."""
    import cv2

    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, f"{path} cannot be read"
    top, left = ORDERS[known["cfa"].split()[0]]
    height, width = on_grid(pixels.shape[0] - top, pixels.shape[1] - left)
    samples = np.ascontiguousarray(pixels[top : top + height, left : left + width]).astype(np.float32)
    mosaic = torch.from_numpy(samples)[None, None]
    black, white = float(known["black"]), float(known["white"])
    if path.name in CAMERAS:
        matrix, balance = libraw_knows(CAMERAS[path.name])
    else:
        red, green, blue = known.get("wb") or grey_mean(mosaic, black, white)
        matrix, balance = IDENTITY, (red / green, 1.0, blue / green)
    return RawCapture(mosaic, (black, black, black, black), white, balance, matrix)


def grey_mean(mosaic: torch.Tensor, black: float, white: float) -> tuple[float, float, float]:
    """Multipliers that make the mean of what does not clip grey."""
    cells = torch.nn.functional.pixel_unshuffle(mosaic, 2) - black
    kept = (cells < 0.95 * (white - black)).all(1)[0]
    red, green, other, blue = (float(plane[kept].mean()) for plane in cells[0])
    return (green + other) / 2 / red, 1.0, (green + other) / 2 / blue


def libraw_knows(camera: str) -> tuple[Matrix, tuple[float, float, float]]:
    """Matrix and daylight balance of a camera, by its name: asked with a file that holds nothing else."""
    make, _, model = camera.partition(" ")
    tags = [
        (271, 2, 0, make, True), (272, 2, 0, model, True), (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes((0, 1, 1, 2)), True), (50706, 1, 4, bytes((1, 4, 0, 0)), True),
        (50717, 4, 1, 16383, True),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.dng"
        pixels = np.full((64, 64), 4000, np.uint16)
        tifffile.imwrite(path, pixels, photometric=32803, extratags=tags, metadata=None, software=False)
        capture, _ = read_raw(path)
    return capture.matrix, capture.white_balance


if __name__ == "__main__":
    main()
