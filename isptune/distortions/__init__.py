"""The distortion catalogue: one file a group, batched, one level per image.

`CATALOGUE` has all functions by name, `get` one of them; `preset` gives a type of a published set (`arniqa`,
`kadid10k`, `depictqa`, `imagenet_c`) with its levels. `isptune.distortions.recipes` composes them at random.
"""

from collections.abc import Mapping
from types import MappingProxyType

from isptune.distortions import (
    blur,
    blur_random,
    brightness,
    color,
    compression,
    contrast,
    denoise,
    noise,
    quantization,
    sharpness,
    spatial,
    weather,
)
from isptune.distortions.catalogue import Distortion
from isptune.distortions.presets import SETS, Preset, preset, presets_of
from isptune.errors import UnknownName

__all__ = ["CATALOGUE", "SETS", "Distortion", "Preset", "get", "preset", "presets_of"]

_FILES = (
    blur,
    blur_random,
    noise,
    compression,
    brightness,
    contrast,
    color,
    sharpness,
    spatial,
    quantization,
    denoise,
    weather,
)

CATALOGUE: Mapping[str, Distortion] = MappingProxyType(
    {one.name: one for file in _FILES for one in file.DISTORTIONS}
)
"""Every distortion by name, by file."""


def get(name: str) -> Distortion:
    """One function of the catalogue. Raises UnknownName."""
    if name not in CATALOGUE:
        raise UnknownName("distortion", name, list(CATALOGUE))
    return CATALOGUE[name]
