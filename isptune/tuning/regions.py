"""The weights and the regions of interest of scenes; see `isptune.scenes.focus`."""

from collections.abc import Sequence
from dataclasses import replace

from isptune.errors import ConfigError
from isptune.scenes.focus import Region
from isptune.scenes.scene import Scene


def weights_of(scenes: Sequence[Scene], aggregate: str) -> tuple[float, ...]:
    """The scenes' weights, divided by their mean. Raises ConfigError where only a mean can have any."""
    given = [float(scene.metadata.get("weight", 1.0)) for scene in scenes]
    if len(set(given)) > 1 and aggregate != "mean":
        raise ConfigError(f"aggregate = {aggregate!r}: scenes have weights in a mean only")
    return tuple(weight * len(given) / sum(given) for weight in given)


def regions_of(scene: Scene) -> tuple[Region, ...]:
    """The regions that count; none where all of it does."""
    return tuple(scene.metadata.get("roi", ()))


def part_of(scene: Scene, region: Region) -> Scene:
    """The scene as it is in a region, for objectives that score pictures cut to it."""
    halves = scene.halves
    if halves is not None and halves.plain is not None:
        halves = replace(halves, plain=region.of(halves.plain))
    return replace(
        scene,
        image=region.of(scene.image),
        reference=None if scene.reference is None else region.of(scene.reference),
        masked=None if scene.masked is None else region.of(scene.masked),
        metadata={},
        raw=None,
        rendered=None,
        halves=halves,
    )
