"""The shots that `isptune calibrate` is given: whole frames of raw files."""

from pathlib import Path

from isptune.errors import SceneError
from isptune.scenes.raw_capture import RawCapture
from isptune.scenes.scene import Scene, load_scenes, raw_file
from isptune.spec import Spec, parse


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


def raw_of(scene: Scene) -> RawCapture:
    """What the sensor recorded."""
    assert scene.raw is not None, "whole_shot gives raw scenes alone"
    return scene.raw
