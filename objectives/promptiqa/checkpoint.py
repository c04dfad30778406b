"""The published weights of PromptIQA: where they are found, and how their sizes are read off their shapes."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from isptune.errors import ConfigError, MissingExtra, one_line
from objectives.checkpoints.hub_cache import cached_model
from objectives.checkpoints.reading import (
    load_strictly,
    published_file,
    read_checkpoint,
    require_layout,
    weights_folder,
)
from objectives.promptiqa.network import TOKEN_HEADS, VISION_HEADS, PromptIqaNetwork, PromptIqaSize

REPOSITORY = "Zevin2023/PromptIQA"
WEIGHTS_FILE = "best_model.pth.tar"

_MOST_PARTS = 100  # of a kind: a file that names thousands would take hours to refuse


def weights_file(given: str = "") -> Path:
    """The file of weights: at the path given, else in the folder of weights, torch's cache or the hub's.

    Raises:
        ConfigError: the path given does not exist.
        MissingExtra: the file is nowhere; says the command that gets it.
    """
    if given not in ("", REPOSITORY):
        return published_file(WEIGHTS_FILE, REPOSITORY, path=given)
    origin = (
        f"the Hugging Face repository {REPOSITORY} "
        f"(by: hf download {REPOSITORY} {WEIGHTS_FILE} --local-dir {weights_folder()})"
    )
    try:
        return published_file(WEIGHTS_FILE, origin)
    except MissingExtra:
        snapshot = cached_model(REPOSITORY, lambda folder: (folder / WEIGHTS_FILE).is_file())
        if snapshot is None:
            raise
        return snapshot / WEIGHTS_FILE


def read_network(path: Path) -> PromptIqaNetwork:
    """The frozen network in a checkpoint of the published layout, whatever its sizes are.

    Raises:
        ConfigError: the file cannot be read, or its layout is another one; the first keys at fault are named.
    """
    state = read_checkpoint(path)
    size = _Shapes(state, path).size()
    with torch.device("meta"):
        network = PromptIqaNetwork(size)
    require_layout(network, state, path)  # before memory is asked for
    network.to_empty(device="cpu")
    load_strictly(network, state, path)
    return network.eval().requires_grad_(False)


@final
class _Shapes:
    """Reads sizes off the shapes of a state."""

    def __init__(self, state: Mapping[str, Tensor], path: Path):
        self.state = state
        self.where = f"{one_line(str(path))}: its layout is not that of the network"

    def size(self) -> PromptIqaSize:
        """The sizes that the network of these shapes was built with. Raises ConfigError."""
        width, _, patch_px, _ = self.of("vit.patch_embed.proj.weight", 4)
        convolutions = [self.of(f"cnn.{number}.weight", 4) for number in (0, 4, 8)]
        first, second, third = convolutions
        size = PromptIqaSize(
            patch_px=patch_px,
            grid=math.isqrt(self.of("vit.pos_embed", 3)[1] - 1),
            width=width,
            depth=self.count("vit.blocks"),
            taps=self.count("MALs.0.attention_module"),
            views=self.count("MALs"),
            channels=(first[0], second[0], third[0]),
            kernels=(first[2], second[2], third[2]),
            rating_depth=self.count("i_p_fusion"),
            prompt_depth=self.count("prompt_fusion"),
            scoring_depth=self.count("blocks"),
        )
        self._require_sense(size)
        return size

    def of(self, key: str, dimensions: int) -> tuple[int, ...]:
        """The shape of a tensor."""
        if key not in self.state:
            raise ConfigError(f"{self.where}: missing: {key}")
        shape = tuple(self.state[key].shape)
        if len(shape) != dimensions or 0 in shape:
            raise ConfigError(f"{self.where}: of another shape: {key} {list(shape)}")
        return shape

    def count(self, name: str) -> int:
        """How many parts are numbered below a name."""
        pattern = re.compile(re.escape(name) + r"\.(\d+)\.")
        found = {match[1] for key in self.state if (match := pattern.match(key))}
        if not found:
            raise ConfigError(f"{self.where}: missing: {name}.0.*")
        if len(found) > _MOST_PARTS:
            raise ConfigError(f"{self.where}: {len(found)} parts {name}.*; at most {_MOST_PARTS} are read")
        return len(found)

    def _require_sense(self, size: PromptIqaSize) -> None:
        """Raise ConfigError for sizes that no such network can have."""
        token = size.channels[-1]
        checks = [
            (size.width % (2 * VISION_HEADS), f"a width of {size.width}, no multiple of {2 * VISION_HEADS}"),
            (token % TOKEN_HEADS, f"tokens of {token} numbers, no multiple of {TOKEN_HEADS}"),
            (size.depth % size.taps, f"{size.depth} blocks for {size.taps} maps"),
            (
                size.places_left != 1,
                f"convolutions {size.kernels} that leave no single place of {size.grid}x{size.grid}",
            ),
        ]
        found = [fault for wrong, fault in checks if wrong]
        if found:
            raise ConfigError(f"{self.where}: it has {'; '.join(found)}")
