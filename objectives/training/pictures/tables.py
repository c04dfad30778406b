"""Tables of pictures as numbers: a dataclass of tensors with a row for each picture, and one safetensors file for each.

Every table has `cut`, the same number for versions of one part of a photograph.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from objectives.checkpoints.own_files import write_own


class PictureTable:
    """For frozen dataclasses of tensors that all have the pictures along their first dimension."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    cut: Tensor


Table = TypeVar("Table", bound=PictureTable)


def columns_of(table: PictureTable) -> dict[str, Tensor]:
    """The tensors by name."""
    return {field.name: getattr(table, field.name) for field in fields(table)}


def taken(table: Table, rows: Tensor) -> Table:
    """Some rows, by number or by a mask."""
    return type(table)(**{name: column[rows] for name, column in columns_of(table).items()})


def below_each_other(tables: Sequence[Table]) -> Table:
    """One table of several, whose numbers stay as they are."""
    parts = [columns_of(table) for table in tables]
    return type(tables[0])(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})


def joined(tables: Sequence[Table]) -> Table:
    """One table of several; cuts of different tables stay apart, photographs keep their numbers."""
    first, cuts = 0, []
    for table in tables:
        cuts.append(table.cut + first)
        first = int(cuts[-1].max()) + 1
    return type(tables[0])(**columns_of(below_each_other(tables)) | {"cut": torch.cat(cuts)})


def write_table(path: Path, table: PictureTable, halves: Iterable[str], metadata: Mapping[str, str]) -> None:
    """Write a table, the columns of `halves` as fp16; what lay there is replaced once the new file is complete."""
    tensors = columns_of(table)
    write_own(path, tensors | {name: tensors[name].half() for name in halves}, metadata)


def read_tables(kind: type[Table], paths: Sequence[Path], metadata: Mapping[str, str]) -> Table:
    """Read tables as one, with their numbers as fp32. Raises ValueError for a file with other metadata."""
    from safetensors import safe_open

    tables = []
    for path in paths:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}) != metadata:
                raise ValueError(f"{path} is no table of pictures of this version")
            read = {field.name: file.get_tensor(field.name) for field in fields(kind)}
        tables.append(kind(**{k: v.float() if v.is_floating_point() else v for k, v in read.items()}))
    return joined(tables)
