"""The contract of objectives: alone, and as the evaluator uses them on a population."""

import math
import re
from dataclasses import replace
from typing import Any, final

import torch

from isptune.arrays import Images, Params, Scores
from isptune.errors import in_words
from isptune.facts import ObjectiveFacts, PipelineFacts
from isptune.interfaces import Objective, ScoresAmong, ScoresTogether
from isptune.scenes.scene import Scene
from isptune.space import Integer, Space
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.together import evidence_of


def check_objective(objective: Any, images: Images, scene: Scene, *, tolerance: float = 1e-4) -> None:
    """Check what the evaluator relies on.

    Args:
        objective: built.
        images: at least two different ones, of the scene's size.
        scene: what they are pictures of.
        tolerance: by how much a score may differ, relative to its size, in another batch.
    """
    assert isinstance(objective, Objective), "it lacks facts or score"
    _check_facts(objective)
    before = images.clone()
    scores = objective.score(images, scene)
    assert tuple(scores.shape) == (len(images),), (
        f"scores of shape {tuple(scores.shape)} for {len(images)} images"
    )
    assert torch.equal(images, before), "scoring writes into the images"
    assert torch.equal(scores, _again(objective, images, scene)), "the same images gave other scores"
    whole = _in_a_population(objective, images, scene, list(range(len(images))), len(images))
    if not objective.facts.rivals:
        _check_equal(scores, whole, tolerance, "in a batch and", "in a run")
    # A score depends neither on how a population is cut nor on its order.
    backwards = list(range(len(images)))[::-1]
    _check_equal(
        whole, _in_a_population(objective, images, scene, backwards, 1), tolerance, "in a batch and", "alone"
    )
    turned = [*range(1, len(images)), 0]
    several = _in_a_population(objective, images, scene, turned, 2)
    _check_equal(whole, several, tolerance, "in one order and", "in another")
    if isinstance(objective, ScoresTogether):
        _check_together(objective, objective.facts.range, images, scene, scores, tolerance)
    low, high = objective.facts.range
    slack = 1e-5 * max([1.0, *(abs(end) for end in (low, high) if math.isfinite(end))])
    inside = bool(((scores >= low - slack) & (scores <= high + slack)).all())
    assert inside, f"scores {scores.tolist()} outside the declared range {objective.facts.range}"


def _check_facts(objective: Objective) -> None:
    facts = objective.facts
    assert isinstance(facts, ObjectiveFacts), f"its facts are a {type(facts).__name__}, no ObjectiveFacts"
    assert facts.direction in ("minimize", "maximize"), f"direction = {facts.direction!r}"
    low, high = facts.range
    assert low < high, f"range = {facts.range}: its lower end is not below its upper one"
    assert facts.rivals >= 0, f"rivals = {facts.rivals}"
    assert not facts.rivals or isinstance(objective, ScoresAmong), (
        "its facts have rivals, but it no score_among"
    )
    assert not (facts.rivals and isinstance(objective, ScoresTogether)), (
        "it compares with rivals and scores all scenes together: a score cannot be both"
    )
    for file, digest in facts.weights.items():
        assert re.fullmatch("[0-9a-f]{64}", digest), f"weights: {file} has {digest!r}, which is no sha256"


def _check_together(
    objective: ScoresTogether,
    limits: tuple[float, float],
    images: Images,
    scene: Scene,
    scores: Scores,
    tolerance: float,
) -> None:
    """What one scores that scores all scenes together: the same as alone of one, in any order of several."""
    evidence = evidence_of(objective, images, scene)
    assert evidence == evidence_of(objective, images, scene), "the same images gave other evidence"
    alone = torch.tensor([objective.together([own]) for own in evidence], dtype=torch.float64)
    _check_equal(scores, alone, tolerance, "by score and", "by the evidence of its scene alone")
    several, backwards = objective.together(evidence), objective.together(evidence[::-1])
    assert math.isfinite(several), f"the score of several scenes together is {several}"
    assert abs(several - backwards) <= tolerance * max(1.0, abs(several)), (
        f"scenes in one order score {several:.6g} together and {backwards:.6g} in another"
    )
    low, high = limits
    slack = 1e-5 * max([1.0, *(abs(end) for end in (low, high) if math.isfinite(end))])
    assert low - slack <= several <= high + slack, f"{several:.6g} together, outside {limits}"


def _again(objective: Objective, images: Images, scene: Scene) -> Scores:
    """The scores once more; without the reference where the facts say that it is not looked at."""
    if objective.facts.uses_reference:
        return objective.score(images, scene)
    try:
        return objective.score(images, replace(scene, reference=None))
    except Exception as error:  # a plug-in may raise anything
        raise AssertionError(
            f"its facts say that it uses no reference, but without one: {in_words(error)}"
        ) from error


@final
class _Pictures:
    """A pipeline whose candidates are given pictures, by their numbers."""

    def __init__(self, images: Images, max_batch: int):
        self.images = images
        self.space = Space((Integer("picture", 0, len(images) - 1, 0),))
        self.facts = PipelineFacts(max_batch, uses_seed=False)

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        numbers = params["picture"]
        assert isinstance(numbers, torch.Tensor)
        return self.images[numbers.long()]


def _in_a_population(
    objective: Objective, images: Images, scene: Scene, order: list[int], at_once: int
) -> Scores:
    """The scores of the images as a run has them: a population in this order, cut into batches."""
    evaluator = Evaluator(_Pictures(images, at_once), {"it": objective}, [scene], images.device)
    evaluations = evaluator.evaluate([{"picture": number} for number in order], seed=0)
    failed = [evaluation.error for evaluation in evaluations if evaluation.error is not None]
    assert not failed, f"in a population that is cut into batches of {at_once}: {failed[0]}"
    found = dict(zip(order, (evaluation.scores["it"] for evaluation in evaluations), strict=True))
    return torch.tensor([found[number] for number in range(len(images))], dtype=torch.float64)


def _check_equal(first: Scores, second: Scores, tolerance: float, where: str, elsewhere: str) -> None:
    for i, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        apart = abs(one - other) / max(1.0, abs(other))
        assert apart <= tolerance, f"image {i} scores {one:.6g} {where} {other:.6g} {elsewhere}"
