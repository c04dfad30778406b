"""What the numbers of a TIFF mean: photometric interpretation, sample format, palette, planes (TIFF 6.0, section 8)."""

from typing import Any, NamedTuple

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.decoding.tiff_codecs import WHOLE_BY_PILLOW

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6

_REFUSED = {
    4: "a mask",
    8: "CIE L*a*b*",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "the mosaic of a sensor: give it as raw:FILE",
    32844: "LogL (HDR)",
    32845: "LogLuv (HDR)",
    34892: "the linear light of a camera",
}

_COLOUR_MAP, _INK_SET, _EXTRA_SAMPLES = 320, 332, 338


class Meant(NamedTuple):
    """Samples as `Stored` has them, the number for white, and what they are: `RGB`, `GRAY` or `CMYK`."""

    samples: np.ndarray
    white: float
    pixels: str


def planes_last(shaped: np.ndarray) -> np.ndarray:
    """tifffile's [planes, depth, H, W, samples] of depth 1 as [H, W, channels]: whether planes stand apart or not."""
    planes, _, _, _, samples = shaped.shape
    if planes > 1 and samples > 1:
        raise ValueError(f"{planes} planes of {samples} samples")
    return np.moveaxis(shaped[:, 0, :, :, 0], 0, -1) if planes > 1 else shaped[0, 0]


def interpreted(samples: np.ndarray, page: Any, name: str) -> Meant:
    """Raises SceneError for what is no picture of grey, RGB or CMYK, with the reason."""
    kind = int(page.photometric)
    if int(page.compression) in WHOLE_BY_PILLOW:
        return _by_pillow(samples)  # which has read the photometric interpretation, too
    if kind in _REFUSED:
        raise SceneError(f"{name}: holds {_REFUSED[kind]}; save it as sRGB")
    white = _white(samples, page, name)
    if kind == _PALETTE:
        return _from_palette(samples, page, name)
    samples = _without_extra(samples, page, white, name)
    channels = samples.shape[2] if samples.ndim == 3 else 1
    if kind in (_WHITE_IS_ZERO, _BLACK_IS_ZERO) and channels == 1:
        return Meant(_inverted(samples, white) if kind == _WHITE_IS_ZERO else samples, white, "GRAY")
    if kind == _RGB and channels == 3:
        return Meant(samples, white, "RGB")
    if kind == _CMYK and channels == 4 and _ink_set(page) == 1:
        return Meant(samples, white, "CMYK")
    if kind == _YCBCR:
        raise SceneError(f"{name}: is YCbCr without JPEG, which is not read; save it as RGB")
    raise SceneError(
        f"{name}: has {channels} channels of the photometric interpretation {kind}; save it as RGB"
    )


def _by_pillow(samples: np.ndarray) -> Meant:
    if samples.dtype == np.bool_:
        return Meant(samples, 1.0, "GRAY")
    channels = samples.shape[2] if samples.ndim == 3 else 1
    return Meant(samples, 255.0, {1: "GRAY", 3: "RGB", 4: "CMYK"}[channels])


def _white(samples: np.ndarray, page: Any, name: str) -> float:
    kind = samples.dtype.kind
    if kind == "f":
        return 1.0
    if page.bitspersample == 1 or kind == "b":
        return 1.0
    if kind == "u":
        return float(np.iinfo(samples.dtype).max)
    raise SceneError(
        f"{name}: its samples are signed or complex ({samples.dtype}), which says not what is black and white; save it "
        "in 8 or 16 bits without a sign"
    )


def _inverted(samples: np.ndarray, white: float) -> np.ndarray:
    return (1.0 - samples) if samples.dtype.kind == "f" else (int(white) - samples.astype(samples.dtype))


def _from_palette(samples: np.ndarray, page: Any, name: str) -> Meant:
    flat = samples[..., 0] if samples.ndim == 3 else samples
    colours = np.asarray(page.tags[_COLOUR_MAP].value if _COLOUR_MAP in page.tags else (), np.int64).reshape(
        -1
    )
    if samples.ndim == 3 and samples.shape[2] != 1:
        raise SceneError(f"{name}: is a palette picture of {samples.shape[2]} channels")
    if flat.dtype.kind not in "ub" or not colours.size or colours.size % 3:
        raise SceneError(f"{name}: is a palette picture without a palette that can be read")
    table = colours.reshape(3, -1).T.astype(np.uint16)
    if int(flat.max()) >= len(table):
        raise SceneError(f"{name}: its palette has {len(table)} colours, and pixels say {int(flat.max())}")
    # Some write 8 bits times 256, and not times 257.
    white = 65280.0 if not (table % 256).any() else 65535.0
    return Meant(table[flat.astype(np.int64)], white, "RGB")


def _without_extra(samples: np.ndarray, page: Any, white: float, name: str) -> np.ndarray:
    """Alpha must be opaque; a channel that says nothing of itself is alpha to most programs, so it must be, too."""
    extra = len(page.extrasamples)
    if not extra:
        return samples
    if extra > 1:
        raise SceneError(f"{name}: has {extra} channels beside its colours; save it without them")
    if (samples[..., -1] < white).any():
        raise SceneError(f"{name}: has transparent pixels; flatten it onto a background first")
    return samples[..., :-1]


def _ink_set(page: Any) -> int:
    return int(page.tags[_INK_SET].value) if _INK_SET in page.tags else 1
