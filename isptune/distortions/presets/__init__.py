"""The published sets: which catalogue function each of their types is, and at which levels."""

from collections.abc import Mapping
from types import MappingProxyType

from isptune.distortions.presets.arniqa import ARNIQA
from isptune.distortions.presets.depictqa import DEPICTQA
from isptune.distortions.presets.imagenet_c import IMAGENET_C
from isptune.distortions.presets.kadid10k import KADID10K
from isptune.distortions.presets.preset import SEVERITIES, Output, Part, Preset, Published
from isptune.errors import UnknownName

__all__ = ["SETS", "SEVERITIES", "Output", "Part", "Preset", "Published", "preset", "presets_of"]

SETS: Mapping[str, Mapping[str, Preset]] = MappingProxyType(
    {
        presets[0].set: MappingProxyType({one.name: one for one in presets})
        for presets in (ARNIQA, KADID10K, DEPICTQA, IMAGENET_C)
    }
)
"""Set name -> type name -> preset."""


def presets_of(set: str) -> Mapping[str, Preset]:
    """All types of a set by name, the unused ones included. Raises UnknownName."""
    if set not in SETS:
        raise UnknownName("set of distortions", set, list(SETS))
    return SETS[set]


def preset(set: str, name: str) -> Preset:
    """One type of a set, such as `preset("arniqa", "gaublur")`. Raises UnknownName."""
    presets = presets_of(set)
    if name not in presets:
        raise UnknownName(f"distortion of {set}", name, list(presets))
    return presets[name]
