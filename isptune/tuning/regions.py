"""The weights and the regions of interest of scenes; see `isptune.scenes.focus`, and for large scenes `.large`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from isptune.errors import ConfigError
from isptune.facts import ObjectiveFacts
from isptune.interfaces import Objective, Pipeline
from isptune.scenes.focus import Region
from isptune.scenes.large import is_large, size_of, through_regions
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


def counted(facts: ObjectiveFacts, scene: Scene) -> tuple[Region, ...]:
    """The regions whose scores an objective's score of the scene is the mean of; none where it scores all of it.

    Regions that the user named count for all that can score crops; chosen ones for those that they can stand for.
    """
    if facts.whole_pictures or (chosen_of(scene) and not facts.by_regions):
        return ()
    return regions_of(scene)


def chosen_of(scene: Scene) -> tuple[str, ...]:
    """What each region was chosen for, where nobody named them."""
    return tuple(scene.metadata.get("chosen", ()))


def looked_at(
    scenes: Sequence[Scene], pipeline: Pipeline, objectives: Iterable[Objective], full_frame: bool
) -> list[Scene]:
    """The scenes, large ones with chosen regions where these can stand for them.

    Nothing is chosen where the user named regions or wants the full frame, where it is not known that pictures lie on
    their scenes pixel on pixel, and where every objective looks at all of a picture.

    Args:
        scenes: with all that they are compared with.
        pipeline, objectives: of the run.
        full_frame: whether all of every scene counts.
    """
    if full_frame or pipeline.facts.support is None or not any(one.facts.by_regions for one in objectives):
        return list(scenes)
    return [
        through_regions(scene) if is_large(size_of(scene)) and not regions_of(scene) else scene
        for scene in scenes
    ]


def rendered_apart(scene: Scene, pipeline: Pipeline, objectives: Iterable[Objective]) -> bool:
    """Whether only the regions of a scene are rendered: a large one's, if nothing looks at more."""
    support, asked = pipeline.facts.support, [one.facts for one in objectives]
    return (
        support is not None
        and support.margin_px is not None
        and is_large(size_of(scene))
        and bool(asked)
        and all(counted(facts, scene) and not facts.rivals for facts in asked)
    )


def in_words(scenes: Sequence[Scene], pipeline: Pipeline, objectives: Sequence[Objective]) -> str | None:
    """One line on the scenes with chosen regions, for the console; None where there are none."""
    chosen = [scene for scene in scenes if chosen_of(scene)]
    if not chosen:
        return None
    first, more = chosen[0], len(chosen) - 1
    width, height = size_of(first)
    others = f", and {more} more" if more else ""
    apart = all(rendered_apart(scene, pipeline, objectives) for scene in chosen)
    rendered = (
        "rendered and scored" if apart else "scored, by what does not need all of it, and rendered whole"
    )
    count, side = len(regions_of(first)), regions_of(first)[0].width
    return (
        f"{first.name} is large ({width}x{height}){others}: {count} regions of {side}x{side} are {rendered} "
        f"({', '.join(chosen_of(first))}); --full-frame looks at all of it"
    )


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
