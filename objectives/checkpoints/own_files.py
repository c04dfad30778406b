"""Files that this project makes: safetensors whose metadata say which kind of network, and of which sizes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from isptune.errors import ConfigError, one_line
from isptune.system.disk import replacing
from isptune.system.records import Kind, Record, convert, parse_json
from objectives.checkpoints.reading import load_strictly, read_checkpoint, require_layout

BUNDLED = Path(__file__).parents[1] / "weights"
"""Where the files are that come with the project."""

Described = TypeVar("Described")
Network = TypeVar("Network", bound=nn.Module)


def read_own(
    path: Path, kind: str, form: str, described: Callable[[Mapping[str, str]], Described]
) -> tuple[Described, dict[str, Tensor]]:
    """What a file's metadata say, and its tensors, numbers with a fraction as fp32.

    Args:
        path: of the file.
        kind: what the file should be, for messages.
        form: the entry `format` that its metadata have.
        described: parses the metadata, by `entry_in`; may raise ConfigError.

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
    except (SafetensorError, OSError, ValueError, ConfigError) as error:
        raise ConfigError(f"{shown}: is no {kind}: {one_line(str(error))}") from error
    state = read_checkpoint(path)
    return told, {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def write_own(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors, from any device; what lay there is replaced only once the new file is complete."""
    whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with replacing(path) as partial:
        save_file(whole, partial, dict(metadata))


def entry_in(metadata: Mapping[str, str], key: str, kind: Kind[Record]) -> Record:
    """What an entry of the metadata says in JSON; its type bounds it. Raises ConfigError: it is missing, or wrong."""
    if key not in metadata:
        raise ConfigError(f"its metadata has no entry {key!r}")
    return convert(parse_json(metadata[key], key), kind, key, known_only=True)


def built(make: Callable[[], Network], state: Mapping[str, Tensor], path: Path) -> Network:
    """A network of the sizes that a file names, with the tensors of that file.

    It is built without memory first: sizes that are not those of the tensors cost nothing.

    Raises:
        ConfigError: the tensors are not those of the network, see `require_layout`.
    """
    with torch.device("meta"), _Unfilled():
        require_layout(make(), state, path)
    network = make()
    load_strictly(network, state, path)
    return network.eval().requires_grad_(False)


@final
class _Unfilled(TorchFunctionMode):
    """Tensors are not filled with their first values: without memory there is nothing to fill.

    Random numbers on the device "meta" would load torch's compiler first, which takes seconds.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else named["tensor"]
        return func(*args, **named)
