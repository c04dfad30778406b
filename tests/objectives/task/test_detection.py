"""A detector's mAP, against the published evaluation."""

import contextlib
import io
import json

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from isptune.errors import ConfigError, SceneError
from isptune.registry import build
from isptune.scenes.scene import Scene
from isptune.testing import check_objective
from objectives.task.boxes import read_annotations
from objectives.task.detector import Looking, opened
from objectives.task.matching import COCO_THRESHOLDS, Found, matched, mean_average_precision
from tests.objectives.task.networks import constant_detector, picture_input, saved

SIDE = 200
THING = [20.0, 10.0, 60.0, 40.0]
"""Left, top, right, bottom of 64 pixels."""


def _random_things(rng, count, kinds=4):
    corner = rng.uniform(0, 150, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(5, 60, (count, 2))], 1), rng.integers(
        1, kinds + 1, count
    )


def _pictures(seed):
    """Twelve pictures, things and detections that lie near them or anywhere."""
    rng = np.random.default_rng(seed)
    for _ in range(12):
        boxes, kinds = _random_things(rng, int(rng.integers(0, 9)))
        there = Found(boxes, kinds, np.zeros(len(kinds)), (rng.random(len(kinds)) < 0.15).astype(float))
        near = np.concatenate([boxes + rng.normal(0, 4, boxes.shape) for _ in range(2)])
        others, their_kinds = _random_things(rng, 6)
        found = np.concatenate([near, others])
        found[:, 2:] = np.maximum(
            found[:, 2:], found[:, :2] + 1
        )  # a box of no area is neither right nor wrong there
        found_kinds = np.where(rng.random(len(found)) < 0.1, 2, np.concatenate([kinds, kinds, their_kinds]))
        yield there, Found(found, found_kinds, rng.random(len(found)), np.zeros(len(found)))


def _published(pictures):
    """What pycocotools says of the same."""

    def sized(box):
        return [float(v) for v in (box[0], box[1], box[2] - box[0], box[3] - box[1])]

    truth, results = [], []
    for image, (there, found) in enumerate(pictures):
        for box, kind, crowd in zip(there.boxes, there.kinds, there.crowds, strict=True):
            own = sized(box)
            known = {"id": len(truth) + 1, "image_id": image, "category_id": int(kind), "bbox": own}
            truth.append({**known, "area": own[2] * own[3], "iscrowd": int(crowd)})
        for box, kind, score in zip(found.boxes, found.kinds, found.scores, strict=True):
            known = {"image_id": image, "category_id": int(kind), "bbox": sized(box)}
            results.append({**known, "score": float(score)})
    coco = COCO()
    images = [{"id": i, "width": SIDE, "height": SIDE} for i in range(len(pictures))]
    coco.dataset = {"images": images, "annotations": truth, "categories": [{"id": k} for k in (1, 2, 3, 4)]}
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0], evaluation.stats[1]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_map_is_that_of_the_published_evaluation(seed):
    """Both count in float64; 1e-12 is what sums in another order differ by."""
    pictures = list(_pictures(seed))
    whole, half = _published(pictures)
    assert 0.05 < whole < half < 0.95
    evidence = [matched(there, found, COCO_THRESHOLDS) for there, found in pictures]
    assert mean_average_precision(evidence, 10) == pytest.approx(whole, abs=1e-12)
    assert mean_average_precision(evidence[::-1], 10) == pytest.approx(whole, abs=1e-12)
    one = [matched(there, found, (0.5,)) for there, found in pictures]
    assert mean_average_precision(one, 1) == pytest.approx(half, abs=1e-12)


def test_it_is_no_mean_of_scores_by_picture():
    pictures = list(_pictures(0))
    evidence = [matched(there, found, COCO_THRESHOLDS) for there, found in pictures]
    alone = [mean_average_precision([one], 10) for one in evidence]
    known = [value for value in alone if value is not None]
    assert abs(float(np.mean(known)) - mean_average_precision(evidence, 10)) > 0.02


