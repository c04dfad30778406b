"""The tests check shapes at run time."""

import jaxtyping
import pytest
import torch

from isptune.scenes.scene import Scene
from objectives.full_reference.psnr import psnr
from tests.typechecking import modules_with_arrays


def test_a_wrong_shape_is_caught():
    with pytest.raises(jaxtyping.TypeCheckError):
        psnr().score(torch.zeros(1, 4, 8, 8), Scene("cat", torch.zeros(1, 3, 8, 8)))


def test_modules_that_pass_arrays_are_among_those_that_are_checked():
    some = {"isptune.tuning.evaluate", "objectives.full_reference.objective", "pipelines.raw.raw"}
    assert some <= set(modules_with_arrays())
