"""Task-guided quality: how sure a trained classifier is of what an image shows.

`task_guided:network=lite0[,score=p,...]`, `task_guided:weights=FILE[,model=resnet,score=p,temperature=1,view=crop,...]`

| option | values |
|---|---|
| score | `p`, the largest probability (the default); `h`, the entropy, which is minimised; `l`, the largest logit |
| model | as `network`, of which it is the older name; `resnet` (the default), which takes `weights` |

All others, which say what the classifier is and how it looks at pictures, are those of
`objectives.zero_shot.classifying`.

This is the strong variant of the paper: it needs a classifier trained for the task, and what a smaller view does not
show, noise of single pixels above all, it cannot score: `view=whole` does, on networks that take any size.

Source: Drenkow and Unberath 2025, see `objectives.zero_shot.confidence` (arXiv:2503.02797).
"""

from dataclasses import dataclass, replace
from typing import final

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.options import parse_options
from objectives.zero_shot.classifying import DEFAULTS, Classifying, classifying
from objectives.zero_shot.confidence import Confidence, confidence

ENDLESS = (-float("inf"), float("inf"))


@final
@dataclass(frozen=True, eq=False)
class TaskGuided:
    """One of the three confidences over a classifier's logits.

    Attributes:
        classifier: whose logits.
        confidence: which of the three.
        facts: with the file of weights.
    """

    classifier: Classifying
    confidence: Confidence
    facts: ObjectiveFacts

    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image, float64; NaN for an image that holds one."""
        return self.classifier.measured(self.confidence.measure, images)


def build(argument: str | None = None) -> TaskGuided:
    """Task-guided quality from a spec; the module's docstring lists the options.

    Raises:
        ConfigError: an option, or weights that do not fit the model.
        UnknownName: no such model or score.
        MissingExtra: the package of the model, or its published weights, are not here.
    """
    defaults = {**DEFAULTS, "model": "", "score": "p"}
    options = parse_options("task_guided", argument, defaults, first="weights")
    if options["model"] and options["network"]:
        raise ConfigError("task_guided: model is the older name of network; give one of them")
    confidence(options["score"], 2, (0.0, 1.0), "")  # a wrong name is refused before weights are read
    network = options["network"] or options["model"] or "resnet"
    classifier = classifying("task_guided", {**options, "network": network})
    chosen = confidence(options["score"], classifier.classes, ENDLESS, "logit")
    return TaskGuided(classifier, chosen, replace(chosen.facts, weights=classifier.weights))