def test_equal_scores_make_no_order_of_pictures_better():
    box = np.array([[0.0, 0.0, 10.0, 10.0]])
    there = Found(box, np.array([1]), np.zeros(1), np.zeros(1))
    right, wrong = (Found(box + shift, np.array([1]), np.full(1, 0.5), np.zeros(1)) for shift in (0.0, 50.0))
    evidence = [matched(there, found, (0.5,)) for found in (right, wrong)]
    assert mean_average_precision(evidence, 1) == mean_average_precision(evidence[::-1], 1)


@pytest.fixture
def folder(tmp_path):
    """Annotations of one photograph of 64 x 64 in both forms, and a detector that finds its things, and one more."""
    left, top, right, bottom = THING
    things = [
        {"image_id": 7, "category_id": 18, "bbox": [left, top, right - left, bottom - top]},
        {"image_id": 7, "category_id": 3, "bbox": [0, 0, 16, 16], "area": 256, "id": 1},
    ]
    known = {
        "images": [{"id": 7, "file_name": "a/one.jpg", "width": 64, "height": 64}],
        "annotations": things,
    }
    kinds = [{"id": 3, "name": "car"}, {"id": 18, "name": "dog"}]
    (tmp_path / "coco.json").write_text(json.dumps({**known, "categories": kinds, "info": {"year": 2026}}))
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "one.txt").write_text("1 0.625 0.390625 0.625 0.46875\n0 0.125 0.125 0.25 0.25\n")
    boxes = [THING, [0, 0, 16, 16], [40, 40, 60, 60]]
    constant_detector(tmp_path / "net.onnx", boxes, [0.9, 0.8, 0.7], [1, 0, 0])
    return tmp_path


def _scene(side=64, name="one"):
    return Scene(name, torch.full((1, 3, side, side), 0.5))


def _spec(folder, annotations="coco.json", more=""):
    return f"task:detection?network=onnx:{folder / 'net.onnx'}&annotations={folder / annotations}{more}"


@pytest.mark.parametrize("annotations", ["coco.json", "yolo"])
@pytest.mark.parametrize("side", [64, 32])
def test_both_forms_of_annotations_say_the_same_of_a_scene_of_any_size(folder, annotations, side):
    objective = build("objective", _spec(folder, annotations))
    images = torch.cat([torch.full((1, 3, side, side), 0.5), torch.full((1, 3, side, side), 0.2)])
    assert objective.score(images, _scene(side)).tolist() == pytest.approx([1.0, 1.0])
    check_objective(objective, images, _scene(side))
    assert "net.onnx" in objective.facts.weights
    black = objective.score(torch.zeros(1, 3, side, side), _scene(side))
    assert black.item() == 0.0  # no score reaches the least


def test_what_is_wrong_with_scenes_and_annotations_is_one_line(folder):
    objective = build("objective", _spec(folder))
    with pytest.raises(SceneError, match="two: has no annotations in"):
        objective.check_scene(_scene(name="two"))
    with pytest.raises(SceneError, match="may be resized, and not cropped"):
        objective.check_scene(Scene("one", torch.zeros(1, 3, 40, 64)))
    (folder / "yolo" / "one.txt").write_text("0 0.5 0.5 0.1\n")
    with pytest.raises(ConfigError, match=r"one\.txt: line 1: '0 0.5 0.5 0.1' is not CLASS X Y"):
        read_annotations(folder / "yolo")
    (folder / "yolo" / "one.txt").write_text("0 0.1 0.2 0.5 0.2 0.5 0.8 0.1 0.8\n")  # a polygon
    assert read_annotations(folder / "yolo").of(_scene())[0].box == (0.1, 0.2, 0.5, 0.8)
    (folder / "coco.json").write_text('{"images": [], "annotations": [{"image_id": 1}]}')
    with pytest.raises(ConfigError, match=r"coco\.json: annotations"):
        read_annotations(folder / "coco.json")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("&iou=1.5", "iou is a number from 0 to 1"),
        ("&layout=corners", "layout is xyxy or yxyx"),
        ("&boxes=nothing", "no output called 'nothing'; it has boxes, scores, labels"),
    ],
)
def test_options_that_are_none_are_one_line(folder, more, message):
    with pytest.raises(ConfigError, match=message):
        build("objective", _spec(folder, more=more))
    with pytest.raises(ConfigError, match=r"network=onnx:FILE&annotations=FILE\.json"):
        build("objective", "task:detection?network=lite0&annotations=x.json")


