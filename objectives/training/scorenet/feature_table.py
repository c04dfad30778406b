"""What a frozen encoder and the lightweight metrics say of pictures, as one safetensors file.

Prompts are learned on these numbers alone: pictures are read once. Scores, groups and distances may be unknown.

| tensor | shape | holds |
|---|---|---|
| images | pictures, embedding | embeddings of length 1 |
| metrics | pictures, metrics | squashed, not standardised; NaN where a picture is too small |
| thumbnails | pictures, 256 | see `objectives.training.pictures.look_alikes` |
| scores | pictures | people's, higher is better, any scale; NaN where unknown |
| groups | pictures | the same number for versions of one photograph; -1 for a picture by itself |
| distances | pictures | how far a version is from the best of its group; NaN where unknown |

The metadata has one entry, `features`: JSON with version, encoder, encoder_weights, metrics (names), files and hashes
(sha256 of each picture's file, empty for one made on the fly).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isptune.errors import ConfigError, UnknownName, one_line
from isptune.system.records import convert, parse_json, plain
from objectives.checkpoints.own_files import write_own
from objectives.checkpoints.reading import read_checkpoint

VERSION = 1
ENTRY = "features"
ROWS = ("images", "metrics", "thumbnails", "scores", "groups", "distances")


@dataclass(frozen=True)
class Described:
    """The entry of the metadata."""

    version: int
    encoder: str
    encoder_weights: Mapping[str, str]
    metrics: tuple[str, ...]
    files: tuple[str, ...]
    hashes: tuple[str, ...]


@final
@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Rows of features; see above."""

    encoder: str
    encoder_weights: Mapping[str, str]
    metric_names: tuple[str, ...]
    files: tuple[str, ...]
    hashes: tuple[str, ...]
    images: Float[Tensor, "pictures embedding"]
    metrics: Float[Tensor, "pictures metrics"]
    thumbnails: Float[Tensor, "pictures thumbnail"]
    scores: Float[Tensor, " pictures"]
    groups: Int[Tensor, " pictures"]
    distances: Float[Tensor, " pictures"]

    def __len__(self) -> int:
        return len(self.files)

    def take(self, rows: Sequence[int] | np.ndarray) -> "FeatureTable":
        """Some of the rows, in the order given."""
        index = torch.as_tensor(rows, dtype=torch.long)
        tensors = {name: getattr(self, name)[index] for name in ROWS}
        files, hashes = ([column[i] for i in index.tolist()] for column in (self.files, self.hashes))
        return replace(self, files=tuple(files), hashes=tuple(hashes), **tensors)

    def with_metrics(self, names: Sequence[str]) -> "FeatureTable":
        """Only these metrics, in this order. Raises UnknownName for one that the table has not."""
        for name in names:
            if name not in self.metric_names:
                raise UnknownName("metric of this table", name, list(self.metric_names))
        columns = torch.tensor([self.metric_names.index(name) for name in names], dtype=torch.long)
        return replace(self, metric_names=tuple(names), metrics=self.metrics[:, columns])

    def with_scores(self, scores: Float[Tensor, " pictures"]) -> "FeatureTable":
        """The same pictures with people's scores."""
        return replace(self, scores=scores)

    def described(self) -> dict[str, Any]:
        """The metadata."""
        columns = self.metric_names, self.files, self.hashes
        return plain(Described(VERSION, self.encoder, self.encoder_weights, *columns))


def write_table(path: Path, table: FeatureTable) -> None:
    """Write a table; what lay there is replaced only once the new file is complete."""
    write_own(path, {name: getattr(table, name) for name in ROWS}, {ENTRY: json.dumps(table.described())})


def read_table(path: Path) -> FeatureTable:
    """Read a table.

    Raises:
        ConfigError: no such file, a damaged one, or one of another layout.
    """
    from safetensors import SafetensorError, safe_open

    tensors = read_checkpoint(path)
    shown = one_line(str(path))
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(ENTRY)
    except (SafetensorError, OSError) as error:
        raise ConfigError(
            f"{shown}: cannot be read as a table of features: {one_line(str(error))}"
        ) from error
    held = None if text is None else parse_json(text, shown)
    if not isinstance(held, dict) or held.get("version") != VERSION:
        raise ConfigError(f"{shown}: is no table of features of version {VERSION}")
    missing = [name for name in ROWS if name not in tensors]
    if missing:
        raise ConfigError(f"{shown}: is no table of features: missing: {', '.join(missing)}")
    told = convert(held, Described, shown)
    if {len(told.hashes), *(len(tensors[name]) for name in ROWS)} != {len(told.files)}:
        raise ConfigError(f"{shown}: its columns are of different lengths")
    if tensors["metrics"].ndim != 2 or tensors["metrics"].shape[1] != len(told.metrics):
        raise ConfigError(f"{shown}: its metrics are not the {len(told.metrics)} that it names")
    rows = {name: tensors[name].long() if name == "groups" else tensors[name].float() for name in ROWS}
    columns = told.metrics, told.files, told.hashes
    return FeatureTable(told.encoder, told.encoder_weights, *columns, **rows)


def joined(tables: Sequence[FeatureTable]) -> FeatureTable:
    """One table of several, made with the same encoder and metrics; groups of different tables stay apart.

    Raises:
        ConfigError: they were made with different encoders or metrics.
    """
    first = tables[0]
    for table in tables[1:]:
        if table.encoder_weights != first.encoder_weights or table.metric_names != first.metric_names:
            raise ConfigError(
                f"tables of different encoders or metrics: {first.encoder} with {', '.join(first.metric_names)}, and "
                f"{table.encoder} with {', '.join(table.metric_names)}"
            )
    columns = {
        name: torch.cat([getattr(table, name) for table in tables]) for name in ROWS if name != "groups"
    }
    groups, free = [], 0
    for table in tables:
        groups.append(torch.where(table.groups >= 0, table.groups + free, -1))
        free = max([free, *(int(group.max()) + 1 for group in groups[-1:] if len(group))])
    return replace(
        first,
        files=tuple(file for table in tables for file in table.files),
        hashes=tuple(digest for table in tables for digest in table.hashes),
        groups=torch.cat(groups),
        **columns,
    )
