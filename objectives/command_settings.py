"""What the file of a program that scores may say; read without loading torch."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from isptune.facts import Direction
from isptune.system.records import Megabytes, Seconds


@dataclass(frozen=True)
class Settings:
    """The keys of the file.

    Attributes:
        command: the program and its arguments.
        direction: in which its scores are better.
        range: of the scores.
        unit: of the scores.
        source: where the metric is described.
        timeout_s: after so many seconds a call is ended.
        bits: of each channel of the pictures that it gets.
        max_images: how many pictures a call gets at most.
        max_file_mb: no file that the program writes may be larger, megabytes.
    """

    command: tuple[str, ...]
    direction: Direction
    range: tuple[float | int, float | int] = (-math.inf, math.inf)
    unit: str = ""
    source: str = ""
    timeout_s: Seconds = 600.0
    bits: Literal[8, 16] = 8
    max_images: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 64
    max_file_mb: Megabytes = 1024.0