def test_where_nothing_is_there_nothing_should_be_found(folder):
    (folder / "yolo" / "one.txt").write_text("")
    (folder / "yolo" / "two.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    objective = build("objective", _spec(folder, "yolo"))
    score = objective.score(torch.full((1, 3, 64, 64), 0.5), _scene()).item()
    assert score == pytest.approx(1 - 0.8 * 0.5)  # of the only class that is annotated


@pytest.mark.parametrize(
    ("looking", "box"),
    [
        (Looking(), [0.0, 16.0, 64.0, 48.0]),
        (Looking(fit="stretch"), [0.0, 0.0, 64.0, 64.0]),
        (Looking(share=True), [0.0, 0.25, 1.0, 0.75]),
        (Looking(layout="yxyx"), [16.0, 0.0, 48.0, 64.0]),
        (Looking(layout="cxcywh"), [32.0, 32.0, 64.0, 32.0]),
        (Looking(layout="xywh"), [0.0, 16.0, 64.0, 32.0]),
    ],
)
def test_boxes_come_back_to_the_picture_from_what_the_network_saw(tmp_path, looking, box):
    detector = opened(constant_detector(tmp_path / "net.onnx", [box], [1.0], [0]), looking)
    found = detector.detected(torch.ones(1, 3, 16, 32))
    np.testing.assert_allclose(found.boxes, [[0, 0, 1, 1]], atol=1e-6)


def _detector_of(path, *shapes):
    """A detector whose outputs are called a, b, ...; of these values."""
    from onnx import helper, numpy_helper

    names = "abc"[: len(shapes)]
    nodes = [helper.make_node("Identity", [f"{name}0"], [name]) for name in names]
    values = dict(zip(names, map(np.asarray, shapes), strict=True))
    outputs = [
        helper.make_tensor_value_info(name, numpy_helper.from_array(value).data_type, list(value.shape))
        for name, value in values.items()
    ]
    constants = {f"{name}0": value for name, value in values.items()}
    return saved(path, nodes, [picture_input((1, 3, 64, 64))], outputs, constants)


@pytest.mark.parametrize(
    "outputs",
    [
        (np.float32([[[*THING, 0.5, 1]]]),),  # one of six columns
        (np.float32([[[*THING, 0.5]]]), np.int64([[1]])),  # boxes with scores
        (np.float32([[0.5]]), np.int64([[1]]), np.float32([[THING]])),
        (np.float32([[[0.1, 0.5]]]), np.float32([[THING]])),  # scores of each class
    ],
)
def test_outputs_are_told_apart_by_their_shapes(tmp_path, outputs):
    found = opened(_detector_of(tmp_path / "net.onnx", *outputs), Looking()).detected(
        torch.zeros(1, 3, 64, 64)
    )
    np.testing.assert_allclose(found.boxes, [np.array(THING) / 64], atol=1e-6)
    assert (found.kinds.tolist(), found.scores.tolist()) == ([1], [0.5])


def test_outputs_that_cannot_be_told_apart_are_listed(tmp_path):
    path = _detector_of(
        tmp_path / "net.onnx", np.float32([[THING]]), np.float32([[0.5]]), np.float32([[1.0]])
    )
    with pytest.raises(ConfigError, match=r"which of its outputs.*a \[1, 1, 4\], b \[1, 1\].*say boxes=NAME"):
        opened(path, Looking())
    said = Looking(names={"scores": "b", "classes": "c"})
    assert opened(path, said).detected(torch.zeros(1, 3, 64, 64)).kinds.tolist() == [1]
