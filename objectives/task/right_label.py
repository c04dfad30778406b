"""How well a classifier knows what labelled scenes show.

`task:imagenet?labels=FILE[&network=lite0&measure=log_probability&...]`

| option | values |
|---|---|
| labels | a table with the columns `file` and `label`: the file that a scene was made of, and its class's index |
| measure | `log_probability` (the default), nats; `accuracy`, 1 or 0 a scene; `margin`, the label's logit less the |
| | largest other one; `q_p`, `q_h`, `q_l`, the three confidences, which need no labels |
| network | `lite0` (the default) and what else `objectives.zero_shot.classifying` lists, with its options |

ImageNet's classes are counted from 0 in the order of their synset names; another network's in its own order. Labels are
those of whole pictures, so that crops of them are not scored.

Source: the measures are those of Drenkow and Unberath 2025, A causal framework for aligning image quality metrics and
deep neural network robustness, arXiv:2503.02797.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float64
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, UnknownName
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.reading import sha256_of
from objectives.options import parse_options
from objectives.task.labels import Labels
from objectives.zero_shot.classifying import DEFAULTS, Classifying, classifying
from objectives.zero_shot.confidence import SOURCE, Logits, confidence
from objectives.zero_shot.task_guided import ENDLESS, TaskGuided

Measure = Callable[[Logits, int], Float64[Tensor, " batch"]]


def log_probability(logits: Logits, label: int) -> Float64[Tensor, " batch"]:
    """Of the label, nats: minus infinity to 0."""
    return logits.double().log_softmax(1)[:, label]


def accuracy(logits: Logits, label: int) -> Float64[Tensor, " batch"]:
    """1 where the label is the likeliest class, else 0."""
    return (logits.argmax(1) == label).double()


def margin(logits: Logits, label: int) -> Float64[Tensor, " batch"]:
    """The label's logit less the largest of the others."""
    others = torch.arange(logits.shape[1], device=logits.device) != label
    return logits.double()[:, label] - logits.double()[:, others].amax(1)


MEASURES: dict[str, tuple[Measure, tuple[float, float], str]] = {
    "log_probability": (log_probability, (-float("inf"), 0.0), "nats"),
    "accuracy": (accuracy, (0.0, 1.0), "share right"),
    "margin": (margin, ENDLESS, "logit"),
}
CONFIDENCES = ("q_p", "q_h", "q_l")


@final
@dataclass(frozen=True, eq=False)
class RightLabel:
    """A measure of the label's logit among the others. Objective and ChecksScenes.

    Attributes:
        classifier: whose logits.
        labels: of the scenes.
        measure: from logits and a label to scores.
        facts: with the files of weights and labels.
    """

    classifier: Classifying
    labels: Labels
    measure: Measure
    facts: ObjectiveFacts

    def check_scene(self, scene: Scene) -> None:
        """Raises SceneError for one without a label."""
        self.labels.of(scene)

    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image, float64; NaN for an image that holds one. Raises SceneError as `check_scene`."""
        label = self.labels.of(scene)
        return self.classifier.measured(lambda logits: self.measure(logits, label), images)


def build(argument: str) -> RightLabel | TaskGuided:
    """The objective from what stands behind `task:`; see the module.

    Raises:
        ConfigError: an option, labels, or weights that do not fit.
        UnknownName: no such measure.
        MissingExtra: a package, or published weights, are not here.
    """
    defaults = {**DEFAULTS, "network": "lite0", "labels": "", "measure": "log_probability", "task": ""}
    options = parse_options("task:imagenet", argument, defaults, first="task")
    measure = options["measure"]
    if measure not in (*MEASURES, *CONFIDENCES):
        raise UnknownName("measure of task:imagenet", measure, [*MEASURES, *CONFIDENCES])
    if not options["labels"] and measure in MEASURES:
        raise ConfigError(
            f"task:imagenet: labels=FILE, a table with the columns file and label, says what scenes show; {measure} "
            "needs it, measure=q_p does without"
        )
    classifier = classifying("task:imagenet", options)
    if measure in CONFIDENCES:
        chosen = confidence(measure.removeprefix("q_"), classifier.classes, ENDLESS, "logit")
        return TaskGuided(classifier, chosen, replace(chosen.facts, weights=classifier.weights))
    path = Path(options["labels"]).expanduser()
    labels = Labels(path, classifier.classes)
    function, limits, unit = MEASURES[measure]
    facts = ObjectiveFacts(
        "maximize",
        limits,
        unit,
        SOURCE,
        whole_pictures=True,
        weights={**classifier.weights, path.name: sha256_of(path)},
    )
    return RightLabel(classifier, labels, function, facts)
