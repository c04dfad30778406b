"""Published tables of five severities, read between their rows."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from isptune.errors import ConfigError

Entry = TypeVar("Entry")


def parameters_at(table: Sequence[Sequence[float]], severity: float) -> tuple[float, ...]:
    """The parameters at a real severity: linear between the rows, from all 0 at severity 0.

    `table` holds the rows of severities 1, 2, ...
    """
    rows = [[0.0] * len(table[0]), *table]
    below = min(math.floor(severity), len(table) - 1)
    share = severity - below
    return tuple(
        (1 - share) * low + share * high for low, high in zip(rows[below], rows[below + 1], strict=True)
    )


def table_of(tables: Mapping[str, Entry], steps: str) -> Entry:
    """The entry that `steps` names. Raises ConfigError for another name."""
    if steps not in tables:
        raise ConfigError(f"steps = {steps!r}: there are {', '.join(sorted(tables))}")
    return tables[steps]
