"""Scenes that a search never sees, so that its result can be verified on them."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress

from isptune.errors import ConfigError
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import Scene, load_scenes


def parted(
    scenes: list[Scene], settings: RunSettings, at_hand: Mapping[str, Scene]
) -> tuple[list[Scene], list[Scene]]:
    """The scenes of the search, and those that are held out.

    A share is drawn by the run's seed and the scenes' pixels, whatever order they were given in.

    Args:
        scenes: all that the settings name.
        settings: of the run.
        at_hand: scenes that are loaded already, by their names in the settings.

    Raises:
        ConfigError: a share leaves no scene for the search or none to hold out, or a scene is in both.
    """
    if not settings.holdout:
        return scenes, []
    share = _share(*settings.holdout)
    if share is None:
        given = [at_hand.get(spec, spec) for spec in settings.holdout]
        held_out = load_scenes(given, settings.crop, settings.resize)
        searched = {scene.sha256: scene.name for scene in scenes}
        for scene in held_out:
            if scene.sha256 in searched:
                raise ConfigError(
                    f"holdout: {scene.name} is the scene {searched[scene.sha256]} of the search"
                )
        return scenes, held_out
    count = max(1, round(share * len(scenes)))
    if count >= len(scenes):
        raise ConfigError(
            f"holdout = {share:g}: of {len(scenes)} scene{'s' if len(scenes) > 1 else ''} none would be left for the "
            "search; give more scenes, or scenes of their own to --holdout"
        )
    order = sorted(scenes, key=lambda scene: _drawn(settings.seed, scene))
    names = {scene.name for scene in order[:count]}
    return [s for s in scenes if s.name not in names], [s for s in scenes if s.name in names]


def _share(first: str, *others: str) -> float | None:
    """The share, or None where scenes are named. Raises ConfigError for a number that is no share."""
    with suppress(ValueError):
        share = float(first)
        if others:
            raise ConfigError(f"holdout = {first}, {', '.join(others)}: is one share, or scenes")
        if not 0 < share < 1:
            raise ConfigError(f"holdout = {first} is no share: above 0 and below 1")
        return share
    return None


def _drawn(seed: int, scene: Scene) -> str:
    return hashlib.sha256(f"{seed} {scene.sha256}".encode()).hexdigest()
