"""Shapes as types: what tensors and arrays mean where they cross a module's border."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float64
from torch import Tensor

Images = Float[Tensor, "batch 3 height width"]
"""Display-referred sRGB, encoded (not linear), red first, in [0, 1]."""

SecondImages = Float[Tensor, "batch 3 second_height second_width"]
"""Images that are compared with others of a batch, one by one, and may have another size than those."""

OtherImages = Float[Tensor, "other 3 other_height other_width"]
"""Images that each image of a batch is compared with."""

Scores = Float[Tensor, " batch"]
"""One number an image, in the unit and direction of the objective that gave it."""

Levels = Float[Tensor, "batch distortion"]
"""How far each distortion is from pristine, in its own unit; 0 is pristine."""

Params = Mapping[str, Tensor | str]
"""Parameter values for a batch: numbers as a tensor of shape [batch], a choice as one string for all."""

Losses = Float64[np.ndarray, "candidates objectives"]
"""What optimizers see: always minimised. A row with a NaN is a failed trial."""
