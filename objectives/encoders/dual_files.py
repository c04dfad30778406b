"""Files of an image network, a text network, their vocabulary and temperature: what our own encoders are kept in."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

from isptune.system.records import Positive, convert, parse_json
from objectives.checkpoints.own_files import built, read_own, write_own
from objectives.encoders.bundled_network import TextNetwork

Widths = TypeVar("Widths")
ImagePart = TypeVar("ImagePart", bound=nn.Module)


@dataclass(frozen=True)
class _Told:
    words: tuple[str, ...]
    temperature: Positive


@dataclass(frozen=True, eq=False)
class Dual(Generic[Widths, ImagePart]):
    """What a file holds: two frozen networks, their sizes, the words in order, and what cosines are multiplied by."""

    image: ImagePart
    text: TextNetwork
    widths: Widths
    words: tuple[str, ...]
    temperature: float


def read_dual(
    path: Path,
    kind: str,
    form: str,
    widths: type[Widths],
    networks: Callable[[Widths, int], tuple[ImagePart, TextNetwork]],
) -> Dual[Widths, ImagePart]:
    """Read a file; nothing is allocated before its sizes are known to be those of its tensors.

    Args:
        path: of the file.
        kind: what it should be, for messages.
        form: the entry `format` of its metadata.
        widths: record of the sizes.
        networks: of these sizes, for so many words.

    Raises:
        ConfigError: no such file, a damaged one, or one of another layout.
    """

    def parsed(metadata: Mapping[str, str]) -> tuple[Widths, _Told]:
        held = {key: parse_json(metadata[key], key) for key in _ENTRIES if key in metadata}
        sizes = convert(held.pop("widths", None), widths, "its metadata", known_only=True)
        return sizes, convert(held, _Told, "its metadata", known_only=True)

    (sizes, told), state = read_own(path, kind, form, parsed)
    both = built(lambda: _Both(*networks(sizes, len(told.words))), state, path)
    return Dual(both.image, both.text, sizes, told.words, told.temperature)


_ENTRIES = ("widths", "words", "temperature")


class _Both(nn.Module):
    def __init__(self, image: Any, text: TextNetwork):
        super().__init__()
        self.image, self.text = image, text


def write_dual(
    path: Path,
    form: str,
    networks: tuple[nn.Module, nn.Module],
    widths: Any,
    words: Sequence[str],
    temperature: float,
    exact: Sequence[str] = (),
) -> None:
    """Write an image and a text network: fractions in fp16, but for the entries `exact` of the image network."""
    tensors: dict[str, Tensor] = {}
    for name, network in zip(("image", "text"), networks, strict=True):
        tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    whole = {f"image.{name}" for name in exact}
    halves = {
        key: value.half() if value.is_floating_point() and key not in whole else value
        for key, value in tensors.items()
    }
    metadata = {
        "format": form,
        "widths": json.dumps(asdict(widths)),
        "words": json.dumps(list(words)),
        "temperature": repr(temperature),
    }
    write_own(path, halves, metadata)
