"""`depictqa`: how much the compact DepictQA finds wrong with a picture, as one number for a tuner.

| spec | is |
|---|---|
| depictqa | without a reference |
| depictqa:reference | beside the scene's reference |

The same network as a judge is `judge:depictqa`, which compares pictures instead. Source: You, Gu, Cai, Li, Zhu, Dong
and Xue 2024, see `objectives.depictqa.depictqa` (arXiv:2405.18842).
"""

from typing import final

import torch

from isptune.arrays import Images, Scores
from isptune.diagnosis.finding import SEVERITIES
from isptune.errors import ConfigError
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.depictqa.depictqa import DepictQa, expected_severities, marginals_of
from objectives.depictqa.depictqa import build as build_judge


@final
class DepictQaScore:
    """The sum over the categories of how probable each is times how severe it would be; 0 where nothing is wrong.

    Args:
        judge: the network.
    """

    def __init__(self, judge: DepictQa):
        self.judge = judge
        self.facts = ObjectiveFacts(
            direction="minimize",
            range=(0.0, 2.0 * max(SEVERITIES)),  # it names two at most
            unit="expected severity, all together",
            source=judge.facts.source,
            uses_reference=judge.facts.uses_reference,
            weights=judge.facts.weights,
        )

    def score(self, images: Images, scene: Scene) -> Scores:
        """One expected severity an image. Raises ScoreError as the judge does."""
        judged = self.judge.look(images, scene)
        present = marginals_of(torch.stack([one.sets for one in judged]))
        severities = torch.stack([expected_severities(one.severities.unsqueeze(0))[0] for one in judged])
        return (present * severities).sum(1)


def build(argument: str | None = None) -> DepictQaScore:
    """How much the compact DepictQA finds wrong, 0 to 10: depictqa or depictqa:reference.

    Raises:
        ConfigError: another argument.
    """
    if argument not in (None, "reference"):
        raise ConfigError(f"depictqa:{argument}: only depictqa and depictqa:reference exist")
    return DepictQaScore(build_judge(reference=argument == "reference"))
