"""The names that scenes go by, and what is said of one that is none."""

import difflib
from collections.abc import Sequence

BUNDLED = ("astronaut", "cat", "coffee", "rocket")
"""Photographs that come with scikit-image: skin, hair, cloth and lettering; fur; wood and fine
detail; sky. astronaut: NASA, public domain. cat (Chelsea, S. van der Walt), coffee (P. Hönig): no
copyright restrictions. rocket: SpaceX, public domain."""


def missing_scene(spec: str, sources: Sequence[str]) -> str:
    """That a spec is no file and no bundled scene; with the name that is nearest to it, where one is near."""
    near = difflib.get_close_matches(spec.partition(":")[0], [*BUNDLED, *sources], 1, 0.7)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{spec}: no such file, and no bundled scene ({', '.join(BUNDLED)}){hint}"
