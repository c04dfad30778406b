"""How well a user's detector finds what is annotated: mAP over all scenes together.

`task:detection?network=onnx:FILE&annotations=FILE[&iou=0.5&...]`

| option | values |
|---|---|
| network | `onnx:FILE`, a detector whose outputs are boxes, scores and classes: `objectives.task.detector` |
| annotations | a JSON file of COCO's form, or a folder of YOLO's text files: `objectives.task.boxes` |
| iou | `coco` (the default): the mean over overlaps from 0.5 to 0.95; or one, such as 0.5 |
| places | what the detector's classes are: `index` (the default), places among the annotations' classes from 0; `id`, |
| | their numbers, such as COCO's 1 to 90 |
| fit | `letterbox` (the default): pictures are fitted into what the network takes; `stretch` |
| normalize | `none` (the default) or `imagenet` |
| white | what white is for the network: 1 (the default) or 255 |
| layout | of boxes: `xyxy` (the default), `yxyx`, `xywh`, `cxcywh` |
| scale | of boxes: `pixels` of what the network takes (the default), or `share` of it |
| boxes, scores, classes | names of the outputs, where neither their names nor shapes say which is which |
| least | detections with a lower score are left out; 0.001 |

Precision is interpolated at 101 recalls; at most 100 detections of a class count in a picture. Where nothing is there,
as on one scene alone, the score is 1 less the highest score of what was detected.

Source: Lin et al. 2014, Microsoft COCO: common objects in context, arXiv:1405.0312; its evaluation, pycocotools.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, ScoreError
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.reading import sha256_of
from objectives.options import parse_options
from objectives.task.boxes import Annotations, read_annotations
from objectives.task.detector import Detector, Looking, opened
from objectives.task.matching import COCO_THRESHOLDS, Found, highest_score, matched, mean_average_precision

SOURCE = (
    "Lin et al. 2014, Microsoft COCO: common objects in context, arXiv:1405.0312; its evaluation, pycocotools; a "
    "detector of the user's"
)
DEFAULTS = {
    "task": "",
    "network": "",
    "annotations": "",
    "iou": "coco",
    "places": "index",
    "fit": "letterbox",
    "normalize": "none",
    "white": "1",
    "layout": "xyxy",
    "scale": "pixels",
    "boxes": "",
    "scores": "",
    "classes": "",
    "least": "0.001",
}
ALLOWED = {
    "places": ("index", "id"),
    "fit": ("letterbox", "stretch"),
    "normalize": ("none", "imagenet"),
    "white": ("1", "255"),
    "layout": ("xyxy", "yxyx", "xywh", "cxcywh"),
    "scale": ("pixels", "share"),
}


@final
@dataclass(frozen=True, eq=False)
class Detection:
    """Objective, ScoresTogether and ChecksScenes; see the module.

    Attributes:
        detector: what looks at pictures.
        annotations: what is there.
        by_index: whether the detector's classes are places among the annotations' ones.
        thresholds: of overlap.
        facts: with the files of the network and the annotations.
    """

    detector: Detector
    annotations: Annotations
    by_index: bool
    thresholds: tuple[float, ...]
    facts: ObjectiveFacts

    def check_scene(self, scene: Scene) -> None:
        """Raises SceneError for one without annotations."""
        self.annotations.of(scene)

    def score(self, images: Images, scene: Scene) -> Scores:
        """The mAP of each image alone, float64. Raises ScoreError as `evidence`."""
        return torch.tensor(
            [self.together([one]) for one in self.evidence(images, scene)], dtype=torch.float64
        )

    @torch.no_grad()
    def evidence(self, images: Images, scene: Scene) -> list[tuple[float, ...]]:
        """What was detected in each image, and how it overlaps with what is there: see `matching.matched`.

        Raises:
            ScoreError: an image has values that are no numbers, or the network refuses it.
        """
        things = self.annotations.of(scene)
        size = np.array([scene.image.shape[-1], scene.image.shape[-2]] * 2, dtype=np.float64)
        there = Found(
            np.array([one.box for one in things], dtype=np.float64).reshape(-1, 4) * size,
            np.array([one.kind for one in things], dtype=np.int64),
            np.zeros(len(things)),
            np.array([one.crowd for one in things], dtype=np.float64),
        )
        if not bool(images.isfinite().all()):
            raise ScoreError("a picture has values that are no numbers")
        found = [self.detector.detected(one.float().cpu()) for one in images.split(1)]
        return [matched(there, self._named(one, size), self.thresholds) for one in found]

    def together(self, evidence: Sequence[tuple[float, ...]]) -> float:
        """The mAP of all scenes."""
        found = mean_average_precision(evidence, len(self.thresholds))
        return 1 - min(1.0, highest_score(evidence, len(self.thresholds))) if found is None else found

    def _named(self, found: Found, size: np.ndarray) -> Found:
        """Detections with the annotations' classes, in pixels of the scene; other classes are left out."""
        kinds = np.array(self.annotations.kinds, dtype=np.int64)
        if self.by_index:
            known = (found.kinds >= 0) & (found.kinds < len(kinds))
            named = kinds[np.where(known, found.kinds, 0)] if len(kinds) else found.kinds
        else:
            known, named = np.isin(found.kinds, kinds), found.kinds
        return Found(found.boxes[known] * size, named[known], found.scores[known], found.crowds[known])


def build(argument: str) -> Detection:
    """The objective from what stands behind `task:`; see the module.

    Raises:
        ConfigError: an option, annotations that cannot be read, or a network that is no detector.
        MissingExtra: onnxruntime is not here.
    """
    options = parse_options("task:detection", argument, DEFAULTS, first="task")
    for key, allowed in ALLOWED.items():
        if options[key] not in allowed:
            raise ConfigError(f"task:detection: {key} is {' or '.join(allowed)}; got {options[key]!r}")
    kind, _, file = options["network"].partition(":")
    if kind != "onnx" or not file or not options["annotations"]:
        raise ConfigError(
            "task:detection needs a detector and what is there: network=onnx:FILE&annotations=FILE.json, or a folder "
            "of YOLO's text files"
        )
    annotations_path, path = Path(options["annotations"]).expanduser(), Path(file).expanduser()
    thresholds = _thresholds(options["iou"])
    annotations = read_annotations(annotations_path)
    detector = opened(path, _looking(options))
    weights = {path.name: sha256_of(path)}
    if annotations_path.is_file():
        weights[annotations_path.name] = sha256_of(annotations_path)
    facts = ObjectiveFacts("maximize", (0.0, 1.0), "mAP", SOURCE, weights=weights)
    return Detection(detector, annotations, options["places"] == "index", thresholds, facts)


def _looking(options: Mapping[str, str]) -> Looking:
    names = {key: options[key] for key in ("boxes", "scores", "classes") if options[key]}
    return Looking(
        fit="stretch" if options["fit"] == "stretch" else "letterbox",
        normalize=options["normalize"] == "imagenet",
        largest=float(options["white"]),
        layout=next(one for one in ("xyxy", "yxyx", "xywh", "cxcywh") if one == options["layout"]),
        share=options["scale"] == "share",
        names=names,
        least=_share("least", options["least"]),
    )


def _thresholds(text: str) -> tuple[float, ...]:
    return COCO_THRESHOLDS if text == "coco" else (_share("iou", text),)


def _share(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1 or (key == "iou" and value == 0):
        raise ConfigError(f"task:detection: {key} is a number from 0 to 1; got {text!r}")
    return value
