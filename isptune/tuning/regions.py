"""The weights and the regions of interest of scenes; see `isptune.scenes.focus`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from isptune.arrays import Images
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


def in_regions(scene: Scene) -> Iterator[tuple[Scene, Callable[[Images], Images]]]:
    """For each region the scene as it is there, and what cuts pictures to it."""
    for region in regions_of(scene):
        reference = None if scene.reference is None else region.of(scene.reference)
        inside = slice(region.top, region.top + region.height), slice(region.left, region.left + region.width)
        masked = None if scene.masked is None else scene.masked[..., *inside].contiguous()
        image = region.of(scene.image)
        part = replace(
            scene, image=image, reference=reference, metadata={}, raw=None, rendered=None, masked=masked
        )
        yield part, region.of
