"""Checkpoints of others as plain tensors by name; nothing that a file says is ever executed.

| container | how it is read |
|---|---|
| safetensors | by its own library: a table and bytes |
| a zip file of torch | `torch.load(weights_only=True)`, which rebuilds tensors and nothing else |
| a legacy file of torch, a bare pickle | the same |
| a TorchScript archive | `objectives.checkpoints.torchscript_archive`: its attributes, never its code |
"""

import hashlib
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isptune.errors import ConfigError, MissingExtra, one_line
from objectives.checkpoints.torchscript_archive import is_torchscript, read_torchscript

WRAPPERS = ("state_dict", "model_state_dict", "model", "params")
"""Keys under which training scripts keep the state, beside the epoch and the like."""

WEIGHTS_FOLDER = "ISPTUNE_WEIGHTS"
"""This environment variable names the folder of published weights; by default ~/.cache/isptune."""

_NAMED = 3  # keys in a message


def sha256_of(path: Path) -> str:
    """The hash of a file, for provenance."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_folder() -> Path:
    """Where published weights are looked for first, and where a user is told to put them."""
    return Path(os.environ.get(WEIGHTS_FOLDER) or "~/.cache/isptune").expanduser()


def published_file(name: str, origin: str, sha256: str | None = None, path: str | Path | None = None) -> Path:
    """Where a published file of weights lies: at the path given, in the folder of weights, or in torch's cache.

    Args:
        name: of the file, as published.
        origin: where to get it, in words.
        sha256: of the file, or its beginning, where it is known.
        path: given by the user, and then not compared; a folder stands for the file in it.

    Raises:
        ConfigError: the path given does not exist, or the file that was found is another one.
        MissingExtra: the file is not here; says which it is and where to put it.
    """
    if path:
        given = Path(path).expanduser()
        given = given / name if given.is_dir() else given
        if not given.is_file():
            raise ConfigError(f"{one_line(str(given))}: no such file of weights")
        return given
    ours = weights_folder() / name
    places = (ours, Path(torch.hub.get_dir()) / "checkpoints" / name)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        known = f" (sha256 {sha256}{'...' if len(sha256) < 64 else ''})" if sha256 else ""
        raise MissingExtra(f"the file {name}{known} is not here: get it from {origin} and put it at {ours}")
    if sha256 and not (actual := sha256_of(found)).startswith(sha256):
        raise ConfigError(
            f"{found}: its sha256 is {actual}, that of the published file {sha256}; give its path to use it anyway"
        )
    return found


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU.

    States wrapped as {'state_dict': ...} or the like are unwrapped, and the prefix `module.` is taken off where
    every name has it. A file of one bare tensor gives it under the empty name. Attributes of a TorchScript
    module that are no tensors are left out.

    Raises:
        ConfigError: no such file, a damaged one, or one that holds anything but tensors.
    """
    shown = one_line(str(path))
    if not path.is_file():
        raise ConfigError(f"{shown}: no such checkpoint")
    try:
        state = _unwrapped(_load(path))
    except Exception as error:  # whatever a damaged or hostile file makes the readers raise
        raise ConfigError(f"{shown}: cannot be read as a checkpoint: {_reason(error)}") from error
    if not isinstance(state, Mapping) or not state:
        raise ConfigError(f"{shown}: holds {_kind(state)}, no tensors by name")
    for key, value in state.items():
        if not isinstance(key, str) or not _is_plain_tensor(value):
            raise ConfigError(
                f"{shown}: holds {_kind(value)} as {one_line(str(key)[:80])!r}; a checkpoint is tensors by name"
            )
    return _without_prefix({key: value.detach() for key, value in state.items()})


def _load(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about pickles that it goes on to refuse
        return _load_container(path, start)


def _load_container(path: Path, start: bytes) -> Any:
    if zipfile.is_zipfile(path) and start.startswith(b"PK"):
        if is_torchscript(path):
            return read_torchscript(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if path.suffix.lower() == ".safetensors" or start[8:] == b"{":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _unwrapped(content: Any) -> Any:
    if isinstance(content, Tensor):
        return {"": content}
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            return _unwrapped(content[key])
    return content


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    if all(key.startswith("module.") for key in state):
        return {key.removeprefix("module."): value for key, value in state.items()}
    return state


def _is_plain_tensor(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and value.nbytes <= value.untyped_storage().nbytes()  # a stride of 0 could ask for any memory
    )


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor that is {value.layout} on {value.device}"
    return (
        f"an empty {type(value).__name__}"
        if value in ({}, [], ())
        else f"a value of type {type(value).__name__}"
    )


def _reason(error: Exception) -> str:
    """What torch says, without its advice to load the file with code."""
    message = " ".join(str(error).split()).partition(" Check the documentation")[0]
    name = re.search(r"(?:GLOBAL|Unsupported \w+:|Trying to load unsupported GLOBAL) ([\w.]+)", message)
    if name:
        return f"it asks for {name[1]}, which is no tensor; refused, since such a file could run code"
    if isinstance(error, pickle.UnpicklingError) or "weights_only" in message:
        return "it holds more than tensors, is of a kind long out of use, or damaged; refused, as it could run code"
    return one_line(message[:160]) or type(error).__name__


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Give a module exactly these tensors, in its own types. Raises ConfigError, see `require_layout`."""
    require_layout(module, state, path)
    module.load_state_dict(dict(state), strict=False)


def require_layout(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Check that tensors are those of a module, which may be one without memory (on torch's meta device).

    Counters of batch normalisation, which old files lack, need not be there.

    Raises:
        ConfigError: names that are missing or unexpected, wrong shapes or kinds of numbers, or NaN; the first few
            are named.
    """
    expected = module.state_dict()
    counters = {key for key in expected if key.endswith("num_batches_tracked")}
    faults = _named("missing", [key for key in expected if key not in state and key not in counters])
    faults += _named("unexpected", [key for key in state if key not in expected])
    shared = [key for key in expected if key in state]
    faults += _named(
        "of another shape",
        [
            f"{key} {list(state[key].shape)} for {list(expected[key].shape)}"
            for key in shared
            if state[key].shape != expected[key].shape
        ],
    )
    faults += _named(
        "of another kind",
        [
            f"{key} {state[key].dtype} for {expected[key].dtype}"
            for key in shared
            if state[key].is_floating_point() != expected[key].is_floating_point()
        ],
    )
    faults += _named("not finite", [key for key in shared if not bool(state[key].isfinite().all())])
    if faults:
        raise ConfigError(
            f"{one_line(str(path))}: its layout is not that of the network: {'; '.join(faults)}"
        )


def _named(fault: str, keys: list[str]) -> list[str]:
    if not keys:
        return []
    shown = ", ".join(one_line(key[:120]) for key in keys[:_NAMED])
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return [f"{fault}: {shown}{more}"]
