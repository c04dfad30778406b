"""What was done to a picture whose reference is at hand: hand-made statistics of both, for the compact DepictQA."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from isptune.arrays import Images
from objectives.depictqa.traces import LARGEST, planes_of

TONE_BINS = 8
"""Of the reference's luma, in each of which the picture's mean luma is looked at."""

RANKS = (0.02, 0.25, 0.5, 0.75, 0.98)
BLUR, STEP = 8, 4
"""Side of the means, and how far apart they are, that tones and colours are compared by, so that noise and blur do not
count, pixels."""

FINE = 5
"""What is finer than a mean over so many pixels a side is a detail."""

COMPARED = (0, 1, 2, 3, 4, 5, 6)
_PER_PLANE = 6 + len(RANKS)
DIFFERENCES = len(COMPARED) * _PER_PLANE + TONE_BINS + 3 * 7
FLOOR = 1e-4

References = Float[Tensor, "references 3 height width"]
"""As many as there are pictures, or one for all."""


def differences_of(images: Images, reference: References) -> Float[Tensor, "batch differences"]:
    """`DIFFERENCES` numbers for each picture beside its reference of the same size; NaN where either has one.

    Args:
        images: as `displayed` gives them.
        reference: of each picture, or one for all.
    """
    reference = reference.expand(len(images), -1, -1, -1)
    if not len(images):
        return images.new_zeros(0, DIFFERENCES)
    pairs = zip(images.split(1), reference.split(1), strict=True)
    found = torch.cat([_of_pair(*pair) for pair in pairs])
    broken = (images.flatten(1).isnan().any(1) | reference.flatten(1).isnan().any(1)).unsqueeze(1)
    return torch.where(broken, torch.nan, found)


def _of_pair(image: Images, reference: Images) -> Float[Tensor, "1 differences"]:
    seen, true = (planes_of(_middle(one.nan_to_num(nan=0.0)))[0] for one in (image, reference))
    smooth, smooth_true = _smooth(seen), _smooth(true)
    columns = [_plane(seen[i], true[i], smooth[i], smooth_true[i]) for i in COMPARED]
    curve = _tone_curve(smooth[3], smooth_true[3])
    details = [_details(*pair) for pair in zip(_fine(seen[3:6]), _fine(true[3:6]), strict=True)]
    return torch.cat([*columns, curve, *details]).unsqueeze(0)


def _middle(image: Images) -> Float[Tensor, "1 3 middle_height middle_width"]:
    """At most `LARGEST` pixels a side; a picture too small for one mean goes on as its border."""
    height, width = image.shape[-2:]
    top, left = max(0, height - LARGEST) // 2, max(0, width - LARGEST) // 2
    part = image[..., top : top + LARGEST, left : left + LARGEST]
    down, right = (max(0, BLUR - length) for length in (height, width))
    return functional.pad(part, (0, right, 0, down), mode="replicate") if down or right else part


def _smooth(planes: Float[Tensor, "planes height width"]) -> Float[Tensor, "planes rows columns"]:
    return functional.avg_pool2d(planes.unsqueeze(0), BLUR, STEP).squeeze(0)


def _fine(planes: Float[Tensor, "planes height width"]) -> Float[Tensor, "planes height width"]:
    # First across, then down: five times as fast as at once.
    side = FINE // 2
    across = functional.pad(planes, (side, side), mode="replicate").unfold(2, FINE, 1).mean(3)
    down = functional.pad(across.mT, (side, side), mode="replicate").unfold(2, FINE, 1).mean(3).mT
    return planes - down


def _plane(seen: Tensor, true: Tensor, smooth: Tensor, smooth_true: Tensor) -> Float[Tensor, " numbers"]:
    """Shift, gain and what neither explains, of the smooth plane; and quantiles of the differences."""
    centred = smooth_true - smooth_true.mean()
    variance = centred.square().mean()
    gain = (centred * (smooth - smooth.mean())).mean() / (variance + 1e-5)
    rest = smooth - smooth.mean() - gain * centred
    difference = seen - true
    spread = ((smooth.var(correction=0) + 1e-5) / (smooth_true.var(correction=0) + 1e-5)).log() / 2
    changed = (difference.abs() > 1.5 / 255).float().mean()
    single = torch.stack(
        [difference.mean(), gain.clamp(-5, 20), spread, (rest.std(correction=0) + FLOOR).log(), changed,
         (difference.abs().mean() + FLOOR).log()]
    )  # fmt: skip
    ordered = (smooth - smooth_true).flatten().sort().values
    places = [round(rank * (len(ordered) - 1)) for rank in RANKS]
    return torch.cat([single, ordered[places]])


def _tone_curve(smooth: Tensor, smooth_true: Tensor) -> Float[Tensor, " bins"]:
    """How much brighter the tones of each bin became; the mean of all for tones that are not there."""
    bins = (smooth_true * TONE_BINS).long().clamp_(0, TONE_BINS - 1).flatten()
    difference = (smooth - smooth_true).flatten()
    count = torch.bincount(bins, minlength=TONE_BINS).float()
    total = torch.zeros(TONE_BINS, device=bins.device).index_add_(0, bins, difference)
    return torch.where(count > 3, total / count.clamp_min(1), difference.mean())


def _details(seen: Tensor, true: Tensor) -> Float[Tensor, "7"]:
    """Of fine structure: how much of the reference's is left, and of what kind the rest is."""
    energy = true.square().mean() + 1e-7
    kept = (seen * true).mean() / energy
    rest = seen - kept * true
    square = rest.square().mean() + 1e-8
    across = (rest[:, 1:] * rest[:, :-1]).mean() / square
    down = (rest[1:] * rest[:-1]).mean() / square
    tails = (rest.pow(4).mean() / square.square() + FLOOR).log()
    more = (seen.square().mean() + 1e-7).log() / 2 - energy.log() / 2
    where = (rest.abs() * true.abs()).mean() / (square * energy).sqrt()
    return torch.stack([kept.clamp(-5, 20), more, square.log() / 2, across, down, tails, where])
