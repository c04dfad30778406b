"""timing.json and clock.json: how long a run took. They differ from one run to the next of the same settings."""

from dataclasses import dataclass
from pathlib import Path

from isptune.runs.files import CLOCK, TIMING, read_record, write_record
from isptune.system.records import optional


@dataclass(frozen=True)
class Timing:
    """Where the time of the last session that searched went; all 0 where that one was cut off before the search ended.

    Attributes:
        trials: that were evaluated in it; those of earlier sessions are not counted.
        search_s: of the whole search, seconds.
        render_s, score_s: in the pipeline and in the objectives, seconds; of all workers together.
        other_s: the rest of `search_s`, seconds; below 0 where workers did things at once.
        hand_over_s: of choosing among the best, evaluating again and second opinions, seconds; None where that was cut
            off, or was not measured.
    """

    trials: int
    search_s: float
    render_s: float
    score_s: float
    other_s: float
    hand_over_s: float | None = optional(None)

    def rounded(self) -> "Timing":
        """The same in milliseconds."""
        search_s, render_s, score_s, other_s = (
            round(part, 3) for part in (self.search_s, self.render_s, self.score_s, self.other_s)
        )
        hand_over_s = None if self.hand_over_s is None else round(self.hand_over_s, 3)
        return Timing(self.trials, search_s, render_s, score_s, other_s, hand_over_s)


@dataclass(frozen=True)
class Clock:
    """How much of its time budget a search has used, over all of its sessions.

    Attributes:
        searched_s: seconds.
        stopped: why no further generation is begun, or None.
    """

    searched_s: float = 0.0
    stopped: str | None = None


def read_timing(folder: Path) -> Timing | None:
    """None for a run that has not been searched to the end of a session. Raises RunFolderError."""
    return read_record(folder, TIMING, Timing) if (folder / TIMING).exists() else None


def write_timing(folder: Path, timing: Timing) -> None:
    """Write timing.json, in milliseconds. Raises DiskError."""
    write_record(folder, TIMING, timing.rounded())


def read_clock(folder: Path) -> Clock:
    """At 0 where there is none yet. Raises RunFolderError."""
    return read_record(folder, CLOCK, Clock) if (folder / CLOCK).exists() else Clock()


def write_clock(folder: Path, clock: Clock) -> None:
    """Write clock.json. Raises DiskError."""
    write_record(folder, CLOCK, clock)
