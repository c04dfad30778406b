"""The shots that `isptune calibrate` is given: whole frames of raw files."""

from pathlib import Path

import click

from isptune.errors import SceneError
from isptune.scenes.raw_capture import RawCapture
from isptune.scenes.scene import Scene, load_scenes, raw_file, scene_warnings
from isptune.spec import Spec, parse
from objectives.charts.regions import Quad


def whole_shot(shot: str, purpose: str) -> Scene:
    """The scene of a raw file, not only its middle; other scenes with a raw capture as they are.

    Args:
        shot: a path or a spec.
        purpose: what is done with a raw file, for the message.

    Raises:
        SceneError: it cannot be read, or is a photograph.
    """
    spec = Spec("raw", shot) if Path(shot).exists() else parse(shot)
    if spec.name == "raw" and spec.argument is not None:
        whole = Spec("raw", spec.argument, {"crop": "full", **spec.options})
        return raw_file(str(whole).removeprefix("raw:"))[0]
    scene = load_scenes([shot])[0]
    if scene.raw is None:
        raise SceneError(f"{shot}: is a photograph; {purpose} a raw file")
    return scene


def told_shot(shot: str, purpose: str) -> Scene:
    """The same, its warnings said on standard error."""
    scene = whole_shot(shot, purpose)
    for text in scene_warnings([scene]):
        click.echo(f"warning: {text}", err=True)
    return scene


def in_capture(quad: Quad, scene: Scene) -> Quad:
    """Corners in pixels of the upright picture as those of the capture, which may begin later."""
    left, top = origin_of(scene)
    first, second, third, fourth = ((x - left, y - top) for x, y in quad)
    return first, second, third, fourth


def origin_of(scene: Scene) -> tuple[int, int]:
    """Where in the upright picture the capture begins: x, y."""
    left, top = scene.metadata.get("window", (0, 0))[:2]
    return left, top


def raw_of(scene: Scene) -> RawCapture:
    """What the sensor recorded."""
    assert scene.raw is not None, "whole_shot gives raw scenes alone"
    return scene.raw
