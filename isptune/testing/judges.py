"""The contract of judges."""

from dataclasses import replace
from typing import Any

import torch

from isptune.arrays import Images
from isptune.facts import JudgeFacts
from isptune.interfaces import Diagnoses, Judge
from isptune.scenes.scene import Scene


def check_judge(judge: Any, images: Images, scene: Scene) -> None:
    """Check what comparisons and reports rely on.

    Args:
        judge: built; one that asks in one order only is not to be checked.
        images: at least two different ones, of the scene's size.
        scene: what they are pictures of.
    """
    assert isinstance(judge, Judge), "it lacks facts or prefer"
    facts = judge.facts
    assert isinstance(facts, JudgeFacts), f"its facts are a {type(facts).__name__}, no JudgeFacts"
    if not facts.uses_reference:
        scene = replace(scene, reference=None)
    before, others = images.clone(), images.roll(1, 0)
    chances = judge.prefer(images, others, scene)
    assert tuple(chances.shape) == (len(images),), (
        f"probabilities of shape {tuple(chances.shape)} for {len(images)} pairs"
    )
    assert torch.equal(images, before), "judging writes into the images"
    assert bool(((chances >= 0) & (chances <= 1)).all()), f"it gave {chances.tolist()}: no probabilities"
    exchanged = judge.prefer(others, images, scene)
    assert torch.equal(exchanged, 1 - chances), (
        f"exchanged pictures have {exchanged.tolist()}, not one minus {chances.tolist()}"
    )
    same = judge.prefer(images, images, scene)
    assert bool((same == 0.5).all()), f"a picture is better than itself with {same.tolist()}, not 0.5"
    if isinstance(judge, Diagnoses):
        found = judge.describe(images, scene)
        assert len(found) == len(images), f"{len(found)} diagnoses for {len(images)} images"
        assert all(one.source for one in found), "a diagnosis does not say whose it is"
