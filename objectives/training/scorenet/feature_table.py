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
from objectives.checkpoints.own_files import write_own
from objectives.checkpoints.reading import read_checkpoint

VERSION = 1
ENTRY = "features"
ROWS = ("images", "metrics", "thumbnails", "scores", "groups", "distances")


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
        return {
            "version": VERSION,
            "encoder": self.encoder,
            "encoder_weights": dict(self.encoder_weights),
            "metrics": list(self.metric_names),
            "files": list(self.files),
            "hashes": list(self.hashes),
        }


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
            held = json.loads((file.metadata() or {}).get(ENTRY, "null"))
    except (SafetensorError, OSError, ValueError) as error:
        raise ConfigError(
            f"{shown}: cannot be read as a table of features: {one_line(str(error))}"
        ) from error
    if not isinstance(held, dict) or held.get("version") != VERSION:
        raise ConfigError(f"{shown}: is no table of features of version {VERSION}")
    missing = [name for name in ROWS if name not in tensors]
    missing += [
        key for key in ("encoder", "encoder_weights", "metrics", "files", "hashes") if key not in held
    ]
    if missing:
        raise ConfigError(f"{shown}: is no table of features: missing: {', '.join(missing)}")
    if {len(held["files"]), len(held["hashes"])} | {len(tensors[name]) for name in ROWS} != {
        len(held["files"])
    }:
        raise ConfigError(f"{shown}: its columns are of different lengths")
    if tensors["metrics"].ndim != 2 or tensors["metrics"].shape[1] != len(held["metrics"]):
        raise ConfigError(f"{shown}: its metrics are not the {len(held['metrics'])} that it names")
    names, files, hashes = (tuple(map(str, held[key])) for key in ("metrics", "files", "hashes"))
    rows = {name: tensors[name].long() if name == "groups" else tensors[name].float() for name in ROWS}
    return FeatureTable(str(held["encoder"]), dict(held["encoder_weights"]), names, files, hashes, **rows)


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
