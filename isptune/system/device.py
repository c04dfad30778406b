"""Where tensors live: the CPU or a GPU."""

import torch

from isptune.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """A torch device; `auto` is CUDA where there is one. Raises ConfigError if it does not exist."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device {name!r} cannot be used: {str(error).splitlines()[0]}") from error
    return device


def device_name(device: torch.device) -> str:
    """The device and, of a GPU, its name."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)
