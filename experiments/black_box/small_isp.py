"""A small ISP as somebody may have it: a script that knows nothing of isptune. small_isp.toml says how it is called.

    python small_isp.py SCENE PARAMS.json OUT.png

SCENE is a raw file with a Bayer sensor, or a picture (which starts behind the demosaicing).
"""

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Values = dict[str, Any]


def develop(scene: str, values: Values) -> np.ndarray:
    """The picture, 8 bits, blue first as OpenCV has it."""
    light = read_raw(scene, values) if scene.endswith(".dng") else read_picture(scene)
    image = encode(denoise(tone(light, values), values))
    return finish(image, values)


def read_raw(scene: str, values: Values) -> np.ndarray:
    """Linear sRGB in [0, 1]: black level, defective pixels, white balance, demosaicing, colour matrix."""
    import rawpy

    with rawpy.imread(scene) as raw:
        black, white = raw.black_level_per_channel[0], raw.white_level
        mosaic = (raw.raw_image_visible.astype(np.float32) - black) / (white - black)
        letters = "".join("RGBG"[i] for i in raw.raw_colors_visible[:2, :2].ravel())
        gains = np.array(raw.camera_whitebalance[:3], np.float32) / raw.camera_whitebalance[1]
        matrix = np.asarray(raw.color_matrix, np.float32)[:3, :3]
    if values["sensor.defects"] > 0:
        mosaic = without_defects(mosaic, values["sensor.defects"])
    for letter, gain in zip("RGB", gains, strict=True):
        for place in (i for i in range(4) if letters[i] == letter):
            mosaic[place // 2 :: 2, place % 2 :: 2] *= gain
    numbers = (mosaic.clip(0, 1) * 65535).astype(np.uint16)
    # OpenCV names a pattern by its second row and column.
    pattern = {"RGGB": "BayerBG", "BGGR": "BayerRG", "GRBG": "BayerGB", "GBRG": "BayerGR"}[letters]
    kind = {"bilinear": "", "edges": "_EA"}[values["demosaic.method"]]
    camera = cv2.cvtColor(numbers, getattr(cv2, f"COLOR_{pattern}2RGB{kind}")).astype(np.float32) / 65535
    return (camera @ (matrix / matrix.sum(1, keepdims=True)).T).clip(0, 1)


def read_picture(scene: str) -> np.ndarray:
    """Linear sRGB in [0, 1] of a picture of 8 or 16 bits."""
    pixels = cv2.imread(scene, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        sys.exit(f"{scene} cannot be read")
    bent = pixels[..., 2::-1].astype(np.float32) / (65535 if pixels.dtype == np.uint16 else 255)
    return np.where(bent <= 0.04045, bent / 12.92, ((bent + 0.055) / 1.055) ** 2.4).astype(np.float32)


def without_defects(mosaic: np.ndarray, threshold: float) -> np.ndarray:
    """Samples that lie above or below all eight neighbours of their colour get the median of those."""
    padded = np.pad(mosaic, 2, mode="reflect")
    height, width = mosaic.shape
    steps = [(y, x) for y in (0, 2, 4) for x in (0, 2, 4) if (y, x) != (2, 2)]
    around = np.stack([padded[y : y + height, x : x + width] for y, x in steps])
    wrong = (mosaic > around.max(0) + threshold) | (mosaic < around.min(0) - threshold)
    return np.where(wrong, np.median(around, axis=0), mosaic)


def tone(light: np.ndarray, values: Values) -> np.ndarray:
    """Exposure, and a curve in the logarithm around middle grey."""
    light = light * 2 ** values["tone.exposure"]
    curved = 0.18 * (np.maximum(light, 1e-6) / 0.18) ** values["tone.contrast"]
    return curved.clip(0, 1).astype(np.float32)


def encode(light: np.ndarray) -> np.ndarray:
    """sRGB."""
    bent = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, bent).astype(np.float32)


def denoise(light: np.ndarray, values: Values) -> np.ndarray:
    """Edge-preserving on brightness, a wide blur on colour."""
    bent = np.sqrt(light)
    yuv = cv2.cvtColor(bent, cv2.COLOR_RGB2YUV)
    if values["denoise.luma"] > 0:
        size = values["denoise.window"]
        yuv[..., 0] = cv2.bilateralFilter(
            np.ascontiguousarray(yuv[..., 0]), size, values["denoise.luma"], size / 3
        )
    if values["denoise.chroma"] > 0:
        yuv[..., 1:] = cv2.GaussianBlur(yuv[..., 1:], (0, 0), values["denoise.chroma"])
    return cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB).clip(0, 1) ** 2


def finish(image: np.ndarray, values: Values) -> np.ndarray:
    """Unsharp mask on brightness, saturation; to 8 bits."""
    yuv = cv2.cvtColor(image, cv2.COLOR_RGB2YUV)
    soft = cv2.GaussianBlur(yuv[..., 0], (0, 0), values["sharpen.radius"])
    yuv[..., 0] += values["sharpen.amount"] * (yuv[..., 0] - soft)
    yuv[..., 1:] = (yuv[..., 1:] - 0.5) * values["color.saturation"] + 0.5
    rgb = cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB).clip(0, 1)
    return np.round(rgb[..., ::-1] * 255).astype(np.uint8)


def main() -> None:
    """Develop one scene; see the top of this file."""
    if len(sys.argv) != 4:
        sys.exit(f"usage: {Path(sys.argv[0]).name} SCENE PARAMS.json OUT.png")
    scene, params, out = sys.argv[1:]
    values = json.loads(Path(params).read_text())
    if not cv2.imwrite(out, develop(scene, values)):
        sys.exit(f"{out} cannot be written")


if __name__ == "__main__":
    main()
