"""Keeps a library's use of the global random generators, and its warnings, to itself."""

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class PrivateRandomness:
    """Global random generators of an optimizer's own: lent to a library for the time of a call.

    pycma and some of nevergrad's optimizers draw from `numpy.random`'s global generator. Inside `lent()` that
    generator (and Python's) goes on from where this object's last call left it; after it, the caller's state
    is back. So instances neither disturb each other nor anything else. One thread at a time.
    """

    def __init__(self, seed: int):
        self._numpy = np.random.RandomState(seed).get_state()
        self._python = random.Random(seed).getstate()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Swap the states in, and the library's warnings out."""
        outside = np.random.get_state(), random.getstate()
        np.random.set_state(self._numpy)
        random.setstate(self._python)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            self._numpy, self._python = np.random.get_state(), random.getstate()
            np.random.set_state(outside[0])
            random.setstate(outside[1])
