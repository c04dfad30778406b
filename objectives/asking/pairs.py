"""What judges ask of the pictures that they are given."""

from jaxtyping import Bool
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import ScoreError
from isptune.scenes.scene import Scene


def finite_rows(images: Images) -> Bool[Tensor, " batch"]:
    """Which images have finite pixels only."""
    return images.isfinite().flatten(1).all(1)


def reference_of(scene: Scene, judge: str) -> Images:
    """The scene's reference, [1, 3, H, W].

    Raises:
        ScoreError: it has none, or one that is not finite.
    """
    if scene.reference is None:
        raise ScoreError(
            f"{judge} was told to compare with a reference, and the scene {scene.name!r} has none"
        )
    if not finite_rows(scene.reference).all():
        raise ScoreError(f"the reference of the scene {scene.name!r} has pixels that are NaN or infinite")
    return scene.reference
