"""Coefficients that JPEG's quantization made zero.

Sources: Luo, Huang and Qiu 2010, JPEG error analysis and its applications to digital image forensics, whose classes of
AC coefficients are counted here; comparing with a shifted grid is after Fan and de Queiroz 2003, Identification of
bitmap compression history: JPEG detection and quantizer estimation, doi:10.1109/TIP.2002.807361.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.no_reference.cells import JPEG_BLOCK
from objectives.no_reference.objective import NoReference, luma_levels
from objectives.options import refuse_argument

NEAR_ZERO = 0.45
"""Coefficients below this many levels of 255 count as zero: what rounding to 8 bits leaves of one is 0.29 on average.
No multiple of an eighth, as many coefficients of whole levels are."""


def jpeg_trace(argument: str | None = None) -> NoReference:
    """How many more coefficients are zero in the blocks of a JPEG than in blocks that straddle them.

    The share of AC coefficients of luma's 8x8 cosine transform below `NEAR_ZERO`, minus the share on a grid that is
    shifted by half a block each way. Quantization makes zeros on its own grid alone. On 18 photographs, 384x384:
    without compression 0.00 to 0.01, at a quality of 99 0.03 to 0.09, of 95 0.13 to 0.36, of 80 0.17 to 0.53; it falls
    again below a quality of 50, where `blockiness` rises. As there, the blocks begin in the upper left corner.
    """
    refuse_argument("jpeg_trace", argument)
    return NoReference(
        name="jpeg_trace",
        facts=ObjectiveFacts(
            direction="minimize",
            by_regions=True,
            range=(-1.0, 1.0),
            unit="share of coefficients",
            source="after Luo, Huang and Qiu 2010, JPEG error analysis and its applications to digital "
            "image forensics; Fan and de Queiroz 2003, Identification of bitmap compression history: JPEG "
            "detection and quantizer estimation, doi:10.1109/TIP.2002.807361",
        ),
        score_portion=_score,
        smallest_side=2 * JPEG_BLOCK,
    )


def _score(images: Images) -> Scores:
    luma = luma_levels(images)
    return _near_zero(luma) - _near_zero(luma[:, JPEG_BLOCK // 2 :, JPEG_BLOCK // 2 :])


def _near_zero(luma: Float[Tensor, "batch height width"]) -> Scores:
    """Share of AC coefficients near zero, over whole blocks."""
    rows, columns = (side // JPEG_BLOCK for side in luma.shape[-2:])
    transform = _cosines(luma)
    blocks = luma[:, : rows * JPEG_BLOCK, : columns * JPEG_BLOCK].reshape(
        -1, rows, JPEG_BLOCK, columns * JPEG_BLOCK
    )
    down = (transform @ blocks).reshape(-1, columns, JPEG_BLOCK)
    coefficients = (down @ transform.mT).reshape(len(luma), rows, JPEG_BLOCK, columns, JPEG_BLOCK)
    coefficients[:, :, 0, :, 0] = torch.inf  # the means of blocks are not counted
    zeros = (coefficients.abs_() < NEAR_ZERO).flatten(1).count_nonzero(1)
    return zeros / (rows * columns * (JPEG_BLOCK * JPEG_BLOCK - 1))


def _cosines(like: Tensor) -> Float[Tensor, "8 8"]:
    """The orthonormal cosine transform, a frequency a row."""
    place = torch.arange(JPEG_BLOCK, dtype=like.dtype, device=like.device)
    rows = torch.cos(math.pi / (2 * JPEG_BLOCK) * (2 * place + 1) * place[:, None]) * math.sqrt(
        2 / JPEG_BLOCK
    )
    rows[0] /= math.sqrt(2)
    return rows
