"""`task:KIND?...`: how well a machine solves its task on the pictures.

| kind | what it is |
|---|---|
| imagenet | a classifier and labels of the scenes: `objectives.task.right_label` |
| detection | a detector and boxes of the scenes: `objectives.task.detection` |
| codes | QR codes and ArUco markers of a chart: `objectives.task.codes` |
"""

from collections.abc import Callable, Mapping

from isptune.errors import ConfigError, one_line
from isptune.interfaces import Objective
from objectives.task import codes, detection, right_label

KINDS: Mapping[str, Callable[[str], Objective]] = {
    "imagenet": right_label.build,
    "detection": detection.build,
    "codes": codes.build,
}


def build(argument: str | None = None) -> Objective:
    """How well a machine solves its task: task:imagenet?labels=FILE, task:detection?network=onnx:FILE, task:codes.

    Raises:
        ConfigError: no such task, or an option of it.
        UnknownName: no such measure.
        MissingExtra: a package, or published weights, are not here.
    """
    kind = (argument or "").partition("?")[0].partition(",")[0].strip()
    if kind not in KINDS:
        raise ConfigError(
            f"task: which? task:imagenet?labels=FILE, task:detection?network=onnx:FILE&annotations=FILE or task:codes; "
            f"got {one_line(kind[:80])!r}"
        )
    return KINDS[kind](argument or "")
