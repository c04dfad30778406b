"""A residual network written a second time: functions of a state dictionary, following the paper's table of layers."""

import torch
from torch.nn import functional as F


def _norm(x, state, name):
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    scale = state[f"{name}.weight"] / torch.sqrt(variance + 1e-5)
    return x * scale[:, None, None] + (state[f"{name}.bias"] - mean * scale)[:, None, None]


def _block(x, state, name, stride):
    convolutions = sorted(
        key for key in state if key.startswith(f"{name}.conv") and key.count(".") == name.count(".") + 2
    )
    y = x
    for index, key in enumerate(convolutions):
        kernel = state[key]
        # The stride belongs to the first 3x3 convolution.
        here = stride if index == [state[k].shape[-1] for k in convolutions].index(3) else 1
        y = _norm(F.conv2d(y, kernel, None, here, kernel.shape[-1] // 2), state, f"{name}.bn{index + 1}")
        if index < len(convolutions) - 1:
            y = y.clamp_min(0)
    if f"{name}.downsample.0.weight" in state:
        x = _norm(
            F.conv2d(x, state[f"{name}.downsample.0.weight"], None, stride), state, f"{name}.downsample.1"
        )
    return (x + y).clamp_min(0)


def features(images, state, stem, norm, stages, small_stem=False):
    """Mean over positions of the last stage, in double precision."""
    state = {key: value.double() for key, value in state.items()}
    x = F.conv2d(
        images.double(), state[f"{stem}.weight"], None, 1 if small_stem else 2, 1 if small_stem else 3
    )
    x = _norm(x, state, norm).clamp_min(0)
    if not small_stem:
        x = F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2)  # a zero is never above a rectified neighbour
    for number, stage in enumerate(stages):
        index = 0
        while f"{stage}.{index}.conv1.weight" in state:
            x = _block(x, state, f"{stage}.{index}", 2 if number and not index else 1)
            index += 1
    return x.mean((2, 3))


def fill(module, seed=0):
    """Weights and statistics as a trained network has them: none at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var"):
            value.copy_(noise.square() * 0.5 + 0.5)
        elif value.ndim > 1:
            value.copy_(noise / value[0].numel() ** 0.5 * 1.4)
        elif ".bn" in name or "downsample.1" in name or name.endswith(("1.weight", "bn1.weight")):
            value.copy_(1 + 0.1 * noise if name.endswith("weight") else 0.1 * noise)
        else:
            value.copy_(0.1 * noise)
    return module.eval()
