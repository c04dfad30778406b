"""Where a scene's reference says nothing, as behind a thing that moved between two shots, nothing is compared."""

import torch

from isptune.arrays import Images, OtherImages
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene


def compared(facts: ObjectiveFacts, images: Images | OtherImages, scene: Scene) -> Images | OtherImages:
    """The pictures as an objective is to see them: masked places are the reference's own where it uses the reference.

    So whatever the metric, nothing is wrong there. All pictures share the places, so that their order is kept; their
    scores are a little nearer to the best than those of the rest alone. A sum of objectives (`weighted:`) of which any
    uses the reference sees the same picture in all of its parts.

    Args:
        facts: of the objective.
        images: [batch, 3, H, W].
        scene: with its reference, of the images' size.
    """
    if scene.masked is None or scene.reference is None or not facts.uses_reference:
        return images
    if images.shape[-2:] != scene.masked.shape[-2:]:
        return images  # the objective says what is wrong
    return torch.where(scene.masked, scene.reference, images)
