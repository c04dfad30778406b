"""The tensors in a TorchScript archive, read without TorchScript.

Such an archive is a zip file: `data.pkl` with the attributes of the module, `data/0`, `data/1`, ... with the bytes
of its tensors, and `code/` with what it computes. To load it the usual way runs that code. Here only `data.pkl` is
read, by an unpickler that knows how tensors are rebuilt and turns every class of the archive into an inert holder
of attributes; `code/` is never looked at.

Source: PyTorch's documentation of its serialisation format (torch/csrc/jit/docs/serialization.md).
"""

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

_TYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
_LISTS = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist")

_MOST_ATTRIBUTES, _DEEPEST = 1_000_000, 100  # a file that refers to itself would go on for ever


def is_torchscript(path: Path) -> bool:
    """Whether a zip file is a TorchScript archive: `constants.pkl` stands beside `data.pkl` in it."""
    with zipfile.ZipFile(path) as archive:
        return any(name.count("/") == 1 and name.endswith("/constants.pkl") for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """The tensors among the attributes of the archived module, by dotted names as in its state dictionary.

    Raises:
        ValueError, pickle.UnpicklingError and others: a damaged archive, or one that asks for anything but tensors,
            numbers, texts, lists and modules.
    """
    with zipfile.ZipFile(path) as archive:
        root = next(name for name in archive.namelist() if name.endswith("/constants.pkl")).partition("/")[0]
        names = set(archive.namelist())
        if f"{root}/byteorder" in names and _stored(archive, f"{root}/byteorder") != b"little":
            raise ValueError("its numbers are not in little-endian order")
        module = _AttributesUnpickler(archive, root).load()
    attributes = _flattened(module, "", 0, iter(range(_MOST_ATTRIBUTES)))
    return {name: value for name, value in attributes if isinstance(value, Tensor)}


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    # Compressed, a small file could hold more than the memory; TorchScript compresses its code only.
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return archive.read(name)


@final
class _AttributesUnpickler(pickle.Unpickler):
    """Rebuilds tensors, containers and inert modules; every other name is refused.

    What it hands to the pickle is made for this file alone, so that nothing a pickle sets on it outlives the load.
    """

    def __init__(self, archive: zipfile.ZipFile, root: str):
        super().__init__(io.BytesIO(_stored(archive, f"{root}/data.pkl")))
        self._archive, self._root = archive, root
        self._bytes: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        """Our stand-in for a name that the pickle asks for. Raises UnpicklingError for any but the few."""
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _rebuilder()
        if module == "torch._utils" and name == "_rebuild_parameter":
            return lambda data, requires_grad, hooks: data
        if module == "torch" and name.removesuffix("Storage") in _TYPES:
            return _TYPES[name.removesuffix("Storage")]
        if module == "torch.jit._pickle" and name in _LISTS:
            return lambda values: list(values)
        if module == "torch.jit._pickle" and name == "restore_type_tag":
            return lambda value, tag: value
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module.partition(".")[0] == "__torch__":
            return type("Attributes", (_Attributes,), {})
        raise pickle.UnpicklingError(f"Unsupported global: {module}.{name}")

    def persistent_load(self, pid: Any, /) -> Tensor:
        """The bytes of a tensor, as numbers of its type."""
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError(f"{kind!r} is no storage of a tensor")
        if key not in self._bytes:
            content = bytearray(_stored(self._archive, f"{self._root}/data/{key}"))
            self._bytes[key] = torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0)
        numbers = self._bytes[key].view(dtype) if count else torch.empty(0, dtype=dtype)
        if numbers.numel() < count:
            raise ValueError(f"tensor {key} has {numbers.numel()} numbers of {count}")
        return numbers


class _Attributes:
    """A module of an archive without its code: instances of a class made for each name."""


def _rebuilder() -> Callable[..., Tensor]:
    def rebuild(
        numbers: Tensor, offset: int, size: Any, stride: Any, requires_grad: Any = None, hooks: Any = None
    ) -> Tensor:
        size = torch.Size(size)
        if size.numel() > numbers.numel():
            raise ValueError(f"a tensor of shape {list(size)} over {numbers.numel()} numbers")
        return numbers.as_strided(size, tuple(stride), offset)

    return rebuild


def _flattened(value: Any, name: str, depth: int, budget: Iterator[int]) -> Iterator[tuple[str, Any]]:
    """Every attribute that is no container, with its dotted name, in the order of the file."""
    if depth > _DEEPEST or next(budget, None) is None:
        raise ValueError("its attributes refer to themselves, or are nested beyond reason")
    children = _children(value)
    if children is None:
        yield name, value
        return
    for key, child in children:
        yield from _flattened(child, f"{name}.{key}" if name else str(key), depth + 1, budget)


def _children(value: Any) -> Iterator[tuple[Any, Any]] | None:
    if isinstance(value, _Attributes):
        return iter(vars(value).items())
    if isinstance(value, dict):
        return iter(value.items())
    if isinstance(value, list | tuple):
        return iter(enumerate(value))
    return None
