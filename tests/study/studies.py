"""Small studies for tests: pictures of plain colours, or none at all."""

import numpy as np

from isptune.study.plan.folder import Plan, Stimulus, new_folder, write_study


def study_of(folder, scenes=("sky",), images=8, plan=None, scored=True):
    """A study without pictures; the score of image k is k."""
    new_folder(folder)
    stimuli = [
        Stimulus(scene, f"c{k:03d}", score=float(k) if scored else float("nan"))
        for scene in scenes
        for k in range(images)
    ]
    return write_study(folder, plan or Plan(), stimuli)


def true_scale(images, span=4.0, seed=0):
    """A scale in JOD with mean 0, spread about evenly."""
    values = np.linspace(0, span, images)
    return np.random.default_rng(seed).permutation(values - values.mean())
