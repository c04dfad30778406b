"""Files that this project makes: safetensors whose metadata say which kind of network, and of which sizes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from isptune.errors import ConfigError, one_line
from objectives.checkpoints.reading import read_checkpoint

BUNDLED = Path(__file__).parents[1] / "weights"
"""Where the files are that come with the project."""

Described = TypeVar("Described")
Sizes = TypeVar("Sizes")


def read_own(
    path: Path, kind: str, form: str, described: Callable[[Mapping[str, str]], Described]
) -> tuple[Described, dict[str, Tensor]]:
    """What a file's metadata say, and its tensors, numbers with a fraction as fp32.

    Args:
        path: of the file.
        kind: what the file should be, for messages.
        form: the entry `format` that its metadata have.
        described: parses the metadata; may raise ValueError, KeyError and TypeError.

    Raises:
        ConfigError: no such file, a damaged one, or one of another kind.
    """
    shown = one_line(str(path))
    if not path.is_file():
        raise ConfigError(f"{shown}: no such file of a {kind}")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("format") != form:
            raise ValueError(f"its format is {metadata.get('format')!r}, not {form!r}")
        told = described(metadata)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{shown}: is no {kind}: {one_line(str(error))}") from error
    state = read_checkpoint(path)
    return told, {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def write_own(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors, from any device; what lay there is replaced only once the new file is complete."""
    partial = path.with_name(f"{path.name}.part")
    whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    save_file(whole, partial, dict(metadata))
    partial.replace(path)


def sizes_in(text: str, kind: type[Sizes]) -> Sizes:
    """A dataclass of sizes from its JSON. Raises ValueError for an unknown one, TypeError for a missing one."""
    read: dict[str, Any] = json.loads(text)
    unknown = set(read) - {field.name for field in fields(kind)}  # pyright: ignore[reportArgumentType]
    if unknown:
        raise ValueError(f"it has the size {min(unknown)!r}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in read.items()})
