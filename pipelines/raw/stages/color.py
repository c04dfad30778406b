"""From camera colours to linear sRGB: highlights, colour matrix, exposure."""

import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.scenes.raw_capture import Matrix
from pipelines.raw.stages.planes import Values, spread


def highlights(
    images: Images, clipping: tuple[float, float, float], method: str, threshold: Values
) -> Images:
    """Give colours to pixels of which some channel is clipped.

    Channels clip at different levels once they are balanced: without this, white turns pink. `clip` cuts all at
    the lowest of the levels; `neutral` fades into grey of the channels' mean, which keeps what the channels that are
    not clipped know of brightness, above 1.

    Args:
        images: white-balanced camera RGB, [batch, 3, H, W].
        clipping: the level at which each channel clips.
        method: `clip` or `neutral`.
        threshold: of `neutral`: where fading begins, as a share of the clipping level, [batch].
    """
    if method == "clip":
        return images.clamp(max=min(clipping))
    levels = torch.tensor(clipping, device=images.device).view(1, 3, 1, 1)
    fullest = (images / levels).amax(1, keepdim=True)
    start = spread(threshold)
    fade = ((fullest - start) / (1 - start).clamp(min=1e-3)).clamp(0, 1)
    fade = fade * fade * (3 - 2 * fade)
    red, green, blue = images.split(1, 1)
    return images + fade * ((red + green + blue) / 3 - images)


def colour_matrix(images: Images, matrix: Matrix, strength: Values) -> Images:
    """White-balanced camera RGB to linear sRGB; colours outside sRGB leave [0, 1].

    Args:
        images: [batch, 3, H, W].
        matrix: its rows sum to 1, so that grey stays grey at every strength.
        strength: 1 is the matrix, 0 the camera's own colours, [batch].
    """
    amount = spread(strength)[:, 0]
    channels = images.unbind(1)
    mixed = []
    for own, row in enumerate(matrix):
        terms = [(float(weight) - (c == own)) * channels[c] for c, weight in enumerate(row)]
        mixed.append(channels[own] + amount * (terms[0] + terms[1] + terms[2]))
    return torch.stack(mixed, 1)


def exposure(images: Images, baseline_ev: float, bias: Values) -> Images:
    """Multiply light by 2 to the power of the capture's own brightness and a bias, both in EV."""
    gain: Tensor = torch.exp2(bias.double() + baseline_ev).to(images.dtype)
    return images * spread(gain)
