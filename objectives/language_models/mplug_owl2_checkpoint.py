"""Loads a folder in mPLUG-Owl2's official layout, shard by shard: memory holds the network and one shard.

Names and shapes must be the official ones, all of them; nothing of a file is executed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isptune.errors import ConfigError, one_line
from isptune.system.records import parse_json, read_bytes
from objectives.checkpoints.reading import read_checkpoint, sha256_of
from objectives.language_models.mplug_owl2 import MODEL_TYPE, MPlugOwl2, size_of

WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")
"""The tensors in one file; in shards the name with `.index.json` behind it. The first that is there is taken."""

CONFIG_FILE = "config.json"

_KINDS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_NAMED = 3  # names in a message
_LARGEST_JSON = 16_000_000


def read_config(folder: Path) -> Mapping[str, Any]:
    """A checkpoint's `config.json`. Raises ConfigError if it is missing or no table."""
    return _read_table(folder / CONFIG_FILE)


def is_mplug_owl2(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is one of mPLUG-Owl2."""
    return config.get("model_type") == MODEL_TYPE


def weights_files(folder: Path) -> list[Path]:
    """The files that hold a checkpoint's tensors; all of them exist.

    Raises:
        ConfigError: there are none, or the index names files that are missing or lie elsewhere.
    """
    for name in WEIGHTS_FILES:
        if (folder / f"{name}.index.json").is_file():
            return _shards(folder, f"{name}.index.json")
        if (folder / name).is_file():
            return [folder / name]
    raise ConfigError(
        f"{one_line(str(folder))}: there is no {' and no '.join(WEIGHTS_FILES)} in it, nor their index"
    )


def is_complete(folder: Path) -> bool:
    """Whether a folder of the cache holds all files of a checkpoint: downloads can break off."""
    try:
        return bool(read_config(folder) and weights_files(folder))
    except ConfigError:
        return False


def load_mplug_owl2(folder: Path, dtype: torch.dtype | None) -> tuple[MPlugOwl2, dict[str, str]]:
    """The network with a folder's tensors on the CPU, frozen, and the files with their sha256.

    Args:
        folder: in the official layout.
        dtype: that the network computes in; None stands for float32 where the file has it, else bfloat16.

    Raises:
        ConfigError: a file is missing or damaged, or its layout is not the official one; says which names.
    """
    try:
        size = size_of(read_config(folder))
    except ConfigError as error:
        raise ConfigError(f"{one_line(str(folder / CONFIG_FILE))}: {error}") from error
    files = weights_files(folder)
    with torch.device("meta"):
        network = MPlugOwl2(size)
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    found: set[str] = set()
    for file in files:
        state = _without_rotary_tables(read_checkpoint(file))
        dtype = dtype or _natural(state)
        _check(file, state, expected)
        found.update(state)
        # One after the other, so that the shard shrinks as the network grows.
        tensors = {name: state.pop(name).to(dtype) for name in list(state)}
        network.load_state_dict(tensors, strict=False, assign=True)
    _refuse(files[0], {"missing": [name for name in expected if name not in found]})
    network.requires_grad_(False).eval()
    return network, {file.name: sha256_of(file) for file in (*files, folder / CONFIG_FILE)}


def _natural(state: Mapping[str, Tensor]) -> torch.dtype:
    halves = (torch.bfloat16, torch.float16)
    return torch.bfloat16 if any(tensor.dtype in halves for tensor in state.values()) else torch.float32


def _without_rotary_tables(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # Older versions of transformers wrote the angles of rotary positions too, which follow from the sizes.
    return {name: tensor for name, tensor in state.items() if not name.endswith("rotary_emb.inv_freq")}


def _check(file: Path, state: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> None:
    known = {name: tensor for name, tensor in state.items() if name in expected}
    shaped = {name: tensor for name, tensor in known.items() if tensor.shape == expected[name]}
    faults = {
        "unexpected": [name for name in state if name not in expected],
        "of another shape": [
            f"{name} {list(tensor.shape)} for {list(expected[name])}"
            for name, tensor in known.items()
            if name not in shaped
        ],
        "of another kind": [
            f"{name} {tensor.dtype}" for name, tensor in shaped.items() if tensor.dtype not in _KINDS
        ],
        "not finite": [
            name for name, tensor in shaped.items() if tensor.dtype in _KINDS and not _is_finite(tensor)
        ],
    }
    _refuse(file, faults)


def _is_finite(tensor: Tensor) -> bool:
    # The extremes show NaN and infinity, six times faster than isfinite finds them in bfloat16.
    return bool(torch.stack(torch.aminmax(tensor)).isfinite().all())


def _refuse(file: Path, faults: Mapping[str, list[str]]) -> None:
    said = [f"{fault}: {_some(names)}" for fault, names in faults.items() if names]
    if said:
        raise ConfigError(f"{one_line(str(file))}: its layout is not that of mPLUG-Owl2: {'; '.join(said)}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(one_line(name[:120]) for name in names[:_NAMED]) + more


def _shards(folder: Path, index: str) -> list[Path]:
    places = _read_table(folder / index).get("weight_map")
    shown = one_line(str(folder / index))
    if not isinstance(places, Mapping) or not places:
        raise ConfigError(f"{shown}: it has no weight_map, which says where tensors lie")
    names = dict.fromkeys(places.values())
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise ConfigError(f"{shown}: {name!r} is no name of a file beside it")
        if not (folder / name).is_file():
            raise ConfigError(f"{shown}: it names {one_line(name)}, which is not beside it")
    return [folder / name for name in sorted(names)]


def _read_table(path: Path) -> Mapping[str, Any]:
    shown = one_line(str(path))
    if not path.is_file():
        raise ConfigError(f"{shown}: no such file; a checkpoint's folder has one")
    table = parse_json(read_bytes(path, largest=_LARGEST_JSON), str(path))
    if not isinstance(table, Mapping):
        raise ConfigError(f"{shown}: holds no table")
    return table
